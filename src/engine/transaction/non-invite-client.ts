import type { EngineClock } from '../clock.js';
import type { TimerTable } from '../timers.js';
import { Machine } from './machine.js';

export type NonInviteClientState = 'trying' | 'proceeding' | 'completed' | 'terminated';

/** What a non-INVITE client transaction tells of and asks for. */
export interface NonInviteClientUser {
  transmit(): void;
  timedOut(): void;
  terminated(): void;
}

const LEGAL = {
  trying: ['proceeding', 'completed', 'terminated'],
  proceeding: ['completed', 'terminated'],
  completed: ['terminated'],
  terminated: [],
} as const;

/** Non-INVITE client transaction: RFC 3261 17.1.2. */
export class NonInviteClientTransaction extends Machine<NonInviteClientState> {
  readonly #timers: TimerTable;
  readonly #isReliable: boolean;
  readonly #user: NonInviteClientUser;

  constructor(clock: EngineClock, timers: TimerTable, user: NonInviteClientUser, isReliable = false) {
    super(clock, 'trying', LEGAL, () => {
      user.terminated();
    });
    this.#timers = timers;
    this.#isReliable = isReliable;
    this.#user = user;
  }

  start(): void {
    if (!this.#isReliable) {
      this.#resendAfter(this.#timers.t1);
    }
    this.arm('F', this.#timers.t1x64, () => {
      this.terminate();
      this.#user.timedOut();
    });
    this.#user.transmit();
  }

  /** @returns whether the response goes up to the user: each provisional and the first final. */
  received(status: number): boolean {
    if (this.state === 'completed' || this.state === 'terminated') {
      return false;
    }
    if (status < 200) {
      if (this.state === 'trying') {
        this.transition('proceeding');
      }
      return true;
    }
    this.disarmAll();
    this.transition('completed');
    this.terminateAfter('K', this.#isReliable ? 0 : this.#timers.t4);
    return true;
  }

  /** The request cannot be sent: instead of a start, the transaction ends in the next turn of the event loop. */
  endUnsent(then: () => void): void {
    this.arm('unsent', 0, () => {
      this.terminate();
      then();
    });
  }

  #resendAfter(delay: number): void {
    this.arm('E', delay, () => {
      this.#resendAfter(this.state === 'proceeding' ? this.#timers.t2 : Math.min(delay * 2, this.#timers.t2));
      this.#user.transmit();
    });
  }
}
