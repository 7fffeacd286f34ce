import { id, type CarrierId } from '../domain/ids.js';
import type { Ingress, Network, Route, Trunk, TrunkKind } from '../domain/network.js';
import type { NumberingPlan } from '../numbering/service.js';
import type { DialPlanFile, RouteEntry } from './dial-plan-file.js';
import type { InventoryFile, TrunkEntry } from './inventory-file.js';
import { riskGroupsOf } from './risk-groups.js';

/** Whether 180 and 183 mean ringing, where the inventory does not say. Mobile gateways fake both. */
const TRUSTED: Readonly<Record<TrunkKind, { readonly trusted180: boolean; readonly trusted183: boolean }>> = {
  sip: { trusted180: true, trusted183: false },
  e1: { trusted180: true, trusted183: false },
  mobile: { trusted180: false, trusted183: false },
};

/** The world as routing sees it. The files must have passed all checks. */
export function buildNetwork(dialPlan: DialPlanFile, inventory: InventoryFile): Network {
  return {
    services: mapOf(dialPlan.services, (key, service) => ({ id: id(key), class: service.class })),
    destinations: mapOf(dialPlan.destinations, (key, { name }) => ({ id: id(key), name })),
    carriers: mapOf(inventory.carriers, (key, { name }) => ({ id: id(key), name })),
    trunks: mapOf(inventory.trunks, (key, trunk) => buildTrunk(key, trunk, inventory)),
    routes: dialPlan.routes.flatMap((route) => (route === undefined ? [] : [buildRoute(route)])),
    ingresses: Object.entries(inventory.ingresses).map(([key, ingress]) => buildIngress(key, ingress)),
  };
}

function mapOf<In, Out extends { readonly id: string }>(
  table: Readonly<Record<string, In>>,
  build: (key: string, entry: In) => Out,
): ReadonlyMap<Out['id'], Out> {
  return new Map(
    Object.entries(table)
      .map(([key, entry]) => build(key, entry))
      .map((built) => [built.id, built]),
  );
}

function buildTrunk(key: string, entry: TrunkEntry, inventory: InventoryFile): Trunk {
  const trusted = TRUSTED[entry.kind];
  return {
    id: id(key),
    carrier: id(entry.carrier),
    kind: entry.kind,
    address: entry.address,
    channels: entry.channels,
    riskGroups: new Set(riskGroupsOf(entry, inventory).map((group) => id(group))),
    trusted180: entry.trusted180 ?? trusted.trusted180,
    trusted183: entry.trusted183 ?? trusted.trusted183,
    trustedBusy: entry.trustedBusy,
    releaseDelay: entry.releaseDelay,
    reliableProvisionals: entry.reliableProvisionals,
    ...(entry.ownNumber === undefined ? {} : { ownNumber: entry.ownNumber }),
    probeInterval: entry.probeInterval,
    enabled: entry.enabled,
  };
}

function buildRoute({ service, destination, trunk, number, tier }: RouteEntry): Route {
  return {
    id: id(`${service}/${trunk}/${number}`),
    service: id(service),
    destination: id(destination),
    trunk: id(trunk),
    number,
    tier,
  };
}

function buildIngress(key: string, entry: InventoryFile['ingresses'][string]): Ingress {
  const carrier = entry.carrier === undefined ? undefined : id<CarrierId>(entry.carrier);
  return { id: id(key), carrier, sources: entry.sources, noPath: entry.noPath };
}

/** How numbers are written, and which of them are services. */
export function numberingPlan({ numbering, services }: DialPlanFile): NumberingPlan {
  return {
    ...numbering,
    services: Object.entries(services).map(([key, service]) => ({ id: id(key), ...service })),
  };
}
