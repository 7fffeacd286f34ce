import type { TrunkKind } from '../domain/network.js';
import type { Complaint, Fault, FailureKind, NextStep, TrueAnswer, Weight } from '../domain/verdict.js';

/** What one group of answers means. */
export interface Meaning {
  readonly fault: Fault;
  readonly kind: FailureKind;
  readonly weight: Weight;
  readonly reason: string;
  readonly next: NextStep;
  readonly told?: TrueAnswer;
  readonly complaint?: Complaint;
  readonly isSure?: true;
}

/** One group of SIP statuses and Q.850 causes that mean the same. */
export interface Row {
  readonly name: string;
  readonly statuses: readonly number[];
  readonly causes: readonly number[];
  readonly meaning: Meaning;
  /** What changes when the far end rang before. */
  readonly afterProgress?: Partial<Meaning>;
  /** What changes for a `priority` call. */
  readonly priority?: Partial<Meaning>;
  /** What changes when the release is said to come from the user (RFC 8606 `U`, `RPN`). */
  readonly fromUser?: Partial<Meaning>;
  /** The same on a trunk whose word for it is to be believed. */
  readonly fromTrustedUser?: Partial<Meaning>;
  /** The same for a `priority` call only. */
  readonly fromTrustedUserPriority?: Partial<Meaning>;
  /** What changes when the release is said to come from a network on the way. */
  readonly fromNetwork?: Partial<Meaning>;
  /** What changes by what the trunk reaches. */
  readonly by?: Partial<Record<TrunkKind, Partial<Meaning>>>;
  /** What changes while the gateway may still hold the channel of a call that just ended. */
  readonly afterRelease?: Partial<Meaning>;
  /** What changes when our credentials were shown before. */
  readonly afterCredentials?: Partial<Meaning>;
  /** What changes for one status of the group. */
  readonly only?: Readonly<Record<number, Partial<Meaning>>>;
  /** The status says more than any Q.850 cause beside it. */
  readonly statusDecides?: true;
}

/** What an answer means that no row lists. */
export const unlisted: Meaning = {
  fault: 'unknown',
  kind: 'rejected',
  weight: 'medium',
  reason: 'answer that no rule lists',
  next: 'next',
};

/**
 * What a final response on the way out means, by group. `next` always moves on: on an emergency call only an answer or
 * the caller ends the search, and 6xx binds proxies only. Each `same-...` holds for one retry.
 */
