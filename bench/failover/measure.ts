import type { SippResult } from '../../test/support/sipp.js';

/** Milliseconds since the caller's program started. */
export interface Window {
  readonly from: number;
  readonly until: number;
}

/** PDD of a set of calls: from INVITE to ringing, in milliseconds, by the caller's own clock. */
export interface Pdd {
  readonly calls: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** The PDD of the calls that started in a window. */
export function pddIn(result: SippResult, { from, until }: Window): Pdd {
  const times = result.timed
    .filter(({ name, at, ms }) => name === RINGING && at - ms >= from && at - ms < until)
    .map(({ ms }) => ms)
    .toSorted((a, b) => a - b);
  const at = (share: number): number => times[Math.ceil(times.length * share) - 1] ?? Number.NaN;
  return { calls: times.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** How many of its calls were answered. */
export function answered(result: SippResult): number {
  return result.timed.filter(({ name }) => name === ANSWER).length;
}

/** Timers of `caller.xml`. */
const ANSWER = '1';
const RINGING = '2';
