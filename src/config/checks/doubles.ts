import { showAddress } from '../address.js';
import { contested, namesIn, plansOf, type Check, type Claim, type Draft, type PlacedRoute } from '../draft.js';
import { formatPath, type Problem } from '../problem.js';
import { coreOf } from '../risk-groups.js';
import { routeKey, targetsOf } from '../targets.js';

/** What may exist only once: a trunk's address, an ingress's block, a service's number, a route, a carrier's core. */
export const doubles: Check = (draft) => [
  ...addresses(draft),
  ...blocks(draft),
  ...numbers(draft),
  ...routes(draft),
  ...cores(draft),
];

function addresses({ inventory: { source, value } }: Draft): readonly Problem[] {
  const claims = Object.entries(value.trunks).map(([id, trunk]): Claim => ({
    key: showAddress(trunk.address),
    source,
    path: ['trunks', id, 'address'],
    owner: `trunk ${id}`,
  }));
  return contested(
    claims,
    ({ key }, { owner }) => `${key} is the address of ${owner} too, expected an address of its own`,
  );
}

function blocks({ inventory: { source, value } }: Draft): readonly Problem[] {
  const claims = Object.entries(value.ingresses).flatMap(([id, { sources }]) =>
    sources.map((key, index): Claim => ({
      key,
      source,
      path: ['ingresses', id, 'sources', index],
      owner: `ingress ${id}`,
    })),
  );
  return contested(claims, ({ key }, { owner }) => `${key} is a source of ${owner} too, expected it once`);
}

function numbers({ dialPlan: { source, value } }: Draft): readonly Problem[] {
  const kinds = ['short', 'national', 'urns'] as const;
  const claims = Object.entries(value.services).flatMap(([id, service]) =>
    kinds.flatMap((kind) =>
      service[kind].map((key, index): Claim => ({
        key,
        source,
        path: ['services', id, kind, index],
        owner: `service ${id}`,
      })),
    ),
  );
  return contested(claims, ({ key }, { owner }) => `${key} is a number of ${owner} already, expected it once`);
}

function routes(draft: Draft): readonly Problem[] {
  return plansOf(draft).flatMap((plan) =>
    contested(
      plan.routes.flatMap((placed) => routeClaims(placed, draft)),
      ({ key }, { owner }) => `the same service, trunk and number as ${owner} (${key}), expected one route for them`,
    ),
  );
}

function routeClaims({ route, path }: PlacedRoute, { dialPlan: { source, value } }: Draft): readonly Claim[] {
  return targetsOf(route, value).map((target): Claim => ({
    key: routeKey(route, target),
    source,
    path,
    owner: formatPath(path),
  }));
}

function cores({ inventory: { source } }: Draft): readonly Problem[] {
  const own = new Set(namesIn(source, 'carriers').map(coreOf));
  return namesIn(source, 'riskGroups')
    .filter((group) => own.has(group))
    .map((group) => {
      const message = "a carrier's network is a risk group by itself, expected it not to be listed";
      return source.problem(['riskGroups', group], message, undefined, 'key');
    });
}
