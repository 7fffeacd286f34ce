import type { Evidence, ProbeOutcome } from '../domain/health.js';
import { type Instant, type Milliseconds, ms } from '../domain/time.js';
import type { FailureKind, Verdict } from '../domain/verdict.js';
import { addOutcome, noFailures, type RateScore } from './rates.js';
import { answerDue, learnRoundTrip, type RoundTrip } from './round-trip.js';
import type { HealthSettings } from './weights.js';

/** What the probes of a trunk found. Probes write it; a call only lifts the judgement that misses lead to. */
export interface ProbeLedger {
  /** Probes in a row that got no answer. */
  readonly misses: number;
  /** Datagrams in a row without a reply, those of calls included: what the trunk is judged by. */
  readonly missesAlone: number;
  /** How many of them were those of calls. */
  readonly callMisses: number;
  /** Answered probes in a row. */
  readonly good: number;
  /** Whether the last probe was refused. */
  readonly refused: boolean;
  readonly lastAt: Instant | undefined;
  /** Since when a call or a probe found, or may have found, no one there and no probe has been answered. It starts the quick probes. */
  readonly doubtSince: Instant | undefined;
  readonly roundTrip: RoundTrip | undefined;
  /** Whether probes come often enough to tell a lost packet from a dead trunk. */
  readonly tells: boolean;
}

/** A failure that a call found. */
interface CallFailure {
  readonly at: Instant;
  /** When that call left, as far as it is known. */
  readonly from?: Instant | undefined;
  readonly kind: FailureKind;
  readonly reason: string;
}

/** What calls found on other trunks of the carrier, so that this one is in doubt too. */
export type SharedDoubt =
  | {
      readonly of: 'stalls';
      readonly cause: string;
      /** When the last of those calls left. */
      readonly from: Instant;
    }
  | { readonly of: 'rings in vain' };

/** What calls, drills and media found. No probe ever changes it. */
export interface CallLedger {
  /** Failures since the last answered call, by weight. */
  readonly points: number;
  /** The share of `points` that may take the trunk down. */
  readonly downPoints: number;
  /** Answered calls without media, by weight. Only heard media clears it. */
  readonly mute: number;
  /** How often calls fail, by each of the sequential tests. */
  readonly rates: { readonly half: RateScore; readonly tenth: RateScore; readonly cuts: RateScore };
  /** Calls in a row that rang, and were answered over another carrier only. Only an answer ends the row, ringing does not. */
  readonly inVain: number;
  /** Failed calls in a row that count. */
  readonly failures: number;
  readonly last: CallFailure | undefined;
  readonly lastGoodAt: Instant | undefined;
  /** When the call left that left last of those that progressed or were answered. */
  readonly lastGoodFrom?: Instant | undefined;
}

/** What the line below the trunk (E1, SIM) is known to be. */
interface LineLedger {
  readonly state: 'unknown' | 'up' | 'down';
  readonly cause: string;
}

/** All that was found about a trunk for a service, each kind of finding kept apart. */
export interface Ledgers {
  readonly probe: ProbeLedger;
  readonly calls: CallLedger;
  readonly line: LineLedger;
  /** Whether anything ever showed that the trunk works. */
  readonly proven: boolean;
}

/** Ledgers in which nothing is written yet. */
export const emptyLedgers: Ledgers = {
  probe: {
    misses: 0,
    missesAlone: 0,
    callMisses: 0,
    good: 0,
    refused: false,
    lastAt: undefined,
    doubtSince: undefined,
    roundTrip: undefined,
    tells: true,
  },
  calls: {
    points: 0,
    downPoints: 0,
    mute: 0,
    inVain: 0,
    failures: 0,
    rates: { half: noFailures, tenth: noFailures, cuts: noFailures },
    last: undefined,
    lastGoodAt: undefined,
  },
  line: { state: 'unknown', cause: '' },
  proven: false,
};

