import type { FailureKind, Weight } from '../domain/verdict.js';
import { type Milliseconds, ms } from '../domain/time.js';
import { sequentialTest, type SequentialTest } from './rates.js';

/** What one failed call adds to the call ledger. One point makes a trunk suspect, two take it down. */
interface CallWeight {
  readonly points: Readonly<Record<Weight, number>>;
  /** The share of the points that can take a trunk down; failures of a kind with 0 stop at suspect. */
  readonly down: number;
}

/** Every figure that health is judged by. */
export interface HealthSettings {
  readonly calls: Readonly<Record<FailureKind, CallWeight>>;
  readonly points: {
    readonly suspect: number;
    readonly down: number;
    /** Failures behind two trunks of a carrier that make it absent, by the same measure as `down`. */
    readonly carrier: number;
    /** Trusted progress takes this much back; an answer takes all. */
    readonly progress: number;
    readonly failedDrill: number;
    readonly muteCall: number;
  };
  readonly probes: {
    /** Datagrams in a row without a reply, resends and calls included. */
    readonly missesToSuspect: number;
    readonly missesToDown: number;
    /** Good probes in a row that prove a new trunk, and that a trunk needs on its way back. */
    readonly goodInARow: number;
  };
  readonly rates: {
    /** Half of the calls fail: costs the first place. */
    readonly half: SequentialTest;
    /** One in ten fails: an alarm, though retries hide it. */
    readonly tenth: SequentialTest;
    /** Calls are cut off in the middle. */
    readonly cuts: SequentialTest;
  };
  /** Busy answers of one trunk, within this time, that nobody else confirms are a failure of the trunk. */
  readonly busy: { readonly count: number; readonly within: Milliseconds };
  /** Calls in a row that ring, and are answered over another carrier only. */
  readonly inVain: { readonly suspect: number; readonly down: number };
  readonly holdDown: {
    readonly first: Milliseconds;
    readonly longest: Milliseconds;
    /** Each such time in service since the last return halves the next hold-down. */
    readonly forgives: Milliseconds;
    /** How far it is stretched, as a share of it, so that trunks do not come back in step. */
    readonly spread: number;
  };
  readonly wayBack: {
    /** Answered canaries in a row before the trunk gets a share of the calls. */
    readonly canaries: number;
    /** The shares, one after the other; then all. */
    readonly shares: readonly number[];
    /** Good calls in a row that each share lasts. */
    readonly callsPerShare: number;
    /** How long an emergency service waits for a canary of another service on the same trunk. */
    readonly waitForOthers: Milliseconds;
  };
  /** A canary whose end nobody reported is forgotten after this time. */
  readonly canaryLost: Milliseconds;
  /** Whether trunks that share something are judged together. */
  readonly correlation: boolean;
  /** Whether silence is held against nobody while it may be our own. */
  readonly selfDoubt: boolean;
}

const path: CallWeight = { points: { none: 0, weak: 0.25, medium: 0.5, strong: 1 }, down: 1 };
const nothing: CallWeight = { points: { none: 0, weak: 0, medium: 0, strong: 0 }, down: 0 };

/** The figures of DESIGN 4 and 5. */
export const defaultHealthSettings: HealthSettings = {
  calls: {
    // Rows of datagrams decide, calls and probes together: two lost packets must not. Without probes calls decide alone.
    silent: path,
    // One lost 180 looks the same, so three in a row, and more where they are lost now and then.
    stalled: { ...path, down: 0.7 },
    refused: path,
    rejected: path,
    // Our own call came back: the trunk is blocked for the service at once.
    loop: { points: { none: 0, weak: 0.5, medium: 1, strong: 2 }, down: 1 },
    // A dead core looks like 404 too: two in a row are as bad as one strong failure, four take the trunk down.
    number: { points: { none: 0, weak: 0.5, medium: 0.5, strong: 1 }, down: 1 },
    // Never more than suspect: it may be our data.
    config: { points: { none: 0, weak: 0.5, medium: 0.5, strong: 1 }, down: 0 },
    full: nothing,
    callee: nothing,
    ours: nothing,
    cancelled: nothing,
    none: nothing,
  },
  points: { suspect: 1, down: 2, carrier: 3, progress: 0.5, failedDrill: 1, muteCall: 0.5 },
  // Nine losses in a row do not happen by chance at 5 % packet loss each way.
  probes: { missesToSuspect: 3, missesToDown: 9, goodInARow: 3 },
  rates: {
    half: sequentialTest(0.1, 0.5, 3.2),
    tenth: sequentialTest(0.01, 0.1, 3.5),
    cuts: sequentialTest(0.01, 0.2, 6),
  },
  busy: { count: 3, within: ms(60_000) },
  // Where all positions are taken, whoever is free answers either: by chance ten in a row once in a thousand calls.
  inVain: { suspect: 3, down: 10 },
  holdDown: { first: ms(5_000), longest: ms(600_000), forgives: ms(600_000), spread: 0.1 },
  wayBack: { canaries: 2, shares: [0.05, 0.25], callsPerShare: 20, waitForOthers: ms(600_000) },
  canaryLost: ms(60_000),
  correlation: true,
  selfDoubt: true,
};
