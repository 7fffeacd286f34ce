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

/** What a finished attempt says. */
export interface Verdict {
  readonly fault: Fault;
  readonly kind: FailureKind;
  /** How much it counts against the health of the trunk. */
  readonly weight: Weight;
  readonly next: NextStep;
  /** A short sentence for the operator, in the field's words. */
  readonly reason: string;
}
