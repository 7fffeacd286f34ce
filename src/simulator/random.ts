/** Randomness that a seed decides. */
export class SeededRandom {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** A number in [0, 1) (mulberry32). */
  fraction(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }

  /** A number in [from, to). */
  between(from: number, to: number): number {
    return from + (to - from) * this.fraction();
  }

  /** A waiting time of a Poisson stream with this mean. */
  waiting(mean: number): number {
    return -Math.log(1 - this.fraction()) * mean;
  }

  chance(share: number): boolean {
    return this.fraction() < share;
  }
}
