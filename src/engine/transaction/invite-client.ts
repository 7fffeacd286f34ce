import type { EngineClock } from '../clock.js';
import type { TimerTable } from '../timers.js';
import { Machine } from './machine.js';

export type InviteClientState = 'calling' | 'proceeding' | 'completed' | 'accepted' | 'terminated';

/** What an INVITE client transaction tells of and asks for. */
export interface InviteClientUser {
  /** Sends the INVITE, again with each call. */
  transmit(): void;
  /** Sends the ACK of a failure (RFC 3261 17.1.1.3). */
  acknowledge(toHeader: string): void;
  /** Nothing came within 64*T1. */
  timedOut(): void;
  terminated(): void;
}

const LEGAL = {
  calling: ['proceeding', 'completed', 'accepted', 'terminated'],
  proceeding: ['completed', 'accepted', 'terminated'],
  completed: ['terminated'],
  accepted: ['terminated'],
  terminated: [],
} as const;

/** INVITE client transaction over UDP: RFC 3261 17.1.1 with RFC 6026 7.2. */
export class InviteClientTransaction extends Machine<InviteClientState> {
  readonly #timers: TimerTable;
  readonly #user: InviteClientUser;

  constructor(clock: EngineClock, timers: TimerTable, user: InviteClientUser) {
    super(clock, 'calling', LEGAL);
    this.#timers = timers;
    this.#user = user;
  }

  start(): void {
    this.#user.transmit();
    this.#resendAfter(this.#timers.t1);
    this.arm('B', this.#timers.t1x64, () => {
      this.#user.timedOut();
      this.terminate();
    });
  }

  /** Stops the resends. The transaction stays for what is still on its way: it ends by timer B at the latest. */
  stopResending(): void {
    this.disarm('A');
  }

  /** A final response must come within 64*T1 of our CANCEL, else the transaction is over (RFC 3261 9.1). */
  cancelled(): void {
    if (this.state === 'proceeding') {
      this.arm('cancel', this.#timers.t1x64, () => {
        this.#user.timedOut();
        this.terminate();
      });
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

  /** The message could not be sent: the transaction is over, and its user knows. */
  terminate(): void {
    if (this.state !== 'terminated') {
      this.transition('terminated');
      this.disarmAll();
      this.#user.terminated();
    }
  }

  #first(status: number, toHeader: string): boolean {
    if (status < 200) {
      this.disarm('A');
      this.disarm('B');
      if (this.state === 'calling') {
        this.transition('proceeding');
      }
      return true;
    }
    this.disarmAll();
    if (status < 300) {
      this.transition('accepted');
      this.arm('M', this.#timers.t1x64, () => {
        this.terminate();
      });
      return true;
    }
    this.transition('completed');
    this.#user.acknowledge(toHeader);
    this.arm('D', this.#timers.timerD, () => {
      this.terminate();
    });
    return true;
  }

  #resendAfter(delay: number): void {
    this.arm('A', delay, () => {
      this.#user.transmit();
      this.#resendAfter(delay * 2);
    });
  }
}
