import type { PlannedAttempt } from '../domain/attempt.js';
import type { AttemptId } from '../domain/ids.js';
import type { Verdict } from '../domain/verdict.js';
import { areIndependentCarriers } from '../routing/candidates.js';
import type { Attempt, CallState } from './call.js';
import { isLate, isOpen, type Draft } from './draft.js';

/** Where the destination of an attempt stands in the routing matrix. */
export function placeOf({ place = 0 }: PlannedAttempt): number {
  return place;
}

/** Whether the answering point itself was busy, as far as one answer tells. */
export function isBusy({ told, kind }: Verdict): boolean {
  return told === 'busy' && kind === 'callee';
}

/** The destination rings for longer than it may: the next one is tried as well, and nothing that rings is cut (DESIGN 4.6). */
export function ringsTooLong(draft: Draft, id: AttemptId): void {
  const attempt = draft.find(id);
  if (attempt?.state.phase !== 'progressing') {
    return;
  }
  const place = placeOf(attempt.planned);
  if (!reachBeyond(draft, place)) {
    return;
  }
  for (const each of draft.call.attempts.filter(({ state }) => state.phase === 'progressing')) {
    if (placeOf(each.planned) <= place) {
      draft.update(each.id, { state: { phase: 'progressing', late: 'ringing' } });
    }
  }
}

/**
 * The destination was answered over one carrier, soon, while it had rung for too long over another: there it may ring where
 * nobody is.
 */
export function reportInVain(draft: Draft, winner: Attempt): void {
  if (isLate(winner)) {
    return;
  }
  for (const each of draft.call.attempts.filter(isOpen)) {
    const { planned, state } = each;
    const isSame = planned.route.destination === winner.planned.route.destination;
    if (state.phase === 'progressing' && isLate(each) && isSame && isIndependentOf(winner.planned)(each)) {
      draft.ask({ do: 'report-evidence', attempt: each.id, outcome: { kind: 'in-vain' } });
    }
  }
}

/**
 * A destination that is truly busy, as a second carrier or a trunk that can be believed says, is not tried over more of them:
 * the next one takes over (R9).
 */
export function busyHeard(draft: Draft, planned: PlannedAttempt): void {
  const place = placeOf(planned);
  const isNext = draft.call.remaining.some((each) => placeOf(each) > place);
  if (isNext && isTrulyBusy(draft.call, planned)) {
    const { destination } = planned.route;
    draft.set({ remaining: draft.call.remaining.filter(({ route }) => route.destination !== destination) });
    reachBeyond(draft, place);
  }
}

function isTrulyBusy({ attempts }: CallState, { route }: PlannedAttempt): boolean {
  const busy = attempts.flatMap(({ state, planned }) =>
    state.phase === 'failed' && planned.route.destination === route.destination && isBusy(state.verdict)
      ? [{ carrier: planned.trunk.carrier, isSure: state.verdict.isSure === true }]
      : [],
  );
  return busy.some(({ isSure }) => isSure) || new Set(busy.map(({ carrier }) => carrier)).size >= 2;
}

/** Lets the next destination after a place be tried. @returns whether there is one. */
export function reachBeyond(draft: Draft, place: number): boolean {
  const beyond = draft.call.remaining.map(placeOf).filter((each) => each > place);
  if (beyond.length === 0) {
    return false;
  }
  draft.set({ reach: Math.max(draft.call.reach ?? 0, Math.min(...beyond)) });
  return true;
}

/**
 * Whether an attempt may start at this moment of the search: its destination is within reach, and while that rings already it
 * is tried over an independent carrier only.
 */
export function isDue({ attempts, reach = 0 }: CallState, planned: PlannedAttempt): boolean {
  return placeOf(planned) <= reach && attempts.filter((each) => rings(each, planned)).every(isIndependentOf(planned));
}

/** What rings on a trunk that is gone may be dead. */
function rings(attempt: Attempt, { route }: PlannedAttempt): boolean {
  const isRinging = isOpen(attempt) && attempt.state.phase === 'progressing' && attempt.onGone !== true;
  return isRinging && attempt.planned.route.destination === route.destination;
}

function isIndependentOf(wanted: PlannedAttempt): (attempt: Attempt) => boolean {
  return ({ planned }) => areIndependentCarriers(planned, wanted);
}
