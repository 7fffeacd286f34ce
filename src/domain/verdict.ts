/** Whose fault a finished attempt is. */
export type Fault = 'none' | 'ours' | 'caller' | 'callee' | 'trunk' | 'carrier' | 'unknown';

/** What kind of failure the path showed (DESIGN: silent, refused, rejected, full, callee, ours). */
export type FailureKind =
  | 'silent'
  | 'stalled'
  | 'refused'
  | 'rejected'
  | 'full'
  | 'callee'
  | 'config'
  | 'loop'
  | 'ours'
  | 'cancelled'
  | 'none';

/** How much a verdict counts against the trunk. */
export type Weight = 'none' | 'weak' | 'medium' | 'strong';

/** What the search may do next. `plain` is the same trunk once more with SDP only and nothing required. */
export type NextStep = 'next' | 'same-plain' | 'same-own-number' | 'end';

/** What a caller whose call is not an emergency may be told, where the trunk's answer was a true one. */
export type TrueAnswer = 'busy' | 'no-such-number' | 'forbidden' | 'declined';

/** What a finished attempt says. */
export interface Verdict {
  readonly fault: Fault;
  readonly kind: FailureKind;
  /** How much it counts against the health of the trunk. */
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
}
