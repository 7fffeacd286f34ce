import type { PlannedAttempt } from '../domain/attempt.js';
import type { AttemptId } from '../domain/ids.js';
import type { ServiceClass } from '../domain/network.js';
import { between, type Instant } from '../domain/time.js';
import type { Verdict } from '../domain/verdict.js';
import { isLarge, judge, type SentMessage } from '../failure/verdict.js';
import type { Attempt, CallEvent, CallState, Lateness, NoPath, Step, Variant } from './call.js';
import { Draft, isLate, isOpen, isWaiting, lateState, type Surroundings } from './draft.js';
import { onCalleeEnded, onCallerAnswered, onCallerEnded, onControlLost, onCallerGone, onProven } from './endings.js';
import { reasonsFor } from './reasons.js';
import { continueSearch, lastChanceOver, retry, wilt } from './search.js';
import { busyHeard, isBusy, placeOf, reportInVain, ringsTooLong } from './takeover.js';

/**
 * A call that has just come in.
 *
 * @param plan what to try, best first. Not empty.
 */
export function newCall(
  serviceClass: ServiceClass,
  plan: readonly PlannedAttempt[],
  now: Instant,
  noPath: NoPath = 'tell',
): CallState {
  return { class: serviceClass, noPath, startedAt: now, phase: { phase: 'searching' }, attempts: [], remaining: plan };
}

/**
 * The one transition of the call machine (DESIGN 4.2 to 4.4 and 4.8). Pure: what it asks for is in `commands`.
 *
 * An event that no longer matters (a deadline of a finished attempt, a response after the end) leaves the state as it is.
 */
export function transition(call: CallState, event: CallEvent, now: Instant, around: Surroundings): Step {
  const draft = new Draft(call, now, around);
  apply(draft, event);
  if (draft.call.phase.phase === 'searching') {
    continueSearch(draft);
  }
  return { call: draft.call, commands: draft.commands };
}

function apply(draft: Draft, event: CallEvent): void {
  switch (event.type) {
    case 'started':
      return;
    case 'responded':
      return onResponse(draft, event.attempt, event.trusted);
    case 'answered':
      return onAnswer(draft, event.attempt);
    case 'failed':
      return onFailure(draft, event.attempt, event.verdict, event.status);
    case 'deadline':
      return onDeadline(draft, event.attempt, event.which, event.sent);
    case 'blame-due':
      return onBlameDue(draft, event.attempt, event.which, event.sent);
    case 'miss-due':
      return onUnheard(draft, event.attempt, 'missed');
    case 'slow-due':
      return onSlow(draft, event.attempt);
    case 'doubt-due':
      return onUnheard(draft, event.attempt, 'unheard');
    case 'rings-too-long':
      return onlyInSearch(draft, () => {
        ringsTooLong(draft, event.attempt);
      });
    case 'ring-due':
      return ringWithoutTrunk(draft);
    case 'last-chance-over':
      return onlyInSearch(draft, lastChanceOver);
    case 'retry-due':
      return onlyInSearch(draft, retry);
    case 'wilt-due':
      return onlyInSearch(draft, () => {
        wilt(draft, event.which);
      });
    case 'proven':
      return onProven(draft, event.attempt);
    case 'trunk-gone':
      return onTrunkGone(draft, event.trunk);
    case 'came-back':
      return onCameBack(draft, event.attempt);
    case 'caller-cancelled':
      return onCallerGone(draft, event.reasons);
    case 'caller-unreachable':
    case 'caller-lost':
      return onCallerGone(draft);
    case 'caller-answered':
      return onCallerAnswered(draft);
    case 'caller-ended':
      return event.by === 'lost' ? onControlLost(draft) : onCallerEnded(draft, event.reasons);
    case 'callee-ended':
      return event.by === 'lost' && isWinner(draft, event.attempt)
        ? onControlLost(draft)
        : onCalleeEnded(draft, event.attempt, event.by, event.reasons);
  }
}

/** Any response ends the silence deadline; only trusted progress ends the progress deadline (DESIGN 4.3). */
function onResponse(draft: Draft, id: AttemptId, trusted: boolean): void {
  const attempt = draft.find(id);
  if (attempt === undefined || !isOpen(attempt)) {
    return;
  }
  const firstResponseAt = attempt.firstResponseAt ?? draft.now;
  if (attempt.firstResponseAt === undefined && wasMissed(attempt, draft.now)) {
    draft.ask({ do: 'report-evidence', attempt: id, outcome: { kind: 'heard' } });
  }
  if (!trusted) {
    draft.update(id, { firstResponseAt, state: attempt.state.phase === 'silent' ? trying(attempt) : attempt.state });
    return;
  }
  if (attempt.state.phase !== 'progressing') {
    draft.update(id, { firstResponseAt, progressAt: draft.now, state: { phase: 'progressing' } });
    draft.ask({ do: 'report-evidence', attempt: id, outcome: { kind: 'progressed' } });
    draft.ask({ do: 'watch-ringing', attempt: id });
  }
  ring(draft, id);
}

