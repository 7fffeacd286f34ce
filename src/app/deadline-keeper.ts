import type { Attempt } from '../calls/call.js';
import type { AttemptOutcome } from '../domain/health.js';
import type { TrunkId } from '../domain/ids.js';
import type { Network, Service } from '../domain/network.js';
import type { SavedTimes } from '../domain/saved-health.js';
import { after, between, type Instant, type Milliseconds, ms } from '../domain/time.js';
import { LearnedDeadlines, type WayTo } from '../routing/learned-deadlines.js';

/** What was learned longer ago is learned anew: the way may be another by now. */
const LEARNED_FOR = ms(24 * 3_600_000);

/** Tells the learned deadlines what attempts were like. */
export class DeadlineKeeper {
  readonly learned = new LearnedDeadlines();
  readonly #learnedAt = new Map<TrunkId, Instant>();

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

  /** An attempt progressed, was answered or failed. */
  heard(attempt: Attempt, { id: service }: Service, outcome: AttemptOutcome): void {
    const { startedAt, firstResponseAt, progressAt, planned, missed } = attempt;
    const isOver = outcome.kind === 'answered' && progressAt !== undefined;
    if (firstResponseAt === undefined || isOver || outcome.kind === 'slow') {
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
    if (firstResponseAt === undefined || progressAt !== undefined || endedAt === undefined) {
      return;
    }
    if (missed?.kind === 'silent') {
      this.learned.wasTooStrict(wayOf(attempt, service), planned.deadlines, 'silence');
    } else if (missed === undefined) {
      this.learned.cutShort(wayOf(attempt, service), between(startedAt, endedAt));
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
