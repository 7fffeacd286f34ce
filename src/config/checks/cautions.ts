import { isIP } from 'node:net';
import { isLoopback } from '../address.js';
import { routesOf, type Check, type Draft } from '../draft.js';
import type { Problem } from '../problem.js';

/** What works, but is likely not meant. */
export const cautions: Check = (draft) => [
  ...unusedTrunks(draft),
  ...unusedDestinations(draft),
  ...namedHosts(draft),
  ...simulators(draft),
  ...openAdmin(draft),
];

function unusedTrunks(draft: Draft): readonly Problem[] {
  const { source, value } = draft.inventory;
  const used = new Set(routesOf(draft).map(({ route }) => route.trunk));
  return Object.keys(value.trunks)
    .filter((id) => !used.has(id))
    .map((id) => source.problem(['trunks', id], 'no route uses this trunk', undefined, 'key'));
}

function unusedDestinations(draft: Draft): readonly Problem[] {
  const { source, value } = draft.dialPlan;
  const used = new Set(routesOf(draft).map(({ route }) => route.destination));
  return Object.keys(value.destinations)
    .filter((id) => !used.has(id))
    .map((id) => source.problem(['destinations', id], 'no route leads to this destination', undefined, 'key'));
}

/** The name service may hang on the very carrier that is gone. */
function namedHosts({ inventory: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.trunks)
    .filter(([, { address }]) => isIP(address.host) === 0)
    .map(([id, { address }]) => {
      const message = `${address.host} is a host name: without name service the trunk is lost; an IP address is safer`;
      return source.problem(['trunks', id, 'address'], message);
    });
}

function simulators({ site, inventory: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.trunks)
    .filter(([, { address }]) => !site.value.lab && isLoopback(address.host))
    .map(([id, { address }]) => {
      const message = `${address.host} is this machine itself: no carrier answers there; a lab file says "lab: true"`;
      return source.problem(['trunks', id, 'address'], message);
    });
}

function openAdmin({ site: { source, value } }: Draft): readonly Problem[] {
  const message = `the admin interface asks for no password, and on ${value.admin.address} others can reach it`;
  return isLoopback(value.admin.address) ? [] : [source.problem(['admin', 'address'], message)];
}
