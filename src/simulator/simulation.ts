import type { CarrierState, HealthChange } from '../domain/health.js';
import type { CarrierId } from '../domain/ids.js';
import type { Network, Service } from '../domain/network.js';
import { callCame, freshTraffic, timePassed, type Traffic } from '../health/drought.js';
import { defaultHealthSettings, type HealthSettings } from '../health/weights.js';
import { type CallResult, SimulatedGateway } from './gateway.js';
import { SeededRandom } from './random.js';
import { Timeline } from './timeline.js';
import { type Fault, usualWorld, World, type WorldSettings } from './world.js';

/** A run of the simulator. Times are milliseconds. */
export interface SimulationSettings {
  readonly seed: number;
  readonly network: Network;
  /** Calls per second, in a Poisson stream. */
  readonly rate: number;
  /** The share of calls that are for an emergency service. */
  readonly emergencyShare: number;
  readonly world?: Partial<WorldSettings>;
  readonly faults?: readonly Fault[];
  /** When the upstream delivers no calls. */
  readonly dry?: { readonly from: number; readonly to: number };
  readonly health?: Partial<HealthSettings>;
  /** Whether droughts are watched for. They are, unless a test says otherwise. */
  readonly watchesDroughts?: boolean;
  /** Calls that came before, in each hour of the day, so that the usual rate is known at the start. */
  readonly knownRate?: number;
}

/** A carrier changed its state, as one service sees it. */
export interface CarrierChange {
  readonly at: number;
  readonly carrier: CarrierId;
  readonly service: string;
  readonly to: CarrierState;
  /** Whether something was wrong with one of its trunks then, or shortly before. */
  readonly isDeserved: boolean;
}

const GRACE = 5_000;
const SECOND = 1_000;

/** Hours of calls, networks and faults in seconds, over the gateway's own machines. The same settings give the same run. */
export class Simulation {
  readonly changes: CarrierChange[] = [];
  readonly results: CallResult[] = [];
  readonly world: World;
  /** When a drought was noticed, if one was. */
  droughtAt: number | undefined;
  readonly gateway: SimulatedGateway;
  readonly #settings: SimulationSettings;
  readonly #timeline = new Timeline();
  readonly #random: SeededRandom;
  #traffic: Traffic;
  #isStopped = false;

  constructor(settings: SimulationSettings) {
    this.#settings = settings;
    this.#random = new SeededRandom(settings.seed);
    const worldRandom = new SeededRandom(settings.seed ^ 0x5bd1e995);
    this.world = new World(this.#timeline, worldRandom, { ...usualWorld, ...settings.world });
    this.world.faults = settings.faults ?? [];
    this.#traffic = steady(settings.knownRate ?? settings.rate);
    const health = { ...defaultHealthSettings, ...settings.health };
    this.gateway = new SimulatedGateway(settings.network, this.#timeline, this.world, this.#random, health, {
      changed: (change) => {
        this.#changed(change);
      },
      ended: (result) => this.results.push(result),
    });
    this.#nextCall();
    if (settings.watchesDroughts !== false) {
      this.#watch();
    }
  }

  /** Runs until so many milliseconds from the start. */
  runUntil(end: number): void {
    this.#timeline.runUntil(end);
  }

  /** No new call comes from now on. */
  stopCalls(): void {
    this.#isStopped = true;
  }

  #changed(change: HealthChange): void {
    if (change.of === 'carrier') {
      const { carrier, service, to, at } = change;
      const isDeserved = this.world.isTroubled(carrier, this.#settings.network.trunks.values(), GRACE);
      this.changes.push({ at, carrier, service, to, isDeserved });
    }
  }

  #nextCall(): void {
    const { rate } = this.#settings;
    if (rate > 0) {
      this.#timeline.after(this.#random.waiting(SECOND / rate), () => {
        if (!this.#isDry() && !this.#isStopped) {
          this.#callCame();
        }
        this.#nextCall();
      });
    }
  }

  #callCame(): void {
    const service = this.#pickService();
    if (service !== undefined) {
      this.#traffic = callCame(this.#traffic, this.#moment());
      this.gateway.call(service);
    }
  }

  #pickService(): Service | undefined {
    const { network, emergencyShare } = this.#settings;
    const wanted = this.#random.chance(emergencyShare) ? 'emergency' : 'priority';
    const services = [...network.services.values()];
    return services.find((each) => each.class === wanted) ?? services[0];
  }

  #isDry(): boolean {
    const { dry } = this.#settings;
    return dry !== undefined && dry.from <= this.#timeline.now && this.#timeline.now < dry.to;
  }

  #watch(): void {
    this.#traffic = timePassed(this.#traffic, this.#moment(), false);
    if (this.#traffic.drought !== undefined) {
      this.droughtAt ??= this.#timeline.now;
    }
    this.#timeline.after(SECOND, () => {
      this.#watch();
    });
  }

  #moment(): Parameters<typeof callCame>[1] {
    return { now: this.#timeline.now, wallTime: this.#timeline.now };
  }
}

/** A hundred hours of experience with a rate that is the same at every time of day. */
function steady(callsPerSecond: number): Traffic {
  const known = 100;
  const fresh = freshTraffic();
  return {
    ...fresh,
    hours: fresh.hours.map(() => known),
    calls: fresh.calls.map(() => known * callsPerSecond * 3_600),
  };
}
