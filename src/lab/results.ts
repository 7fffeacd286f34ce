import type { CallReport } from '../domain/call-report.js';
import type { AttemptEnded, AttemptStarted, CallEnded, CallReceived } from '../domain/journal-record.js';

/** One attempt of a call. Milliseconds since the call came in. */
export interface AttemptResult {
  readonly trunk: string;
  readonly carrier: string;
  readonly number: string;
  readonly startedMs: number;
  endedMs?: number;
  /** `answered`, the kind of failure (`silent`, `rejected`, ...), or `given up`; `open` while nothing is known. */
  verdict: string;
  status?: number;
}

/** What became of a call, as a tester wants to know it. Milliseconds since the call came in. */
export interface CallResult {
  /** ISO 8601, UTC. */
  readonly at: string;
  /** The Call-ID of the caller. */
  readonly sipCallId: string;
  /** The gateway's own identifier. */
  readonly callId: string;
  readonly caller: string;
  readonly service: string;
  outcome: 'open' | CallReport['outcome'];
  readonly attempts: AttemptResult[];
  ringingMs?: number;
  answeredMs?: number;
  endedMs?: number;
  endedBy?: string;
  /** The trunk that carried it. */
  over?: string;
  /** The answering point, as it says itself; where the trunk hides the call, as the dial plan says. */
  answeredBy?: string;
  /** How many legs of the call answering points were connected with (200 and ACK). 0 where the trunk hides the call. */
  connected: number;
  /** How long those that are over were connected, in milliseconds, in the order of their end. */
  readonly legsMs: readonly number[];
}

/** What answering points say of a call. */
interface Said {
  point: string | undefined;
  connected: number;
  readonly legsMs: number[];
}

/** Calls that are remembered, the latest. */
const KEPT = 10_000;

/** Puts together what the gateway and the answering points tell about each call. */
export class Results {
  readonly #calls = new Map<string, CallResult>();
  /** What an answering point said of a call of which the gateway has not told yet. */
  readonly #answers = new Map<string, Said>();
  readonly #dialled: (trunk: string, number: string) => string | undefined;

  /** @param dialled the answering point behind a number on a trunk. */
  constructor(dialled: (trunk: string, number: string) => string | undefined) {
    this.#dialled = dialled;
  }

  /** Takes an event of the gateway. Those that say nothing about a call are passed over. */
  heard(event: string, data: unknown): void {
    switch (event) {
      case 'call-received':
        return this.#received(data as CallReceived & { readonly at?: string });
      case 'attempt-started':
        return this.#attemptStarted(data as AttemptStarted);
      case 'attempt-ended':
        return this.#attemptEnded(data as AttemptEnded);
      case 'call':
        return this.#searched(data as CallReport);
      case 'call-ended':
        return this.#ended(data as CallEnded);
      default:
    }
  }

  /** An answering point took a leg of the call. */
  answered(point: string, callId: string): void {
    this.#said(callId).point = point;
  }

  /** The acknowledgement of its answer reached the answering point. */
  connected(point: string, callId: string): void {
    const said = this.#said(callId);
    said.point = point;
    said.connected += 1;
  }

  /** A leg that was connected is over, after so many milliseconds. */
  over(callId: string, talkedMs: number): void {
    this.#said(callId).legsMs.push(Math.round(talkedMs));
  }

  #said(callId: string): Said {
    const said = this.#answers.get(callId) ?? { point: undefined, connected: 0, legsMs: [] };
    this.#answers.set(callId, said);
    forgetOldest(this.#answers);
    return said;
  }

  /** The answering point that took the call, as it says itself. */
  pointOf(callId: string): string | undefined {
    return this.#answers.get(callId)?.point;
  }

  /** The calls that came in at this moment or later, oldest first. */
  list(since?: Date): readonly CallResult[] {
    const results = [...this.#calls.values()].map((call) => this.#complete(call));
    return since === undefined ? results : results.filter(({ at }) => Date.parse(at) >= since.getTime());
  }

  #complete(call: CallResult): CallResult {
    const { outcome, over, callId, attempts } = call;
    const said = this.#answers.get(callId);
    const number = attempts.find(({ verdict }) => verdict === 'answered')?.number;
    const behind = over === undefined || number === undefined ? undefined : this.#dialled(over, number);
    const answeredBy = outcome === 'answered' ? (said?.point ?? behind) : undefined;
    const legs = { connected: said?.connected ?? 0, legsMs: said?.legsMs ?? [] };
    return { ...call, ...legs, ...(answeredBy === undefined ? {} : { answeredBy }) };
  }

