import { id, type CarrierId, type DestinationAddressId, type PlanId, type RiskGroupId } from '../domain/ids.js';
import type {
  Destination,
  DestinationAddress,
  Ingress,
  Network,
  Plan,
  Route,
  Trunk,
  TrunkKind,
} from '../domain/network.js';
import type { NumberingPlan } from '../numbering/service.js';
import type { AddressEntry, DialPlanFile, RouteEntry } from './dial-plan-file.js';
import { plansOf, type Draft, type PlacedPlan } from './draft.js';
import type { InventoryFile, TrunkEntry } from './inventory-file.js';
import { coreOf, riskGroupsOf } from './risk-groups.js';
import { routeKey, targetOf, targetsOf, type Target } from './targets.js';

/** Whether 180 and 183 mean ringing, where the inventory does not say. Mobile gateways fake both. */
const TRUSTED: Readonly<Record<TrunkKind, { readonly trusted180: boolean; readonly trusted183: boolean }>> = {
  sip: { trusted180: true, trusted183: false },
  e1: { trusted180: true, trusted183: false },
  mobile: { trusted180: false, trusted183: false },
};

/** The world as routing sees it. The files must have passed all checks. */
export function buildNetwork(draft: Pick<Draft, 'dialPlan' | 'inventory'>): Network {
  const dialPlan = draft.dialPlan.value;
  const inventory = draft.inventory.value;
  const plans = plansOf(draft).map((plan) => buildPlan(plan, dialPlan));
  const defaultPlan = id<PlanId>(dialPlan.defaultPlan);
  return {
    services: mapOf(dialPlan.services, (key, service) => ({ id: id(key), class: service.class })),
    destinations: mapOf(dialPlan.destinations, buildDestination),
    carriers: mapOf(inventory.carriers, (key, { name }) => ({ id: id(key), name })),
    trunks: mapOf(inventory.trunks, (key, trunk) => buildTrunk(key, trunk, inventory)),
    plans: new Map(plans.map((plan) => [plan.id, plan])),
    defaultPlan,
    routes: plans.find((plan) => plan.id === defaultPlan)?.routes ?? [],
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

function buildPlan({ id: key, name, next, routes }: PlacedPlan, dialPlan: DialPlanFile): Plan {
  return {
    id: id(key),
    name,
    routes: routes.flatMap(({ route }) => targetsOf(route, dialPlan).map((target) => buildRoute(route, target))),
    next: next.map((each) => id(each)),
  };
}

function buildRoute(route: RouteEntry, target: Target): Route {
  const { address, domain, weight } = target;
  const riskGroups = hostGroups(target);
  return {
    id: id(routeKey(route, target)),
    service: id(route.service),
    destination: id(route.destination),
    trunk: id(route.trunk),
    number: target.number,
    tier: route.tier,
    ...(address === undefined ? {} : { address: id<DestinationAddressId>(address), weight }),
    ...(domain === undefined ? {} : { domain }),
    ...(riskGroups.size === 0 ? {} : { riskGroups }),
  };
}

function buildDestination(key: string, entry: DialPlanFile['destinations'][string]): Destination {
  return {
    id: id(key),
    name: entry.name,
    addresses: Object.entries(entry.addresses).flatMap(([name, address]) => buildAddress(name, address)),
    channels: entry.channels,
    ringsFor: entry.ringsFor,
    takeOver: entry.takeOver.map((each) => id(each)),
  };
}

function buildAddress(name: string, entry: AddressEntry): readonly DestinationAddress[] {
  const target = targetOf(name, entry);
  if (target === undefined) {
    return [];
  }
  const { number, domain, weight } = target;
  return [{ id: id(name), number, domain, weight, channels: entry.channels, riskGroups: hostGroups(target) }];
}

/** What a number is lost with: its host's network, and what the file names beside. */
function hostGroups({ hostedBy, riskGroups }: Target): ReadonlySet<RiskGroupId> {
  return new Set([...(hostedBy === undefined ? [] : [coreOf(hostedBy)]), ...riskGroups].map((group) => id(group)));
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
