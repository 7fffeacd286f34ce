/** One timer, in the ring of those that run at the same tick. */
class WheelTimer {
  action: (() => void) | undefined;
  before: WheelTimer = this;
  behind: WheelTimer = this;

  constructor(action?: () => void) {
    this.action = action;
  }

  cancel(): void {
    this.before.behind = this.behind;
    this.behind.before = this.before;
    this.before = this;
    this.behind = this;
    this.action = undefined;
  }

  /** Puts it behind all others of this ring. */
  joins(ring: WheelTimer): void {
    this.before = ring.before;
    this.behind = ring;
    ring.before.behind = this;
    ring.before = this;
  }
}

/** What a wheel needs of the machine. */
export interface WheelClock {
  /** Milliseconds. */
  now(): number;
  /** Calls once, not before that time has passed. */
  after(delay: number, action: () => void): void;
}

/**
 * Timers that run on the next of a few moments, and never early. Each finished transaction waits for its end, and thousands
 * of them would wake the process thousands of times a second.
 */
export class TimerWheel {
  readonly #clock: WheelClock;
  readonly #grain: number;
  /** The rings of timers, by the tick at which they run. */
  readonly #rings = new Map<number, WheelTimer>();

  /** @param grain milliseconds from one tick to the next: no timer is late by more. */
  constructor(clock: WheelClock, grain: number) {
    this.#clock = clock;
    this.#grain = grain;
  }

  /** @param delay milliseconds. */
  setTimer(delay: number, action: () => void): WheelTimer {
    const tick = Math.ceil((this.#clock.now() + delay) / this.#grain);
    const timer = new WheelTimer(action);
    timer.joins(this.#rings.get(tick) ?? this.#newRing(tick));
    return timer;
  }

  #newRing(tick: number): WheelTimer {
    const ring = new WheelTimer();
    this.#rings.set(tick, ring);
    this.#clock.after(Math.max(tick * this.#grain - this.#clock.now(), 0), () => {
      this.#rings.delete(tick);
      run(ring);
    });
    return ring;
  }
}

/** One that fails must not keep the others from running. */
function run(ring: WheelTimer): void {
  for (let next = ring.behind; next !== ring; next = ring.behind) {
    const { action } = next;
    next.cancel();
    try {
      action?.();
    } catch (error) {
      queueMicrotask(() => {
        throw error;
      });
    }
  }
}
