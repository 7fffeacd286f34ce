import type { Route, Trunk } from './network.js';
import type { Milliseconds } from './time.js';

/** Why a route stands where it stands in a plan. */
export type AttemptRole = 'normal' | 'canary' | 'panic';

/** How long an attempt may go without an answer of any kind, and without trusted progress. */
export interface Deadlines {
  /** From the INVITE to any response that reaches us. Undefined where it would not tell silent from slow. */
  readonly silence: Milliseconds | undefined;
  /** From the INVITE to trusted progress. */
  readonly progress: Milliseconds;
  /** After so long without any response a datagram is missed: it may be lost. Undefined where 100 Trying does not reach us. */
  readonly miss?: Milliseconds;
  /** After so long without trusted progress it is slower than calls here usually are, though not late yet. Sooner than `progress`. */
  readonly slow?: Milliseconds;
  /**
   * Given only where the SIP server keeps 100 Trying to itself, so that silent and slow look the same: an attempt of which
   * nothing was heard so long after its INVITE starts the quick probes, which tell.
   */
  readonly doubt?: Milliseconds;
  /** When the INVITE is sent again over UDP, where that is sooner than usual: on a trunk that is known to answer sooner. */
  readonly resend?: Milliseconds;
  /**
   * When the INVITE is sent again over UDP although 100 came, since no progress did: the far end then repeats what it said last,
   * and its 180 may have been lost. Sooner than `progress`.
   */
  readonly ask?: Milliseconds;
}

/** One line of a plan: what to try, and when it is late. */
export interface PlannedAttempt {
  readonly route: Route;
  /** How many destinations come before its own in the routing matrix: 0 where the call begins. Undefined: 0. */
  readonly place?: number;
  /** How long its destination may ring before the next one is tried as well. Undefined: as long as it likes. */
  readonly ringsFor?: Milliseconds;
  readonly trunk: Trunk;
  readonly role: AttemptRole;
  readonly deadlines: Deadlines;
}
