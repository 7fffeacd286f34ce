import type { EngineClock } from '../clock.js';
import type { TimerTable } from '../timers.js';
import { Machine } from './machine.js';

export type NonInviteServerState = 'trying' | 'proceeding' | 'completed' | 'terminated';

/** What a non-INVITE server transaction tells of and asks for. */
export interface NonInviteServerUser {
  transmit(response: string): void;
  terminated(): void;
}

const LEGAL = {
  trying: ['proceeding', 'completed', 'terminated'],
  proceeding: ['completed', 'terminated'],
  completed: ['terminated'],
  terminated: [],
} as const;

/** Non-INVITE server transaction: RFC 3261 17.2.2. */
export class NonInviteServerTransaction extends Machine<NonInviteServerState> {
  readonly #timers: TimerTable;
  readonly #isReliable: boolean;
  readonly #user: NonInviteServerUser;
  #last: string | undefined;

  constructor(clock: EngineClock, timers: TimerTable, user: NonInviteServerUser, isReliable = false) {
    super(clock, 'trying', LEGAL, () => {
      user.terminated();
    });
    this.#timers = timers;
    this.#isReliable = isReliable;
    this.#user = user;
    // An application that never answers must not keep the transaction for ever.
    this.terminateAfter('unanswered', timers.silentApplication);
  }

  /** Whether a final response has been sent. */
  get answered(): boolean {
    return this.state === 'completed' || this.state === 'terminated';
  }

  /** Whether somebody works on it. */
  get open(): boolean {
    return !this.answered;
  }

  /** Sends nothing from now on; copies of the request are absorbed for 64*T1. */
  drop(): void {
    if (!this.answered) {
      this.#last = undefined;
      this.disarmAll();
      this.transition('completed');
      this.terminateAfter('J', this.#timers.t1x64);
    }
  }

  /** The request came again: the last response goes out again. */
  repeated(): void {
    if (this.#last !== undefined && this.state !== 'terminated') {
      this.#user.transmit(this.#last);
    }
  }

  /** @returns false when a final response has been sent already. */
  respond(status: number, text: string): boolean {
    if (this.answered) {
      return false;
    }
    this.#last = text;
    this.#user.transmit(text);
    if (status < 200) {
      if (this.state === 'trying') {
        this.transition('proceeding');
      }
      return true;
    }
    this.disarmAll();
    this.transition('completed');
    this.terminateAfter('J', this.#isReliable ? 0 : this.#timers.t1x64);
    return true;
  }
}
