import type { Attempt } from '../calls/call.js';
import type { AttemptOutcome } from '../domain/health.js';
import type { TrunkId } from '../domain/ids.js';
import type { Network, Service } from '../domain/network.js';
import type { SavedRing, SavedTimes } from '../domain/saved-health.js';
import { after, between, type Instant, type Milliseconds, ms } from '../domain/time.js';
import { LearnedDeadlines, type WayTo } from '../routing/learned-deadlines.js';
import { RingTimes } from '../routing/ring-times.js';

/** What was learned longer ago is learned anew: the way may be another by now. */
const LEARNED_FOR = ms(24 * 3_600_000);

/** Outcomes of which no time is learned. */
const SAYS_NOTHING: ReadonlySet<AttemptOutcome['kind']> = new Set(['slow', 'in-vain', 'heard']);

/** Tells the learned deadlines what attempts were like. */
export class DeadlineKeeper {
  readonly learned = new LearnedDeadlines();
  readonly #learnedAt = new Map<TrunkId, Instant>();
  readonly rings = new RingTimes();

  /** What the next process has to know of these trunks. */
  save(network: Network, now: Instant): readonly SavedTimes[] {
    return [...network.trunks.keys()].flatMap((trunk) => {
      const at = this.#learnedAt.get(trunk);
      return at === undefined
        ? []
        : [{ trunk, age: ms(Math.max(0, between(at, now))), ...this.learned.save(trunk, network.routes) }];
    });
  }

  /** What was saved `elapsed` ago goes on, unless it is too old. Gives what is still good. */
  restore(saved: readonly SavedTimes[], elapsed: Milliseconds, now: Instant): readonly SavedTimes[] {
    const good = saved.filter(({ age }) => age + elapsed < LEARNED_FOR);
    for (const each of good) {
      this.learned.restore(each.trunk, each);
      this.#learnedAt.set(each.trunk, after(now, ms(0 - each.age - elapsed)));
    }
    return good;
  }

  /** The same of what rings. */
  restoreRings(saved: readonly SavedRing[], elapsed: Milliseconds): void {
    if (elapsed < LEARNED_FOR) {
      this.rings.restore(saved);
    }
  }

  /** An attempt progressed, was answered or failed. */
  heard(attempt: Attempt, { id: service }: Service, outcome: AttemptOutcome): void {
    const { startedAt, firstResponseAt, progressAt, planned, missed } = attempt;
    if (outcome.kind === 'answered' && progressAt !== undefined) {
      return this.#answered(attempt, service);
    }
    if (firstResponseAt === undefined || SAYS_NOTHING.has(outcome.kind)) {
      return;
    }
    this.#learnedAt.set(planned.trunk.id, progressAt ?? firstResponseAt);
    this.learned.responded(planned.trunk, between(startedAt, firstResponseAt), planned.deadlines.resend);
    const way = wayOf(attempt, service);
    if (missed?.kind === 'silent') {
      this.learned.wasTooStrict(way, planned.deadlines, 'silence');
    }
    if (outcome.kind === 'progressed' || outcome.kind === 'answered') {
      this.#progressed(attempt, way, between(startedAt, progressAt ?? firstResponseAt));
    }
  }

  /** We ended an open attempt. One that was late by then says nothing of how long the others need. */
  gaveUp(attempt: Attempt, { id: service }: Service): void {
    const { startedAt, firstResponseAt, progressAt, endedAt, missed, planned } = attempt;
    if (progressAt !== undefined) {
      return this.#stoppedRinging(attempt, service);
    }
    if (firstResponseAt === undefined || endedAt === undefined) {
      return;
    }
    if (missed?.kind === 'silent') {
      this.learned.wasTooStrict(wayOf(attempt, service), planned.deadlines, 'silence');
    } else if (missed === undefined) {
      this.learned.cutShort(wayOf(attempt, service), between(startedAt, endedAt));
    }
  }

  /** How long an attempt may ring before its destination is tried over an independent carrier as well. */
  ringsUsually({ planned: { route, role } }: Attempt, { id: service }: Service): Milliseconds {
    const rung = { service, destination: route.destination };
    return role === 'canary' ? this.rings.atBest(rung) : this.rings.usually(rung);
  }

  #answered({ progressAt, endedAt, planned: { route } }: Attempt, service: Service['id']): void {
    if (progressAt !== undefined && endedAt !== undefined) {
      const rung = { service, destination: route.destination };
      const took = between(progressAt, endedAt);
      this.rings.answered(rung, took, took >= this.rings.usually(rung));
    }
  }

  #stoppedRinging({ progressAt, endedAt, state, planned: { route } }: Attempt, service: Service['id']): void {
    const isHangUp = state.phase === 'given-up' && state.cause === 'caller gone';
    if (isHangUp && progressAt !== undefined && endedAt !== undefined) {
      this.rings.hungUp({ service, destination: route.destination }, between(progressAt, endedAt));
    }
  }

  #progressed({ missed, planned }: Attempt, way: WayTo, took: Milliseconds): void {
    this.learned.progressed(way, took);
    if (missed?.kind === 'stalled') {
      this.learned.wasTooStrict(way, planned.deadlines, 'progress');
    }
  }
}

function wayOf({ planned: { trunk, route } }: Attempt, service: WayTo['service']): WayTo {
  return { trunk: trunk.id, service, destination: route.destination };
}
