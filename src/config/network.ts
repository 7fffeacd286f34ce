import { id, type CarrierId, type PlanId, type ServiceId, type ZoneId } from '../domain/ids.js';
import type { Ingress, Network, Trunk, TrunkKind } from '../domain/network.js';
import type { Draft } from './draft.js';
import type { InventoryFile, TrunkEntry } from './inventory-file.js';
import { buildDestination, buildPlans } from './plans.js';
import { chainsOf, riskGroupsOf } from './risk-groups.js';
import { mapOf } from './tables.js';

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
  const chains = chainsOf(inventory);
  const plans = buildPlans(draft);
  const defaultPlan = id<PlanId>(dialPlan.defaultPlan);
  return {
    services: mapOf(dialPlan.services, (key, service) => ({ id: id(key), class: service.class })),
    destinations: mapOf(dialPlan.destinations, (key, entry) => buildDestination(key, entry, chains)),
    carriers: mapOf(inventory.carriers, (key, { name }) => ({ id: id(key), name })),
    trunks: mapOf(inventory.trunks, (key, trunk) => buildTrunk(key, trunk, inventory)),
    plans: new Map(plans.map((plan) => [plan.id, plan])),
    defaultPlan,
    routes: plans.find((plan) => plan.id === defaultPlan)?.routes ?? [],
    ingresses: Object.entries(inventory.ingresses).map(([key, ingress]) => buildIngress(key, ingress)),
  };
}

function buildTrunk(key: string, entry: TrunkEntry, inventory: InventoryFile): Trunk {
  const trusted = TRUSTED[entry.kind];
  return {
    id: id(key),
    carrier: id(entry.carrier),
    kind: entry.kind,
    address: entry.address,
    channels: entry.channels,
    reserved: entry.reserved,
    riskGroups: new Set(riskGroupsOf(key, entry, inventory).map((group) => id(group))),
    trusted180: entry.trusted180 ?? trusted.trusted180,
    trusted183: entry.trusted183 ?? trusted.trusted183,
    trustedBusy: entry.trustedBusy,
    releaseDelay: entry.releaseDelay,
    reliableProvisionals: entry.reliableProvisionals,
    ...(entry.ownNumber === undefined ? {} : { ownNumber: entry.ownNumber }),
    probeInterval: entry.probeInterval,
    ...(entry.quickProbes === undefined ? {} : { quickProbes: entry.quickProbes }),
    ...(entry.zone === undefined ? {} : { zone: id<ZoneId>(entry.zone) }),
    enabled: entry.enabled,
  };
}

function buildIngress(key: string, entry: InventoryFile['ingresses'][string]): Ingress {
  const carrier = entry.carrier === undefined ? undefined : id<CarrierId>(entry.carrier);
  const { sources, noPath, upstreamRingLimit, holdAnswer, zone } = entry;
  const rates = Object.entries(entry.expectedBusyHour).map(
    ([service, calls]) => [id<ServiceId>(service), calls] as const,
  );
  return {
    id: id(key),
    carrier,
    sources,
    noPath,
    upstreamRingLimit,
    holdAnswer,
    expectedBusyHour: new Map(rates),
    ...(zone === undefined ? {} : { zone: id<ZoneId>(zone) }),
  };
}
