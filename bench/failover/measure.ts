import type { SippResult } from '../../test/support/sipp.js';

/** Milliseconds since the caller's program started. */
export interface Window {
  readonly from: number;
  readonly until: number;
}

/** A time of a set of calls, in milliseconds, by the caller's own clock; PDD is from INVITE to ringing. */
export interface Spread {
  readonly calls: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** A call that was answered: when it came, in seconds since the fault began, and how long it waited. */
export interface Point {
  readonly second: number;
  readonly ms: number;
}

/** Each call that was answered. @param lossAt when the fault began, in milliseconds since the caller's program started. */
export function pointsOf(result: SippResult, lossAt: number): readonly Point[] {
  return result.timed
    .filter(({ name }) => name === ANSWER)
    .map(({ at, ms }) => ({ second: (at - ms - lossAt) / 1_000, ms }));
}

/** The PDD of the calls that started in a window. Who hears no ringing waits until the answer. */
export function pddIn(result: SippResult, window: Window): Spread {
  const rang = result.timed.filter(({ name }) => name === RINGING);
  const unheard = result.timed.filter((one) => one.name === ANSWER && !rang.some((other) => isOfOneCall(one, other)));
  return spread([...rang, ...unheard], window);
}

/** SIPp gives no more than the moments: calls that start together cannot be told apart, and are not made here. */
function isOfOneCall(one: Timed, other: Timed): boolean {
  return Math.abs(one.at - one.ms - (other.at - other.ms)) <= CLOCK_MS;
}

/** The time from INVITE to the answer, in the same way. */
export function answerIn(result: SippResult, window: Window): Spread {
  return spread(
    result.timed.filter(({ name }) => name === ANSWER),
    window,
  );
}

function spread(timed: readonly Timed[], { from, until }: Window): Spread {
  const times = timed
    .filter(({ at, ms }) => at - ms >= from && at - ms < until)
    .map(({ ms }) => ms)
    .toSorted((a, b) => a - b);
  const at = (share: number): number => times[Math.ceil(times.length * share) - 1] ?? Number.NaN;
  return { calls: times.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** How many of its calls were answered. */
export function answered(result: SippResult): number {
  return result.timed.filter(({ name }) => name === ANSWER).length;
}

type Timed = SippResult['timed'][number];

/** SIPp writes a time down when it comes to it. Less than the pause between two calls. */
const CLOCK_MS = 90;

/** Timers of `caller.xml`. */
const ANSWER = '1';
const RINGING = '2';
