import type { InviteServer } from '../agent/invite-server.js';
import type { EngineClock, EngineTimer } from '../clock.js';

/** More than this at a time are refused at once: an upstream with other ways must not wait here. */
const PARKED_AT_MOST = 5_000;

/** INVITEs that came while no application wanted them: they wait on their 100 for one that connects. */
export class Parking {
  readonly #waiting = new Map<InviteServer, EngineTimer>();
  readonly #clock: EngineClock;
  /** Milliseconds that an INVITE waits. */
  readonly #within: number;
  readonly #refuse: (call: InviteServer) => void;
  #closed = false;

  /** @param refuse called for whom no application came. */
  constructor(clock: EngineClock, within: number, refuse: (call: InviteServer) => void) {
    this.#clock = clock;
    this.#within = within;
    this.#refuse = refuse;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Keeps an INVITE, and refuses it when its time is over. */
  park(call: InviteServer): void {
    if (this.#closed || this.#waiting.size >= PARKED_AT_MOST) {
      this.#refuse(call);
      return;
    }
    const timer = this.#clock.setTimer(this.#within, () => {
      this.#leave(call);
      this.#refuse(call);
    });
    this.#waiting.set(call, timer);
    const leave = (): void => {
      this.#leave(call);
    };
    call.attach({ cancelled: leave, expired: leave });
  }

  /** The calls that wait, oldest first. None waits any more. */
  takeAll(): readonly InviteServer[] {
    const calls = [...this.#waiting.keys()];
    for (const call of calls) {
      this.#leave(call);
    }
    return calls;
  }

  /** No application will come any more: 503 to what waits, and to what would. */
  close(): void {
    this.#closed = true;
    for (const call of this.takeAll()) {
      this.#refuse(call);
    }
  }

  #leave(call: InviteServer): void {
    this.#waiting.get(call)?.cancel();
    this.#waiting.delete(call);
  }
}
