import type { Attempt } from '../calls/call.js';
import type { AttemptOutcome } from '../domain/health.js';
import type { Service } from '../domain/network.js';
import { between, type Milliseconds } from '../domain/time.js';
import { LearnedDeadlines, type WayTo } from '../routing/learned-deadlines.js';

/** Tells the learned deadlines what attempts were like. */
export class DeadlineKeeper {
  readonly learned = new LearnedDeadlines();

  /** An attempt progressed, was answered or failed. */
  heard(attempt: Attempt, { id: service }: Service, outcome: AttemptOutcome): void {
    const { startedAt, firstResponseAt, progressAt, planned, missed } = attempt;
    const isOver = outcome.kind === 'answered' && progressAt !== undefined;
    if (firstResponseAt === undefined || isOver || outcome.kind === 'slow') {
      return;
    }
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
