import { Command } from 'commander';
import type { Verification } from '../adapters/journal/verify.js';
import { messageOf } from '../domain/errors.js';
import { explained } from './conventions.js';

/** `noodroute journal`: what was written down, and whether it is still what was written. */
export function journalCommand(): Command {
  const command = new Command('journal').description(
    'Read the journal of a gateway, and check that nobody changed it.',
  );
  return explained(command.addCommand(verifyCommand()).addCommand(showCommand()), {
    examples: [
      ['noodroute journal verify var/journal', 'whether each line follows from the one before'],
      ['noodroute journal show var/journal', 'every record as a line of text'],
    ],
    fails: 'the journal cannot be read, or was changed',
  });
}

function verifyCommand(): Command {
  const command = new Command('verify')
    .description('Follow the chain of hashes through all files; name the first line that does not follow.')
    .argument('<directory>', 'folder of the journal')
    .option('--json', 'print one JSON object instead of text')
    .action(async (directory: string, options: { readonly json?: true }) => {
      await orFail(directory, async () => verify(directory, options.json === true));
    });
  return explained(command, {
    examples: [['noodroute journal verify var/journal', 'also while the gateway runs']],
    fails: 'the chain is broken, or the journal cannot be read',
  });
}

function showCommand(): Command {
  const command = new Command('show')
    .description('Print the records of a journal, oldest first.')
    .argument('<directory>', 'folder of the journal')
    .option('--call <id>', 'only what concerns this call: its call id, or the SIP Call-ID of the caller')
    .option('--json', 'print the JSON lines as they are')
    .action(async (directory: string, options: { readonly call?: string; readonly json?: true }) => {
      await orFail(directory, async () => show(directory, options));
    });
  return explained(command, {
    examples: [
      ['noodroute journal show var/journal', 'everything'],
      ['noodroute journal show var/journal --call 3f2a...', 'one call, from its INVITE to its end'],
      ['noodroute journal show --json var/journal | jq \'select(.type == "health")\'', 'for programs'],
    ],
    fails: 'the journal cannot be read, or has no such call',
  });
}

async function verify(directory: string, asJson: boolean): Promise<void> {
  const { verifyJournal } = await import('../adapters/journal/verify.js');
  const result = await verifyJournal(directory);
  process.exitCode = result.ok ? 0 : 1;
  if (asJson) {
    process.stdout.write(`${JSON.stringify(result)}\n`);
  } else if (result.ok) {
    process.stdout.write(`${verified(directory, result)}\n`);
  } else {
    process.stderr.write(`${result.at}: the chain is broken: ${result.problem}\n`);
  }
}

function verified(directory: string, result: Verification & { readonly ok: true }): string {
  const { files, records, first = '', last = '', head, torn } = result;
  if (records === 0) {
    return `${directory}: no records`;
  }
  return [
    `${directory}: good, ${records} record(s) in ${files} file(s), numbers ${first} to ${last}`,
    ...(first === '1' ? [] : [`it begins with number ${first}: what was before it is not here`]),
    ...(torn === undefined ? [] : [`${torn}: this line has no end yet: it is being written, or was cut by a crash`]),
    `hash of the last record: ${head}`,
  ].join('\n');
}

async function show(directory: string, options: { readonly call?: string; readonly json?: true }): Promise<void> {
  const { entryIn, linesOf } = await import('../adapters/journal/reader.js');
  const { CallFilter, entryText } = await import('./journal-text.js');
  const filter = options.call === undefined ? undefined : new CallFilter(options.call);
  for await (const line of linesOf(directory)) {
    const entry = line.whole ? entryIn(line) : undefined;
    if (entry !== undefined && filter?.matches(entry) !== false) {
      await write(options.json === true ? line.bytes.toString('utf8') : entryText(entry));
    }
  }
  if (filter?.found === false) {
    process.stderr.write(`${directory}: no record concerns a call ${options.call}\n`);
    process.exitCode = 1;
  }
}

/** A pipe takes its time, and a reader that has seen enough may leave. */
async function write(line: string): Promise<void> {
  if (!process.stdout.write(`${line}\n`)) {
    await new Promise((resolve) => {
      process.stdout.once('drain', resolve);
    });
  }
}

async function orFail(directory: string, action: () => Promise<void>): Promise<void> {
  process.stdout.once('error', () => process.exit(0));
  try {
    await action();
  } catch (error) {
    process.stderr.write(`${directory}: the journal cannot be read: ${messageOf(error)}\n`);
    process.exitCode = 1;
  }
}
