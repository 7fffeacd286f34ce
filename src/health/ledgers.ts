import type { AttemptOutcome, Evidence, ProbeOutcome } from '../domain/health.js';
import type { Instant } from '../domain/time.js';
import type { FailureKind, Verdict } from '../domain/verdict.js';
import { learnRoundTrip, type RoundTrip } from './round-trip.js';
import type { HealthSettings } from './weights.js';

/** What the probes of a trunk found. Probes write it; a call only lifts the judgement that misses lead to. */
export interface ProbeLedger {
  /** Probes in a row that got no answer. */
  readonly misses: number;
  /** The same, counted since the last good call: what the trunk is judged by. */
  readonly missesAlone: number;
  /** Answered probes in a row. */
  readonly good: number;
  /** Whether the last probe was refused. */
  readonly refused: boolean;
  readonly lastAt: Instant | undefined;
  /** Since when a call or a probe found, or may have found, no one there and no probe has been answered. It starts the quick probes. */
  readonly doubtSince: Instant | undefined;
  readonly roundTrip: RoundTrip | undefined;
}

/** A failure that a call found. */
interface CallFailure {
  readonly at: Instant;
  readonly kind: FailureKind;
  readonly reason: string;
}

/** What calls, drills and media found. No probe ever changes it. */
export interface CallLedger {
  /** Failures since the last answered call, by weight. */
  readonly points: number;
  /** The share of `points` that may take the trunk down. */
  readonly downPoints: number;
  /** Answered calls without media, by weight. Only heard media clears it. */
  readonly mute: number;
  /** Failed calls in a row that count. */
  readonly failures: number;
  readonly last: CallFailure | undefined;
  readonly lastGoodAt: Instant | undefined;
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
    good: 0,
    refused: false,
    lastAt: undefined,
    doubtSince: undefined,
    roundTrip: undefined,
  },
  calls: { points: 0, downPoints: 0, mute: 0, failures: 0, last: undefined, lastGoodAt: undefined },
  line: { state: 'unknown', cause: '' },
  proven: false,
};

/** Writes one piece of evidence into the ledger where it belongs. Drought is about ingresses: no trunk's ledger. */
export function write(ledgers: Ledgers, evidence: Evidence, now: Instant, settings: HealthSettings): Ledgers {
  switch (evidence.type) {
    case 'probe':
      return writeProbe(ledgers, evidence.outcome, now, settings);
    case 'attempt':
      return writeAttempt(ledgers, evidence.outcome, now, settings);
    case 'line':
      return { ...ledgers, line: { state: evidence.state, cause: evidence.cause } };
    case 'drill':
      return evidence.reachedFarEnd ? reached(ledgers, now) : failedDrill(ledgers, evidence.cause, now, settings);
    case 'media':
      return writeMedia(ledgers, evidence.outcome, now, settings);
    case 'drought':
      return ledgers;
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
      good,
      refused: false,
      lastAt: now,
      doubtSince: undefined,
      roundTrip: learnRoundTrip(probe.roundTrip, outcome.roundTrip),
    },
    proven: ledgers.proven || good >= settings.probes.goodInARow,
  };
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

function writeAttempt(ledgers: Ledgers, outcome: AttemptOutcome, now: Instant, settings: HealthSettings): Ledgers {
  switch (outcome.kind) {
    case 'answered':
      return reached(ledgers, now);
    case 'progressed':
      return progressed(ledgers, now, settings);
    case 'unheard':
      return { ...ledgers, probe: { ...ledgers.probe, doubtSince: ledgers.probe.doubtSince ?? now } };
    case 'failed':
      return failed(ledgers, outcome.verdict, now, settings);
  }
}

/** A call or a drill that reached the far end clears what calls found, but not what media found. */
function reached(ledgers: Ledgers, now: Instant): Ledgers {
  const { probe, calls } = ledgers;
  return {
    ...ledgers,
    probe: { ...probe, missesAlone: 0 },
    calls: { ...calls, points: 0, downPoints: 0, failures: 0, lastGoodAt: now },
    proven: true,
  };
}

function progressed(ledgers: Ledgers, now: Instant, settings: HealthSettings): Ledgers {
  const { probe, calls } = ledgers;
  const back = settings.points.progress;
  const points = Math.max(0, calls.points - back);
  const downPoints = Math.max(0, calls.downPoints - back);
  return {
    ...ledgers,
    probe: { ...probe, missesAlone: 0 },
    calls: { ...calls, points, downPoints, lastGoodAt: now },
    proven: true,
  };
}

function failed(ledgers: Ledgers, verdict: Verdict, now: Instant, settings: HealthSettings): Ledgers {
  const points = settings.calls[verdict.kind].points[verdict.weight];
  if (points === 0) {
    return ledgers;
  }
  const last = { at: now, kind: verdict.kind, reason: verdict.reason };
  return addFailure(ledgers, points, countsForDown(verdict, settings), last, settings);
}

/** Whether failures such as this one may take a trunk down. Weak ones never do, but those about the number. */
export function countsForDown(verdict: Verdict, settings: HealthSettings): boolean {
  const { points, takesDown } = settings.calls[verdict.kind];
  return takesDown && (verdict.weight !== 'weak' || verdict.kind === 'number') && points[verdict.weight] > 0;
}

function failedDrill(ledgers: Ledgers, reason: string, now: Instant, settings: HealthSettings): Ledgers {
  return addFailure(ledgers, settings.points.failedDrill, true, { at: now, kind: 'rejected', reason }, settings);
}

function addFailure(
  ledgers: Ledgers,
  points: number,
  takesDown: boolean,
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
      downPoints: Math.min(most, calls.downPoints + (takesDown ? points : 0)),
      failures: calls.failures + 1,
      last,
    },
  };
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
