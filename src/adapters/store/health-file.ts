import { mkdirSync, readFileSync } from 'node:fs';
import { open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { messageOf } from '../../domain/errors.js';
import type { SavedHealth } from '../../domain/saved-health.js';
import type { Log } from '../../ports/journal.js';
import type { HealthStore } from '../../ports/store.js';
import { savedHealthSchema } from './health-schema.js';

/** Failures in a row after which the log stays silent, until a write works again. */
const REPORTED = 3;

/** One JSON file, replaced as a whole: after a crash it holds the state before or after, never half of one. */
export class HealthFile implements HealthStore {
  readonly #path: string;
  readonly #log: Log;
  #waiting: SavedHealth | undefined;
  #writing: Promise<void> | undefined;
  #failures = 0;

  constructor(path: string, log: Log) {
    this.#path = path;
    this.#log = log;
  }

  load(): SavedHealth | undefined {
    try {
      return savedHealthSchema.parse(JSON.parse(readFileSync(this.#path, 'utf8')));
    } catch (error) {
      const isFirstStart = error instanceof Error && 'code' in error && error.code === 'ENOENT';
      if (!isFirstStart) {
        this.#log.error(
          { file: this.#path, cause: messageOf(error) },
          'the saved health cannot be read: it starts anew',
        );
      }
      return undefined;
    }
  }

  save(state: SavedHealth): void {
    this.#waiting = state;
    this.#writing ??= this.#writeAll().finally(() => {
      this.#writing = undefined;
    });
  }

  async close(): Promise<void> {
    await this.#writing;
  }

  async #writeAll(): Promise<void> {
    for (let next = this.#waiting; next !== undefined; next = this.#waiting) {
      this.#waiting = undefined;
      await this.#write(next).then(
        () => {
          this.#failures = 0;
        },
        (error: unknown) => {
          this.#report(error);
        },
      );
    }
  }

  async #write(state: SavedHealth): Promise<void> {
    mkdirSync(dirname(this.#path), { recursive: true });
    const beside = `${this.#path}.new`;
    const file = await open(beside, 'w', 0o640);
    try {
      await file.writeFile(`${JSON.stringify(state)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, this.#path);
  }

  #report(error: unknown): void {
    this.#failures += 1;
    if (this.#failures <= REPORTED) {
      this.#log.error({ file: this.#path, cause: messageOf(error) }, 'health cannot be saved');
    }
  }
}