export const rows: readonly Row[] = [
  {
    name: 'challenged',
    statuses: [401, 402, 407],
    causes: [],
    meaning: {
      fault: 'ours',
      kind: 'config',
      weight: 'weak',
      reason: 'the trunk wants credentials or credit',
      next: 'next',
      complaint: 'credentials',
    },
    afterCredentials: { reason: 'the trunk does not take our credentials, or wants credit' },
    statusDecides: true,
  },
  {
    name: 'screened',
    statuses: [403],
    causes: [21, 52, 53, 54, 55, 57],
    meaning: {
      fault: 'unknown',
      kind: 'rejected',
      weight: 'weak',
      reason: 'the trunk refuses the call, often for the caller number shown',
      next: 'same-own-number',
      told: 'forbidden',
      complaint: 'caller number',
    },
  },
  {
    name: 'number form',
    statuses: [404, 410, 484, 604],
    causes: [1, 22, 23, 26, 28],
    meaning: {
      fault: 'unknown',
      kind: 'number',
      weight: 'weak',
      reason: 'the trunk does not know the number',
      next: 'same-second-form',
      told: 'no-such-number',
      complaint: 'number form',
    },
  },
  {
    name: 'too rich',
    statuses: [405, 406, 413, 414, 415, 416, 417, 420, 421, 424, 436, 437, 438, 488, 493, 513, 606],
    causes: [65, 66, 69, 70, 79, 88],
    meaning: {
      fault: 'ours',
      kind: 'ours',
      weight: 'none',
      reason: 'the trunk cannot take a message this rich',
      next: 'same-plain',
      complaint: 'rich messages',
    },
    statusDecides: true,
  },
  {
    name: 'session interval',
    statuses: [422],
    causes: [],
    meaning: {
      fault: 'ours',
      kind: 'ours',
      weight: 'none',
      reason: 'the trunk wants another session interval',
      next: 'same-min-se',
    },
    statusDecides: true,
  },
  {
    name: 'no user',
    statuses: [408, 480],
    causes: [18, 20],
    meaning: {
      fault: 'trunk',
      kind: 'rejected',
      weight: 'strong',
      reason: 'the far end is said to be absent before it rang',
      next: 'next',
    },
    afterProgress: { fault: 'unknown', weight: 'medium', reason: 'the far end rang, then was given up' },
  },
  {
    name: 'no answer',
    statuses: [],
    causes: [19],
    meaning: {
      fault: 'trunk',
      kind: 'rejected',
      weight: 'strong',
      reason: 'no answer reported, though it never rang',
      next: 'next',
    },
    afterProgress: { fault: 'callee', kind: 'callee', weight: 'none', reason: 'rang and was not answered' },
  },
  {
    name: 'loop',
    statuses: [482, 483],
    causes: [25],
    meaning: {
      fault: 'carrier',
      kind: 'loop',
      weight: 'strong',
      reason: 'the call came back to us or ran in a circle',
      next: 'next',
      complaint: 'loop',
    },
    priority: { weight: 'medium' },
    statusDecides: true,
  },
  {
    name: 'busy',
    statuses: [486, 600],
    causes: [17],
    meaning: {
      fault: 'callee',
      kind: 'callee',
      weight: 'none',
      reason: 'busy, or so the network says',
      next: 'next',
      told: 'busy',
    },
    fromUser: { reason: 'busy, said to come from the far end itself' },
    fromTrustedUser: { isSure: true },
    fromTrustedUserPriority: { next: 'end' },
    fromNetwork: { fault: 'carrier', kind: 'rejected', weight: 'medium', reason: 'busy, said by a network on the way' },
  },
  {
    name: 'terminated',
    statuses: [487],
    causes: [],
    meaning: {
      fault: 'trunk',
      kind: 'rejected',
      weight: 'weak',
      reason: 'ended as cancelled, though nobody cancelled',
      next: 'next',
    },
  },
  {
    name: 'glare',
    statuses: [491],
    causes: [],
    meaning: { fault: 'unknown', kind: 'ours', weight: 'none', reason: 'two requests crossed', next: 'next' },
    statusDecides: true,
  },
  {
    name: 'server error',
    statuses: [500, 501, 502, 504, 505, 580],
    causes: [2, 3, 29, 49, 50, 58, 63, 97, 99, 100, 101, 102, 111],
    meaning: {
      fault: 'carrier',
      kind: 'rejected',
      weight: 'medium',
      reason: 'the network behind the trunk failed',
      next: 'next',
    },
  },
  {
    name: 'unavailable',
    statuses: [503],
    causes: [27, 38, 39, 40, 41],
    meaning: {
      fault: 'carrier',
      kind: 'rejected',
      weight: 'strong',
      reason: 'overloaded, or dead behind the trunk',
      next: 'next',
    },
    // A bare 503 just after a call ended may be its channel, not yet free.
    afterRelease: {
      fault: 'trunk',
      kind: 'full',
      weight: 'none',
      reason: 'the channel of the last call is not free yet',
    },
  },
  {
    name: 'full',
    statuses: [],
    causes: [8, 9, 34, 43, 44, 46, 47],
    meaning: { fault: 'trunk', kind: 'full', weight: 'none', reason: 'no channel free', next: 'next' },
  },
  {
    // On our own trunk a full switch is a matter of capacity. A mobile network that is registered and congested is gone.
    name: 'congested',
    statuses: [],
    causes: [42],
    meaning: { fault: 'carrier', kind: 'full', weight: 'none', reason: 'the network is congested', next: 'next' },
    by: { mobile: { kind: 'rejected', weight: 'medium', reason: 'registered, but the network is congested' } },
  },
  {
    name: 'declined',
    statuses: [603, 607, 608],
    causes: [],
    meaning: {
      fault: 'unknown',
      kind: 'rejected',
      weight: 'weak',
      reason: 'declined, or taken for unwanted',
      next: 'next',
      told: 'declined',
    },
    fromUser: { fault: 'callee', kind: 'callee', weight: 'none', reason: 'declined by the far end itself' },
    fromTrustedUser: { isSure: true },
    fromTrustedUserPriority: { next: 'end' },
    only: { 607: { complaint: 'reputation' }, 608: { complaint: 'reputation' } },
  },
];

/** What every 3xx means: no redirect is followed, so it is a failure. */
export const redirected: Meaning = {
  fault: 'unknown',
  kind: 'rejected',
  weight: 'weak',
  reason: 'redirected, which we do not follow',
  next: 'next',
  complaint: 'redirect',
};
