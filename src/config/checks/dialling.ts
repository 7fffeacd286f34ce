import { recognise } from '../../numbering/service.js';
import { namesIn, routesOf, type Check, type Draft, type PlacedRoute } from '../draft.js';
import { numberingPlan } from '../numbering.js';
import type { Problem } from '../problem.js';
import type { RouteEntry } from '../dial-plan-file.js';
import { targetsOf } from '../targets.js';

/** What a phone or a SIM treats as an emergency call by itself, wherever it is (3GPP TS 22.101, 10.1.1). */
const HANDSET_EMERGENCY = new Set(['112', '911', '000', '08', '110', '118', '119', '999']);

/** What a route dials must lead to its own service, and on a mobile trunk to nothing but a PSAP's own number. */
export const dialling: Check = (draft) => routesOf(draft).flatMap((placed) => complaints(placed, draft));

function complaints({ route, path }: PlacedRoute, draft: Draft): readonly Problem[] {
  const { source, value } = draft.dialPlan;
  if (route.number !== undefined && route.address !== undefined) {
    return [source.problem([...path, 'address'], 'number and address in one route, expected one of them')];
  }
  const targets = targetsOf(route, value);
  const isComplete = namesIn(source, 'destinations', route.destination, 'addresses').length > 0;
  if (targets.length === 0 && route.address === undefined && !isComplete) {
    const message = 'nothing to dial, expected number, or addresses at its destination';
    return [source.problem(path, message)];
  }
  // An address over which nothing may be dialled is the route's fault: another trunk may well use it.
  const at = route.number === undefined ? path : [...path, 'number'];
  return targets.flatMap(({ number }) => {
    const message = complaint(number, route, draft);
    return message === undefined ? [] : [source.problem(at, message)];
  });
}

function complaint(number: string, route: RouteEntry, draft: Draft): string | undefined {
  const trunk = draft.inventory.value.trunks[route.trunk];
  const asked = serviceDialled(number, draft);
  if (trunk?.kind === 'mobile' && (asked !== undefined || isEmergencyOnHandsets(number))) {
    return `"${number}" on the mobile trunk ${route.trunk} would land in the national chain again, expected a PSAP's own number`;
  }
  if (isUrn(number)) {
    return `"${number}" is no number to dial, expected digits such as 112`;
  }
  const isKnown = Object.hasOwn(draft.dialPlan.value.services, route.service);
  if (isKnown && asked !== undefined && asked !== route.service) {
    return `"${number}" calls the service ${asked}, expected a number that leads to ${route.service}`;
  }
  return undefined;
}

function isUrn(number: string): boolean {
  return number.toLowerCase().startsWith('urn:');
}

function isEmergencyOnHandsets(number: string): boolean {
  return isUrn(number) || HANDSET_EMERGENCY.has(number);
}

function serviceDialled(number: string, draft: Draft): string | undefined {
  const uri = isUrn(number) ? number : `sip:${number}@invalid`;
  return recognise({ uri, headers: [] }, numberingPlan(draft.dialPlan.value))?.service;
}
