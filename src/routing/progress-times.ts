import { type Milliseconds, ms } from '../domain/time.js';

/** How many times are remembered. */
const REMEMBERED = 500;
/** Fewer times say nothing of a rare late one. */
const ENOUGH = 50;
/** Half of them is known sooner. */
const ENOUGH_FOR_USUAL = 5;
/** The share of calls that progress before the deadline. */
const IN_TIME = 0.995;

interface Sample {
  readonly took: number;
  /** Whether it progressed then. Otherwise it was ended then by us, and would have taken longer. */
  readonly progressed: boolean;
}

/** How long calls took to trusted progress on one way to one destination (DESIGN 4.3). */
export class ProgressTimes {
  #samples: Sample[] = [];
  #next = 0;
  #late: Milliseconds | undefined;
  #usual: Milliseconds | undefined;
  #isStale = false;
  readonly #before: Milliseconds | undefined;

  /** @param before what an earlier process knew: it holds until enough is known anew. */
  constructor(before?: Milliseconds) {
    this.#before = before;
  }

  /** A call progressed, or was ended by us before it could. */
  add(took: Milliseconds, progressed: boolean): void {
    this.#samples[this.#next] = { took, progressed };
    this.#next = (this.#next + 1) % REMEMBERED;
    this.#isStale = true;
  }

  /** The time before which 99.5 % of calls progress; undefined while too little is known. */
  late(): Milliseconds | undefined {
    this.#refresh();
    return this.#late ?? this.#before;
  }

  /** The time that half of the calls need. A few that needed longer, because a response was lost, do not change it. */
  usual(): Milliseconds | undefined {
    this.#refresh();
    return this.#usual;
  }

  #refresh(): void {
    if (this.#isStale) {
      this.#isStale = false;
      const times = this.#samples.filter(({ progressed }) => progressed).map(({ took }) => took);
      this.#late = times.length < ENOUGH ? undefined : this.#percentile();
      this.#usual = times.length < ENOUGH_FOR_USUAL ? undefined : middleOf(times);
    }
  }

  /** What was ended early counts as "at least so long": the estimate of Kaplan and Meier. */
  #percentile(): Milliseconds {
    const sorted = this.#samples.toSorted((a, b) => a.took - b.took || Number(b.progressed) - Number(a.progressed));
    let waiting = 1;
    let longest = 0;
    for (const [index, { took, progressed }] of sorted.entries()) {
      longest = took;
      waiting *= progressed ? 1 - 1 / (sorted.length - index) : 1;
      if (waiting <= 1 - IN_TIME) {
        return ms(took);
      }
    }
    return ms(longest);
  }
}

function middleOf(times: readonly number[]): Milliseconds {
  return ms(times.toSorted((a, b) => a - b)[times.length >> 1] ?? 0);
}
