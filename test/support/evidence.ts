import type { AttemptOutcome, Evidence } from '../../src/domain/health.js';
import type { ServiceId } from '../../src/domain/ids.js';
import { ms } from '../../src/domain/time.js';
import type { FailureKind, Verdict, Weight } from '../../src/domain/verdict.js';
import { SERVICE_112 } from './network.js';

/** What a call found. */
export function attempt(outcome: AttemptOutcome, of: ServiceId = SERVICE_112): Evidence {
  return { type: 'attempt', service: of, outcome };
}

/** A call that failed. */
export function failure(kind: FailureKind, weight: Weight = 'strong', of: ServiceId = SERVICE_112): Evidence {
  const verdict: Verdict = { fault: 'trunk', kind, weight, next: 'next', reason: kind };
  return attempt({ kind: 'failed', verdict }, of);
}

export const answered = attempt({ kind: 'answered' });
const busyVerdict: Verdict = {
  fault: 'callee',
  kind: 'callee',
  weight: 'none',
  next: 'next',
  reason: '486',
  status: 486,
};
export const answeredBusy = attempt({ kind: 'failed', verdict: busyVerdict });
export const rang = attempt({ kind: 'progressed' });
export const unheard = attempt({ kind: 'unheard' });
export const missed = attempt({ kind: 'missed' });
export const cutOff = attempt({ kind: 'cut', reason: 'cause 41 in mid-call' });
export const goodProbe: Evidence = { type: 'probe', outcome: { kind: 'answered', status: 200, roundTrip: ms(2) } };
export const lostProbe: Evidence = { type: 'probe', outcome: { kind: 'silent' } };
export const refusedProbe: Evidence = { type: 'probe', outcome: { kind: 'refused' } };
export const lineDown: Evidence = { type: 'line', state: 'down', cause: 'E1 loss of signal' };
export const lineUp: Evidence = { type: 'line', state: 'up', cause: '' };
export const goodDrill: Evidence = { type: 'drill', service: SERVICE_112, reachedFarEnd: true, cause: '' };
export const badDrill: Evidence = { type: 'drill', service: SERVICE_112, reachedFarEnd: false, cause: 'no token' };
export const mute: Evidence = { type: 'media', service: SERVICE_112, outcome: 'mute' };
export const heard: Evidence = { type: 'media', service: SERVICE_112, outcome: 'heard' };

/** The same piece of evidence, several times. */
export function times(count: number, evidence: Evidence): readonly Evidence[] {
  return Array.from({ length: count }, () => evidence);
}