function wasMissed({ startedAt, planned: { deadlines } }: Attempt, now: Instant): boolean {
  return deadlines.miss !== undefined && between(startedAt, now) >= deadlines.miss;
}

function trying(attempt: Attempt): Attempt['state'] {
  return isLate(attempt) ? { phase: 'trying', late: 'silence' } : { phase: 'trying' };
}

/** The first 2xx wins; every other is released (DESIGN 4.4, P12). Whether it proves its path, the next seconds tell. */
function onAnswer(draft: Draft, id: AttemptId): void {
  const attempt = draft.find(id);
  if (attempt === undefined) {
    return;
  }
  if (draft.call.phase.phase !== 'searching' || !isOpen(attempt)) {
    draft.ask({ do: 'release-callee', attempt: id, reasons: reasonsFor('answered elsewhere') });
    return;
  }
  const firstResponseAt = attempt.firstResponseAt ?? draft.now;
  reportInVain(draft, attempt);
  draft.update(id, { firstResponseAt, endedAt: draft.now, status: 200, state: { phase: 'answered' } });
  if (draft.call.reoffered === undefined) {
    draft.set({ phase: { phase: 'answering', winner: id } });
    draft.ask({ do: 'answer-caller', attempt: id });
  } else {
    draft.set({ phase: { phase: 'connected', winner: id } });
    draft.ask({ do: 'reoffer-caller', attempt: id });
    draft.ask({ do: 'arm-proof', attempt: id });
  }
  draft.giveUpAll('answered elsewhere');
}

/** A final failure: what the trunk is blamed for, and the same route once more where that may help (P3). */
function onFailure(draft: Draft, id: AttemptId, verdict: Verdict, status: number | undefined): void {
  const attempt = draft.find(id);
  if (attempt === undefined || !(isOpen(attempt) || (verdict.next === 'again' && isAnswering(draft, id)))) {
    return;
  }
  draft.update(id, {
    state: { phase: 'failed', verdict },
    endedAt: draft.now,
    ...(status === undefined ? {} : { status, firstResponseAt: attempt.firstResponseAt ?? draft.now }),
  });
  if (attempt.missed === undefined) {
    draft.ask({ do: 'report-evidence', attempt: id, outcome: { kind: 'failed', verdict } });
  }
  if (verdict.next === 'again') {
    return tryAgain(draft, attempt);
  }
  if (draft.call.phase.phase !== 'searching') {
    return;
  }
  const once = attempt.variant === 'as-sent' ? variantFor(verdict, attempt.planned) : undefined;
  if (once !== undefined) {
    draft.start(attempt.planned, once, verdict.minSe);
  } else if (verdict.next === 'end' && draft.call.class !== 'emergency') {
    const place = placeOf(attempt.planned);
    const others = isBusy(verdict) ? draft.call.remaining.filter((each) => placeOf(each) > place) : [];
    draft.set({ remaining: others });
  } else {
    busyHeard(draft, attempt.planned);
  }
}

function isAnswering({ call: { phase } }: Draft, id: AttemptId): boolean {
  return phase.phase === 'answering' && phase.winner === id;
}

function isWinner({ call: { phase } }: Draft, id: AttemptId): boolean {
  return (phase.phase === 'answering' || phase.phase === 'connected') && phase.winner === id;
}

/** It was lost with our own SIP server: no fault of its route, which comes first again. So does an answer that had not left. */
function tryAgain(draft: Draft, { id, planned }: Attempt): void {
  if (isAnswering(draft, id)) {
    draft.set({ phase: { phase: 'searching' } });
  }
  if (draft.call.phase.phase === 'searching') {
    draft.set({ remaining: [planned, ...draft.call.remaining] });
  }
}

/** How the same route is tried once more. A trunk of which no own number or second form is known has none to try. */
function variantFor(verdict: Verdict, { trunk, route }: PlannedAttempt): Variant | undefined {
  if (verdict.next === 'same-plain') {
    return 'plain';
  }
  if (verdict.next === 'same-min-se') {
    return 'min-se';
  }
  if (verdict.next === 'same-second-form') {
    return route.secondNumber === undefined ? undefined : 'second-form';
  }
  return verdict.next === 'same-own-number' && trunk.ownNumber !== undefined ? 'own-number' : undefined;
}

/**
 * A missed deadline starts the next attempt; the late one stays open, and may still win (DESIGN 4.4). It counts against the
 * trunk at once, but for a canary: its deadlines are tighter than what a healthy trunk must keep.
 */
function onDeadline(draft: Draft, id: AttemptId, which: Lateness, sent?: SentMessage): void {
  const attempt = draft.find(id);
  if (attempt === undefined || isLate(attempt) || !isWaiting(attempt.state) || !hasMissed(attempt, which)) {
    return;
  }
  draft.update(id, { state: lateState(attempt.state) });
  if (which === 'silence' && sent !== undefined && isLarge(sent)) {
    doubtLarge(draft, attempt, sent);
  } else if (which !== 'ringing' && attempt.planned.role !== 'canary') {
    blame(draft, attempt, sent);
  }
}

