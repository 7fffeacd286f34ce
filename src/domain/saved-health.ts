import type { CarrierState, TrunkState } from './health.js';
import type { CarrierId, DestinationId, IngressId, ServiceId, TrunkId } from './ids.js';
import type { Milliseconds } from './time.js';
import type { FailureKind } from './verdict.js';

/** What kind of evidence found trouble. It decides what can clear it. */
export type FoundBy = 'probe' | 'call' | 'line' | 'carrier';

interface SavedScore {
  readonly score: number;
  readonly isBad: boolean;
}

/** What is kept of a trunk's health for one service while no gateway runs. Moments are kept as ages. */
export interface SavedTrunk {
  readonly trunk: TrunkId;
  readonly service: ServiceId;
  readonly state: TrunkState;
  readonly cause: string;
  /** How long it was in this state. */
  readonly age: Milliseconds;
  readonly proven: boolean;
  /** Whether it was ever probed: then its return waits for probes. */
  readonly probed: boolean;
  /** The last hold-down; 0 when there was none. */
  readonly holdDown: Milliseconds;
  /** How long ago it last came back into service. */
  readonly returnedAge?: Milliseconds | undefined;
  readonly by?: FoundBy | undefined;
  /** How much of its hold-down, or of the wait for its next canary, was left. */
  readonly left?: Milliseconds | undefined;
  /** The call ledger: failures by weight, those that may take it down, mute answers, and failures in a row. */
  readonly points: number;
  readonly downPoints: number;
  readonly mute: number;
  /** Calls in a row that rang in vain; 0 where it is left out. */
  readonly inVain?: number | undefined;
  readonly failures: number;
  /** The scores of its tests on rates of failures, and whether the bad rate was believed. */
  readonly rates: {
    readonly half: SavedScore;
    readonly tenth: SavedScore;
    readonly cuts: SavedScore;
  };
  readonly last?: { readonly age: Milliseconds; readonly kind: FailureKind; readonly reason: string } | undefined;
  /** The learned round-trip time of its probes. */
  readonly roundTrip?: SavedRoundTrip | undefined;
}

interface SavedRoundTrip {
  readonly smoothed: Milliseconds;
  readonly deviation: Milliseconds;
  readonly samples: number;
}

/** What was learned of calls of one service to one destination over a trunk. */
export interface SavedWay {
  readonly service: ServiceId;
  readonly destination: DestinationId;
  /** The time before which nearly all of them progress. Undefined while too little is known. */
  readonly late?: Milliseconds | undefined;
  /** Its progress deadline is at least so long, after alarms that proved false; else 0. */
  readonly raised: Milliseconds;
}

/** What was learned of how soon a trunk answers: deadlines set themselves by it. Its size does not grow with the calls. */
export interface SavedTimes {
  readonly trunk: TrunkId;
  /** How long ago it was last learned from. */
  readonly age: Milliseconds;
  /** From INVITE to the first response. */
  readonly firstResponse?: SavedRoundTrip | undefined;
  /** From INVITE to the first 101-199, where 100 Trying does not reach us. */
  readonly firstProvisional?: SavedRoundTrip | undefined;
  /** Its silence deadline is at least so long, after alarms that proved false; else 0. */
  readonly raised: Milliseconds;
  readonly ways: readonly SavedWay[];
}

/** What was learned of how long a destination rings until somebody answers. */
export interface SavedRing {
  readonly service: ServiceId;
  readonly destination: DestinationId;
  /** The time before which nearly all answers come. Undefined while too little is known. */
  readonly late?: Milliseconds | undefined;
  /** It is given at least so long, after attempts that were not needed; else 0. */
  readonly raised: Milliseconds;
}

/** The same of a carrier, as one service sees it. */
export interface SavedCarrier {
  readonly carrier: CarrierId;
  readonly service: ServiceId;
  readonly state: CarrierState;
  readonly cause: string;
  readonly age: Milliseconds;
}

/** What was learned of the calls of one service from one ingress: calls, and hours in which they came, by hour of the day. */
export interface SavedTraffic {
  readonly ingress: IngressId;
  readonly service: ServiceId;
  readonly calls: readonly number[];
  readonly hours: readonly number[];
}

/** What a gateway knew about health, so that the next one does not start blind. */
export interface SavedHealth {
  /** The time of day when it was written, in milliseconds since 1970. */
  readonly at: number;
  readonly trunks: readonly SavedTrunk[];
  readonly carriers: readonly SavedCarrier[];
  readonly traffic: readonly SavedTraffic[];
  readonly times: readonly SavedTimes[];
  readonly rings: readonly SavedRing[];
}
