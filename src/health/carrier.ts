import type { CarrierState } from '../domain/health.js';
import type { Instant } from '../domain/time.js';
import type { TrunkHealth } from './trunk.js';

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
export function judgeCarrier(before: CarrierHealth, trunks: readonly TrunkHealth[], now: Instant): CarrierHealth {
  const { state, cause } = nextCarrier(before, trunks);
  return state === before.state ? before : { state, cause, since: now };
}

/**
 * `present <-> doubted -> absent -> returning -> present`: all its trunks down is absent. It returns while its trunks take
 * canaries only, and is present when one of them takes a share of the calls and none is at its canaries any more.
 */
function nextCarrier(before: CarrierHealth, trunks: readonly TrunkHealth[]): Omit<CarrierHealth, 'since'> {
  if (trunks.length > 0 && trunks.every(({ state }) => state === 'down')) {
    return { state: 'absent', cause: `all its trunks are down: ${causes(trunks)}` };
  }
  if (before.state === 'absent') {
    return { state: 'returning', cause: 'a trunk may be tried again' };
  }
  if (before.state === 'returning') {
    return trunks.some(isCarrying) && !trunks.some(isProving)
      ? { state: 'present', cause: 'it carries calls again' }
      : before;
  }
  const troubled = trunks.filter((trunk) => !isCarrying(trunk));
  return troubled.length > 0
    ? { state: 'doubted', cause: causes(troubled) }
    : { state: 'present', cause: 'its trunks work' };
}

function isProving(trunk: TrunkHealth): boolean {
  return trunk.state === 'recovering' && trunk.step === 0;
}

function isCarrying(trunk: TrunkHealth): boolean {
  return trunk.state !== 'down' && !isProving(trunk);
}

function causes(trunks: readonly TrunkHealth[]): string {
  return [...new Set(trunks.map(({ cause }) => cause))].join('; ');
}
