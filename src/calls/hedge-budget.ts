import type { TrunkId } from '../domain/ids.js';
import type { Instant } from '../domain/time.js';

/** A hedge may be this share of what started on its trunk in the last minute, and always so many. */
const SHARE = 0.2;
const AT_LEAST = 2;
const SECONDS = 60;

interface Second {
  readonly second: number;
  calls: number;
  hedges: number;
}

/** Keeps fear from melting the backup: how many hedges each trunk has had in the last minute (DESIGN 4.3). */
export class HedgeBudget {
  readonly #trunks = new Map<TrunkId, Second[]>();

  /** An attempt starts. */
  started(trunk: TrunkId, isHedge: boolean, now: Instant): void {
    const minute = this.#minute(trunk, now);
    const second = secondOf(now);
    let last = minute.at(-1);
    if (last?.second !== second) {
      last = { second, calls: 0, hedges: 0 };
      minute.push(last);
    }
    last.calls += isHedge ? 0 : 1;
    last.hedges += isHedge ? 1 : 0;
  }

  /** Whether one more hedge fits. */
  allows(trunk: TrunkId, now: Instant): boolean {
    const minute = this.#minute(trunk, now);
    const sum = (of: 'calls' | 'hedges'): number => minute.reduce((total, each) => total + each[of], 0);
    return sum('hedges') < Math.max(AT_LEAST, Math.floor(sum('calls') * SHARE));
  }

  /** The seconds of the last minute in which something started, oldest first. */
  #minute(trunk: TrunkId, now: Instant): Second[] {
    const minute = this.#trunks.get(trunk) ?? [];
    this.#trunks.set(trunk, minute);
    while ((minute[0]?.second ?? Number.POSITIVE_INFINITY) <= secondOf(now) - SECONDS) {
      minute.shift();
    }
    return minute;
  }
}

function secondOf(now: Instant): number {
  return Math.floor(now / 1_000);
}
