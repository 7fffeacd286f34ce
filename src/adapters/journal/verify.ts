import { GENESIS, hashOf } from './chain.js';
import { entryIn, linesOf, type JournalLine } from './reader.js';

/** What the chain of a journal is worth. */
export type Verification =
  | {
      readonly ok: true;
      readonly files: number;
      readonly records: number;
      /** The number of the first and of the last line; none in an empty journal. */
      readonly first?: string;
      readonly last?: string;
      /** The hash of the last line: noted elsewhere, it proves later that nothing before it was changed. */
      readonly head: string;
      /** `FILE:LINE` of a last line without an end: it is being written, or was cut by a crash. */
      readonly torn?: string;
    }
  /** `at` is `FILE:LINE` of the first line that does not follow from the one before. */
  | { readonly ok: false; readonly at: string; readonly problem: string };

/**
 * Follows the chain of a journal from its first line to its last. A journal whose oldest files were taken away begins with
 * a higher number than 1.
 *
 * @throws with a `code` when the folder or a file cannot be read.
 */
export async function verifyJournal(directory: string): Promise<Verification> {
  const chain = new ChainCheck();
  for await (const line of linesOf(directory)) {
    const problem = chain.next(line);
    if (problem !== undefined) {
      return { ok: false, at: `${line.file}:${line.line}`, problem };
    }
  }
  return chain.result();
}

class ChainCheck {
  #hash: string | undefined;
  #seq: bigint | undefined;
  #first: bigint | undefined;
  #torn: string | undefined;
  #records = 0;
  readonly #files = new Set<string>();

  /** @returns what is wrong with the line. */
  next(line: JournalLine): string | undefined {
    this.#files.add(line.file);
    if (this.#torn !== undefined) {
      return `the line before it, ${this.#torn}, has no end`;
    }
    if (!line.whole) {
      this.#torn = `${line.file}:${line.line}`;
      return undefined;
    }
    return this.#follow(line);
  }

  result(): Verification {
    const hasRecords = this.#first !== undefined && this.#seq !== undefined;
    return {
      ok: true,
      files: this.#files.size,
      records: this.#records,
      ...(hasRecords ? { first: String(this.#first), last: String(this.#seq) } : {}),
      head: this.#hash ?? GENESIS,
      ...(this.#torn === undefined ? {} : { torn: this.#torn }),
    };
  }

  #follow(line: JournalLine): string | undefined {
    const entry = entryIn(line);
    if (entry === undefined || !/^\d+$/.test(entry.seq)) {
      return 'it is no record of a journal';
    }
    const seq = BigInt(entry.seq);
    const problem = this.#broken(seq, entry.prev);
    this.#first ??= seq;
    this.#seq = seq;
    this.#hash = hashOf(line.bytes);
    this.#records += 1;
    return problem;
  }

  #broken(seq: bigint, prev: string): string | undefined {
    if (this.#seq !== undefined && seq !== this.#seq + 1n) {
      return `it has number ${seq}, expected ${this.#seq + 1n}: lines are missing, or were moved`;
    }
    if (this.#hash !== undefined && prev !== this.#hash) {
      return 'the line before it was changed: its hash is not the one that was noted here';
    }
    const isFirst = this.#seq === undefined && seq === 1n;
    return isFirst && prev !== GENESIS ? 'it has number 1, but says that a line was before it' : undefined;
  }
}
