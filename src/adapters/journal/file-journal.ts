import { messageOf } from '../../domain/errors.js';
import { after, ms, type Instant } from '../../domain/time.js';
import type { Clock, Timer } from '../../ports/clock.js';
import type { Journal, JournalRecord, Log } from '../../ports/journal.js';
import { Backlog } from './backlog.js';
import { link, type Head, type Stamped } from './chain.js';
import type { JournalDisk } from './disk.js';
import { JournalFiles } from './files.js';

/** What is written is safe from a loss of power so long after. It is safe from a kill at once. */
const SYNC_AFTER = ms(100);
/** A disk that failed is tried again after this. */
const RETRY_AFTER = ms(1_000);
/** A write that takes longer is a disk that hangs. */
const HANGS_AFTER = ms(2_000);
/** Records that wait in memory while the disk cannot take them: about a quarter of an hour of ten calls a second. */
const WAITING_AT_MOST = 50_000;
/** So many lines are made at once: no call waits longer for them than two milliseconds. */
const BATCH = 128;

/** What the file journal needs. */
export interface FileJournalOptions {
  readonly site: string;
  readonly disk: JournalDisk;
  /** Where the files are, for messages. */
  readonly directory: string;
  readonly clock: Clock;
  readonly log: Log;
  /** Told when the disk cannot be written, with the reason, and when it can again. */
  readonly trouble?: (why: string | undefined) => void;
  readonly waitingAtMost?: number;
  readonly largestFile?: number;
}

/**
 * An append-only journal of JSON lines, each with the SHA-256 of the line before. A record is queued in memory and written
 * behind the back of the calls: they never wait for the disk. While the disk fails or hangs, a bounded number of records is
 * kept, the oldest of low value is dropped first, and what was dropped is counted in a record of its own.
 */
export class FileJournal implements Journal {
  readonly #options: FileJournalOptions;
  readonly #files: JournalFiles;
  readonly #backlog: Backlog;
  #working = false;
  #writingSince: Instant | undefined;
  #retry: Timer | undefined;
  #sync: Timer | undefined;
  #trouble: string | undefined;
  #idle: (() => void)[] = [];

  constructor(options: FileJournalOptions) {
    this.#options = options;
    this.#files = new JournalFiles(options.disk, options.largestFile);
    this.#backlog = new Backlog(options.waitingAtMost ?? WAITING_AT_MOST);
  }

  record(record: JournalRecord): void {
    const { clock } = this.#options;
    const now = clock.now();
    this.#backlog.push({ record, wall: clock.wallTime(), mono: now });
    if (this.#writingSince !== undefined && now > after(this.#writingSince, HANGS_AFTER)) {
      this.#inTrouble('the disk does not answer');
    }
    this.#wake();
  }

  /** Writes what waits, and resolves when it is safe, or after `within` where the disk does not take it. */
  async close(within = ms(1_000)): Promise<void> {
    const done = new Promise<void>((resolve) => {
      this.#options.clock.setTimer(within, resolve);
      this.#idle.push(resolve);
    });
    if (!this.#working && this.#backlog.size === 0) {
      this.#settled();
    }
    await done;
    this.#retry?.cancel();
    this.#sync?.cancel();
    await Promise.race([this.#files.close().catch(() => undefined), this.#pause()]);
  }

  async #pause(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#options.clock.setTimer(ms(500), resolve);
    });
  }

  #wake(): void {
    if (!this.#working && this.#retry === undefined) {
      this.#working = true;
      setImmediate(() => {
        void this.#work();
      });
    }
  }

  /** Writes all that waits, batch by batch. It never rejects. */
  async #work(): Promise<void> {
    try {
      while (this.#backlog.size > 0) {
        await this.#writeBatch();
        this.#outOfTrouble();
      }
    } catch (error) {
      this.#failed(error);
    }
    this.#writingSince = undefined;
    this.#working = false;
    this.#settled();
  }

  async #writeBatch(): Promise<void> {
    const { clock, site } = this.#options;
    this.#writingSince = clock.now();
    const today = new Date(clock.wallTime()).toISOString().slice(0, 10);
    const { head, repaired } = await this.#files.ready(today);
    if (repaired !== undefined) {
      this.#repaired(repaired.file, repaired.cutBytes);
      this.#backlog.putBack([{ record: repaired, wall: clock.wallTime(), mono: clock.now() }]);
    }
    const batch = this.#backlog.take(BATCH);
    try {
      const { bytes, end } = lines(head, site, batch);
      await this.#files.append(bytes, end);
    } catch (error) {
      this.#backlog.putBack(batch);
      throw error;
    }
    this.#syncLater();
  }

  #repaired(file: string, bytes: number): void {
    this.#options.log.warn({ file, bytes }, 'the journal ended in the middle of a line, which was cut off');
  }

  #syncLater(): void {
    this.#sync ??= this.#options.clock.setTimer(SYNC_AFTER, () => {
      this.#files
        .sync()
        .catch((error: unknown) => {
          this.#failed(error);
        })
        .finally(() => {
          this.#sync = undefined;
        });
    });
  }

  #failed(error: unknown): void {
    this.#files.abandon();
    this.#inTrouble(messageOf(error));
    this.#retry ??= this.#options.clock.setTimer(RETRY_AFTER, () => {
      this.#retry = undefined;
      this.#wake();
    });
  }

  #inTrouble(why: string): void {
    if (this.#trouble === undefined) {
      const { log, directory, trouble } = this.#options;
      this.#trouble = why;
      log.error({ directory, err: why }, 'the journal cannot be written; calls go on, and records wait in memory');
      trouble?.(why);
    }
  }

  #outOfTrouble(): void {
    if (this.#trouble !== undefined) {
      const { log, directory, trouble } = this.#options;
      this.#trouble = undefined;
      log.warn({ directory }, 'the journal is written again');
      trouble?.(undefined);
    }
  }

  #settled(): void {
    for (const resolve of this.#idle.splice(0)) {
      resolve();
    }
  }
}

function lines(
  head: Head,
  site: string,
  batch: readonly Stamped[],
): { readonly bytes: Uint8Array; readonly end: Head } {
  let end = head;
  const parts = batch.map((stamped) => {
    const next = link(end, site, stamped);
    end = next.head;
    return next.bytes;
  });
  return { bytes: Buffer.concat(parts), end };
}
