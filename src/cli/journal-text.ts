import { callOf, type JournalEntry, type JournalRecord } from '../domain/journal-record.js';
import type { Verdict } from '../domain/verdict.js';

/** Finds what concerns one call, by our own id of it or by the SIP Call-ID of its caller. */
export class CallFilter {
  readonly #wanted: string;
  readonly #ids = new Set<string>();
  /** Whether a record concerned the call. */
  found = false;

  constructor(wanted: string) {
    this.#wanted = wanted;
    this.#ids.add(wanted);
  }

  matches(entry: JournalEntry): boolean {
    const isAsked = 'sipCallId' in entry && entry.sipCallId === this.#wanted;
    const call = callOf(entry);
    if (isAsked && call !== undefined) {
      this.#ids.add(call);
    }
    const matches = isAsked || (call !== undefined && this.#ids.has(call));
    this.found ||= matches;
    return matches;
  }
}

/** A record as one line of text: number, time, call, and what happened. */
export function entryText(entry: JournalEntry): string {
  const call = callOf(entry);
  const about = call === undefined ? '' : ` [${call}]`;
  const after = 'afterMs' in entry ? ` +${Math.round(entry.afterMs)} ms` : '';
  return `${entry.seq} ${entry.at}${about}${after} ${textOf(entry)}`;
}

function textOf(record: JournalRecord): string {
  return 'callId' in record || record.type === 'call' || record.type === 'call-refused'
    ? callText(record)
    : otherText(record);
}

function callText(record: Exclude<JournalRecord, OfNoCall>): string {
  switch (record.type) {
    case 'call-received':
      return `call to ${record.service} (${record.class}) from ${record.caller} over ${record.ingress}, dialled ${record.dialled}, Call-ID ${record.sipCallId ?? 'unknown'}`;
    case 'call-refused':
      return `call from ${record.ingress} to ${record.dialled} refused with ${record.status}: ${record.reason}`;
    case 'attempt-started':
      return `attempt ${record.place} (${record.why}): ${record.number} over ${record.trunk} of ${record.carrier}, tier ${record.tier}, ${record.role}, trunk ${record.standing.trunk}, carrier ${record.standing.carrier}`;
    case 'attempt-responded':
      return `attempt ${record.attempt}: ${record.status}${record.trusted ? ', it rings' : ''}`;
    case 'attempt-late':
      return `attempt ${record.attempt} is late: no ${record.missing}${verdictText(record.verdict)}`;
    case 'attempt-ended':
      return `attempt ${record.attempt} over ${record.trunk}: ${[record.outcome, record.cause, record.status].filter((part) => part !== undefined).join(', ')}${verdictText(record.verdict)}`;
    case 'answer-released':
      return `attempt ${record.attempt}: its answer came too late and was released`;
    case 'call-ringing':
      return record.attempt === undefined ? 'the caller hears ringing from us' : 'the caller hears ringing';
    case 'call-answered':
      return `answered by ${record.destination} over ${record.trunk} of ${record.carrier}`;
    case 'call':
      return `search over: ${record.report.outcome}, ${record.report.attempts.length} attempt(s)`;
    case 'call-ended':
      return `call over (${record.outcome}), by ${record.by}: ${record.cause}${record.reasons.map((reason) => `; Reason: ${reason}`).join('')}`;
  }
}

type OfNoCall = Exclude<JournalRecord, { readonly callId: unknown } | { readonly type: 'call' | 'call-refused' }>;

function otherText(record: OfNoCall): string {
  switch (record.type) {
    case 'health': {
      const { change } = record;
      const what = change.of === 'trunk' ? `trunk ${change.trunk}` : `carrier ${change.carrier}`;
      return `${what} for ${change.service}: ${change.from} -> ${change.to}: ${change.cause}`;
    }
    case 'alarm-raised':
      return `ALARM ${record.alarm.severity} ${record.alarm.kind}: ${record.alarm.text}`;
    case 'alarm-cleared':
      return `alarm ${record.alarm.kind} cleared: ${record.cause}`;
    case 'configuration-loaded':
      return `configuration ${record.version.slice(0, 12)} from ${record.files.map(({ file }) => file).join(', ')}`;
    case 'process-started':
      return `gateway ${record.version} started, process ${record.pid}`;
    case 'process-stopped':
      return `gateway stopped: ${record.cause}`;
    case 'records-dropped':
      return `${record.count} record(s) of ${record.from} to ${record.to} were dropped: the journal could not be written`;
    case 'journal-repaired':
      return `${record.file}: ${record.cutBytes} byte(s) of an unfinished last line were cut off`;
  }
}

function verdictText(verdict: Verdict | undefined): string {
  if (verdict === undefined) {
    return '';
  }
  const { fault, kind, weight, reason, cause, location } = verdict;
  const said = [
    cause === undefined ? [] : `cause ${cause}`,
    location === undefined ? [] : `location ${location}`,
  ].flat();
  return ` (${[reason, `${kind}, fault of ${fault}, weight ${weight}`, ...said].join('; ')})`;
}
