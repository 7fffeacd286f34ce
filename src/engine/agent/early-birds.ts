import type { EngineClock } from '../clock.js';

/** Seconds of what one processor can carry. */
const AT_MOST = 10_000;

interface Waiting {
  /** Tries again. @returns whether it belongs to something now. */
  readonly again: () => boolean;
  readonly giveUp: () => void;
}

/**
 * Messages that belong to nothing that is known here, in the first moments after the start: another process of ours may have
 * died, and its calls be handed over next. A CANCEL that was refused then would ring on, and an answer be released.
 */
export class EarlyBirds {
  readonly #waiting = new Set<Waiting>();
  readonly #clock: EngineClock;
  readonly #until: number;

  /** @param within milliseconds from now; 0 where nobody hands anything over. */
  constructor(clock: EngineClock, within: number) {
    this.#clock = clock;
    this.#until = clock.now() + within;
  }

  /** @returns whether it is kept. What is kept is tried with each `again()`, and given up when the time is over. */
  keep(again: () => boolean, giveUp: () => void): boolean {
    const left = this.#until - this.#clock.now();
    if (left <= 0 || this.#waiting.size >= AT_MOST) {
      return false;
    }
    this.#waiting.add({ again, giveUp });
    if (this.#waiting.size === 1) {
      this.#clock.setTimer(left, () => {
        this.#giveUp();
      });
    }
    return true;
  }

  /** Something was handed over. */
  again(): void {
    for (const waiting of this.#waiting) {
      if (waiting.again()) {
        this.#waiting.delete(waiting);
      }
    }
  }

  /** All at once: a copy of an answer must find the dialog in which the first is released. */
  #giveUp(): void {
    for (const waiting of this.#waiting) {
      this.#waiting.delete(waiting);
      waiting.giveUp();
    }
  }
}
