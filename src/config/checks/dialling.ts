import { recognise } from '../../numbering/service.js';
import { routesOf, type Check, type Draft } from '../draft.js';
import { numberingPlan } from '../network.js';
import type { Problem } from '../problem.js';
import type { RouteEntry } from '../dial-plan-file.js';

/** What a phone or a SIM treats as an emergency call by itself, wherever it is (3GPP TS 22.101, 10.1.1). */
const HANDSET_EMERGENCY = new Set(['112', '911', '000', '08', '110', '118', '119', '999']);

/** What a route dials must lead to its own service, and on a mobile trunk to nothing but a PSAP's own number. */
export const dialling: Check = (draft) =>
  routesOf(draft).flatMap(({ route, index }) => {
    const message = complaint(route, draft);
    return message === undefined ? [] : [problem(draft, index, message)];
  });

function problem(draft: Draft, index: number, message: string): Problem {
  return draft.dialPlan.source.problem(['routes', index, 'number'], message);
}

function complaint(route: RouteEntry, draft: Draft): string | undefined {
  const trunk = draft.inventory.value.trunks[route.trunk];
  const asked = serviceDialled(route.number, draft);
  if (trunk?.kind === 'mobile' && (asked !== undefined || isEmergencyOnHandsets(route.number))) {
    return `"${route.number}" on the mobile trunk ${route.trunk} would land in the national chain again, expected a PSAP's own number`;
  }
  if (isUrn(route.number)) {
    return `"${route.number}" is no number to dial, expected digits such as 112`;
  }
  const isKnown = Object.hasOwn(draft.dialPlan.value.services, route.service);
  if (isKnown && asked !== undefined && asked !== route.service) {
    return `"${route.number}" calls the service ${asked}, expected a number that leads to ${route.service}`;
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
