import type { CarrierState, Evidence, HealthChange, HealthView, TrunkState } from '../domain/health.js';
import type { CarrierId, IngressId, ServiceId, TrunkId } from '../domain/ids.js';
import type { Network } from '../domain/network.js';
import type { Instant } from '../domain/time.js';
import { type CarrierHealth, judgeCarrier, presentCarrier } from './carrier.js';
import { emptyLedgers, type Ledgers } from './ledgers.js';
import {
  admitsCanary,
  canaryStarted,
  nextTick,
  observe,
  type Observation,
  tick,
  type TrunkHealth,
  unproven,
} from './trunk.js';
import { defaultHealthSettings, type HealthSettings } from './weights.js';

/** The state of one trunk for one service, for people to read. */
interface TrunkSnapshot {
  readonly trunk: TrunkId;
  readonly service: ServiceId;
  readonly health: TrunkHealth;
}

/** The state of one carrier for one service, for people to read. */
interface CarrierSnapshot {
  readonly carrier: CarrierId;
  readonly service: ServiceId;
  readonly health: CarrierHealth;
}

/** A drought that is on: calls of a service stopped coming from an ingress. */
export interface DroughtSnapshot {
  readonly ingress: IngressId;
  readonly service: ServiceId;
  readonly since: Instant;
}

/** Every state, as JSON. Times are on the monotonic clock. */
export interface HealthSnapshot {
  readonly at: Instant;
  readonly trunks: readonly TrunkSnapshot[];
  readonly carriers: readonly CarrierSnapshot[];
  readonly droughts: readonly DroughtSnapshot[];
}

interface TrunkEntry {
  readonly trunk: TrunkId;
  readonly carrier: CarrierId;
  readonly service: ServiceId;
  health: TrunkHealth;
}

interface CarrierEntry {
  readonly carrier: CarrierId;
  readonly service: ServiceId;
  readonly trunks: readonly TrunkEntry[];
  health: CarrierHealth;
}

const badness: Record<CarrierState, number> = { present: 0, doubted: 1, returning: 2, absent: 3 };

/** The book of all health states. It has no clock: every change comes with its time. */
export class HealthBook {
  readonly #settings: HealthSettings;
  readonly #trunks: readonly TrunkEntry[];
  readonly #byTrunk: ReadonlyMap<TrunkId, readonly TrunkEntry[]>;
  readonly #carriers: readonly CarrierEntry[];
  readonly #droughts = new Map<string, DroughtSnapshot>();
  #view: HealthView | undefined;
  #version = 0;

  /**
   * A book for every (trunk, service) that a route of `network` joins. States that `previous` holds are kept, so that
   * a new configuration does not forget.
   */
  constructor(
    network: Network,
    now: Instant,
    settings: HealthSettings = defaultHealthSettings,
    previous?: Pick<HealthBook, 'health'>,
  ) {
    this.#settings = settings;
    this.#trunks = trunkEntries(network, (trunk, service) => previous?.health(trunk, service) ?? unproven(now));
    this.#byTrunk = groupBy(this.#trunks, ({ trunk }) => trunk);
    this.#carriers = carrierEntries(this.#trunks, now);
    for (const entry of this.#carriers) {
      entry.health = judgeCarrier(entry.health, entry.trunks.map(healthOf), now, settings);
    }
  }

  /** Grows by one whenever a state changes. */
  get version(): number {
    return this.#version;
  }

  /** Takes a piece of evidence about a trunk. Gives the changes of state that it caused. */
  record(trunk: TrunkId, evidence: Evidence, now: Instant): readonly HealthChange[] {
    if (evidence.type === 'drought') {
      this.#recordDrought(evidence, now);
      return [];
    }
    const entries = this.#byTrunk.get(trunk) ?? [];
    const concerned = 'service' in evidence ? entries.filter(({ service }) => service === evidence.service) : entries;
    return this.#apply(concerned, (health) => observe(health, evidence, now, this.#settings), now);
  }

  /** Lets time pass. Gives the changes of state that it caused. */
  tick(now: Instant): readonly HealthChange[] {
    return this.#apply(this.#trunks, (health) => tick(health, now, this.#settings), now);
  }

  /** When time alone may next change a state. */
  nextTick(now: Instant): Instant | undefined {
    const moments = this.#trunks.map(({ health }) => nextTick(health)).filter((at) => at !== undefined && at > now);
    return moments.toSorted((a, b) => Number(a) - Number(b))[0];
  }

