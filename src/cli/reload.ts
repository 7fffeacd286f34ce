import { Command, InvalidArgumentError } from 'commander';
import { explained } from './conventions.js';

const ADMIN = 'http://127.0.0.1:8080';
const ANSWER_WITHIN_MS = 10_000;

/** `noodroute reload`: a running gateway reads its files again. */
export function reloadCommand(): Command {
  const command = new Command('reload')
    .description('Let a running gateway read its files again. Calls go on; files that are wrong change nothing.')
    .option('--admin <url>', 'HTTP interface of the gateway', httpUrl, ADMIN)
    .option('--json', 'print one JSON object instead of text')
    .action(async (options: { readonly admin: string; readonly json?: true }) => {
      await reload(options.admin, options.json === true);
    });
  return explained(command, {
    examples: [
      ['noodroute check site.yaml && noodroute reload', 'the gateway on this machine works by the changed files'],
    ],
    fails: 'the files are wrong, and the old ones stay in force, or no gateway answers',
  });
}

interface Answer {
  readonly ok: boolean;
  readonly version?: string;
  readonly needsRestart?: readonly string[];
  readonly problems?: readonly string[];
}

async function reload(admin: string, asJson: boolean): Promise<void> {
  const answer = await order(`${admin}/reload`);
  process.exitCode = answer.ok ? 0 : 1;
  if (asJson) {
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  } else if (answer.ok) {
    process.stdout.write(`${done(answer)}\n`);
  } else {
    process.stderr.write(`${[...(answer.problems ?? []), 'nothing was changed'].join('\n')}\n`);
  }
}

async function order(url: string): Promise<Answer> {
  try {
    const response = await fetch(url, { method: 'POST', signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
    return (await response.json()) as Answer;
  } catch {
    return {
      ok: false,
      problems: [`no gateway answers on ${url}: start it with noodroute run, or say where (--admin)`],
    };
  }
}

function done({ version = '', needsRestart = [] }: Answer): string {
  const later = needsRestart.length === 0 ? '' : `; changes of ${needsRestart.join(', ')} wait for a restart`;
  return `configuration ${version.slice(0, 12)} is in force${later}`;
}

function httpUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'http:' && url?.protocol !== 'https:') {
    throw new InvalidArgumentError('expected http://host:port');
  }
  return url.origin;
}
