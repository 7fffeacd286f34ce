import { ms, type Milliseconds } from '../../domain/time.js';
import type { Clock, Timer } from '../../ports/clock.js';
import type { IncomingCall, LostAttempt } from '../../ports/sip-server.js';
import type { Connection } from './connection.js';
import type { DialogTable } from './dialog.js';
import type { SrfRequest, SrfRequestOptions, SrfResponse } from './srf.js';

/**
 * A call in set-up that nobody takes up within this time is lost. Nothing is gained by letting it go sooner: its caller cannot be
 * told, and waits.
 */
const WAITS = ms(30_000);
/** An INVITE of ours that nobody wants any more rings for so long at most (timer C of RFC 3261 16.6). */
const RINGS_AT_MOST = ms(180_000);
/** Minutes of what one processor can carry. */
const LEGS_AT_MOST = 5_000;

/** What belongs to one SIP server: the way to it, its dialogs, and what it lost. */
export interface Home {
  readonly connection: Connection;
  readonly table: DialogTable;
  readonly orphans: Orphans;
  readonly clock: Clock;
}

/** A call that came in, and that was not answered when its SIP server was lost. */
export interface OrphanCall extends IncomingCall {
  /** Tells it from all others: see `inviteKey`. */
  readonly key: string;
  /** Asks a server that can to take it up: it then hands the INVITE over again. */
  readonly order: SrfRequestOptions;
  /** A server has taken it up. */
  adopted(invite: SrfRequest, response: SrfResponse, home: Home): void;
  /** Nobody has. */
  lost(): void;
}

/** An INVITE of ours that had no final response when its SIP server was lost. */
export interface OrphanLeg {
  /** Whether a call waits for its answer; else it is only to be cancelled. */
  readonly isWanted: boolean;
  /** For another server to cancel; undefined where nothing came back yet, so that it may not be (RFC 3261 9.1). */
  readonly attempt: LostAttempt | undefined;
  /** Its server is there again, and may know how to go on with it. */
  resume(): void;
  /** It has waited for long enough: no call wants it any more. */
  lost(): void;
}

/** What was in set-up on a SIP server that is gone: it waits for that server to be there again, or for another one. */
export class Orphans {
  readonly #clock: Clock;
  readonly #calls = new Map<string, { readonly call: OrphanCall; readonly timer: Timer }>();
  readonly #legs = new Map<OrphanLeg, Timer>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Whether a call waits. */
  get hasCalls(): boolean {
    return this.#calls.size > 0;
  }

  /** The calls that wait, oldest first. */
  get calls(): readonly OrphanCall[] {
    return [...this.#calls.values()].map(({ call }) => call);
  }

  addCall(call: OrphanCall): void {
    if (this.#closed) {
      return call.lost();
    }
    const timer = this.#after(WAITS, () => {
      this.#calls.delete(call.key);
      call.lost();
    });
    this.#calls.set(call.key, { call, timer });
  }

  /** Takes a call out, for who has a server for it. */
  takeCall(key: string): OrphanCall | undefined {
    const found = this.#calls.get(key);
    found?.timer.cancel();
    this.#calls.delete(key);
    return found?.call;
  }

  /** Takes all calls out. */
  takeCalls(): readonly OrphanCall[] {
    const { calls } = this;
    for (const { key } of calls) {
      this.takeCall(key);
    }
    return calls;
  }

  addLeg(leg: OrphanLeg): void {
    if (this.#closed) {
      return leg.lost();
    }
    const [oldest] = this.#legs.keys();
    if (oldest !== undefined && this.#legs.size >= LEGS_AT_MOST) {
      this.#takeLeg(oldest);
      oldest.lost();
    }
    this.#keep(leg);
  }

  /** Goes on with all INVITEs of ours. */
  resumeLegs(): void {
    for (const leg of [...this.#legs.keys()]) {
      this.#takeLeg(leg);
      leg.resume();
    }
  }

  /** The INVITEs of ours that another server may cancel. */
  get attempts(): readonly LostAttempt[] {
    return [...this.#legs.keys()].flatMap(({ attempt }) => (attempt === undefined ? [] : [attempt]));
  }

  /** No call waits any more for the answer to an INVITE of ours; each is still to be cancelled. */
  giveLegsUp(): void {
    for (const leg of [...this.#legs.keys()].filter(({ isWanted }) => isWanted)) {
      this.#giveUp(leg);
    }
  }

  /** Nobody will ever come. */
  close(): void {
    this.#closed = true;
    for (const timer of this.#legs.values()) {
      timer.cancel();
    }
    this.#legs.clear();
    for (const call of this.takeCalls()) {
      call.lost();
    }
  }

  #keep(leg: OrphanLeg): void {
    const wait = leg.isWanted
      ? this.#after(WAITS, () => {
          this.#giveUp(leg);
        })
      : this.#after(RINGS_AT_MOST, () => {
          this.#legs.delete(leg);
          leg.lost();
        });
    this.#legs.set(leg, wait);
  }

  #giveUp(leg: OrphanLeg): void {
    this.#takeLeg(leg);
    leg.lost();
    this.#keep(leg);
  }

  #takeLeg(leg: OrphanLeg): void {
    this.#legs.get(leg)?.cancel();
    this.#legs.delete(leg);
  }

  #after(delay: Milliseconds, action: () => void): Timer {
    return this.#clock.setTimer(delay, action);
  }
}
