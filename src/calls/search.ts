import type { PlannedAttempt } from '../domain/attempt.js';
import { after, ms } from '../domain/time.js';
import type { Attempt, CallState, Room } from './call.js';
import { isHedge, isLate, isOpen, isOverdue, type Draft } from './draft.js';
import { isDue, placeOf, reachBeyond } from './takeover.js';

/** How long late attempts may still be answered when nothing is left to start. */
export const LAST_CHANCE = ms(4_000);

/**
 * After each event of a search: cancel what is overtaken, start what is due, end what has failed. While no SIP server is there
 * the call waits for one.
 */
export function continueSearch(draft: Draft): void {
  cancelOvertaken(draft);
  if (draft.call.remaining.length > 0 && !draft.around.canSend()) {
    return;
  }
  while (liveAttempts(draft.call) < width(draft.call)) {
    const next = nextToTry(draft);
    if (next === undefined) {
      break;
    }
    draft.set({ remaining: draft.call.remaining.filter((planned) => planned !== next) });
    draft.start(next, draft.call.keepPlain === true ? 'plain' : 'as-sent');
  }
  if (liveAttempts(draft.call) > 0) {
    return;
  }
  if (!waitsForRinging(draft.call) && reachBeyond(draft, draft.call.reach ?? 0)) {
    return continueSearch(draft);
  }
  nothingToStart(draft);
}

/** What rings on a living trunk has its time before the next destination is tried. */
function waitsForRinging({ attempts }: CallState): boolean {
  return attempts.some((attempt) => attempt.state.phase === 'progressing' && attempt.onGone !== true);
}

/** An attempt that is late is cancelled once another has trusted progress (DESIGN 4.4). */
function cancelOvertaken(draft: Draft): void {
  if (draft.call.attempts.some((attempt) => attempt.state.phase === 'progressing' && !isLate(attempt))) {
    for (const attempt of draft.call.attempts.filter(isOverdue)) {
      draft.giveUp(attempt, 'rings elsewhere');
    }
  }
}

function liveAttempts({ attempts }: CallState): number {
  return attempts.filter((attempt) => isOpen(attempt) && !isLate(attempt)).length;
}

/**
 * How many attempts run at once. More than one only where nothing healthy is left, since each leg that rings and is cancelled
 * is a phantom ring at an answering point; and none is added once one rings (DESIGN 4.2, 4.4, 4.7).
 */
function width({ attempts, remaining, noPath, class: serviceClass }: CallState): number {
  const isHealthy = (attempt: Attempt): boolean =>
    isOpen(attempt) && !isLate(attempt) && attempt.planned.role !== 'panic';
  const isPanic = remaining[0]?.role === 'panic' && !attempts.some(isHealthy);
  if (!isPanic || attempts.some(({ state }) => state.phase === 'progressing')) {
    return 1;
  }
  if (noPath === 'wilt') {
    return 3;
  }
  return serviceClass === 'emergency' ? 2 : 1;
}

/**
 * The first that has a channel free, to an answering point that has a place free. Where every answering point within reach
 * is full, the next that has a place takes over. What is full comes last, and is tried all the same: our count may be wrong.
 * A channel that is kept for emergency calls is not for others.
 */
function nextToTry(draft: Draft): PlannedAttempt | undefined {
  const { around } = draft;
  const allowed = allowedNow(draft);
  const seated = allowed.filter(({ route }) => around.hasSeat(route));
  const first = (list: readonly PlannedAttempt[], room: Room): PlannedAttempt | undefined =>
    list.find(({ trunk }) => around.room(trunk) === room);
  if (allowed.length > 0 && seated.length === 0 && reachSeat(draft)) {
    return nextToTry(draft);
  }
  return first(seated, 'free') ?? first(seated, 'full') ?? first(allowed, 'free') ?? first(allowed, 'full');
}

/** Lets the next destination that has a place for the call be tried. @returns whether there is one. */
function reachSeat(draft: Draft): boolean {
  const { call, around } = draft;
  const hasPlace = ({ route, trunk }: PlannedAttempt): boolean =>
    around.hasSeat(route) && around.room(trunk) === 'free';
  const reach = call.reach ?? 0;
  const beyond = call.remaining.filter((planned) => placeOf(planned) > reach && hasPlace(planned)).map(placeOf);
  if (beyond.length > 0) {
    draft.set({ reach: Math.min(...beyond) });
  }
  return beyond.length > 0;
}

