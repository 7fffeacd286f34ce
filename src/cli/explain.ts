import { Command } from 'commander';
import { messageOf } from '../domain/errors.js';
import type { JournalEntry } from '../domain/journal-record.js';
import type { PlanExplanation } from '../routing/explain.js';
import type { PastJudgement, PastView } from '../routing/past-health.js';
import { explained } from './conventions.js';
import { planLines } from './route-text.js';

interface ExplainOptions {
  readonly journal: string;
  readonly site?: string;
  readonly json?: true;
}

/** `noodroute explain CALL-ID`: why a past call went where it went. */
export function explainCommand(): Command {
  const command = new Command('explain')
    .description(
      'Explain a past call from the journal: what was known, what was tried and why, with times and evidence.',
    )
    .argument('<call-id>', 'our id of the call, or the SIP Call-ID of its caller')
    .option('--journal <directory>', 'folder of the journal', 'var/journal')
    .option('--site <file>', 'site file: shows the whole plan of that moment too, by the routes that it has now')
    .option('--json', 'print one JSON object instead of text')
    .action(async (callId: string, options: ExplainOptions) => {
      await explain(callId, options);
    });
  return explained(command, {
    examples: [
      ['noodroute explain 3f2a90c1...', 'the call, from its INVITE to its end'],
      ['noodroute explain 3f2a90c1... --site site.yaml', 'with the places of the routes that were not tried'],
    ],
    fails: 'the journal cannot be read, or has no such call',
  });
}

async function explain(callId: string, options: ExplainOptions): Promise<void> {
  try {
    const past = await pastCall(options.journal, callId);
    if (past === undefined) {
      return fail(`${options.journal}: no record concerns a call ${callId}`);
    }
    const plan = options.site === undefined ? undefined : await planOf(options.site, past);
    process.stdout.write(
      options.json === true ? `${JSON.stringify(asJson(past, plan))}\n` : `${(await lines(past, plan)).join('\n')}\n`,
    );
  } catch (error) {
    fail(`${options.journal}: the journal cannot be read: ${messageOf(error)}`);
  }
}

/** A call of the past: its records, what was known when it came, and what changed while it lasted. */
interface PastCall {
  readonly service: string;
  readonly view: PastView;
  readonly troubles: readonly PastJudgement[];
  readonly entries: readonly JournalEntry[];
}

async function pastCall(directory: string, callId: string): Promise<PastCall | undefined> {
  const { entryIn, linesOf } = await import('../adapters/journal/reader.js');
  const { CallFilter } = await import('./journal-text.js');
  const { PastHealth } = await import('../routing/past-health.js');
  const filter = new CallFilter(callId);
  const health = new PastHealth();
  const entries: JournalEntry[] = [];
  let known: { readonly service: string; readonly view: PastView } | undefined;
  let isOver = false;
  for await (const line of linesOf(directory)) {
    const entry = line.whole ? entryIn(line) : undefined;
    if (entry === undefined || isOver) {
      continue;
    }
    const isOurs = filter.matches(entry);
    if (entry.type === 'health') {
      health.apply(entry.change, entry.at);
    } else if (isOurs && entry.type === 'call-received') {
      known = { service: entry.service, view: health.snapshot() };
    }
    if (isOurs || (known !== undefined && entry.type === 'health' && entry.change.service === known.service)) {
      entries.push(entry);
    }
    isOver = isOurs && entry.type === 'call-ended';
  }
  return known === undefined ? undefined : { ...known, troubles: known.view.troubles(known.service), entries };
}

async function planOf(site: string, { service, view }: PastCall): Promise<PlanExplanation> {
  const { loadConfig, formatProblem } = await import('../config/load.js');
  const { explainPlan } = await import('../routing/explain.js');
  const { id } = await import('../domain/ids.js');
  const loaded = loadConfig(site);
  if (!loaded.ok) {
    throw new Error(loaded.problems.map(formatProblem).join('\n'));
  }
  return explainPlan(loaded.config.network, view, id(service));
}

async function lines(
  { service, troubles, entries }: PastCall,
  plan: PlanExplanation | undefined,
): Promise<readonly string[]> {
  const { entryText } = await import('./journal-text.js');
  const known =
    troubles.length === 0
      ? [`when it came, nothing was known to be wrong for ${service}`]
      : [
          `when it came, this was known for ${service}:`,
          ...troubles.map(({ of, state, cause, since }) => `  ${of} ${state} since ${since}: ${cause}`),
        ];
  return [...known, ...(plan === undefined ? [] : planLines(plan)), ...entries.map(entryText)];
}

function asJson({ service, troubles, entries }: PastCall, plan: PlanExplanation | undefined): unknown {
  return { service, knownThen: troubles, ...(plan === undefined ? {} : { plan }), records: entries };
}

function fail(message: string): void {
  process.stderr.write(`${message}\n`);
  process.exitCode = 1;
}
