import type { PlannedAttempt } from '../domain/attempt.js';
import type { AttemptId } from '../domain/ids.js';
import type { ServiceClass, Trunk } from '../domain/network.js';
import type { Instant } from '../domain/time.js';
import type { Verdict } from '../domain/verdict.js';
import { isLarge, judge, type SentMessage } from '../failure/verdict.js';
import type { Attempt, CallCommand, CallEvent, CallState, GiveUpCause, Lateness, Step, Variant } from './call.js';
import { reasonsFor } from './reasons.js';

/**
 * A call that has just come in.
 *
 * @param plan what to try, best first. Not empty.
 */
export function newCall(serviceClass: ServiceClass, plan: readonly PlannedAttempt[], now: Instant): CallState {
  return { class: serviceClass, startedAt: now, phase: { phase: 'searching' }, attempts: [], remaining: plan };
}

/** What the machine asks while it works in an event. Answered at once, and without any effect on the call. */
export interface Surroundings {
  /** A fresh id for each attempt that starts. */
  readonly attemptId: () => AttemptId;
  /** Whether a channel of the trunk is free for this call. */
  readonly hasRoom: (trunk: Trunk) => boolean;
}

/** Whether the attempt may still be answered. */
export function isOpen({ state }: Attempt): boolean {
  return isWaiting(state);
}

/** Whether the attempt is open and past a deadline, so that another may start beside it. */
function isLate({ state }: Attempt): boolean {
  return isWaiting(state) && state.late !== undefined;
}

/** The same without trusted progress: it may be overtaken (DESIGN 4.4). */
function isOverdue(attempt: Attempt): boolean {
  return isLate(attempt) && attempt.state.phase !== 'progressing';
}

type Waiting = Attempt['state'] & { readonly phase: 'silent' | 'trying' | 'progressing' };

function isWaiting(state: Attempt['state']): state is Waiting {
  return state.phase === 'silent' || state.phase === 'trying' || state.phase === 'progressing';
}

/** The state past the deadline of its own phase. */
function lateState({ phase }: Waiting): Waiting {
  switch (phase) {
    case 'silent':
      return { phase, late: 'silence' };
    case 'trying':
      return { phase, late: 'progress' };
    case 'progressing':
      return { phase, late: 'ringing' };
  }
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

/** The state and the commands while one event is worked in. It never leaves `transition`. */
class Draft {
  readonly commands: CallCommand[] = [];
  call: CallState;
  readonly now: Instant;
  readonly around: Surroundings;

  constructor(call: CallState, now: Instant, around: Surroundings) {
    this.call = call;
    this.now = now;
    this.around = around;
  }

  ask(command: CallCommand): void {
    this.commands.push(command);
  }

  set(change: Partial<CallState>): void {
    this.call = { ...this.call, ...change };
  }

  find(id: AttemptId): Attempt | undefined {
    return this.call.attempts.find((attempt) => attempt.id === id);
  }

  update(id: AttemptId, change: Partial<Attempt>): void {
    this.set({
      attempts: this.call.attempts.map((attempt) => (attempt.id === id ? { ...attempt, ...change } : attempt)),
    });
  }

  start(planned: PlannedAttempt, variant: Variant, minSe?: number): void {
    const attempt: Attempt = {
      id: this.around.attemptId(),
      planned,
      variant,
      ...(minSe === undefined ? {} : { minSe }),
      startedAt: this.now,
      state: { phase: 'silent' },
    };
    this.set({ attempts: [...this.call.attempts, attempt] });
    this.ask({ do: 'start-attempt', attempt });
  }

  giveUp(attempt: Attempt, cause: GiveUpCause, reasons = reasonsFor(cause)): void {
    this.update(attempt.id, { state: { phase: 'given-up', cause }, endedAt: this.now });
    this.ask({ do: 'give-up', attempt: attempt.id, reasons });
    if (attempt.planned.role === 'canary' && attempt.missed === undefined) {
      // It proved nothing; the next call may be the canary.
      const verdict = judge({ origin: 'cancelled-by-us' });
      this.ask({ do: 'report-evidence', attempt: attempt.id, outcome: { kind: 'failed', verdict } });
    }
  }

  giveUpAll(cause: GiveUpCause, reasons = reasonsFor(cause)): void {
    for (const attempt of this.call.attempts.filter(isOpen)) {
      this.giveUp(attempt, cause, reasons);
    }
  }
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
    case 'doubt-due':
      return onDoubtDue(draft, event.attempt);
    case 'ring-due':
      return ring(draft);
    case 'last-chance-over':
      return onLastChanceOver(draft);
    case 'trunk-gone':
      return onTrunkGone(draft, event.trunk);
    case 'came-back':
      return onCameBack(draft, event.attempt);
    case 'caller-cancelled':
      return onCallerGone(draft, event.reasons);
    case 'caller-unreachable':
      return onCallerGone(draft);
    case 'caller-answered':
      return onCallerAnswered(draft);
    case 'caller-ended':
      return onCallerEnded(draft, event.reasons);
    case 'callee-ended':
      return onCalleeEnded(draft, event.attempt, event.reasons);
  }
}

