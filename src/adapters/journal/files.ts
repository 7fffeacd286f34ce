import type { JournalRepaired } from '../../domain/journal-record.js';
import { NOTHING, type Head } from './chain.js';
import type { JournalDisk, JournalFile } from './disk.js';
import { dayOf, journalNames, nameOf } from './names.js';
import { readTail } from './tail.js';

/** A file larger than this is followed by another one on the same day. */
const LARGEST = 64 * 1024 * 1024;
/** Of a torn line so much is shown. */
const SHOWN = 2_000;

/** The file that is written now, and the end of the chain in it. */
interface Open {
  readonly file: JournalFile;
  readonly name: string;
  length: number;
}

/** The files of a journal as one chain. After a failure it is opened again, and goes on behind the last good line. */
export class JournalFiles {
  readonly #disk: JournalDisk;
  readonly #largest: number;
  #open: Open | undefined;
  /** Where the chain ended when it was last known to be whole. */
  #good: { readonly name: string; readonly length: number } | undefined;
  #head: Head | undefined;

  constructor(disk: JournalDisk, largest = LARGEST) {
    this.#disk = disk;
    this.#largest = largest;
  }

  /**
   * Makes sure that a file is open for lines of this day.
   *
   * @returns the end of the chain, and what had to be repaired.
   */
  async ready(day: string): Promise<{ readonly head: Head; readonly repaired?: JournalRepaired }> {
    if (this.#open !== undefined && this.#head !== undefined && this.#fits(this.#open, day)) {
      return { head: this.#head };
    }
    if (this.#open !== undefined) {
      const { file } = this.#open;
      await file.sync();
      this.#open = undefined;
      await file.close();
    }
    return this.#resume(day);
  }

  /** Appends lines of which the last is the new end of the chain. */
  async append(bytes: Uint8Array, head: Head): Promise<void> {
    const open = this.#open;
    if (open === undefined) {
      throw new Error('no file of the journal is open');
    }
    try {
      await open.file.append(bytes);
    } catch (error) {
      // A part of it may be there. Where this fails too, it is cut off when the file is opened again.
      await open.file.truncate(open.length).catch(() => undefined);
      throw error;
    }
    open.length += bytes.length;
    this.#head = head;
    this.#good = { name: open.name, length: open.length };
  }

  /** Resolves when every line survives a loss of power. */
  async sync(): Promise<void> {
    await this.#open?.file.sync();
  }

  /** The disk failed: the file is opened again before the next line. It is not waited for. */
  abandon(): void {
    this.#open?.file.close().catch(() => undefined);
    this.#open = undefined;
  }

  async close(): Promise<void> {
    const open = this.#open;
    this.#open = undefined;
    await open?.file.sync();
    await open?.file.close();
    await this.#disk.release();
  }

  #fits({ name, length }: Open, day: string): boolean {
    return length < this.#largest && dayOf(name) >= day;
  }

  async #resume(day: string): Promise<{ readonly head: Head; readonly repaired?: JournalRepaired }> {
    await this.#disk.claim();
    const names = journalNames(await this.#disk.list()).toReversed();
    const [last] = names;
    const repaired = last === undefined ? undefined : await this.#repair(last);
    const head = await this.#headIn(names);
    const size = last === undefined ? 0 : await this.#disk.size(last);
    const goesOn = last !== undefined && size < this.#largest && dayOf(last) >= day;
    const name = goesOn ? last : nameOf(head.seq + 1n, day);
    this.#open = { file: await this.#disk.open(name), name, length: goesOn ? size : 0 };
    this.#good = { name, length: this.#open.length };
    this.#head = head;
    return repaired === undefined ? { head } : { head, repaired };
  }

  /** Cuts off what is no whole line: our own, of which the records still wait, without a word. */
  async #repair(name: string): Promise<JournalRepaired | undefined> {
    const ours = this.#good?.name === name ? this.#good.length : undefined;
    const { length, torn } = await readTail(this.#disk, name);
    const whole = Math.min(ours ?? length, length);
    if (whole < length || torn.length > 0) {
      await this.#cut(name, whole);
    }
    if (ours !== undefined || torn.length === 0) {
      return undefined;
    }
    const cut = Buffer.from(torn).toString('utf8').slice(0, SHOWN);
    return { type: 'journal-repaired', file: name, cutBytes: torn.length, cut };
  }

  async #cut(name: string, length: number): Promise<void> {
    const file = await this.#disk.open(name);
    try {
      await file.truncate(length);
    } finally {
      await file.close();
    }
  }

  /**
   * Where files of this process were taken away, the chain goes on from memory, so that the gap is seen.
   *
   * @param names the last file first.
   */
  async #headIn(names: readonly string[]): Promise<Head> {
    const ours = this.#head ?? NOTHING;
    for (const name of names) {
      const { head } = await readTail(this.#disk, name);
      if (head !== undefined) {
        return head.seq < ours.seq ? ours : head;
      }
    }
    return ours;
  }
}
