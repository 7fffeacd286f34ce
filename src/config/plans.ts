import { id, type DestinationAddressId, type RiskGroupId } from '../domain/ids.js';
import type { Destination, DestinationAddress, Plan, Route } from '../domain/network.js';
import { inForm, type NumberForm } from '../numbering/dial-form.js';
import type { NumberingPlan } from '../numbering/service.js';
import type { AddressEntry, DialPlanFile, RouteEntry } from './dial-plan-file.js';
import { plansOf, type Draft, type PlacedPlan } from './draft.js';
import { chainsOf, type Chains } from './risk-groups.js';
import { numberingPlan } from './numbering.js';
import { routeKey, targetGroups, targetOf, targetsOf, type Target } from './targets.js';

/** What building needs to look up. */
interface Surroundings {
  readonly draft: Pick<Draft, 'dialPlan' | 'inventory'>;
  readonly numbering: NumberingPlan;
  readonly chains: Chains;
}

/** Every plan of a dial plan. The files must have passed all checks. */
export function buildPlans(draft: Surroundings['draft']): readonly Plan[] {
  const numbering = numberingPlan(draft.dialPlan.value);
  const around = { draft, numbering, chains: chainsOf(draft.inventory.value) };
  return plansOf(draft).map((plan) => buildPlan(plan, around));
}

function buildPlan({ id: key, name, next, routes }: PlacedPlan, around: Surroundings): Plan {
  const targets = (route: RouteEntry): readonly Target[] => targetsOf(route, around.draft.dialPlan.value);
  return {
    id: id(key),
    name,
    routes: routes.flatMap(({ route }) => targets(route).map((target) => buildRoute(route, target, around))),
    next: next.map((each) => id(each)),
  };
}

function buildRoute(route: RouteEntry, target: Target, { draft, numbering, chains }: Surroundings): Route {
  const { address, domain, weight } = target;
  const { numberForm = 'as-written', secondForm } = draft.inventory.value.trunks[route.trunk] ?? {};
  const dialledIn = (form: NumberForm): string =>
    domain === undefined ? inForm(target.number, form, numbering) : target.number;
  const number = dialledIn(numberForm);
  const secondNumber = secondForm === undefined ? number : dialledIn(secondForm);
  const riskGroups = hostGroups(target, chains);
  return {
    id: id(routeKey(route, target)),
    service: id(route.service),
    destination: id(route.destination),
    trunk: id(route.trunk),
    number,
    ...(secondNumber === number ? {} : { secondNumber }),
    tier: route.tier,
    ...(address === undefined ? {} : { address: id<DestinationAddressId>(address), weight }),
    ...(domain === undefined ? {} : { domain }),
    ...(riskGroups.size === 0 ? {} : { riskGroups }),
  };
}

/** A destination, with its addresses. */
export function buildDestination(
  key: string,
  entry: DialPlanFile['destinations'][string],
  chains: Chains,
): Destination {
  return {
    id: id(key),
    name: entry.name,
    addresses: Object.entries(entry.addresses).flatMap(([name, address]) => buildAddress(name, address, chains)),
    channels: entry.channels,
    ringsFor: entry.ringsFor,
    takeOver: entry.takeOver.map((each) => id(each)),
  };
}

function buildAddress(name: string, entry: AddressEntry, chains: Chains): readonly DestinationAddress[] {
  const target = targetOf(name, entry);
  if (target === undefined) {
    return [];
  }
  const { number, domain, weight } = target;
  const riskGroups = hostGroups(target, chains);
  return [{ id: id(name), number, domain, weight, channels: entry.channels, riskGroups }];
}

function hostGroups(target: Target, chains: Chains): ReadonlySet<RiskGroupId> {
  return new Set(targetGroups(target, chains).map((group) => id<RiskGroupId>(group)));
}
