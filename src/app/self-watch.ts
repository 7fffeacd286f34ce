import { after, between, type Instant, ms } from '../domain/time.js';
import type { Clock, Timer } from '../ports/clock.js';

/** How often our own process shows that it runs. */
const BEAT = ms(100);
/** A beat that comes later than this was held up: what should have been read meanwhile lies unread. */
const LATE = ms(100);

/** Watches whether our own process stands still, as it does when it is starved or paused. */
export class SelfWatch {
  readonly #clock: Clock;
  #due: Instant;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#due = after(clock.now(), BEAT);
    this.#beat();
  }

  /** Whether the process stood still until just now: then silence is no evidence yet. */
  get wasHeldUp(): boolean {
    return between(this.#due, this.#clock.now()) > LATE;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #beat(): void {
    this.#due = after(this.#clock.now(), BEAT);
    this.#timer = this.#clock.setTimer(BEAT, () => {
      this.#beat();
    });
  }
}
