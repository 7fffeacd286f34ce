import type { Route, Trunk } from './network.js';
import type { Milliseconds } from './time.js';

/** Why a route stands where it stands in a plan. */
export type AttemptRole = 'normal' | 'canary' | 'panic';

/** How long an attempt may go without an answer of any kind, and without trusted progress. */
export interface Deadlines {
  /** From the INVITE to any response. */
  readonly silence: Milliseconds;
  /** From the INVITE to trusted progress. */
  readonly progress: Milliseconds;
}

/** One line of a plan: what to try, and when it is late. */
export interface PlannedAttempt {
  readonly route: Route;
  readonly trunk: Trunk;
  readonly role: AttemptRole;
  readonly deadlines: Deadlines;
}
