/** No more kinds than this are told apart. */
const KINDS_AT_MOST = 1_000;

/** Counts by kind. Whoever makes up kinds cannot make it grow. */
export class Tally {
  readonly #counts = new Map<string, number>();

  count(kind: string): void {
    const before = this.#counts.get(kind);
    if (before !== undefined || this.#counts.size < KINDS_AT_MOST) {
      this.#counts.set(kind, (before ?? 0) + 1);
    }
  }

  /** As plain JSON. */
  counts(): Readonly<Record<string, number>> {
    return Object.fromEntries(this.#counts);
  }
}
