import type { JournalDisk, JournalFile } from '../../src/adapters/journal/disk.js';

/** A disk in memory, that fails or hangs as the test says. */
export class MemoryDisk implements JournalDisk {
  readonly files = new Map<string, Buffer>();
  /** Bytes that fit; what is too much is written in part, as on a real disk. */
  room = Number.POSITIVE_INFINITY;
  /** Every access fails with this message. */
  fault: string | undefined;
  /** Set to hold every write back until it settles. */
  hold: Promise<void> | undefined;
  syncs = 0;
  writes = 0;

  async claim(): Promise<void> {
    this.#check();
  }

  async list(): Promise<readonly string[]> {
    this.#check();
    return [...this.files.keys(), 'journal.lock'];
  }

  async size(name: string): Promise<number> {
    return this.#bytes(name).length;
  }

  async read(name: string, from: number, length: number): Promise<Uint8Array> {
    return this.#bytes(name).subarray(from, from + length);
  }

  async open(name: string): Promise<JournalFile> {
    this.#check();
    this.files.set(name, this.#bytes(name));
    return {
      append: async (bytes) => this.#append(name, Buffer.from(bytes)),
      sync: async () => {
        this.#check();
        this.syncs += 1;
      },
      truncate: async (length) => {
        this.#check();
        this.files.set(name, this.#bytes(name).subarray(0, length));
      },
      close: async () => undefined,
    };
  }

  async release(): Promise<void> {
    this.#check();
  }

  /** Every line of every file, in the order of the names. */
  get lines(): readonly string[] {
    const names = [...this.files.keys()].toSorted();
    return names.flatMap((name) =>
      this.#bytes(name)
        .toString('utf8')
        .split('\n')
        .filter((line) => line !== ''),
    );
  }

  async #append(name: string, bytes: Buffer): Promise<void> {
    await this.hold;
    this.#check();
    this.writes += 1;
    const used = [...this.files.values()].reduce((sum, { length }) => sum + length, 0);
    const fits = bytes.subarray(0, Math.max(0, this.room - used));
    this.files.set(name, Buffer.concat([this.#bytes(name), fits]));
    if (fits.length < bytes.length) {
      throw new Error('ENOSPC: no space left on device');
    }
  }

  #bytes(name: string): Buffer {
    return this.files.get(name) ?? Buffer.alloc(0);
  }

  #check(): void {
    if (this.fault !== undefined) {
      throw new Error(this.fault);
    }
  }
}
