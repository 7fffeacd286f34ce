import type { CarrierState, HealthChange, HealthView, TrunkState } from '../domain/health.js';

/** A judgement that held at some moment of the past, and what it rested on. */
export interface PastJudgement {
  /** `trunk kpn-a` or `carrier kpn`. */
  readonly of: string;
  readonly service: string;
  readonly state: TrunkState | CarrierState;
  readonly cause: string;
  /** When it was made: ISO 8601, UTC. */
  readonly since: string;
}

/** What was thought of trunks and carriers at a moment, from the changes up to it. */
export class PastHealth {
  readonly #judgements = new Map<string, PastJudgement>();

  /** @param at when it changed: ISO 8601, UTC. */
  apply(change: HealthChange, at: string): void {
    const of = change.of === 'trunk' ? `trunk ${change.trunk}` : `carrier ${change.carrier}`;
    const { service, to: state, cause } = change;
    this.#judgements.set(`${of} ${service}`, { of, service, state, cause, since: at });
  }

  /** As it stands now; later changes do not touch it. */
  snapshot(): PastView {
    return new PastView(new Map(this.#judgements));
  }
}

/** Health as it was. */
export class PastView implements HealthView {
  readonly #judgements: ReadonlyMap<string, PastJudgement>;

  constructor(judgements: ReadonlyMap<string, PastJudgement>) {
    this.#judgements = judgements;
  }

  trunk(trunk: string, service: string): TrunkState {
    const state = this.#judgements.get(`trunk ${trunk} ${service}`)?.state;
    return TRUNK_STATES.find((each) => each === state) ?? 'unproven';
  }

  carrier(carrier: string, service?: string): CarrierState {
    const state = this.#judgements.get(`carrier ${carrier} ${service ?? ''}`)?.state;
    return CARRIER_STATES.find((each) => each === state) ?? 'present';
  }

  /** What was not as it should be for a service. */
  troubles(service: string): readonly PastJudgement[] {
    return [...this.#judgements.values()].filter(
      (each) => each.service === service && !['up', 'unproven', 'present'].includes(each.state),
    );
  }
}

const TRUNK_STATES: readonly TrunkState[] = ['unproven', 'up', 'suspect', 'down', 'recovering'];
const CARRIER_STATES: readonly CarrierState[] = ['present', 'doubted', 'absent', 'returning'];
