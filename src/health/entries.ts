import type { CarrierState, HealthChange, HealthView, TrunkState } from '../domain/health.js';
import type { CarrierId, ServiceId, TrunkId } from '../domain/ids.js';
import type { Network, ServiceClass } from '../domain/network.js';
import type { SavedHealth } from '../domain/saved-health.js';
import type { Instant, Milliseconds } from '../domain/time.js';
import { type CarrierHealth, judgeCarrier, presentCarrier } from './carrier.js';
import { restoreCarrier, restoreTrunk } from './saved.js';
import { probesTell } from './silence.js';
import { type Observation, type TrunkHealth, unproven } from './trunk.js';

/** The health of one trunk for one service. */
export interface TrunkEntry {
  readonly trunk: TrunkId;
  readonly carrier: CarrierId;
  readonly service: ServiceId;
  readonly class: ServiceClass;
  /** In [0, 1), the same for a trunk always. */
  readonly jitter: number;
  /** How many calls of the service have met this trunk while it takes a share. */
  offered: number;
  /** Whether its carrier has to be judged anew, because of what it became. */
  isNews: boolean;
  health: TrunkHealth;
}

/** The health of one carrier, as one service sees it, and what its calls found across its trunks. */
export interface CarrierEntry {
  readonly carrier: CarrierId;
  readonly service: ServiceId;
  readonly trunks: readonly TrunkEntry[];
  health: CarrierHealth;
  /** Failures behind its trunks since the last good call on any of them, by weight. */
  points: number;
  readonly failing: Set<TrunkId>;
}

/** Where the states of a new book come from. */
export interface HealthStart {
  trunk(trunk: TrunkId, service: ServiceId): TrunkHealth | undefined;
  carrier(carrier: CarrierId, service: ServiceId): CarrierHealth | undefined;
}

/** A start without any knowledge. */
export const blank: HealthStart = { trunk: () => undefined, carrier: () => undefined };

/**
 * What a gateway that is gone knew, `elapsed` after it was saved. What was down starts as down, an absent carrier as
 * absent: what is not in it starts blank.
 */
export function restored(
  saved: Pick<SavedHealth, 'trunks' | 'carriers'>,
  elapsed: Milliseconds,
  now: Instant,
): HealthStart {
  const trunks = new Map(saved.trunks.map((each) => [`${each.trunk} ${each.service}`, each]));
  const carriers = new Map(saved.carriers.map((each) => [`${each.carrier} ${each.service}`, each]));
  return {
    trunk: (trunk, service) => {
      const found = trunks.get(`${trunk} ${service}`);
      return found === undefined ? undefined : restoreTrunk(found, elapsed, now);
    },
    carrier: (carrier, service) => {
      const found = carriers.get(`${carrier} ${service}`);
      return found === undefined ? undefined : restoreCarrier(found, elapsed, now);
    },
  };
}

/** An entry for every (trunk, service) that a route joins. */
export function trunkEntries(network: Network, start: HealthStart, now: Instant): readonly TrunkEntry[] {
  const entries = new Map<string, TrunkEntry>();
  for (const { trunk, service } of network.routes) {
    const way = network.trunks.get(trunk);
    if (way !== undefined) {
      const { carrier } = way;
      const known = start.trunk(trunk, service) ?? unproven(now);
      const health = withProbes(known, probesTell(way));
      const serviceClass = network.services.get(service)?.class ?? 'priority';
      const entry = {
        trunk,
        carrier,
        service,
        class: serviceClass,
        jitter: fractionOf(trunk),
        offered: 0,
        isNews: true,
        health,
      };
      entries.set(`${trunk} ${service}`, entry);
    }
  }
  return [...entries.values()];
}

/** How often a trunk is probed is a matter of the configuration, whatever is known of its health. */
function withProbes(health: TrunkHealth, tells: boolean): TrunkHealth {
  const { ledgers } = health;
  return { ...health, ledgers: { ...ledgers, probe: { ...ledgers.probe, tells } } };
}

/** A number in [0, 1) from a name: FNV-1a. */
function fractionOf(name: string): number {
  let hash = 0x811c9dc5;
  for (const char of name) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193) >>> 0;
  }
  return hash / 0x1_0000_0000;
}

/** An entry for every (carrier, service) of these trunks. */
export function carrierEntries(
  trunks: readonly TrunkEntry[],
  start: HealthStart,
  now: Instant,
): readonly CarrierEntry[] {
  const groups = groupBy(trunks, ({ carrier, service }) => `${carrier} ${service}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    if (first === undefined) {
      return [];
    }
    const { carrier, service } = first;
    const known = start.carrier(carrier, service) ?? presentCarrier(now);
    const health = judgeCarrier(known, group.map(healthOf), now);
    return [{ carrier, service, trunks: group, health, points: 0, failing: new Set<TrunkId>() }];
  });
}

/** Values with the same key, in their order. */
export function groupBy<K, V>(values: readonly V[], keyOf: (value: V) => K): ReadonlyMap<K, readonly V[]> {
  const groups = new Map<K, V[]>();
  for (const value of values) {
    const key = keyOf(value);
    const group = groups.get(key);
    if (group === undefined) {
      groups.set(key, [value]);
    } else {
      group.push(value);
    }
  }
  return groups;
}

function healthOf({ health }: TrunkEntry): TrunkHealth {
  return health;
}

/** Gives the trunk its new health, and says what changed. */
export function moveTrunk(entry: TrunkEntry, { health, change }: Observation, at: Instant): readonly HealthChange[] {
  const { trunk, service } = entry;
  const from = entry.health.state;
  entry.isNews ||= from !== health.state || stepOf(entry.health) !== stepOf(health);
  entry.health = health;
  return change === undefined ? [] : [{ of: 'trunk', trunk, service, from, to: health.state, at, cause: change }];
}

function stepOf(health: TrunkHealth): number {
  return health.state === 'recovering' ? health.step : 0;
}

/** Judges the carrier anew, and says what changed. */
export function moveCarrier(entry: CarrierEntry, at: Instant): readonly HealthChange[] {
  const { carrier, service } = entry;
  const from = entry.health.state;
  entry.health = judgeCarrier(entry.health, entry.trunks.map(healthOf), at);
  for (const trunk of entry.trunks) {
    trunk.isNews = false;
  }
  const { state: to, cause } = entry.health;
  return from === to ? [] : [{ of: 'carrier', carrier, service, from, to, at, cause }];
}

const badness: Record<CarrierState, number> = { present: 0, doubted: 1, returning: 2, absent: 3 };

/** What routing reads, as it is now. */
export function viewOf(trunks: readonly TrunkEntry[], carriers: readonly CarrierEntry[]): HealthView {
  const trunkStates = new Map<string, TrunkState>();
  for (const { trunk, service, health } of trunks) {
    trunkStates.set(`${trunk} ${service}`, health.state);
  }
  const carrierStates = new Map<string, CarrierState>();
  for (const { carrier, service, health } of carriers) {
    const worst = carrierStates.get(carrier) ?? 'present';
    carrierStates.set(carrier, badness[health.state] > badness[worst] ? health.state : worst);
    carrierStates.set(`${carrier} ${service}`, health.state);
  }
  return {
    trunk: (trunk, service) => trunkStates.get(`${trunk} ${service}`) ?? 'unproven',
    carrier: (carrier, service) =>
      carrierStates.get(service === undefined ? carrier : `${carrier} ${service}`) ?? 'present',
  };
}
