import type { EngineClock, EngineTimer } from './clock.js';

const LOOK_EVERY_MS = 100;
/** A look that comes so much too late means that the process is behind with its work. */
const BEHIND_MS = 500;
/** One long pause is no overload: what waited is done soon after. */
const LOOKS_IN_A_ROW = 4;

/**
 * Tells when the process is behind with its work for longer than a moment: work that still comes in then would only make
 * all wait longer. It is over as soon as one look comes in time.
 */
export class LoadGauge {
  readonly #clock: EngineClock;
  readonly #changed: (isOverloaded: boolean) => void;
  #timer: EngineTimer | undefined;
  #behind = 0;

  /** @param changed told when it begins and when it is over. */
  constructor(clock: EngineClock, changed: (isOverloaded: boolean) => void = () => undefined) {
    this.#clock = clock;
    this.#changed = changed;
    this.#look(clock.now());
  }

  get isOverloaded(): boolean {
    return this.#behind >= LOOKS_IN_A_ROW;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #look(last: number): void {
    this.#timer = this.#clock.setTimer(LOOK_EVERY_MS, () => {
      const now = this.#clock.now();
      const before = this.isOverloaded;
      this.#behind = now - last - LOOK_EVERY_MS > BEHIND_MS ? this.#behind + 1 : 0;
      if (before !== this.isOverloaded) {
        this.#changed(this.isOverloaded);
      }
      this.#look(now);
    });
  }
}