/** Writes one piece of evidence into the ledger where it belongs.  */
export function write(ledgers: Ledgers, evidence: Evidence, now: Instant, settings: HealthSettings): Ledgers {
  switch (evidence.type) {
    case 'probe':
      return writeProbe(ledgers, evidence.outcome, now, settings);
    case 'attempt':
      return writeAttempt(ledgers, evidence, now, settings);
    case 'line':
      return { ...ledgers, line: { state: evidence.state, cause: evidence.cause } };
    case 'drill':
      return evidence.reachedFarEnd ? reached(ledgers, now) : failedDrill(ledgers, evidence.cause, now, settings);
    case 'media':
      return writeMedia(ledgers, evidence.outcome, now, settings);
  }
}

function writeProbe(ledgers: Ledgers, outcome: ProbeOutcome, now: Instant, settings: HealthSettings): Ledgers {
  const { probe } = ledgers;
  if (outcome.kind !== 'answered') {
    return { ...ledgers, probe: missed(probe, outcome.kind === 'refused', now) };
  }
  const good = probe.good + 1;
  return {
    ...ledgers,
    probe: {
      misses: 0,
      missesAlone: 0,
      callMisses: 0,
      good,
      refused: false,
      lastAt: now,
      doubtSince: undefined,
      roundTrip: learnLate(probe, outcome.roundTrip),
      tells: probe.tells,
    },
    proven: ledgers.proven || good >= settings.probes.goodInARow,
  };
}

/** Misses that an answer ends were too strict: the path was there, and slow. One may have been lost. */
function learnLate({ roundTrip, misses }: ProbeLedger, measured: Milliseconds): RoundTrip {
  const learned = learnRoundTrip(roundTrip, measured);
  return misses > 1 ? learnRoundTrip(learned, ms(1.5 * answerDue(roundTrip))) : learned;
}

function missed(probe: ProbeLedger, refused: boolean, now: Instant): ProbeLedger {
  return {
    ...probe,
    misses: probe.misses + 1,
    missesAlone: probe.missesAlone + 1,
    good: 0,
    refused,
    lastAt: now,
    doubtSince: probe.doubtSince ?? now,
  };
}

type AttemptEvidence = Evidence & { readonly type: 'attempt' };

function writeAttempt(ledgers: Ledgers, evidence: AttemptEvidence, now: Instant, settings: HealthSettings): Ledgers {
  const { outcome } = evidence;
  switch (outcome.kind) {
    case 'answered':
      return kept(rated(reached(ledgers, evidence.heardAt ?? now, evidence.startedAt), false, settings), settings);
    case 'progressed':
      return progressed(ledgers, now, evidence.startedAt, settings);
    case 'slow':
      return ledgers;
    case 'heard':
      return { ...ledgers, probe: { ...ledgers.probe, missesAlone: 0, callMisses: 0 } };
    case 'in-vain':
      return rangInVain(ledgers, now);
    case 'unheard':
      return { ...ledgers, probe: { ...ledgers.probe, doubtSince: ledgers.probe.doubtSince ?? now } };
    case 'missed':
      return { ...ledgers, probe: missedByCall(ledgers.probe, now) };
    case 'failed':
      return failed(ledgers, outcome.verdict, countOf(ledgers, evidence), evidence.startedAt, now, settings);
    case 'cut':
      return cut(ledgers, outcome.reason, now, settings);
  }
}

function missedByCall(probe: ProbeLedger, now: Instant): ProbeLedger {
  const { missesAlone, callMisses, doubtSince } = probe;
  return { ...probe, missesAlone: missesAlone + 1, callMisses: callMisses + 1, doubtSince: doubtSince ?? now };
}

/** A call was heard on the trunk after this one had left: it works, and one message got lost. */
export function isOutweighed({ calls }: Ledgers, { outcome, startedAt }: AttemptEvidence): boolean {
  const isAbsence =
    outcome.kind === 'failed' && (outcome.verdict.kind === 'silent' || outcome.verdict.kind === 'stalled');
  return isAbsence && startedAt !== undefined && calls.lastGoodAt !== undefined && calls.lastGoodAt > startedAt;
}

