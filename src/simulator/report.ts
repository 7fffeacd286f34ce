import { type CallResult } from './gateway.js';
import type { CarrierChange } from './simulation.js';
import type { Fault } from './world.js';

/** What a run came to. Times are milliseconds; absent where nothing was measured. */
export interface SimulationReport {
  readonly hours: number;
  readonly calls: number;
  /** Calls whose caller waited and was never answered. */
  readonly lost: number;
  /** Calls that two answering points were connected to. */
  readonly doubled: number;
  /** Legs that rang at an answering point for a call that another answered. */
  readonly phantoms: number;
  /** From INVITE to ringing, over all calls, and in the 30 s after each outage began. */
  readonly ringing: Spread | undefined;
  readonly ringingInOutages: Spread | undefined;
  readonly outages: number;
  /** Outages of which nobody was judged gone before they ended. */
  readonly undetected: number;
  /** From the beginning of an outage, and from the first request that it swallowed, to the carrier being judged gone. */
  readonly detection: Spread | undefined;
  readonly detectionAfterRequest: Spread | undefined;
  /** Carriers that were judged gone though nothing was wrong with them. */
  readonly falselyGone: number;
}

/** How a measure is spread. */
export interface Spread {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** An outage, with what its detection is measured against. */
export interface Outage {
  readonly fault: Fault;
  readonly carrier: string;
  readonly swallowedAt: number | undefined;
}

const AFTER_OUTAGE = 30_000;

/** Sums a run up. */
export function reportOn(
  hours: number,
  results: readonly CallResult[],
  changes: readonly CarrierChange[],
  outages: readonly Outage[],
): SimulationReport {
  const detected = outages.map((outage) => detectionOf(outage, changes));
  const inOutages = results.filter(({ startedAt }) =>
    outages.some(({ fault: { from } }) => from <= startedAt && startedAt < from + AFTER_OUTAGE),
  );
  return {
    hours,
    calls: results.length,
    lost: results.filter(({ answered }) => !answered).length,
    doubled: results.filter(({ connected }) => connected > 1).length,
    phantoms: results.reduce((sum, { phantoms }) => sum + phantoms, 0),
    ringing: spreadOf(ringingTimes(results)),
    ringingInOutages: spreadOf(ringingTimes(inOutages)),
    outages: outages.length,
    undetected: detected.filter((each) => each === undefined).length,
    detection: spreadOf(detected.flatMap((each) => (each === undefined ? [] : [each.afterOutage]))),
    detectionAfterRequest: spreadOf(detected.flatMap((each) => each?.afterRequest ?? [])),
    falselyGone: changes.filter(({ to, isDeserved }) => to === 'absent' && !isDeserved).length,
  };
}

function detectionOf({ fault, carrier, swallowedAt }: Outage, changes: readonly CarrierChange[]) {
  const gone = changes.find(
    (change) => change.carrier === carrier && change.to === 'absent' && change.at >= fault.from && change.at < fault.to,
  );
  if (gone === undefined) {
    return undefined;
  }
  return {
    afterOutage: gone.at - fault.from,
    afterRequest: swallowedAt === undefined ? undefined : gone.at - swallowedAt,
  };
}

function ringingTimes(results: readonly CallResult[]): readonly number[] {
  return results.flatMap(({ startedAt, ringingAt }) => (ringingAt === undefined ? [] : [ringingAt - startedAt]));
}

/** Median, 99th percentile and maximum; undefined of nothing. */
export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.ceil(share * sorted.length) - 1] ?? Number.NaN;
  return sorted.length === 0 ? undefined : { p50: at(0.5), p99: at(0.99), max: at(1) };
}
