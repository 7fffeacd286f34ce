import { NORMAL_PLAN } from '../dial-plan-file.js';
import { plansOf, type Check, type Draft, type PlacedPlan, type PlacedRoute } from '../draft.js';
import type { Problem } from '../problem.js';
import { chainsOf, riskGroupsOf } from '../risk-groups.js';
import { sharedFate, type FatedRoute } from '../shared-fate.js';
import { targetGroups, targetsOf } from '../targets.js';

/** Every service can be dialled, has a route, and does not stand or fall with its pair over one carrier. */
export const coverage: Check = (draft) => [...dialable(draft), ...routed(draft), ...pairFate(draft)];

function dialable({ dialPlan: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.services)
    .filter(([, { short, national, urns }]) => short.length + national.length + urns.length === 0)
    .map(([id]) =>
      source.problem(['services', id], 'nobody can dial it, expected short, national or urns', undefined, 'key'),
    );
}

/** Each plan may be put in force, so each must carry each service. */
function routed(draft: Draft): readonly Problem[] {
  const { source, value } = draft.dialPlan;
  return plansOf(draft).flatMap((plan) =>
    Object.keys(value.services)
      .filter((service) => openTrunks(service, plan.routes, draft).length === 0)
      .map((service) =>
        plan.id === NORMAL_PLAN
          ? source.problem(['services', service], `the service has ${NO_ROUTE}`, undefined, 'key')
          : source.problem(plan.path, `the plan has, for the service ${service}, ${NO_ROUTE}`, undefined, 'key'),
      ),
  );
}

const NO_ROUTE = 'no route over a trunk that is enabled, expected at least one';

/** Names and entries of the enabled trunks over which a service has a route. */
function openTrunks(service: string, routes: readonly PlacedRoute[], draft: Draft) {
  const { trunks } = draft.inventory.value;
  const names = new Set(routes.flatMap(({ route }) => (route.service === service ? [route.trunk] : [])));
  return [...names].flatMap((name) => {
    const trunk = trunks[name];
    return trunk?.enabled === true ? [{ name, trunk }] : [];
  });
}

/** No carrier may end two services at once: neither by a plan, nor by it and the plans that come after it. */
function pairFate(draft: Draft): readonly Problem[] {
  return plansOf(draft).flatMap((plan) => pairsOverOneCarrier(plan, draft));
}

function pairsOverOneCarrier(plan: PlacedPlan, draft: Draft): readonly Problem[] {
  const { source, value } = draft.dialPlan;
  const bound = Object.keys(value.services).flatMap((service) => {
    const open = openTrunks(service, withNext(plan, draft), draft);
    const carriers = new Set(open.map(({ trunk }) => trunk.carrier));
    const [carrier] = carriers;
    return carrier !== undefined && carriers.size === 1 ? [{ service, carrier }] : [];
  });
  return bound.flatMap(({ service, carrier }, index) => {
    const pair = bound.slice(0, index).find((each) => each.carrier === carrier);
    const where = plan.id === NORMAL_PLAN ? '' : ` in the plan ${plan.id}`;
    const message = `all routes of ${pair?.service} and of ${service}${where} lead over the carrier ${carrier}, expected another carrier for one of them`;
    const path = plan.id === NORMAL_PLAN ? ['services', service] : plan.path;
    return pair === undefined ? [] : [source.problem(path, message, undefined, 'key')];
  });
}

/** The routes of a plan, and of those that are tried when it fails. */
function withNext(plan: PlacedPlan, draft: Draft): readonly PlacedRoute[] {
  const later = plansOf(draft).filter(({ id }) => plan.next.includes(id));
  return [plan, ...later].flatMap(({ routes }) => routes);
}

/** Warns of services that one event can take whole. */
export const independence: Check = (draft) => {
  const { source, value } = draft.dialPlan;
  return Object.entries(value.services).flatMap(([service, { class: serviceClass }]) => {
    const { singlePoints, hasIndependentPair } = sharedFate(fatedRoutes(service, draft));
    if (hasIndependentPair) {
      return [];
    }
    const why =
      singlePoints.length === 0 ? 'each two of them share something' : `all of them need ${singlePoints.join(', ')}`;
    const message = `no two routes of this ${serviceClass} service are independent: ${why}`;
    return [source.problem(['services', service], message, undefined, 'key')];
  });
};

function fatedRoutes(service: string, { dialPlan, inventory }: Draft): readonly FatedRoute[] {
  const chains = chainsOf(inventory.value);
  const plan = plansOf({ dialPlan }).find(({ id }) => id === dialPlan.value.defaultPlan);
  return (plan?.routes ?? []).flatMap(({ route }) => {
    const trunk = inventory.value.trunks[route.trunk];
    const groups = trunk?.enabled === true ? riskGroupsOf(route.trunk, trunk, inventory.value) : undefined;
    return route.service !== service || groups === undefined
      ? []
      : targetsOf(route, dialPlan.value).map((target) => ({
          trunk: route.trunk,
          riskGroups: [...new Set([...groups, ...targetGroups(target, chains)])].sort(),
        }));
  });
}