function onBlameDue(draft: Draft, id: AttemptId, which: 'silence' | 'progress', sent?: SentMessage): void {
  const attempt = draft.find(id);
  if (attempt !== undefined && attempt.missed === undefined && hasMissed(attempt, which)) {
    blame(draft, attempt, sent);
  }
}

function hasMissed({ state }: Attempt, which: Lateness): boolean {
  if (which === 'ringing') {
    return state.phase === 'progressing';
  }
  return state.phase === 'silent' || (state.phase === 'trying' && which === 'progress');
}

/** The attempt stays as it is: the probes decide, and the progress deadline does where they are answered. */
function onUnheard(draft: Draft, id: AttemptId, kind: 'missed' | 'unheard'): void {
  if (draft.find(id)?.state.phase === 'silent') {
    draft.ask({ do: 'report-evidence', attempt: id, outcome: { kind } });
  }
}

/** A silent attempt is slow only where 100 Trying does not reach us; elsewhere its silence is a matter of its own. */
function onSlow(draft: Draft, id: AttemptId): void {
  const attempt = draft.find(id);
  const isTrying = attempt?.state.phase === 'trying';
  if (isTrying || (attempt?.state.phase === 'silent' && attempt.planned.deadlines.doubt !== undefined)) {
    draft.ask({ do: 'report-evidence', attempt: id, outcome: { kind: 'slow' } });
  }
}

/**
 * A large message over UDP met silence: a fragment may be lost on its way. The trunk is not blamed, small probes tell
 * whether it is silent to them too, and what starts next is small (DESIGN 4.3).
 */
function doubtLarge(draft: Draft, attempt: Attempt, sent: SentMessage): void {
  draft.set({ keepPlain: true });
  const verdict = judge({ service: draft.call.class, origin: 'deadline', which: 'silence', sent });
  draft.update(attempt.id, { missed: verdict });
  draft.ask({ do: 'report-evidence', attempt: attempt.id, outcome: { kind: 'unheard' } });
}

function blame(draft: Draft, attempt: Attempt, sent?: SentMessage): void {
  const seen = sent === undefined ? {} : { sent };
  const verdict = judge({ service: draft.call.class, origin: 'deadline', which: whatIsMissing(attempt), ...seen });
  draft.update(attempt.id, { missed: verdict });
  draft.ask({ do: 'report-evidence', attempt: attempt.id, outcome: { kind: 'failed', verdict } });
}

function whatIsMissing({ state, planned }: Attempt): 'silence' | 'progress' | 'unheard' {
  if (state.phase !== 'silent') {
    return 'progress';
  }
  return planned.deadlines.doubt === undefined ? 'silence' : 'unheard';
}

/**
 * Calls that wait on a trunk at the moment it is judged gone move at once (P8). What rings there is left ringing, but its
 * answer may have been lost with the carrier, so another attempt starts beside it.
 */
function onTrunkGone(draft: Draft, trunk: string): void {
  const isOver = ({ planned }: Pick<Attempt, 'planned'>): boolean => planned.trunk.id === trunk;
  for (const attempt of draft.call.attempts.filter(isOver)) {
    if (isWaiting(attempt.state) && !isLate(attempt)) {
      draft.update(attempt.id, { state: lateState(attempt.state) });
    }
    if (isOpen(attempt)) {
      draft.update(attempt.id, { onGone: true });
    }
  }
  const { remaining } = draft.call;
  const gone = remaining.filter((planned) => isOver({ planned }));
  draft.set({ remaining: [...remaining.filter((planned) => !isOver({ planned })), ...gone] });
}

/** A loop counts against the trunk also where the attempt is over; an open one ends here, and the search goes on. */
function onCameBack(draft: Draft, id: AttemptId): void {
  const attempt = draft.find(id);
  if (attempt === undefined) {
    return;
  }
  const verdict = judge({ origin: 'came-back' });
  if (isOpen(attempt)) {
    draft.update(id, { state: { phase: 'failed', verdict }, endedAt: draft.now });
    draft.ask({ do: 'give-up', attempt: id, reasons: reasonsFor('came back') });
  }
  draft.ask({ do: 'report-evidence', attempt: id, outcome: { kind: 'failed', verdict } });
}

/** Many upstreams stop hunting after 18x: one that has other ways hears nothing but 100 before a trunk rings (DESIGN 4.7). */
function ringWithoutTrunk(draft: Draft): void {
  if (draft.call.noPath !== 'wilt') {
    ring(draft);
  }
}

function onlyInSearch(draft: Draft, act: (draft: Draft) => void): void {
  if (draft.call.phase.phase === 'searching') {
    act(draft);
  }
}

function ring(draft: Draft, from?: AttemptId): void {
  if (
    draft.call.phase.phase === 'searching' &&
    draft.call.reoffered === undefined &&
    draft.call.ringingAt === undefined
  ) {
    draft.set({ ringingAt: draft.now });
    draft.ask({ do: 'ring-caller', ...(from === undefined ? {} : { from }) });
  }
}
