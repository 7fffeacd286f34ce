import {
  id,
  type CarrierId,
  type DestinationId,
  type PlanId,
  type RiskGroupId,
  type RouteId,
  type ServiceId,
  type TrunkId,
} from '../domain/ids.js';
import type { Network, Route, Trunk } from '../domain/network.js';
import { ms } from '../domain/time.js';
import { type Outage, reportOn, type SimulationReport } from './report.js';
import { SeededRandom } from './random.js';
import { Simulation } from './simulation.js';
import type { Fault } from './world.js';

export type { SimulationReport, Spread } from './report.js';

/** What is asked of the simulator. */
export interface Scenario {
  readonly seed: number;
  readonly hours: number;
  /** Calls per second. */
  readonly rate: number;
  /** The share of datagrams lost each way, in [0, 1). */
  readonly loss: number;
  /** Bursts in an hour, each of 2 s, in which nothing gets through to or from the primary carrier. */
  readonly bursts: number;
  /** Outages in an hour of the primary carrier, each of a minute. */
  readonly outages: number;
  /** What the outages are like. */
  readonly outageKind: Exclude<Fault['kind'], 'half' | 'busy'>;
}

const HOUR = 3_600_000;
const BURST = 2_000;
const OUTAGE = 60_000;
/** Calls are begun until the end; the last ones are given time to come to theirs. */
const SETTLING = 120_000;
/** Faults begin when the gateway has learned what is usual. */
const WARM_UP = 60_000;

/** A primary carrier with two trunks, a second carrier with one, and both services over all of them. */
const twoCarriers: Network = networkOf([trunk('kpn-a', 'kpn'), trunk('kpn-b', 'kpn'), trunk('second-a', 'second')]);

function trunk(name: string, carrier: string): Trunk {
  return {
    ...{ id: id<TrunkId>(name), carrier: id<CarrierId>(carrier), kind: 'sip', channels: 1_000, enabled: true },
    address: { host: '127.0.0.1', port: 5060, transport: 'udp' },
    riskGroups: new Set([id<RiskGroupId>(`${carrier}-core`)]),
    ...{ trusted180: true, trusted183: false, probeInterval: ms(1_000) },
  };
}

function networkOf(trunks: readonly Trunk[]): Network {
  const destination = id<DestinationId>('meldkamer');
  const services = [
    { id: id<ServiceId>('112'), class: 'emergency' },
    { id: id<ServiceId>('0900-8844'), class: 'priority' },
  ] as const;
  const carriers = [...new Set(trunks.map(({ carrier }) => carrier))];
  const routes: readonly Route[] = services.flatMap((service) =>
    trunks.map((each) => ({
      ...{ id: id<RouteId>(`${service.id} ${each.id}`), service: service.id, destination, trunk: each.id },
      ...{ number: '112', tier: carriers.indexOf(each.carrier) + 1 },
    })),
  );
  const normal = id<PlanId>('normal');
  return {
    services: new Map(services.map((each) => [each.id, each])),
    destinations: new Map(),
    carriers: new Map(carriers.map((name) => [name, { id: name, name }])),
    trunks: new Map(trunks.map((each) => [each.id, each])),
    plans: new Map([[normal, { id: normal, name: 'normal', routes, next: [] }]]),
    ...{ defaultPlan: normal, routes, ingresses: [] },
  };
}

/**
 * Plays a scenario and sums it up.
 *
 * @param slice called after every simulated minute with the share that is done; a slow terminal may show it.
 */
export function play(scenario: Scenario, slice: (done: number) => void = () => undefined): SimulationReport {
  const random = new SeededRandom(scenario.seed ^ 0x9e3779b9);
  const end = scenario.hours * HOUR;
  const kpn = new Set(
    [...twoCarriers.trunks.values()].filter(({ carrier }) => carrier === 'kpn').map((each) => each.id),
  );
  const outages = spread(random, scenario.outages * scenario.hours, OUTAGE, end).map((from): Fault => ({
    kind: scenario.outageKind,
    trunks: kpn,
    from,
    to: from + OUTAGE,
  }));
  const bursts = spread(random, scenario.bursts * scenario.hours, BURST, end).map((from): Fault => ({
    kind: 'silent',
    trunks: kpn,
    from,
    to: from + BURST,
  }));
  const simulation = new Simulation({
    ...{ seed: scenario.seed, network: twoCarriers, rate: scenario.rate, emergencyShare: 0.5, watchesDroughts: false },
    ...{ world: { loss: scenario.loss }, faults: [...outages, ...bursts] },
  });
  for (let now = 0; now < end; now += 60_000) {
    simulation.runUntil(Math.min(now + 60_000, end));
    slice(Math.min(1, (now + 60_000) / end));
  }
  simulation.stopCalls();
  simulation.runUntil(end + SETTLING);
  const measured = outages.map((fault): Outage => ({
    fault,
    carrier: 'kpn',
    swallowedAt: simulation.world.swallowedAt(fault),
  }));
  return reportOn(scenario.hours, simulation.results, simulation.changes, measured);
}

/** Moments at random, one in each equal part of the time after the warm-up, so that none runs into the next. */
function spread(random: SeededRandom, count: number, duration: number, end: number): readonly number[] {
  const whole = Math.floor(count);
  const part = (end - WARM_UP) / Math.max(1, whole);
  const room = Math.max(0, part - duration);
  return Array.from(
    { length: part > duration ? whole : 0 },
    (_, index) => WARM_UP + index * part + random.fraction() * room,
  );
}
