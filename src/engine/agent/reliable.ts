import { setHeader } from '../../sip/headers.js';
import type { Header } from '../../sip/message.js';
import type { EngineClock, EngineTimer } from '../clock.js';
import type { TimerTable } from '../timers.js';
import { nextRseq } from './numbering.js';

/** What the sender of reliable provisional responses needs. */
export interface ReliableUser {
  /** The response as it would leave. */
  print(status: number, headers: readonly Header[], body: string): string;
  transmit(status: number, headers: readonly Header[], body: string): string | undefined;
}

interface Waiting {
  readonly status: number;
  readonly headers: readonly Header[];
  readonly body: string;
  readonly rseq: number;
}

/**
 * Reliable provisional responses of a server (RFC 3262 3): one in flight, resent until its PRACK comes.
 *
 * Without a PRACK the resends stop after 64*T1. The RFC would refuse the call then; a caller who hears ringing and waits is
 * not given up here (DESIGN 8).
 */
export class ReliableProvisionals {
  readonly #clock: EngineClock;
  readonly #timers: TimerTable;
  readonly #user: ReliableUser;
  readonly #queue: Waiting[] = [];
  #inFlight: Waiting | undefined;
  #timer: EngineTimer | undefined;
  #nextRseq: number;
  /** The number of the last response that another process of ours sent. */
  readonly #adopted: number | undefined;

  /**
   * @param first the number of the first response.
   * @param adopted the number of the last one that another process of ours sent: this one goes on after it.
   */
  constructor(clock: EngineClock, timers: TimerTable, first: number, user: ReliableUser, adopted?: number) {
    this.#clock = clock;
    this.#timers = timers;
    this.#user = user;
    this.#adopted = adopted;
    this.#nextRseq = adopted === undefined ? first : nextRseq(adopted);
  }

  /** @returns the response as it leaves: now, or when the one before it has been acknowledged. */
  send(status: number, headers: readonly Header[], body: string): string | undefined {
    const rseq = this.#nextRseq;
    this.#nextRseq = nextRseq(rseq);
    const next = { status, body, rseq, headers: setHeader(headers, 'RSeq', String(rseq)) };
    if (this.#inFlight !== undefined) {
      this.#queue.push(next);
      return this.#user.print(status, next.headers, body);
    }
    return this.#start(next);
  }

  /** @param rack the value of the RAck header. @returns whether it acknowledges what is in flight, or was sent elsewhere. */
  acknowledge(rack: string): boolean {
    const number = Number.parseInt(rack, 10);
    if (number === this.#adopted) {
      return true;
    }
    if (this.#inFlight === undefined || number !== this.#inFlight.rseq) {
      return false;
    }
    this.#next();
    return true;
  }

  /** A final response has been sent: no more resends, and what waits never leaves. */
  stop(): void {
    this.#timer?.cancel();
    this.#queue.length = 0;
  }

  #next(): void {
    this.#timer?.cancel();
    this.#inFlight = undefined;
    const next = this.#queue.shift();
    if (next !== undefined) {
      this.#start(next);
    }
  }

  #start(waiting: Waiting): string | undefined {
    this.#inFlight = waiting;
    const text = this.#transmit(waiting);
    this.#resendAfter(waiting, this.#timers.t1, this.#timers.t1);
    return text;
  }

  #resendAfter(waiting: Waiting, delay: number, elapsed: number): void {
    this.#timer = this.#clock.setTimer(delay, () => {
      if (elapsed >= this.#timers.t1x64) {
        return this.#next();
      }
      this.#transmit(waiting);
      const next = Math.min(delay * 2, this.#timers.t1x64 - elapsed);
      this.#resendAfter(waiting, next, elapsed + next);
    });
  }

  #transmit({ status, headers, body }: Waiting): string | undefined {
    return this.#user.transmit(status, headers, body);
  }
}
