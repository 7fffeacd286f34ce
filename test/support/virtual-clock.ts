import { after, instant, type Instant, type Milliseconds } from '../../src/domain/time.js';
import type { Clock, Timer } from '../../src/ports/clock.js';

interface Entry {
  readonly at: Instant;
  readonly order: number;
  readonly action: () => void;
}

/** A clock that moves only when the test says so. Timers run in order of their time, then of their setting. */
export class VirtualClock implements Clock {
  #now = instant(0);
  #order = 0;
  readonly #timers = new Set<Entry>();

  now(): Instant {
    return this.#now;
  }

  wallTime(): number {
    return 1_561_383_240_000 + this.#now;
  }

  setTimer(delay: Milliseconds, action: () => void): Timer {
    const entry: Entry = { at: after(this.#now, delay), order: ++this.#order, action };
    this.#timers.add(entry);
    return {
      cancel: () => {
        this.#timers.delete(entry);
      },
    };
  }

  /** How many timers are waiting. */
  get waiting(): number {
    return this.#timers.size;
  }

  /** Lets `duration` pass and runs every timer that falls into it. */
  advance(duration: number): void {
    const end = instant(this.#now + duration);
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#timers.delete(next);
      this.#now = next.at;
      next.action();
    }
    this.#now = end;
  }

  #next(end: Instant): Entry | undefined {
    const due = [...this.#timers].filter(({ at }) => at <= end);
    return due.toSorted((a, b) => a.at - b.at || a.order - b.order)[0];
  }
}
