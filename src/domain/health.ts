import type { CarrierId, ServiceId, TrunkId } from './ids.js';
import type { Instant, Milliseconds } from './time.js';
import type { Verdict } from './verdict.js';

/** The observed state of a trunk for one service. */
export type TrunkState = 'unproven' | 'up' | 'suspect' | 'down' | 'recovering';

/** The observed state of a carrier. */
export type CarrierState = 'present' | 'doubted' | 'absent' | 'returning';

/** How a probe (OPTIONS) ended. */
export type ProbeOutcome =
  | { readonly kind: 'answered'; readonly status: number; readonly roundTrip: Milliseconds }
  | { readonly kind: 'silent' }
  | { readonly kind: 'refused' };

/** How a call attempt ended, as far as health is concerned. */
export type AttemptOutcome =
  | { readonly kind: 'answered' }
  | { readonly kind: 'progressed' }
  /** Nothing was heard yet, and it may be silent or slow. Counts for nothing, but starts the quick probes. */
  | { readonly kind: 'unheard' }
  /** A datagram of it got no reply in time. It may be lost; a row of them says more. */
  | { readonly kind: 'missed' }
  /** Any response came after all, when a datagram had been missed: the path is there, and slow. */
  | { readonly kind: 'heard' }
  /** It got no further than 100 for longer than calls here usually take. A row of them says more. */
  | { readonly kind: 'slow' }
  /** It rang for too long, and the same destination was answered over another carrier. A row of them says more. */
  | { readonly kind: 'in-vain' }
  /** A call that was answered, and had stood, was cut off by the path. */
  | { readonly kind: 'cut'; readonly reason: string }
  | { readonly kind: 'failed'; readonly verdict: Verdict };

/** Anything that may change a health state. Each kind has its own weight and its own way of being cleared. */
export type Evidence =
  | { readonly type: 'probe'; readonly outcome: ProbeOutcome }
  | {
      readonly type: 'attempt';
      readonly service: ServiceId;
      readonly outcome: AttemptOutcome;
      /** When its INVITE left: a call that was heard later outweighs its silence. */
      readonly startedAt?: Instant;
      /** When it was heard, where that was before now: an answer proves its path only once it has stood for a while. */
      readonly heardAt?: Instant;
    }
  | { readonly type: 'line'; readonly state: 'up' | 'down'; readonly cause: string }
  | { readonly type: 'drill'; readonly service: ServiceId; readonly reachedFarEnd: boolean; readonly cause: string }
  | { readonly type: 'media'; readonly service: ServiceId; readonly outcome: 'heard' | 'mute' };

/** A change of state, with the evidence that caused it. */
export type HealthChange =
  | {
      readonly of: 'trunk';
      readonly trunk: TrunkId;
      readonly service: ServiceId;
      readonly from: TrunkState;
      readonly to: TrunkState;
      readonly at: Instant;
      readonly cause: string;
    }
  | {
      readonly of: 'carrier';
      readonly carrier: CarrierId;
      /** The service for which the carrier is seen so: each has its own truth. */
      readonly service: ServiceId;
      readonly from: CarrierState;
      readonly to: CarrierState;
      readonly at: Instant;
      readonly cause: string;
    };

/** What routing reads: the state per (trunk, service), and per carrier. Rebuilt when health changes. */
export interface HealthView {
  trunk(trunk: TrunkId, service: ServiceId): TrunkState;
  /** The carrier as one service sees it, or, without a service, as the worst hit of them sees it. */
  carrier(carrier: CarrierId, service?: ServiceId): CarrierState;
  /** Every carrier fell silent in the same moment. Held against nobody, and yet no path is known to work. */
  readonly isNobodyHeard?: boolean;
}
