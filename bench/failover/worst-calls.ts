import { callOf, type JournalEntry } from '../../src/domain/journal-record.js';

/** A caller of a healthy trunk hears ringing long before. */
const LATE_MS = 250;

/**
 * The calls of a service that waited for ringing, or that had a second attempt: what each tried, from the journal, a line each.
 * Times in front are seconds since the fault began; those behind are milliseconds since the call came in.
 */
export function worstCalls(entries: readonly JournalEntry[], service: string, lossAt: number): readonly string[] {
  const calls = new Map<string | undefined, JournalEntry[]>();
  for (const entry of entries) {
    const call = calls.get(callOf(entry)) ?? [];
    call.push(entry);
    calls.set(callOf(entry), call);
  }
  return [...calls.values()].flatMap((call) => {
    const [first] = call;
    const isOne = first?.type === 'call-received' && first.service === service && (isLate(call) || attempts(call) > 1);
    return isOne ? [`${signed(Date.parse(first.at) - lossAt)} s: ${call.flatMap(step).join(', ')}`] : [];
  });
}

function isLate(call: readonly JournalEntry[]): boolean {
  const rang = call.find(({ type }) => type === 'call-ringing');
  return rang?.type === 'call-ringing' && rang.afterMs > LATE_MS;
}

function attempts(call: readonly JournalEntry[]): number {
  return call.filter(({ type }) => type === 'attempt-started').length;
}

function step(entry: JournalEntry): readonly string[] {
  const text = stepText(entry);
  return text === undefined || !('afterMs' in entry) ? [] : [`${Math.round(entry.afterMs)} ${text}`];
}

function stepText(entry: JournalEntry): string | undefined {
  if (entry.type === 'attempt-started') {
    const { silenceMs, progressMs } = entry.deadlines;
    return `${entry.trunk} (${entry.why}, ${entry.standing.trunk}, ${silenceMs ?? '-'}/${progressMs} ms)`;
  }
  if (entry.type === 'attempt-responded') {
    return `${entry.attempt}: ${entry.status}`;
  }
  if (entry.type === 'attempt-late') {
    return `${entry.attempt}: no ${entry.missing}`;
  }
  if (entry.type === 'attempt-ended') {
    return `${entry.attempt}: ${entry.outcome}${entry.cause === undefined ? '' : ` (${entry.cause})`}`;
  }
  if (entry.type === 'answer-released') {
    return `${entry.attempt}: answer released`;
  }
  return entry.type === 'call-ringing' ? 'caller hears ringing' : undefined;
}

function signed(milliseconds: number): string {
  return `${milliseconds < 0 ? '' : '+'}${(milliseconds / 1_000).toFixed(2)}`;
}