/**
 * What a failure counts for: nothing where it is outweighed. Beside one that got 100 and then nothing, a call that left
 * before it proves little: it may be answered yet when the core is dead. Then it makes the trunk suspect, but no more.
 */
function countOf(ledgers: Ledgers, evidence: AttemptEvidence): 'all' | 'doubt' | 'nothing' {
  const { outcome, startedAt } = evidence;
  if (!isOutweighed(ledgers, evidence)) {
    return 'all';
  }
  const { lastGoodFrom } = ledgers.calls;
  const isLatest = startedAt !== undefined && (lastGoodFrom === undefined || lastGoodFrom <= startedAt);
  return isLatest && outcome.kind === 'failed' && outcome.verdict.kind === 'stalled' ? 'doubt' : 'nothing';
}

/** A call that left before those that stall proves nothing against them. */
function isBeforeStall({ last }: CallLedger, startedAt: Instant | undefined): boolean {
  return last?.kind === 'stalled' && last.from !== undefined && startedAt !== undefined && startedAt < last.from;
}

function later(known: Instant | undefined, at: Instant | undefined): Instant | undefined {
  return at === undefined || (known !== undefined && known > at) ? known : at;
}

function counted(
  calls: CallLedger,
  test: keyof CallLedger['rates'],
  isFailure: boolean,
  settings: HealthSettings,
): CallLedger {
  const score = addOutcome(calls.rates[test], isFailure, settings.rates[test]);
  return { ...calls, rates: { ...calls.rates, [test]: score } };
}

/** Every call that was answered or failed counts in both tests of its rate. */
function rated(ledgers: Ledgers, isFailure: boolean, settings: HealthSettings): Ledgers {
  const half = counted(ledgers.calls, 'half', isFailure, settings);
  return { ...ledgers, calls: counted(half, 'tenth', isFailure, settings) };
}

/** An answer that stands counts for the path. */
function kept(ledgers: Ledgers, settings: HealthSettings): Ledgers {
  return { ...ledgers, calls: counted(ledgers.calls, 'cuts', false, settings) };
}

function cut(ledgers: Ledgers, reason: string, now: Instant, settings: HealthSettings): Ledgers {
  const last: CallFailure = { at: now, kind: 'rejected', reason };
  return { ...ledgers, calls: { ...counted(ledgers.calls, 'cuts', true, settings), last } };
}

/** A call or a drill that reached the far end clears what calls found, but not what media found. */
function reached(ledgers: Ledgers, heardAt: Instant, startedAt?: Instant): Ledgers {
  const { probe, calls } = ledgers;
  const lastGoodAt = calls.lastGoodAt !== undefined && calls.lastGoodAt > heardAt ? calls.lastGoodAt : heardAt;
  // What failed after the answer was heard is not outweighed by it.
  const isNewest = calls.last === undefined || calls.last.at <= heardAt;
  const points = isBeforeStall(calls, startedAt) ? calls.points : 0;
  const clear = isNewest ? { points, downPoints: 0, failures: 0, inVain: 0 } : {};
  const isHeard = probe.doubtSince === undefined || probe.doubtSince <= heardAt;
  return {
    ...ledgers,
    probe: isHeard ? { ...probe, missesAlone: 0, callMisses: 0 } : probe,
    calls: { ...calls, ...clear, lastGoodAt, lastGoodFrom: later(calls.lastGoodFrom, startedAt ?? heardAt) },
    proven: true,
  };
}

function progressed(ledgers: Ledgers, now: Instant, startedAt: Instant | undefined, settings: HealthSettings): Ledgers {
  const { probe, calls } = ledgers;
  const back = settings.points.progress;
  const points = isBeforeStall(calls, startedAt) ? calls.points : Math.max(0, calls.points - back);
  const downPoints = Math.max(0, calls.downPoints - back);
  return {
    ...ledgers,
    probe: { ...probe, missesAlone: 0, callMisses: 0 },
    calls: { ...calls, points, downPoints, lastGoodAt: now, lastGoodFrom: later(calls.lastGoodFrom, startedAt ?? now) },
    proven: true,
  };
}