/** Any response ends the silence deadline; only trusted progress ends the progress deadline (DESIGN 4.3). */
function onResponse(draft: Draft, id: AttemptId, trusted: boolean): void {
  const attempt = draft.find(id);
  if (attempt === undefined || !isOpen(attempt)) {
    return;
  }
  const firstResponseAt = attempt.firstResponseAt ?? draft.now;
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

function trying(attempt: Attempt): Attempt['state'] {
  return isLate(attempt) ? { phase: 'trying', late: 'silence' } : { phase: 'trying' };
}

/** The first 2xx wins; every other is released (DESIGN 4.4, P12). */
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
  draft.update(id, { firstResponseAt, endedAt: draft.now, status: 200, state: { phase: 'answered' } });
  draft.set({ phase: { phase: 'answering', winner: id } });
  draft.ask({ do: 'answer-caller', attempt: id });
  draft.giveUpAll('answered elsewhere');
  draft.ask({ do: 'report-evidence', attempt: id, outcome: { kind: 'answered' } });
}

/** A final failure: what the trunk is blamed for, and the same route once more where that may help (P3). */
function onFailure(draft: Draft, id: AttemptId, verdict: Verdict, status: number | undefined): void {
  const attempt = draft.find(id);
  if (attempt === undefined || !isOpen(attempt)) {
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
  if (draft.call.phase.phase !== 'searching') {
    return;
  }
  const once = attempt.variant === 'as-sent' ? variantFor(verdict, attempt.planned) : undefined;
  if (once !== undefined) {
    draft.start(attempt.planned, once, verdict.minSe);
  } else if (verdict.next === 'end' && draft.call.class !== 'emergency') {
    draft.set({ remaining: [] });
  }
}

/** How the same route is tried once more. A trunk of which no own number is known has none to show. */
function variantFor(verdict: Verdict, { trunk }: PlannedAttempt): Variant | undefined {
  if (verdict.next === 'same-plain') {
    return 'plain';
  }
  if (verdict.next === 'same-min-se') {
    return 'min-se';
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
function onDoubtDue(draft: Draft, id: AttemptId): void {
  if (draft.find(id)?.state.phase === 'silent') {
    draft.ask({ do: 'report-evidence', attempt: id, outcome: { kind: 'unheard' } });
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

function ring(draft: Draft, from?: AttemptId): void {
  if (draft.call.phase.phase === 'searching' && draft.call.ringingAt === undefined) {
    draft.set({ ringingAt: draft.now });
    draft.ask({ do: 'ring-caller', ...(from === undefined ? {} : { from }) });
  }
}

/** What is late by now will not come; what rings may still be answered. */
function onLastChanceOver(draft: Draft): void {
  if (draft.call.phase.phase === 'searching') {
    for (const attempt of draft.call.attempts.filter(isOverdue)) {
      draft.giveUp(attempt, 'out of time');
    }
  }
}

/** The caller's own reason goes on; without one it is said that the caller is gone. */
function onCallerGone(draft: Draft, given: readonly string[] = []): void {
  const { phase } = draft.call;
  const reasons = given.length > 0 ? given : reasonsFor('caller gone');
  if (phase.phase === 'searching') {
    draft.giveUpAll('caller gone', reasons);
    end(draft, 'cancelled');
  } else if (phase.phase === 'answering') {
    draft.ask({ do: 'release-callee', attempt: phase.winner, reasons });
    end(draft, 'cancelled');
  }
}

function onCallerAnswered(draft: Draft): void {
  const { phase } = draft.call;
  if (phase.phase !== 'answering') {
    draft.ask({ do: 'release-caller', reasons: [] });
    return;
  }
  draft.set({ answeredAt: draft.now, phase: { phase: 'connected', winner: phase.winner } });
  if (phase.calleeGone !== undefined) {
    draft.ask({ do: 'release-caller', reasons: phase.calleeGone.reasons });
    end(draft, 'answered');
  }
}

/** A BYE goes on with the reasons that it came with, and with none where it had none. */
function onCallerEnded(draft: Draft, reasons: readonly string[] = []): void {
  const { phase } = draft.call;
  if (phase.phase === 'answering' || phase.phase === 'connected') {
    draft.ask({ do: 'release-callee', attempt: phase.winner, reasons });
    end(draft, 'answered');
  }
}

function onCalleeEnded(draft: Draft, id: AttemptId, reasons: readonly string[] = []): void {
  const { phase } = draft.call;
  if (phase.phase === 'answering' && phase.winner === id) {
    draft.set({ phase: { ...phase, calleeGone: { reasons } } });
  } else if (phase.phase === 'connected' && phase.winner === id) {
    draft.ask({ do: 'release-caller', reasons });
    end(draft, 'answered');
  }
}

function end(draft: Draft, outcome: 'answered' | 'failed' | 'cancelled'): void {
  draft.set({ phase: { phase: 'ended', outcome }, remaining: [] });
  draft.ask({ do: 'finish', outcome });
}

/** After each event of a search: start what is due, cancel what is overtaken, end what has failed. */
function continueSearch(draft: Draft): void {
  cancelOvertaken(draft);
  const live = draft.call.attempts.some((attempt) => isOpen(attempt) && !isLate(attempt));
  if (live) {
    return;
  }
  const next = nextToTry(draft);
  if (next !== undefined) {
    draft.set({ remaining: draft.call.remaining.filter((planned) => planned !== next) });
    draft.start(next, draft.call.keepPlain === true ? 'plain' : 'as-sent');
  } else if (!draft.call.attempts.some(isOpen)) {
    draft.ask({ do: 'reject-caller' });
    end(draft, 'failed');
  } else if (draft.call.lastChanceAt === undefined && draft.call.attempts.some(isOverdue)) {
    draft.set({ lastChanceAt: draft.now });
    draft.ask({ do: 'arm-last-chance' });
  }
}

/** The first that has a channel free. A full trunk comes last, and is tried all the same: our count may be wrong. */
function nextToTry({ call, around }: Draft): PlannedAttempt | undefined {
  return call.remaining.find(({ trunk }) => around.hasRoom(trunk)) ?? call.remaining[0];
}

/** An attempt that is late is cancelled once another has trusted progress (DESIGN 4.4). */
function cancelOvertaken(draft: Draft): void {
  if (!draft.call.attempts.some((attempt) => attempt.state.phase === 'progressing' && !isLate(attempt))) {
    return;
  }
  for (const attempt of draft.call.attempts.filter(isOverdue)) {
    draft.giveUp(attempt, 'rings elsewhere');
  }
}