  /** Whether one call of the service may go over the trunk first, as proof. */
  admitsCanary(trunk: TrunkId, service: ServiceId, now: Instant): boolean {
    const health = this.health(trunk, service);
    return health !== undefined && admitsCanary(health, now, this.#settings);
  }

  /** Notes that a canary left over the trunk. Its outcome is recorded as evidence like any other. */
  canaryStarted(trunk: TrunkId, service: ServiceId, now: Instant): void {
    const entry = this.#entry(trunk, service);
    if (entry !== undefined) {
      entry.health = canaryStarted(entry.health, now);
    }
  }

  /** The whole state of a trunk for a service; undefined where no route joins them. */
  health(trunk: TrunkId, service: ServiceId): TrunkHealth | undefined {
    return this.#entry(trunk, service)?.health;
  }

  /** All ledgers of a trunk, one per service; the scheduler of probes reads them. */
  ledgers(trunk: TrunkId): readonly Ledgers[] {
    return this.#byTrunk.get(trunk)?.map(({ health }) => health.ledgers) ?? [emptyLedgers];
  }

  /** What routing reads. The same value until a state changes. */
  view(): HealthView {
    this.#view ??= viewOf(this.#trunks, this.#carriers);
    return this.#view;
  }

  /** Everything, for the admin API. */
  snapshot(now: Instant): HealthSnapshot {
    return {
      at: now,
      trunks: this.#trunks.map(({ trunk, service, health }) => ({ trunk, service, health })),
      carriers: this.#carriers.map(({ carrier, service, health }) => ({ carrier, service, health })),
      droughts: [...this.#droughts.values()],
    };
  }

  #entry(trunk: TrunkId, service: ServiceId): TrunkEntry | undefined {
    return this.#byTrunk.get(trunk)?.find((entry) => entry.service === service);
  }

  #recordDrought({ ingress, service, over }: Evidence & { readonly type: 'drought' }, now: Instant): void {
    const key = `${ingress} ${service}`;
    if (over) {
      this.#droughts.delete(key);
    } else if (!this.#droughts.has(key)) {
      this.#droughts.set(key, { ingress, service, since: now });
    }
  }

  #apply(
    entries: readonly TrunkEntry[],
    move: (health: TrunkHealth) => Observation,
    now: Instant,
  ): readonly HealthChange[] {
    const changes = entries.flatMap((entry) => moveTrunk(entry, move, now));
    changes.push(...this.#judgeCarriers(entries, now));
    if (changes.length > 0) {
      this.#view = undefined;
      this.#version += 1;
    }
    return changes;
  }

  #judgeCarriers(touched: readonly TrunkEntry[], now: Instant): readonly HealthChange[] {
    const concerned = this.#carriers.filter(({ trunks }) => trunks.some((entry) => touched.includes(entry)));
    return concerned.flatMap((entry) => moveCarrier(entry, now, this.#settings));
  }
}

function groupBy<K, V>(values: readonly V[], keyOf: (value: V) => K): ReadonlyMap<K, readonly V[]> {
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

function trunkEntries(network: Network, start: (trunk: TrunkId, service: ServiceId) => TrunkHealth): TrunkEntry[] {
  const entries = new Map<string, TrunkEntry>();
  for (const { trunk, service } of network.routes) {
    const carrier = network.trunks.get(trunk)?.carrier;
    if (carrier !== undefined) {
      entries.set(`${trunk} ${service}`, { trunk, carrier, service, health: start(trunk, service) });
    }
  }
  return [...entries.values()];
}

function carrierEntries(trunks: readonly TrunkEntry[], now: Instant): CarrierEntry[] {
  const groups = groupBy(trunks, ({ carrier, service }) => `${carrier} ${service}`);
  return [...groups.values()].flatMap((group) => {
    const [first] = group;
    return first === undefined
      ? []
      : [{ carrier: first.carrier, service: first.service, trunks: group, health: presentCarrier(now) }];
  });
}

function moveTrunk(
  entry: TrunkEntry,
  move: (health: TrunkHealth) => Observation,
  at: Instant,
): readonly HealthChange[] {
  const { trunk, service } = entry;
  const from = entry.health.state;
  const { health, change } = move(entry.health);
  entry.health = health;
  return change === undefined ? [] : [{ of: 'trunk', trunk, service, from, to: health.state, at, cause: change }];
}

function moveCarrier(entry: CarrierEntry, at: Instant, settings: HealthSettings): readonly HealthChange[] {
  const { carrier, service } = entry;
  const from = entry.health.state;
  entry.health = judgeCarrier(entry.health, entry.trunks.map(healthOf), at, settings);
  const { state: to, cause } = entry.health;
  return from === to ? [] : [{ of: 'carrier', carrier, service, from, to, at, cause }];
}

function viewOf(trunks: readonly TrunkEntry[], carriers: readonly CarrierEntry[]): HealthView {
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
