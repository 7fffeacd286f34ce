import type { JournalRecord, RecordsDropped } from '../../domain/journal-record.js';
import type { Stamped } from './chain.js';

/** What tells least about a call is the first to be dropped when the journal cannot be written. */
const LOW_VALUE: ReadonlySet<JournalRecord['type']> = new Set([
  'attempt-responded',
  'attempt-late',
  'call-ringing',
  'call-refused',
]);

interface Waiting extends Stamped {
  readonly order: bigint;
}

/** Records that wait to be written, in order. It never holds more than it may: the oldest of low value goes first. */
export class Backlog {
  readonly #most: number;
  readonly #low = new Queue<Waiting>();
  readonly #high = new Queue<Waiting>();
  #order = 0n;
  #lost: { count: number; byType: Record<string, number>; from: number; to: number } | undefined;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#low.size + this.#high.size;
  }

  push(stamped: Stamped): void {
    this.#queueOf(stamped).push({ ...stamped, order: ++this.#order });
    if (this.size > this.#most) {
      this.#drop();
    }
  }

  /** The oldest records, at most so many; in front of them what was dropped since the last time. */
  take(most: number): readonly Stamped[] {
    const taken: Stamped[] = [];
    for (let next = this.#next(); next !== undefined && taken.length < most; next = this.#next()) {
      taken.push(next);
      this.#queueOf(next).shift();
    }
    const lost = this.#lostRecord();
    return lost === undefined ? taken : [lost, ...taken];
  }

  /** Records that were taken and could not be written are the oldest again. */
  putBack(taken: readonly Stamped[]): void {
    for (const stamped of taken.toReversed()) {
      this.#queueOf(stamped).unshift({ ...stamped, order: this.#firstOrder() - 1n });
    }
  }

  #firstOrder(): bigint {
    return this.#next()?.order ?? this.#order + 1n;
  }

  #queueOf({ record }: Stamped): Queue<Waiting> {
    return LOW_VALUE.has(record.type) ? this.#low : this.#high;
  }

  #next(): Waiting | undefined {
    const low = this.#low.first;
    const high = this.#high.first;
    if (low === undefined || high === undefined) {
      return low ?? high;
    }
    return low.order < high.order ? low : high;
  }

  #drop(): void {
    const dropped = this.#low.shift() ?? this.#high.shift();
    if (dropped === undefined) {
      return;
    }
    const { record, wall } = dropped;
    const lost = (this.#lost ??= { count: 0, byType: {}, from: wall, to: wall });
    lost.count += 1;
    lost.byType[record.type] = (lost.byType[record.type] ?? 0) + 1;
    lost.from = Math.min(lost.from, wall);
    lost.to = Math.max(lost.to, wall);
  }

  #lostRecord(): Stamped | undefined {
    const lost = this.#lost;
    const beside = this.#next();
    this.#lost = undefined;
    if (lost === undefined) {
      return undefined;
    }
    const { count, byType, from, to } = lost;
    const record: RecordsDropped = { type: 'records-dropped', count, byType, from: iso(from), to: iso(to) };
    return { record, wall: to, mono: beside?.mono ?? 0 };
  }
}

function iso(wall: number): string {
  return new Date(wall).toISOString();
}

/** First in, first out, without moving what stays. */
class Queue<T> {
  #values: T[] = [];
  #head = 0;

  get size(): number {
    return this.#values.length - this.#head;
  }

  get first(): T | undefined {
    return this.#values[this.#head];
  }

  push(value: T): void {
    this.#values.push(value);
  }

  unshift(value: T): void {
    if (this.#head === 0) {
      this.#values.unshift(value);
    } else {
      this.#head -= 1;
      this.#values[this.#head] = value;
    }
  }

  shift(): T | undefined {
    const value = this.#values[this.#head];
    if (this.#head < this.#values.length) {
      this.#head += 1;
    }
    if (this.#head > 1_024 && this.#head * 2 > this.#values.length) {
      this.#values = this.#values.slice(this.#head);
      this.#head = 0;
    }
    return value;
  }
}
