import type { CarrierState } from '../domain/health.js';
import type { Instant } from '../domain/time.js';
import type { TrunkHealth } from './trunk.js';
import type { HealthSettings } from './weights.js';

/** The observed state of one carrier, as one service sees it. */
export interface CarrierHealth {
  readonly state: CarrierState;
  readonly since: Instant;
  readonly cause: string;
}

/** The state of a carrier of which nothing is known. */
export function presentCarrier(now: Instant): CarrierHealth {
  return { state: 'present', since: now, cause: 'nothing against it' };
}

/** Judges a carrier anew from its trunks for one service. Gives `before` itself when the state stays. */
export function judgeCarrier(
  before: CarrierHealth,
  trunks: readonly TrunkHealth[],
  now: Instant,
  settings: HealthSettings,
): CarrierHealth {
  const { state, cause } = nextCarrier(before, trunks, settings);
  return state === before.state ? before : { state, cause, since: now };
}

function nextCarrier(
  before: CarrierHealth,
  trunks: readonly TrunkHealth[],
  settings: HealthSettings,
): Omit<CarrierHealth, 'since'> {
  if (trunks.length > 0 && trunks.every(({ state }) => state === 'down')) {
    return { state: 'absent', cause: `all its trunks are down: ${causes(trunks)}` };
  }
  if (silentTogether(trunks, settings)) {
    return { state: 'absent', cause: 'calls found silence on two of its trunks' };
  }
  if (wasAway(before) && !trunks.some(({ state }) => state === 'up')) {
    return { state: 'returning', cause: 'a trunk may be tried again' };
  }
  return trunks.some(isInTrouble)
    ? { state: 'doubted', cause: causes(trunks.filter(isInTrouble)) }
    : { state: 'present', cause: 'its trunks work' };
}

function wasAway(before: CarrierHealth): boolean {
  return before.state === 'absent' || before.state === 'returning';
}

function isInTrouble({ state }: TrunkHealth): boolean {
  return state === 'down' || state === 'recovering';
}

function causes(trunks: readonly TrunkHealth[]): string {
  return [...new Set(trunks.map(({ cause }) => cause))].join('; ');
}

/** Two trunks on which the last call found nobody, at about the same time, and neither has answered since. */
function silentTogether(trunks: readonly TrunkHealth[], settings: HealthSettings): boolean {
  const times = trunks
    .filter((trunk) => trunk.state === 'suspect' || trunk.state === 'down')
    .map(silentSince)
    .filter((at) => at !== undefined)
    .toSorted((a, b) => a - b);
  return times.some((at, index) => at - (times[index - 1] ?? -Infinity) <= settings.silentTogether);
}

function silentSince({ ledgers: { calls } }: TrunkHealth): Instant | undefined {
  const { last, points } = calls;
  return last !== undefined && points > 0 && (last.kind === 'silent' || last.kind === 'refused') ? last.at : undefined;
}
