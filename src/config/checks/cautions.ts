import { isIP } from 'node:net';
import { isLoopback } from '../address.js';
import { routesOf, type Check, type Draft } from '../draft.js';
import type { Problem } from '../problem.js';
import { chainsOf } from '../risk-groups.js';

/** What works, but is likely not meant. */
export const cautions: Check = (draft) => [
  ...unusedTrunks(draft),
  ...unusedDestinations(draft),
  ...namedHosts(draft),
  ...simulators(draft),
  ...openAdmin(draft),
  ...unusedHardware(draft),
  ...ringTimes(draft),
  ...prepaidCards(draft),
  ...muteCalls(draft),
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

function unusedHardware(draft: Draft): readonly Problem[] {
  const { source, value } = draft.inventory;
  const used = usedNames(draft);
  const unused = (table: 'riskGroups' | 'zones' | 'gateways', names: ReadonlySet<string>, what: string) =>
    Object.keys(value[table])
      .filter((name) => !names.has(name))
      .map((name) => source.problem([table, name], `nothing uses this ${what}`, undefined, 'key'));
  return [
    ...unused('riskGroups', used.riskGroups, 'risk group'),
    ...unused('zones', used.zones, 'zone'),
    ...unused('gateways', used.gateways, 'gateway'),
  ];
}

function usedNames({ dialPlan, inventory: { value } }: Draft) {
  const { trunks, ingresses, lines } = value;
  const addresses = Object.values(dialPlan.value.destinations).flatMap((each) => Object.values(each.addresses));
  return {
    riskGroups: new Set([
      ...[...chainsOf(value).values()].flat(),
      ...[...Object.values(trunks), ...Object.values(lines), ...addresses].flatMap(({ riskGroups }) => riskGroups),
    ]),
    zones: new Set([...Object.values(trunks), ...Object.values(ingresses)].flatMap(({ zone }) => zone ?? [])),
    gateways: new Set([...Object.values(trunks), ...Object.values(lines)].flatMap(({ gateway }) => gateway ?? [])),
  };
}

/** What control rooms agree on: the next one is not waited for longer, and not woken sooner. */
const CUSTOMARY = { from: 20_000, to: 30_000 } as const;

function ringTimes({ site, dialPlan: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.destinations)
    .filter(([, { ringsFor }]) => !site.value.lab && (ringsFor < CUSTOMARY.from || ringsFor > CUSTOMARY.to))
    .map(([id, { ringsFor }]) => {
      const message = `${ringsFor / 1_000} s is not customary, a destination is given 20 to 30 s to answer`;
      return source.problem(['destinations', id, 'ringsFor'], message);
    });
}

function prepaidCards({ inventory: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.lines)
    .filter(([, { contract }]) => contract === 'prepaid')
    .map(([id]) => source.problem(['lines', id, 'contract'], 'a prepaid card runs out, and may bar 0900 numbers'));
}

/** Pairs of an ingress and a trunk between which no RTP flows. */
function muteCalls({ inventory: { source, value } }: Draft): readonly Problem[] {
  const joined = (a: string, b: string): boolean =>
    a === b || value.zones[a]?.reaches.includes(b) === true || value.zones[b]?.reaches.includes(a) === true;
  return Object.entries(value.ingresses).flatMap(([ingress, { zone: from }]) =>
    Object.entries(value.trunks)
      .filter(([, { zone: to }]) => from !== undefined && to !== undefined && !joined(from, to))
      .map(([trunk, { zone: to }]) => {
        const message = `calls over the trunk ${trunk} would be mute: no RTP flows between the zones ${from} and ${to}`;
        return source.problem(['ingresses', ingress, 'zone'], message);
      }),
  );
}
