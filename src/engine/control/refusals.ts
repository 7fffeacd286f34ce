import type { EngineClock } from '../clock.js';
import type { EngineLog } from '../log.js';

const AT_MOST_EVERY_MS = 10_000;

/** Logs applications that show a wrong secret: the first at once, more of them counted in a line every 10 s at most. */
export class Refusals {
  readonly #clock: EngineClock;
  readonly #log: EngineLog;
  #quietUntil = -Infinity;
  #unsaid = 0;

  constructor(clock: EngineClock, log: EngineLog) {
    this.#clock = clock;
    this.#log = log;
  }

  wrongSecret(application: string): void {
    const now = this.#clock.now();
    if (now < this.#quietUntil) {
      this.#unsaid += 1;
      return;
    }
    const more = this.#unsaid === 0 ? {} : { before: this.#unsaid };
    this.#log.warn({ application, ...more }, 'an application showed a wrong secret, and is refused');
    this.#quietUntil = now + AT_MOST_EVERY_MS;
    this.#unsaid = 0;
  }
}
