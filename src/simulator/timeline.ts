import { type Instant, instant } from '../domain/time.js';

interface Entry {
  readonly at: number;
  readonly order: number;
  readonly action: () => void;
}

/** Virtual time: what is to happen, in the order of its moments. A binary heap, since hours pass in it. */
export class Timeline {
  readonly #heap: Entry[] = [];
  #now = 0;
  #order = 0;

  get now(): Instant {
    return instant(this.#now);
  }

  /** Runs `action` after `delay` milliseconds. Nothing can be taken back: an action looks whether it still matters. */
  after(delay: number, action: () => void): void {
    this.#order += 1;
    this.#push({ at: this.#now + Math.max(0, delay), order: this.#order, action });
  }

  /** Lets time pass until `end`, with everything that falls into it. */
  runUntil(end: number): void {
    for (let next = this.#heap[0]; next !== undefined && next.at <= end; next = this.#heap[0]) {
      this.#pop();
      this.#now = next.at;
      next.action();
    }
    this.#now = Math.max(this.#now, end);
  }

  #push(entry: Entry): void {
    let place = this.#heap.length;
    this.#heap.push(entry);
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = this.#heap[above];
      if (parent === undefined || !isBefore(entry, parent)) {
        break;
      }
      this.#heap[place] = parent;
      place = above;
    }
    this.#heap[place] = entry;
  }

  #pop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) {
      return;
    }
    let place = 0;
    for (;;) {
      const left = 2 * place + 1;
      const [a, b] = [this.#heap[left], this.#heap[left + 1]];
      const below = a !== undefined && b !== undefined && isBefore(b, a) ? left + 1 : left;
      const child = this.#heap[below];
      if (child === undefined || !isBefore(child, last)) {
        break;
      }
      this.#heap[place] = child;
      place = below;
    }
    this.#heap[place] = last;
  }
}

function isBefore(a: Entry, b: Entry): boolean {
  return a.at < b.at || (a.at === b.at && a.order < b.order);
}
