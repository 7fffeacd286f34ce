import type { Attempt } from '../calls/call.js';
import type { AttemptOutcome } from '../domain/health.js';
import type { TrunkId } from '../domain/ids.js';
import { between, ms } from '../domain/time.js';
import { learnRoundTrip, type RoundTrip } from '../health/round-trip.js';

/** A trunk that missed its deadline is learned as slower than that by half, so that a false alarm does not repeat for ever. */
const MISSED_BY = 1.5;

/**
 * How long each trunk takes to its first 101-199, where 100 Trying does not reach us. Resends of the SIP server cannot be
 * seen: a call that needed one is learned as a slow one, which only makes us wait longer.
 */
export class FirstAnswers {
  readonly #learned = new Map<TrunkId, RoundTrip>();

  of(trunk: TrunkId): RoundTrip | undefined {
    return this.#learned.get(trunk);
  }

  /** Goes on with what an earlier process had learned. */
  restore(trunk: TrunkId, learned: RoundTrip): void {
    this.#learned.set(trunk, learned);
  }

  learn(attempt: Attempt, outcome: AttemptOutcome): void {
    const { firstResponseAt, progressAt, startedAt, planned } = attempt;
    if (firstResponseAt === undefined) {
      this.#missed(attempt, outcome);
    } else if (outcome.kind === 'progressed' || (outcome.kind === 'answered' && progressAt === undefined)) {
      this.#learn(planned.trunk.id, between(startedAt, firstResponseAt));
    }
  }

  #missed({ missed, planned: { trunk, deadlines } }: Attempt, outcome: AttemptOutcome): void {
    if (outcome.kind === 'failed' && outcome.verdict === missed && deadlines.silence !== undefined) {
      this.#learn(trunk.id, deadlines.silence * MISSED_BY);
    }
  }

  #learn(trunk: TrunkId, took: number): void {
    this.#learned.set(trunk, learnRoundTrip(this.#learned.get(trunk), ms(took)));
  }
}
