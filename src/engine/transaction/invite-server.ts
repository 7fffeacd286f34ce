import type { EngineClock } from '../clock.js';
import type { TimerTable } from '../timers.js';
import { Machine } from './machine.js';

export type InviteServerState = 'proceeding' | 'completed' | 'confirmed' | 'accepted' | 'terminated';

/** What an INVITE server transaction tells of and asks for. */
export interface InviteServerUser {
  transmit(response: string): void;
  /** Our 2xx was not acknowledged within 64*T1. */
  notAcknowledged(): void;
  terminated(): void;
}

const LEGAL = {
  proceeding: ['completed', 'accepted', 'terminated'],
  completed: ['confirmed', 'terminated'],
  confirmed: ['terminated'],
  accepted: ['terminated'],
  terminated: [],
} as const;

/**
 * INVITE server transaction: RFC 3261 17.2.1 with RFC 6026 7.1.
 *
 * The resends of a 2xx (RFC 3261 13.3.1.4) belong to the user agent core; they are here because their timers live as long.
 */
export class InviteServerTransaction extends Machine<InviteServerState> {
  readonly #timers: TimerTable;
  readonly #isReliable: boolean;
  readonly #user: InviteServerUser;
  #last: string | undefined;
  #acknowledged = false;
  #dropped = false;

  constructor(clock: EngineClock, timers: TimerTable, user: InviteServerUser, isReliable = false) {
    super(clock, 'proceeding', LEGAL, () => {
      user.terminated();
    });
    this.#timers = timers;
    this.#isReliable = isReliable;
    this.#user = user;
  }

  /** Whether a final response has been sent. */
  get answered(): boolean {
    return this.state !== 'proceeding';
  }

  /** Whether a call hangs on it: not answered yet, or answered with a 2xx. */
  get open(): boolean {
    return this.state === 'proceeding' || this.state === 'accepted';
  }

  /** Whether the INVITE is to get no answer at all. */
  get dropped(): boolean {
    return this.#dropped;
  }

  /** Sends nothing from now on; copies of the INVITE are absorbed for 64*T1. */
  drop(): void {
    if (this.state === 'proceeding') {
      this.#dropped = true;
      this.#last = undefined;
      this.transition('completed');
      this.terminateAfter('H', this.#timers.t1x64);
    }
  }

  /** The INVITE came again: the last response goes out again. */
  repeated(): void {
    if (this.#last !== undefined && (this.state === 'proceeding' || this.state === 'completed')) {
      this.#user.transmit(this.#last);
    }
  }

  /** @returns false when a final response has been sent already. */
  respond(status: number, text: string): boolean {
    if (this.state !== 'proceeding') {
      return false;
    }
    this.#last = text;
    this.#user.transmit(text);
    if (status >= 300) {
      this.#failed();
    } else if (status >= 200) {
      this.#accepted();
    }
    return true;
  }

  /** The ACK of a failure, in this transaction. */
  acknowledged(): void {
    if (this.state === 'completed') {
      this.disarmAll();
      this.transition('confirmed');
      this.terminateAfter('I', this.#isReliable ? 0 : this.#timers.t4);
    }
  }

  /** The ACK of a 2xx, which the dialog saw. */
  acceptedAcknowledged(): void {
    if (this.state === 'accepted') {
      this.#acknowledged = true;
      this.disarm('2xx');
    }
  }

  #failed(): void {
    this.transition('completed');
    this.#resendAfter('G', this.#timers.t1);
    this.terminateAfter('H', this.#timers.t1x64);
  }

  #accepted(): void {
    this.transition('accepted');
    this.#resendAfter('2xx', this.#timers.t1);
    this.arm('L', this.#timers.t1x64, () => {
      const heard = this.#acknowledged;
      this.terminate();
      if (!heard) {
        this.#user.notAcknowledged();
      }
    });
  }

  #resendAfter(name: 'G' | '2xx', delay: number): void {
    if (this.#isReliable) {
      return;
    }
    this.arm(name, delay, () => {
      this.#resendAfter(name, Math.min(delay * 2, this.#timers.t2));
      if (this.#last !== undefined) {
        this.#user.transmit(this.#last);
      }
    });
  }
}
