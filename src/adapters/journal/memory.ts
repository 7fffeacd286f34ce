import type { CallSearched, HealthChanged } from '../../domain/journal-record.js';
import type { Journal, JournalRecord, Log } from '../../ports/journal.js';

/** How many records of each kind are kept for those who look later. */
const KEPT = 2_000;

/** A journal in memory: the latest calls and changes of health with a log line for each, and those who listen to all. */
export class MemoryJournal implements Journal {
  readonly #log: Log;
  readonly #kept = { call: new Ring<JournalRecord>(KEPT), health: new Ring<JournalRecord>(KEPT) };
  readonly #listeners = new Set<(record: JournalRecord) => void>();

  constructor(log: Log) {
    this.#log = log;
  }

  record(entry: JournalRecord): void {
    if (entry.type === 'call' || entry.type === 'health') {
      this.#kept[entry.type].push(entry);
      this.#write(entry);
    }
    for (const listener of this.#listeners) {
      listener(entry);
    }
  }

  /** The latest records of a kind, oldest first. Of a call that was reported twice, the later report. */
  recent(type: 'call' | 'health'): readonly JournalRecord[] {
    const records = this.#kept[type].values();
    const last = new Map(records.map((record) => [callOf(record) ?? record, record]));
    return records.filter((record) => last.get(callOf(record) ?? record) === record);
  }

  /** @returns a function that ends the subscription. */
  subscribe(listener: (record: JournalRecord) => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  #write(entry: CallSearched | HealthChanged): void {
    if (entry.type === 'health') {
      const { change } = entry;
      this.#log.warn({ change }, `${change.of} ${change.from} -> ${change.to}: ${change.cause}`);
      return;
    }
    const { report } = entry;
    this.#log.info({ callId: report.callId, report }, `call ${report.outcome}`);
  }
}

function callOf(record: JournalRecord): string | undefined {
  return record.type === 'call' ? record.report.callId : undefined;
}

/** A list that forgets its oldest values. */
class Ring<T> {
  readonly #size: number;
  readonly #values: T[] = [];
  #next = 0;

  constructor(size: number) {
    this.#size = size;
  }

  push(value: T): void {
    this.#values[this.#next] = value;
    this.#next = (this.#next + 1) % this.#size;
  }

  values(): readonly T[] {
    return this.#values.length < this.#size
      ? [...this.#values]
      : [...this.#values.slice(this.#next), ...this.#values.slice(0, this.#next)];
  }
}
