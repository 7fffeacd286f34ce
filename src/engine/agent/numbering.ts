import { randomInt } from 'node:crypto';

/** The highest CSeq number (RFC 3261 8.1.1.5: below 2^31). */
export const LAST_CSEQ = 2 ** 31 - 1;
/** The highest RSeq number (RFC 3262 7.1). */
export const LAST_RSEQ = 2 ** 32 - 1;

/** Where our counters begin. */
export interface FirstNumbers {
  /** The CSeq number of the first request of ours in a dialog, or outside one: from 1 to `LAST_CSEQ`. */
  cseq(): number;
  /** The RSeq number of the first reliable response to an INVITE: from 1 to `LAST_RSEQ`. */
  rseq(): number;
}

const BELOW = 1_000_000;

/** So low that no call lives long enough to see the end: 2,146 million more requests, or 4,293 million responses. */
export const RANDOM_FIRST: FirstNumbers = { cseq: () => randomInt(1, BELOW), rseq: () => randomInt(1, BELOW) };

/**
 * The CSeq number after this one. An application may begin at the highest; no number above it may be sent, so it goes on
 * with 1. A far end that counts strictly refuses that with 500.
 */
export function nextCseq(number: number): number {
  return number >= LAST_CSEQ ? 1 : number + 1;
}

/** A number that leaves so many out (RFC 3261 12.2.1.1). */
export function laterCseq(number: number, by: number): number {
  return Math.min(number + by, LAST_CSEQ);
}

/** The RSeq number after this one; after the highest comes 1. */
export function nextRseq(number: number): number {
  return number >= LAST_RSEQ ? 1 : number + 1;
}

/** Nothing is overtaken by so many requests: a number that falls by more has begun again. */
const LATE_AT_MOST = 2 ** 30;

/** Whether a CSeq number is lower than another one of the same side, and did not just pass the end of the numbers. */
export function isBefore(number: number, other: number): boolean {
  return number < other ? other - number < LATE_AT_MOST : number - other > LATE_AT_MOST;
}
