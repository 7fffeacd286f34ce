import type { Inventory } from '../domain/inventory.js';
import type { Network, Route, Service, Trunk } from '../domain/network.js';
import { resilienceOf, type Resilience } from '../routing/resilience.js';
import type { Config } from './config.js';
import { sharedFate, type FatedRoute } from './shared-fate.js';

/** A configuration in short, as an engineer checks it. */
export interface Summary {
  readonly site: string;
  readonly lab: boolean;
  readonly carriers: readonly { readonly id: string; readonly name: string; readonly channels: number }[];
  readonly trunks: readonly TrunkSummary[];
  readonly plans: readonly PlanSummary[];
  /** What the plan that is in force at start does for each service. */
  readonly services: readonly ServiceSummary[];
}

/** A plan in short. */
export interface PlanSummary {
  readonly id: string;
  readonly name: string;
  readonly inForce: boolean;
  readonly next: readonly string[];
  readonly routes: number;
}

/** A trunk in short. */
export interface TrunkSummary {
  readonly id: string;
  readonly carrier: string;
  readonly kind: string;
  readonly address: string;
  readonly channels: number;
  readonly riskGroups: readonly string[];
  readonly enabled: boolean;
}

/** A service in short, with what can end it. */
export interface ServiceSummary {
  readonly id: string;
  readonly class: string;
  /** By tier, the first tried first. */
  readonly routes: readonly RouteSummary[];
  /** Risk groups and trunks, each of which alone ends every route. */
  readonly singlePoints: readonly string[];
  readonly hasIndependentPair: boolean;
  /** What is left whatever is lost. */
  readonly resilience: Resilience;
}

/** A route in short. */
export interface RouteSummary {
  readonly tier: number;
  readonly trunk: string;
  readonly number: string;
  readonly destination: string;
  readonly enabled: boolean;
}

/** Sums a configuration up. */
export function summarise({ site, lab, network, inventory }: Config): Summary {
  const trunks = [...network.trunks.values()];
  return {
    site,
    lab,
    carriers: [...network.carriers.values()].map(({ id, name }) => ({ id, name, channels: channelsOf(id, trunks) })),
    trunks: trunks.map(summariseTrunk),
    plans: [...network.plans.values()].map(({ id, name, next, routes }) => {
      return { id, name, inForce: id === network.defaultPlan, next, routes: routes.length };
    }),
    services: [...network.services.values()].map((service) => summariseService(service, network, inventory)),
  };
}

function channelsOf(carrier: string, trunks: readonly Trunk[]): number {
  return trunks.filter((trunk) => trunk.carrier === carrier).reduce((sum, trunk) => sum + trunk.channels, 0);
}

function summariseTrunk({ id, carrier, kind, address, channels, riskGroups, enabled }: Trunk): TrunkSummary {
  const shown = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  return { id, carrier, kind, address: shown, channels, riskGroups: [...riskGroups], enabled };
}

function summariseService(
  { id, class: serviceClass }: Service,
  network: Network,
  inventory: Inventory,
): ServiceSummary {
  const routes = network.routes.filter((route) => route.service === id).sort((a, b) => a.tier - b.tier);
  const resilience = resilienceOf(network, id, inventory.lines.values());
  return {
    id,
    class: serviceClass,
    routes: routes.map((route) => summariseRoute(route, network)),
    singlePoints: resilience.alone.filter(({ channelsLeft }) => channelsLeft === 0).flatMap(({ lost }) => lost.flat()),
    hasIndependentPair: sharedFate(routes.flatMap((route) => fateOf(route, network))).hasIndependentPair,
    resilience,
  };
}

function fateOf(route: Route, network: Network): readonly FatedRoute[] {
  const trunk = network.trunks.get(route.trunk);
  return trunk?.enabled === true
    ? [{ trunk: trunk.id, riskGroups: [...trunk.riskGroups, ...(route.riskGroups ?? [])] }]
    : [];
}

function summariseRoute({ tier, trunk, number, destination }: Route, network: Network): RouteSummary {
  return { tier, trunk, number, destination, enabled: network.trunks.get(trunk)?.enabled === true };
}