  #received({ callId, sipCallId = '', caller, service }: CallReceived): void {
    const at = new Date().toISOString();
    this.#calls.set(callId, {
      at,
      sipCallId,
      callId,
      caller,
      service,
      outcome: 'open',
      attempts: [],
      connected: 0,
      legsMs: [],
    });
    forgetOldest(this.#calls);
  }

  #attemptStarted({ callId, trunk, carrier, number, afterMs }: AttemptStarted): void {
    this.#calls.get(callId)?.attempts.push({ trunk, carrier, number, startedMs: afterMs, verdict: 'open' });
  }

  #attemptEnded({ callId, trunk, outcome, verdict, status, afterMs }: AttemptEnded): void {
    const attempts = this.#calls.get(callId)?.attempts;
    const attempt = attempts?.find((each) => each.trunk === trunk && each.verdict === 'open');
    if (attempt !== undefined) {
      attempt.endedMs = afterMs;
      attempt.verdict = outcome === 'answered' ? outcome : (verdict?.kind ?? outcome);
      Object.assign(attempt, status === undefined ? {} : { status });
    }
  }

  #searched({ callId, outcome, ringingAfterMs, answeredAfterMs, answeredBy, startedAt }: CallReport): void {
    const call = this.#calls.get(callId);
    if (call !== undefined) {
      Object.assign(call, {
        at: startedAt,
        outcome,
        ...(ringingAfterMs === undefined ? {} : { ringingMs: ringingAfterMs }),
        ...(answeredAfterMs === undefined ? {} : { answeredMs: answeredAfterMs }),
        ...(answeredBy === undefined ? {} : { over: answeredBy.trunk }),
      });
    }
  }

  #ended({ callId, afterMs, by, outcome }: CallEnded): void {
    const call = this.#calls.get(callId);
    if (call !== undefined) {
      Object.assign(call, { endedMs: afterMs, endedBy: by, outcome });
    }
  }
}

function forgetOldest(calls: Map<string, unknown>): void {
  const [oldest] = calls.keys();
  if (calls.size > KEPT && oldest !== undefined) {
    calls.delete(oldest);
  }
}

const COLUMNS: readonly (readonly [name: string, value: (call: CallResult) => string | number | undefined])[] = [
  ['at', ({ at }) => at],
  ['sip_call_id', ({ sipCallId }) => sipCallId],
  ['call_id', ({ callId }) => callId],
  ['caller', ({ caller }) => caller],
  ['service', ({ service }) => service],
  ['outcome', ({ outcome }) => outcome],
  ['answered_by', ({ answeredBy }) => answeredBy],
  ['over', ({ over }) => over],
  ['connected', ({ connected }) => connected],
  ['ringing_ms', ({ ringingMs }) => whole(ringingMs)],
  ['answered_ms', ({ answeredMs }) => whole(answeredMs)],
  ['ended_ms', ({ endedMs }) => whole(endedMs)],
  ['ended_by', ({ endedBy }) => endedBy],
  ['attempts', ({ attempts }) => attempts.length],
  ['verdicts', ({ attempts }) => attempts.map(attemptText).join('; ')],
];

/** The results as CSV (RFC 4180), with a line of names first. */
export function csvOf(calls: readonly CallResult[]): string {
  const rows = calls.map((call) => COLUMNS.map(([, value]) => cell(value(call))).join(','));
  return [COLUMNS.map(([name]) => name).join(','), ...rows].map((row) => `${row}\r\n`).join('');
}

/** Such as `kpn-a silent at 0-612 ms`. */
function attemptText({ trunk, verdict, status, startedMs, endedMs }: AttemptResult): string {
  const code = status === undefined || verdict === 'answered' ? '' : ` ${status}`;
  return `${trunk} ${verdict}${code} at ${whole(startedMs)}-${whole(endedMs) ?? ''} ms`;
}

function cell(value: string | number | undefined): string {
  const text = String(value ?? '');
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function whole(milliseconds: number | undefined): number | undefined {
  return milliseconds === undefined ? undefined : Math.round(milliseconds);
}
