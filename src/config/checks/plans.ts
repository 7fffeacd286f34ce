import { plansOf, type Check, type Draft, type PlacedPlan } from '../draft.js';
import type { ConfigPath, Problem } from '../problem.js';
import { NORMAL_PLAN } from '../dial-plan-file.js';

/** What plans and destinations say of one another: routes in one place, and successors that can succeed. */
export const plans: Check = (draft) => [
  ...places(draft),
  ...plansOf(draft).flatMap((plan) => successors(draft, [...plan.path, 'next'], plan.id, plan.next)),
  ...addresses(draft),
  ...Object.entries(draft.dialPlan.value.destinations).flatMap(([id, { takeOver }]) =>
    successors(draft, ['destinations', id, 'takeOver'], id, takeOver),
  ),
];

function places({ dialPlan: { source, value } }: Draft): readonly Problem[] {
  if (value.routes !== undefined && value.plans[NORMAL_PLAN]?.routes !== undefined) {
    const message = `the routes at the top of the file are those of the plan ${NORMAL_PLAN}, expected its routes in one place`;
    return [source.problem(['plans', NORMAL_PLAN, 'routes'], message, undefined, 'key')];
  }
  const isEmpty = value.routes === undefined && Object.keys(value.plans).length === 0;
  return isEmpty ? [source.problem(['routes'], 'missing, expected a list of routes, or plans')] : [];
}

/** Nobody comes after itself, and nobody twice. */
function successors({ dialPlan: { source } }: Draft, path: ConfigPath, id: string, next: readonly string[]) {
  return next.flatMap((name, index): readonly Problem[] => {
    if (name === id) {
      return [source.problem([...path, index], `${name} cannot come after itself, expected another one`)];
    }
    const isFirst = next.indexOf(name) === index;
    return isFirst ? [] : [source.problem([...path, index], `${name} stands in this list already, expected it once`)];
  });
}

/** An address is a number or a SIP address, and one that no other address is. */
function addresses({ dialPlan: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.destinations).flatMap(([id, destination]) =>
    Object.entries(destination.addresses).flatMap(([key, { number, address }]) => {
      const isOne = (number === undefined) !== (address === undefined);
      const message = 'expected either number or address';
      return isOne ? [] : [source.problem(['destinations', id, 'addresses', key], message, undefined, 'key')];
    }),
  );
}

/** Who takes over must be reached: in each plan, for each service that the plan brings to the one it takes over from. */
export const takingOver: Check = (draft) => plansOf(draft).flatMap((plan) => missingTakers(plan, draft));

function missingTakers({ id, routes }: PlacedPlan, { dialPlan: { source, value } }: Draft): readonly Problem[] {
  const reached = new Set(routes.map(({ route }) => `${route.service} ${route.destination}`));
  return Object.entries(value.destinations).flatMap(([name, { takeOver }]) => {
    const services = Object.keys(value.services).filter((service) => reached.has(`${service} ${name}`));
    return takeOver.flatMap((taker, index) =>
      services
        .filter((service) => !reached.has(`${service} ${taker}`))
        .map((service) => {
          const message = `${taker} takes over, but the plan ${id} has no route of ${service} to it, expected one`;
          return source.problem(['destinations', name, 'takeOver', index], message);
        }),
    );
  });
}
