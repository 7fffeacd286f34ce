import type { EngineClock } from '../clock.js';
import type { Answer, NameSource } from './names.js';

const NAMES_AT_MOST = 2_000;
/** Questions that wait for their answer. */
const OPEN_AT_MOST = 256;
/** Whatever the server says: neither a question for each call, nor a change that is never seen. */
const SHORTEST_MS = 1_000;
const LONGEST_MS = 3_600_000;
/** After a question without an answer the same is not asked again for so long. */
const AGAIN_AFTER_MS = 2_000;

interface Known {
  readonly answer: Promise<Answer<unknown>> | undefined;
  readonly last: Answer<unknown> | undefined;
  readonly freshUntil: number;
}

/**
 * Remembers answers. What has expired is used all the same while it is asked for anew, and as long as no server answers
 * (RFC 8767): a call never waits for a name that was known, and survives the loss of DNS.
 */
export class CachedNames implements NameSource {
  readonly #source: NameSource;
  readonly #clock: EngineClock;
  /** The least recently used comes first. */
  readonly #known = new Map<string, Known>();
  #open = 0;

  constructor(source: NameSource, clock: EngineClock) {
    this.#source = source;
    this.#clock = clock;
  }

  get size(): number {
    return this.#known.size;
  }

  async naptr(name: string): ReturnType<NameSource['naptr']> {
    return this.#ask(`NAPTR ${name}`, async () => this.#source.naptr(name));
  }

  async srv(name: string): ReturnType<NameSource['srv']> {
    return this.#ask(`SRV ${name}`, async () => this.#source.srv(name));
  }

  async addresses(name: string, family: 4 | 6): ReturnType<NameSource['addresses']> {
    return this.#ask(`IPv${family} ${name}`, async () => this.#source.addresses(name, family));
  }

  async #ask<Entry>(key: string, question: () => Promise<Answer<Entry>>): Promise<Answer<Entry>> {
    const known = this.#known.get(key);
    const isDue = known === undefined || (known.answer === undefined && known.freshUntil <= this.#clock.now());
    const current = isDue ? this.#begin(key, known?.last, question) : known;
    this.#known.delete(key);
    this.#remember(key, current);
    const { last, answer } = current;
    // The key tells the kind of the entries.
    const found = last ?? (await answer);
    if (found === undefined) {
      throw new Error(`no answer for ${key}`);
    }
    return found as Answer<Entry>;
  }

  #begin(key: string, last: Answer<unknown> | undefined, question: () => Promise<Answer<unknown>>): Known {
    if (this.#open >= OPEN_AT_MOST) {
      return { answer: undefined, last, freshUntil: this.#clock.now() + SHORTEST_MS };
    }
    this.#open += 1;
    const answer = question()
      .then((found) => {
        const keep = Math.min(Math.max(found.timeToLive, SHORTEST_MS), LONGEST_MS);
        this.#remember(key, { answer: undefined, last: found, freshUntil: this.#clock.now() + keep });
        return found;
      })
      .finally(() => {
        this.#open -= 1;
      });
    answer.catch(() => {
      this.#remember(key, { answer: undefined, last, freshUntil: this.#clock.now() + AGAIN_AFTER_MS });
    });
    return { answer, last, freshUntil: Infinity };
  }

  #remember(key: string, known: Known): void {
    this.#known.set(key, known);
    const [oldest] = this.#known.keys();
    if (oldest !== undefined && this.#known.size > NAMES_AT_MOST) {
      this.#known.delete(oldest);
    }
  }
}
