import { routesOf, type Check, type Draft } from '../draft.js';
import type { Problem } from '../problem.js';
import { riskGroupsOf } from '../risk-groups.js';
import { sharedFate, type FatedRoute } from '../shared-fate.js';

/** Every service can be dialled, has a route, and does not stand or fall with its pair over one carrier. */
export const coverage: Check = (draft) => [...dialable(draft), ...routed(draft), ...pairFate(draft)];

function dialable({ dialPlan: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.services)
    .filter(([, { short, national, urns }]) => short.length + national.length + urns.length === 0)
    .map(([id]) =>
      source.problem(['services', id], 'nobody can dial it, expected short, national or urns', undefined, 'key'),
    );
}

function routed(draft: Draft): readonly Problem[] {
  const { source, value } = draft.dialPlan;
  return Object.keys(value.services)
    .filter((service) => openTrunks(service, draft).length === 0)
    .map((service) => {
      const message = 'the service has no route over a trunk that is enabled, expected at least one';
      return source.problem(['services', service], message, undefined, 'key');
    });
}

/** Names and entries of the enabled trunks over which a service has a route. */
function openTrunks(service: string, draft: Draft) {
  const { trunks } = draft.inventory.value;
  const names = new Set(routesOf(draft).flatMap(({ route }) => (route.service === service ? [route.trunk] : [])));
  return [...names].flatMap((name) => {
    const trunk = trunks[name];
    return trunk?.enabled === true ? [{ name, trunk }] : [];
  });
}

function pairFate(draft: Draft): readonly Problem[] {
  const { source, value } = draft.dialPlan;
  const bound = Object.keys(value.services).flatMap((service) => {
    const carriers = new Set(openTrunks(service, draft).map(({ trunk }) => trunk.carrier));
    const [carrier] = carriers;
    return carrier !== undefined && carriers.size === 1 ? [{ service, carrier }] : [];
  });
  return bound.flatMap(({ service, carrier }, index) => {
    const pair = bound.slice(0, index).find((each) => each.carrier === carrier);
    const message = `all routes of ${pair?.service} and of ${service} lead over the carrier ${carrier}, expected another carrier for one of them`;
    return pair === undefined ? [] : [source.problem(['services', service], message, undefined, 'key')];
  });
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

function fatedRoutes(service: string, draft: Draft): readonly FatedRoute[] {
  return openTrunks(service, draft).map(({ name, trunk }) => ({
    trunk: name,
    riskGroups: riskGroupsOf(trunk, draft.inventory.value),
  }));
}
