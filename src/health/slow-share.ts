/** What is taken for granted at first: one call in a thousand is slow. */
const priorCalls = 200;
const priorSlow = 0.2;
/** What is older counts half, so that it follows the path as it is. */
const memory = 1_000;
/** So unlikely must it be that a row of slow calls came by chance, before a carrier is taken for gone. */
const byChance = 1e-7;
const fewest = 3;
const most = 12;

/** Fewer calls are no experience. */
const experience = 50;

/** How many of the calls over a carrier are slow though nothing is wrong with it: by slow people, or lost packets. */
export class SlowShare {
  #calls = priorCalls;
  #slow = priorSlow;
  #seen = 0;

  /** A call got through. */
  gotThrough(): void {
    this.#count(0);
  }

  /** A call was slow, and one that left later got through. */
  wasSlow(): void {
    this.#count(1);
  }

  /** How many slow calls in a row do not come by chance. At least three. */
  get callsInARow(): number {
    const inARow = Math.ceil(Math.log(byChance) / Math.log(this.#slow / this.#calls));
    return Math.min(Math.max(inARow, fewest), most);
  }

  /** Whether it is known from experience that hardly any call is slow. */
  get isRare(): boolean {
    return this.#seen >= experience && this.callsInARow === fewest;
  }

  #count(slow: 0 | 1): void {
    this.#seen = Math.min(experience, this.#seen + 1);
    this.#calls += 1;
    this.#slow += slow;
    if (this.#calls > memory) {
      this.#calls /= 2;
      this.#slow /= 2;
    }
  }
}