/**
 * Beside an open attempt only what the hedge budget of a trunk allows; an emergency call is exempt while a channel is free
 * (DESIGN 4.3).
 */
function allowedNow({ call, around }: Draft): readonly PlannedAttempt[] {
  const { remaining } = call;
  const isExempt = (trunk: PlannedAttempt['trunk']): boolean =>
    !isHedge(call) || around.mayHedge(trunk) || (call.class === 'emergency' && around.room(trunk) === 'free');
  return remaining.filter((planned) => isDue(call, planned) && isExempt(planned.trunk));
}

/** Nothing runs in time and nothing may start: late attempts get a last chance; without any the call has no path. */
function nothingToStart(draft: Draft): void {
  const { attempts, lastChanceAt } = draft.call;
  if (lastChanceAt === undefined && attempts.some(isOverdue)) {
    draft.set({ lastChanceAt: draft.now });
    draft.ask({ do: 'arm-last-chance' });
  }
  if (isHeld(draft.call)) {
    holdOn(draft);
  } else if (!attempts.some(isOpen)) {
    noPathLeft(draft);
  }
}

/** An emergency caller is held where the upstream has no other way, and where the call was answered and dropped. */
function isHeld({ class: serviceClass, noPath, reoffered }: CallState): boolean {
  return noPath === 'hold' || (reoffered !== undefined && serviceClass === 'emergency');
}

/** Retried every second, until answered or hung up (P10). What rings on a living trunk is waited for. */
function holdOn(draft: Draft): void {
  const { attempts, retryArmed } = draft.call;
  if (retryArmed !== true && !attempts.some((attempt) => isOpen(attempt) && !isOverdue(attempt) && !attempt.onGone)) {
    draft.set({ retryArmed: true });
    draft.ask({ do: 'arm-retry' });
  }
}

/** A priority caller who was answered and dropped is released; everybody else is told. */
function noPathLeft(draft: Draft): void {
  if (draft.call.reoffered !== undefined) {
    draft.ask({ do: 'release-caller', reasons: draft.call.reoffered.reasons });
    return draft.end('answered');
  }
  draft.ask({ do: 'reject-caller' });
  draft.end('failed');
}

/** Tries again what may have become possible: every route but those on which an attempt is still open. */
export function retry(draft: Draft): void {
  draft.set({ retryArmed: false });
  if (draft.call.remaining.length === 0 && liveAttempts(draft.call) === 0) {
    const busy = new Set(draft.call.attempts.filter(isOpen).map(({ planned }) => planned.trunk.id));
    draft.set({ remaining: draft.around.plan().filter(({ trunk }) => !busy.has(trunk.id)) });
  }
}

/** What is late by now will not come; what rings may still be answered. A call that is held starts its rounds anew. */
export function lastChanceOver(draft: Draft): void {
  draft.set({ lastChanceAt: undefined });
  for (const attempt of draft.call.attempts.filter((each) => isOverdue(each) && isOldEnough(draft, each))) {
    draft.giveUp(attempt, 'out of time');
  }
}

function isOldEnough({ call, now }: Draft, { startedAt }: Attempt): boolean {
  return !isHeld(call) || after(startedAt, LAST_CHANCE) <= now;
}

/**
 * The upstream has other ways (DESIGN 4.7): it is told no, early where everything looks down and nothing at all came back,
 * late where no trunk rang.
 */
export function wilt(draft: Draft, which: 'early' | 'late'): void {
  const { attempts, noPath } = draft.call;
  const isHopeless = attempts.every(
    ({ planned, firstResponseAt }) => planned.role === 'panic' && firstResponseAt === undefined,
  );
  const isInTime = attempts.some(({ progressAt }) => progressAt !== undefined);
  if (noPath === 'wilt' && draft.call.reoffered === undefined && (which === 'early' ? isHopeless : !isInTime)) {
    draft.giveUpAll('out of time');
    draft.set({ remaining: [] });
  }
}
