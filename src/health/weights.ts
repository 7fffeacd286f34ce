import type { FailureKind, Weight } from '../domain/verdict.js';
import { type Milliseconds, ms } from '../domain/time.js';

/** What one failed call adds to the call ledger. One point makes a trunk suspect, two take it down. */
interface CallWeight {
  readonly points: Readonly<Record<Weight, number>>;
  /** Whether failures of this kind alone can take a trunk down. Those that cannot stop at suspect. */
  readonly takesDown: boolean;
}

/** Every figure that health is judged by. */
export interface HealthSettings {
  readonly calls: Readonly<Record<FailureKind, CallWeight>>;
  readonly points: {
    readonly suspect: number;
    readonly down: number;
    /** Trusted progress takes this much back; an answer takes all. */
    readonly progress: number;
    readonly failedDrill: number;
    readonly muteCall: number;
  };
  readonly probes: {
    readonly missesToSuspect: number;
    readonly missesToDown: number;
    /** Good probes in a row that prove a new trunk, and that a trunk needs on its way back. */
    readonly goodInARow: number;
  };
  readonly holdDown: {
    readonly first: Milliseconds;
    readonly longest: Milliseconds;
    /** Each such time in service since the last return halves the next hold-down. */
    readonly forgives: Milliseconds;
  };
  /** A canary whose end nobody reported is forgotten after this time. */
  readonly canaryLost: Milliseconds;
  /** Silent calls on two trunks of a carrier within this time make it absent. */
  readonly silentTogether: Milliseconds;
}

const path: CallWeight = { points: { none: 0, weak: 0.25, medium: 0.5, strong: 1 }, takesDown: true };
const nothing: CallWeight = { points: { none: 0, weak: 0, medium: 0, strong: 0 }, takesDown: false };

/** The figures of DESIGN 4 and 5, first version. */
export const defaultHealthSettings: HealthSettings = {
  calls: {
    silent: path,
    stalled: path,
    refused: path,
    rejected: path,
    // Our own call came back: the trunk is blocked for the service at once.
    loop: { points: { none: 0, weak: 0.5, medium: 1, strong: 2 }, takesDown: true },
    // A dead core looks like 404 too: two in a row are as bad as one strong failure, four take the trunk down.
    number: { points: { none: 0, weak: 0.5, medium: 0.5, strong: 1 }, takesDown: true },
    // Never more than suspect: it may be our data.
    config: { points: { none: 0, weak: 0.5, medium: 0.5, strong: 1 }, takesDown: false },
    full: nothing,
    callee: nothing,
    ours: nothing,
    cancelled: nothing,
    none: nothing,
  },
  points: { suspect: 1, down: 2, progress: 0.5, failedDrill: 1, muteCall: 0.5 },
  probes: { missesToSuspect: 1, missesToDown: 3, goodInARow: 3 },
  holdDown: { first: ms(5_000), longest: ms(600_000), forgives: ms(600_000) },
  canaryLost: ms(60_000),
  silentTogether: ms(5_000),
};
