import type { Attempt } from '../calls/call.js';
import type { AttemptOutcome } from '../domain/health.js';
import type { Service } from '../domain/network.js';
import { between, type Milliseconds } from '../domain/time.js';
import { LearnedDeadlines, type WayTo } from '../routing/learned-deadlines.js';
import { RingTimes } from '../routing/ring-times.js';

/** Tells the learned deadlines what attempts were like. */
export class DeadlineKeeper {
  readonly learned = new LearnedDeadlines();
  readonly #rings = new RingTimes();

  /** An attempt progressed, was answered or failed. */
  heard(attempt: Attempt, { id: service }: Service, outcome: AttemptOutcome): void {
    const { startedAt, firstResponseAt, progressAt, planned, missed } = attempt;
    if (outcome.kind === 'answered' && progressAt !== undefined) {
      return this.#answered(attempt, service);
    }
    if (firstResponseAt === undefined || outcome.kind === 'slow' || outcome.kind === 'in-vain') {
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
    return role === 'canary' ? this.#rings.atBest(rung) : this.#rings.usually(rung);
  }

  #answered({ progressAt, endedAt, planned: { route } }: Attempt, service: Service['id']): void {
    if (progressAt !== undefined && endedAt !== undefined) {
      const rung = { service, destination: route.destination };
      const took = between(progressAt, endedAt);
      this.#rings.answered(rung, took, took >= this.#rings.usually(rung));
    }
  }

  #stoppedRinging({ progressAt, endedAt, state, planned: { route } }: Attempt, service: Service['id']): void {
    const isHangUp = state.phase === 'given-up' && state.cause === 'caller gone';
    if (isHangUp && progressAt !== undefined && endedAt !== undefined) {
      this.#rings.hungUp({ service, destination: route.destination }, between(progressAt, endedAt));
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
