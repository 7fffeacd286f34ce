import type { EngineClock } from '../clock.js';
import type { TimerTable } from '../timers.js';
import { Machine } from './machine.js';
import type { Pace } from './user.js';

export type InviteClientState = 'calling' | 'proceeding' | 'completed' | 'accepted' | 'terminated';

/** What an INVITE client transaction tells of and asks for. */
export interface InviteClientUser {
  /** Sends the INVITE, again with each call. */
  transmit(): void;
  /** Sends the ACK of a failure (RFC 3261 17.1.1.3). */
  acknowledge(toHeader: string): void;
  /** Sends the CANCEL, at most once (RFC 3261 9.1). */
  sendCancel(): void;
  /** Nothing came within 64*T1. */
  timedOut(): void;
  terminated(): void;
}

/** So often an INVITE is sent again that got 100 and no more. */
const MOST_ASKED = 4;

const LEGAL = {
  calling: ['proceeding', 'completed', 'accepted', 'terminated'],
  proceeding: ['completed', 'accepted', 'terminated'],
  completed: ['terminated'],
  accepted: ['terminated'],
  terminated: [],
} as const;

/** INVITE client transaction: RFC 3261 17.1.1 with RFC 6026 7.2. */
export class InviteClientTransaction extends Machine<InviteClientState> {
  readonly #timers: TimerTable;
  readonly #isReliable: boolean;
  readonly #user: InviteClientUser;
  readonly #askAfter: Pace['askAfter'];
  #givenUp = false;
  #cancelled = false;

  /** @param askAfter as {@link Pace} has it. */
  constructor(
    clock: EngineClock,
    timers: TimerTable,
    user: InviteClientUser,
    isReliable = false,
    askAfter?: Pace['askAfter'],
  ) {
    super(clock, 'calling', LEGAL, () => {
      user.terminated();
    });
    this.#timers = timers;
    this.#isReliable = isReliable;
    this.#user = user;
    this.#askAfter = askAfter;
  }

  start(): void {
    if (!this.#isReliable) {
      this.#resendAfter(this.#timers.t1);
      if (this.#askAfter !== undefined) {
        this.#askAgain(this.#askAfter, MOST_ASKED);
      }
    }
    this.#timeOutAfter64T1('B');
    this.#user.transmit();
  }

  /**
   * Goes on with an INVITE that another process of ours sent: nothing is resent. In place of `start`.
   *
   * @param heard whether a provisional response came before.
   */
  resume(heard: boolean): void {
    if (heard) {
      this.transition('proceeding');
    } else {
      this.stopResending();
    }
  }

  /**
   * Stops the resends of an INVITE that nobody has answered. The transaction stays for what is still on its way: timer B
   * starts anew, since the last copy may have left just now.
   */
  stopResending(): void {
    if (this.state === 'calling' && !this.#givenUp) {
      this.#givenUp = true;
      this.disarm('A');
      this.#timeOutAfter64T1('B');
    }
  }

  /**
   * Cancels the INVITE: now, when a provisional response has come, else as soon as one comes (RFC 3261 9.1). A final response
   * must follow within 64*T1, else the transaction is over.
   */
  cancel(): void {
    if (this.#cancelled) {
      return;
    }
    this.#cancelled = true;
    this.stopResending();
    this.disarm('ask');
    if (this.state === 'proceeding') {
      this.#sendCancel();
    }
  }

  /**
   * A response came.
   *
   * @returns whether it goes up to the user: each provisional, the first failure, every 2xx.
   */
  received(status: number, toHeader: string): boolean {
    switch (this.state) {
      case 'calling':
      case 'proceeding':
        return this.#first(status, toHeader);
      case 'completed':
        if (status >= 300) {
          this.#user.acknowledge(toHeader);
        }
        return false;
      case 'accepted':
        return status >= 200 && status < 300;
      case 'terminated':
        return false;
    }
  }

  /** The request cannot be sent: instead of a start, the transaction ends in the next turn of the event loop. */
  endUnsent(then: () => void): void {
    this.arm('unsent', 0, () => {
      this.terminate();
      then();
    });
  }

  #first(status: number, toHeader: string): boolean {
    if (status < 200) {
      this.disarm('A');
      this.disarm('B');
      if (status > 100) {
        this.disarm('ask');
      }
      if (this.state === 'calling') {
        this.transition('proceeding');
        if (this.#cancelled) {
          this.#sendCancel();
        }
      }
      return true;
    }
    this.disarmAll();
    if (status < 300) {
      this.transition('accepted');
      this.terminateAfter('M', this.#timers.t1x64);
      return true;
    }
    this.transition('completed');
    this.terminateAfter('D', this.#isReliable ? 0 : this.#timers.timerD);
    this.#user.acknowledge(toHeader);
    return true;
  }

  #resendAfter(delay: number): void {
    this.arm('A', delay, () => {
      this.#resendAfter(delay * 2);
      this.#user.transmit();
    });
  }

  /** While nothing was heard at all, timer A sends the INVITE again. */
  #askAgain(delay: number, left: number): void {
    this.arm('ask', delay, () => {
      if (left > 1) {
        this.#askAgain(left === MOST_ASKED ? delay : delay * 2, left - 1);
      }
      if (this.state === 'proceeding') {
        this.#user.transmit();
      }
    });
  }

  #sendCancel(): void {
    this.#timeOutAfter64T1('cancel');
    this.#user.sendCancel();
  }

  #timeOutAfter64T1(name: 'B' | 'cancel'): void {
    this.arm(name, this.#timers.t1x64, () => {
      this.terminate();
      this.#user.timedOut();
    });
  }
}
