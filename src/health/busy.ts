import type { Evidence } from '../domain/health.js';
import type { ServiceId, TrunkId } from '../domain/ids.js';
import { between, type Instant } from '../domain/time.js';
import type { Verdict } from '../domain/verdict.js';
import type { HealthSettings } from './weights.js';

interface Heard {
  readonly trunk: TrunkId;
  readonly at: Instant;
}

/** What was heard about one service lately: who said busy, and when a call was last answered. */
interface Lately {
  busy: readonly Heard[];
  answeredAt: Instant | undefined;
}

/** A bound on what is remembered; more says nothing new. */
const mostRemembered = 64;

/**
 * Busy may be the network (R9): a cluster of it from one trunk, while calls of the service are answered and no other trunk
 * says busy, is a failure of the trunk.
 */
export class BusyWatch {
  readonly #services = new Map<ServiceId, Lately>();
  readonly #settings: HealthSettings['busy'];

  constructor(settings: HealthSettings['busy']) {
    this.#settings = settings;
  }

  /** Gives the evidence back, or what a cluster of busy makes of it. */
  judge(trunk: TrunkId, evidence: Evidence, now: Instant): Evidence {
    if (evidence.type !== 'attempt') {
      return evidence;
    }
    const lately = this.#lately(evidence.service);
    if (evidence.outcome.kind === 'answered') {
      lately.answeredAt = now;
    }
    if (evidence.outcome.kind !== 'failed' || !isBusy(evidence.outcome.verdict)) {
      return evidence;
    }
    lately.busy = [...lately.busy.filter(({ at }) => this.#isRecent(at, now)), { trunk, at: now }].slice(
      -mostRemembered,
    );
    const { verdict } = evidence.outcome;
    return this.#isCluster(trunk, lately, now)
      ? { ...evidence, outcome: { kind: 'failed', verdict: blamed(verdict, this.#settings.count) } }
      : evidence;
  }

  #lately(service: ServiceId): Lately {
    const known = this.#services.get(service) ?? { busy: [], answeredAt: undefined };
    this.#services.set(service, known);
    return known;
  }

  #isCluster(trunk: TrunkId, { busy, answeredAt }: Lately, now: Instant): boolean {
    const own = busy.filter((each) => each.trunk === trunk).length;
    const isAnswering = answeredAt !== undefined && this.#isRecent(answeredAt, now);
    return own >= this.#settings.count && own === busy.length && isAnswering;
  }

  #isRecent(at: Instant, now: Instant): boolean {
    return between(at, now) <= this.#settings.within;
  }
}

function isBusy({ told, kind, isSure }: Verdict): boolean {
  return told === 'busy' && kind === 'callee' && isSure !== true;
}

function blamed(verdict: Verdict, count: number): Verdict {
  const reason = `${verdict.reason}; ${count} of them in a minute, and nobody else says so`;
  return { ...verdict, fault: 'carrier', kind: 'rejected', weight: 'strong', reason };
}
