/** What became of one attempt of a call. Times are milliseconds since the call came in. */
export interface AttemptReport {
  readonly trunk: string;
  readonly carrier: string;
  /** The user part that was dialled on the trunk. */
  readonly number: string;
  readonly role: 'normal' | 'canary' | 'panic';
  readonly startedAfterMs: number;
  readonly firstResponseAfterMs?: number;
  /** When it rang, where the trunk can be believed. */
  readonly progressAfterMs?: number;
  readonly endedAfterMs?: number;
  readonly outcome: 'answered' | 'failed' | 'cancelled' | 'given up';
  /** The final SIP status, where one came. */
  readonly status?: number;
  /** Why it did not carry the call, in a few words. */
  readonly reason: string;
}

/** One thing that a request said about who calls. Display names are text, not bytes. */
export interface IdentityReport {
  readonly source: 'P-Asserted-Identity' | 'Remote-Party-ID' | 'From';
  readonly uri: string;
  readonly display?: string;
}

/** What became of a call, written when the search has ended. */
export interface CallReport {
  readonly callId: string;
  readonly service: string;
  /** The caller's number, or what stands for it. */
  readonly caller: string;
  /** All that the request said about the caller, best first. Empty where it named nobody. */
  readonly identities: readonly IdentityReport[];
  readonly ingress: string;
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  /** The first and the latest, of a call that was tried very often. */
  readonly attempts: readonly AttemptReport[];
  readonly attemptsNotListed?: number;
  /** Legs that rang at an answering point and were cancelled because another answered: each is an abandoned call there. */
  readonly phantomRings: number;
  readonly outcome: 'answered' | 'failed' | 'cancelled';
  readonly answeredBy?: { readonly trunk: string; readonly name?: string };
  readonly ringingAfterMs?: number;
  readonly answeredAfterMs?: number;
}