function failed(
  before: Ledgers,
  verdict: Verdict,
  counts: 'all' | 'doubt' | 'nothing',
  from: Instant | undefined,
  now: Instant,
  settings: HealthSettings,
): Ledgers {
  // Whatever a trunk answers, it is there.
  const heard = { ...before.probe, missesAlone: 0, callMisses: 0 };
  const ledgers = verdict.status === undefined ? before : { ...before, probe: heard };
  const points = settings.calls[verdict.kind].points[verdict.weight];
  if (points === 0) {
    return ledgers;
  }
  const rates = rated(ledgers, true, settings);
  // The resend got no reply either.
  const counted = verdict.kind === 'silent' ? { ...rates, probe: missedByCall(rates.probe, now) } : rates;
  const last = { at: now, from, kind: verdict.kind, reason: verdict.reason };
  if (counts === 'nothing') {
    return { ...counted, calls: { ...counted.calls, last } };
  }
  const downPoints = counts === 'all' ? pointsForDown(ledgers, verdict, settings) : 0;
  return addFailure(counted, points, downPoints, last, settings);
}

/**
 * What a failure such as this one adds to what takes a trunk down. Weak ones add nothing, but those about the number;
 * silent calls only where no probe can tell a dead trunk from a lost packet.
 */
export function pointsForDown({ probe }: Ledgers, { kind, weight }: Verdict, settings: HealthSettings): number {
  const { points, down } = settings.calls[kind];
  const isProbed = kind === 'silent' && probe.tells && probe.lastAt !== undefined;
  return isProbed || (weight === 'weak' && kind !== 'number') ? 0 : points[weight] * down;
}

function failedDrill(ledgers: Ledgers, reason: string, now: Instant, settings: HealthSettings): Ledgers {
  const { failedDrill } = settings.points;
  return addFailure(ledgers, failedDrill, failedDrill, { at: now, kind: 'rejected', reason }, settings);
}

function addFailure(
  ledgers: Ledgers,
  points: number,
  downPoints: number,
  last: CallFailure,
  settings: HealthSettings,
): Ledgers {
  const { calls, probe } = ledgers;
  const most = settings.points.down;
  return {
    ...ledgers,
    probe: isPathFailure(last.kind) ? { ...probe, doubtSince: probe.doubtSince ?? last.at } : probe,
    calls: {
      ...calls,
      points: Math.min(most, calls.points + points),
      downPoints: Math.min(most, calls.downPoints + downPoints),
      failures: calls.failures + 1,
      last,
    },
  };
}

/** In doubt by what calls found on other trunks: behind the others until a call of its own gets through. */
export function shareDoubt(ledgers: Ledgers, doubt: SharedDoubt, now: Instant, settings: HealthSettings): Ledgers {
  const { calls } = ledgers;
  if (doubt.of === 'rings in vain') {
    return rangInVain(ledgers, now);
  }
  // No nearer to down.
  const last: CallFailure = { at: now, from: doubt.from, kind: 'stalled', reason: doubt.cause };
  return { ...ledgers, calls: { ...calls, points: Math.max(calls.points, settings.points.suspect), last } };
}

function rangInVain(ledgers: Ledgers, now: Instant): Ledgers {
  const { calls } = ledgers;
  const last: CallFailure = { at: now, kind: 'rejected', reason: 'rang, and was answered over another carrier only' };
  return { ...ledgers, calls: { ...calls, inVain: calls.inVain + 1, last } };
}

function isPathFailure(kind: FailureKind): boolean {
  return kind === 'silent' || kind === 'refused' || kind === 'stalled';
}

function writeMedia(ledgers: Ledgers, outcome: 'heard' | 'mute', now: Instant, settings: HealthSettings): Ledgers {
  const { calls } = ledgers;
  if (outcome === 'heard') {
    return { ...ledgers, calls: { ...calls, mute: 0 } };
  }
  const last: CallFailure = { at: now, kind: 'rejected', reason: 'answered and mute' };
  return {
    ...ledgers,
    calls: { ...calls, mute: Math.min(settings.points.down, calls.mute + settings.points.muteCall), last },
  };
}
