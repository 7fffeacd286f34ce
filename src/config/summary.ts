import type { Network, Route, Service, Trunk } from '../domain/network.js';
import type { Config } from './config.js';
import { sharedFate } from './shared-fate.js';

/** A configuration in short, as an engineer checks it. */
export interface Summary {
  readonly site: string;
  readonly lab: boolean;
  readonly carriers: readonly { readonly id: string; readonly name: string; readonly channels: number }[];
  readonly trunks: readonly TrunkSummary[];
  readonly services: readonly ServiceSummary[];
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
  /** Risk groups, each of which alone ends every route. */
  readonly singlePoints: readonly string[];
  readonly hasIndependentPair: boolean;
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
export function summarise({ site, lab, network }: Config): Summary {
  const trunks = [...network.trunks.values()];
  return {
    site,
    lab,
    carriers: [...network.carriers.values()].map(({ id, name }) => ({ id, name, channels: channelsOf(id, trunks) })),
    trunks: trunks.map(summariseTrunk),
    services: [...network.services.values()].map((service) => summariseService(service, network)),
  };
}

function channelsOf(carrier: string, trunks: readonly Trunk[]): number {
  return trunks.filter((trunk) => trunk.carrier === carrier).reduce((sum, trunk) => sum + trunk.channels, 0);
}

function summariseTrunk({ id, carrier, kind, address, channels, riskGroups, enabled }: Trunk): TrunkSummary {
  const shown = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  return { id, carrier, kind, address: shown, channels, riskGroups: [...riskGroups], enabled };
}

function summariseService({ id, class: serviceClass }: Service, network: Network): ServiceSummary {
  const routes = network.routes.filter((route) => route.service === id).sort((a, b) => a.tier - b.tier);
  const trunks = new Set(routes.flatMap(({ trunk }) => network.trunks.get(trunk) ?? []));
  const open = [...trunks].filter(({ enabled }) => enabled);
  const fate = sharedFate(open.map((trunk) => ({ trunk: trunk.id, riskGroups: [...trunk.riskGroups] })));
  return { id, class: serviceClass, routes: routes.map((route) => summariseRoute(route, network)), ...fate };
}

function summariseRoute({ tier, trunk, number, destination }: Route, network: Network): RouteSummary {
  return { tier, trunk, number, destination, enabled: network.trunks.get(trunk)?.enabled === true };
}
