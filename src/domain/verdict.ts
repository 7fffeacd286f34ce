import type { Milliseconds } from './time.js';

/** Whose fault a finished attempt is. */
export type Fault = 'none' | 'ours' | 'caller' | 'callee' | 'trunk' | 'carrier' | 'unknown';

/**
 * What kind of failure the path showed (DESIGN: silent, refused, rejected, full, callee, ours). `number`: the trunk does
 * not know the number, which a dead core says too; `config`: it wants credentials or credit.
 */
export type FailureKind =
  | 'silent'
  | 'stalled'
  | 'refused'
  | 'rejected'
  | 'full'
  | 'callee'
  | 'number'
  | 'config'
  | 'loop'
  | 'ours'
  | 'cancelled'
  | 'none';

/** How much a verdict counts against the trunk. */
export type Weight = 'none' | 'weak' | 'medium' | 'strong';

/**
 * What the search may do next. `again`: the same route, as soon as a SIP server of ours can send. `same-...` is the same trunk once more: `plain` with SDP only and nothing required, with the
 * trunk's own number as the caller's, with the shortest session interval that it asked for (RFC 4028), or with the second
 * form of the number.
 */
export type NextStep = 'next' | 'again' | 'same-plain' | 'same-own-number' | 'same-min-se' | 'same-second-form' | 'end';

/** What the operator is told about a trunk that works but for something that people have to mend. */
export type Complaint =
  | 'credentials'
  | 'caller number'
  | 'number form'
  | 'rich messages'
  | 'reputation'
  | 'loop'
  | 'redirect';

/** What a caller whose call is not an emergency may be told, where the trunk's answer was a true one. */
export type TrueAnswer = 'busy' | 'no-such-number' | 'forbidden' | 'declined';

/** What a finished attempt says. */
export interface Verdict {
  readonly fault: Fault;
  readonly kind: FailureKind;
  /** How much it counts against the health of the trunk; of a `carrier` fault, against its carrier's other trunks too. */
  readonly weight: Weight;
  readonly next: NextStep;
  /** A short sentence for the operator, in the field's words. */
  readonly reason: string;
  /** The final SIP status that the trunk sent. Absent when it sent none. */
  readonly status?: number;
  /** The Q.850 cause that the trunk sent (RFC 6432). */
  readonly cause?: number;
  /** Where the network says the call was released (RFC 8606), e.g. `U`, `TN`. */
  readonly location?: string;
  readonly told?: TrueAnswer;
  /** The far end itself is sure to have said so, and not a network for it. */
  readonly isSure?: true;
  /** What has to be mended, where that is more than the trunk's health. */
  readonly complaint?: Complaint;
  /** How long the trunk asked not to be tried again (Retry-After). Never on an emergency call. */
  readonly retryAfter?: Milliseconds;
  /** The shortest session interval that the trunk takes, in seconds (Min-SE of a 422). */
  readonly minSe?: number;
}
