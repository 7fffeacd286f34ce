import type { PlannedAttempt } from '../domain/attempt.js';
import type { AttemptId } from '../domain/ids.js';
import type { Route, Trunk } from '../domain/network.js';
import type { Instant } from '../domain/time.js';
import type { Verdict } from '../domain/verdict.js';
import { judge } from '../failure/verdict.js';
import type { Attempt, CallCommand, CallOutcome, CallState, GiveUpCause, Room, Variant } from './call.js';
import { reasonsFor } from './reasons.js';

/** What the machine asks while it works in an event. Answered at once, and without any effect on the call. */
export interface Surroundings {
  /** A fresh id for each attempt that starts. */
  readonly attemptId: () => AttemptId;
  readonly room: (trunk: Trunk) => Room;
  /** Whether the answering point can take the call, by our own count. What the call has there already is no reason why not. */
  readonly hasSeat: (route: Route) => boolean;
  /** Whether the trunk may take another attempt beside one that is open. */
  readonly mayHedge: (trunk: Trunk) => boolean;
  /** Whether a SIP server is there to send an INVITE. */
  readonly canSend: () => boolean;
  /** What to try from now on, best first. */
  readonly plan: () => readonly PlannedAttempt[];
}

type Waiting = Attempt['state'] & { readonly phase: 'silent' | 'trying' | 'progressing' };

/** Whether the attempt may still be answered. */
export function isOpen({ state }: Attempt): boolean {
  return isWaiting(state);
}

/** Whether the attempt is open and past a deadline, so that another may start beside it. */
export function isLate({ state }: Attempt): boolean {
  return isWaiting(state) && state.late !== undefined;
}

/** The same without trusted progress: it may be overtaken (DESIGN 4.4). */
export function isOverdue(attempt: Attempt): boolean {
  return isLate(attempt) && attempt.state.phase !== 'progressing';
}

export function isWaiting(state: Attempt['state']): state is Waiting {
  return state.phase === 'silent' || state.phase === 'trying' || state.phase === 'progressing';
}

/** Whether a leg rang at an answering point, and was cancelled because another one answered. */
export function isPhantomRing({ progressAt, state }: Attempt): boolean {
  return progressAt !== undefined && state.phase === 'given-up' && state.cause === 'answered elsewhere';
}

/** The state past the deadline of its own phase. */
export function lateState({ phase }: Waiting): Waiting {
  switch (phase) {
    case 'silent':
      return { phase, late: 'silence' };
    case 'trying':
      return { phase, late: 'progress' };
    case 'progressing':
      return { phase, late: 'ringing' };
  }
}

/** A call that is held may try for hours: of the finished attempts the first and the latest are kept, so many of each. */
const FINISHED_KEPT = 24;

/** The state and the commands while one event is worked in. It never leaves the machine. */
export class Draft {
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
      ...(isHedge(this.call) ? { hedge: true } : {}),
      startedAt: this.now,
      state: { phase: 'silent' },
    };
    this.set({ attempts: [...this.call.attempts, attempt] });
    this.#forgetSome();
    this.ask({ do: 'start-attempt', attempt });
  }

  giveUp(attempt: Attempt, cause: GiveUpCause, reasons = reasonsFor(cause)): void {
    this.update(attempt.id, { state: { phase: 'given-up', cause }, endedAt: this.now });
    this.ask({ do: 'give-up', attempt: attempt.id, reasons });
    if (attempt.planned.role === 'canary' && attempt.missed === undefined) {
      // It proved nothing; the next call may be the canary.
      const isOvertaken = cause === 'rings elsewhere' || cause === 'answered elsewhere';
      this.failed(attempt.id, judge({ origin: isOvertaken ? 'overtaken' : 'cancelled-by-us' }));
    }
  }

  giveUpAll(cause: GiveUpCause, reasons = reasonsFor(cause)): void {
    for (const attempt of this.call.attempts.filter(isOpen)) {
      this.giveUp(attempt, cause, reasons);
    }
  }

  /** Tells health of a failure. */
  failed(attempt: AttemptId, verdict: Verdict): void {
    this.ask({ do: 'report-evidence', attempt, outcome: { kind: 'failed', verdict } });
  }

  end(outcome: CallOutcome): void {
    this.set({ phase: { phase: 'ended', outcome }, remaining: [] });
    this.ask({ do: 'finish', outcome });
  }

  #forgetSome(): void {
    const finished = this.call.attempts.filter((attempt) => !isOpen(attempt));
    if (finished.length > 2 * FINISHED_KEPT) {
      const forgotten = finished[FINISHED_KEPT];
      this.set({
        attempts: this.call.attempts.filter((attempt) => attempt !== forgotten),
        forgotten: (this.call.forgotten ?? 0) + 1,
      });
    }
  }
}

/** Whether what starts now starts beside an attempt that may still ring. What waits on a trunk that is gone is moved. */
export function isHedge({ attempts }: CallState): boolean {
  return attempts.some((attempt) => isOpen(attempt) && attempt.onGone !== true);
}
