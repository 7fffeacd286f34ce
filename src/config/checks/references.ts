import { namesIn, plansOf, routesOf, unknownName, type Check, type Draft } from '../draft.js';
import type { ConfigPath, Problem } from '../problem.js';
import { coreOf } from '../risk-groups.js';
import type { YamlFile } from '../yaml-file.js';

/** Every name that one thing uses for another must exist. */
export const references: Check = (draft) => [
  ...siteReferences(draft),
  ...routeReferences(draft),
  ...destinationReferences(draft),
  ...planReferences(draft),
  ...hardwareReferences(draft),
  ...chainReferences(draft),
  ...ingressReferences(draft),
  ...trunkReferences(draft),
];

const KINDS = {
  service: 'services',
  destination: 'destinations',
  carrier: 'carriers',
  gateway: 'gateways',
  site: 'sites',
  trunk: 'trunks',
  zone: 'zones',
} as const;

type Kind = keyof typeof KINDS;
type Look = (path: ConfigPath, name: string | undefined, kind: Kind) => readonly Problem[];

/** Looks names up that stand in `from` and are defined in `owner`. */
function lookIn(owner: YamlFile, from: YamlFile): Look {
  return (path, name, kind) => unknownName(from, path, name, { what: kind, names: namesIn(owner, KINDS[kind]) });
}

function siteReferences({ site, inventory }: Draft): readonly Problem[] {
  return lookIn(inventory.source, site.source)(['site'], site.value.site, 'site');
}

function routeReferences(draft: Draft): readonly Problem[] {
  const { source } = draft.dialPlan;
  const own = lookIn(source, source);
  const hardware = lookIn(draft.inventory.source, source);
  return routesOf(draft).flatMap(({ route, path }) => [
    ...own([...path, 'service'], route.service, 'service'),
    ...own([...path, 'destination'], route.destination, 'destination'),
    ...hardware([...path, 'trunk'], route.trunk, 'trunk'),
    ...hardware([...path, 'hostedBy'], route.hostedBy, 'carrier'),
    ...unknownName(source, [...path, 'address'], route.address, {
      what: `address of ${route.destination}`,
      names: namesIn(source, 'destinations', route.destination, 'addresses'),
    }),
  ]);
}

function destinationReferences({ dialPlan: { source, value }, inventory }: Draft): readonly Problem[] {
  const own = lookIn(source, source);
  const hardware = lookIn(inventory.source, source);
  const groups = groupLook(inventory.source, source);
  return Object.entries(value.destinations).flatMap(([id, { addresses, takeOver }]) => [
    ...takeOver.flatMap((name, index) => own(['destinations', id, 'takeOver', index], name, 'destination')),
    ...Object.entries(addresses).flatMap(([key, { hostedBy, riskGroups }]) => [
      ...hardware(['destinations', id, 'addresses', key, 'hostedBy'], hostedBy, 'carrier'),
      ...groups(['destinations', id, 'addresses', key], riskGroups),
    ]),
  ]);
}

function planReferences(draft: Draft): readonly Problem[] {
  const { source, value } = draft.dialPlan;
  const names = [...new Set([...plansOf(draft).map(({ id }) => id), ...namesIn(source, 'plans')])];
  const known = { what: 'plan', names };
  return [
    ...unknownName(source, ['defaultPlan'], names.length === 0 ? undefined : value.defaultPlan, known),
    ...plansOf(draft).flatMap(({ path, next }) =>
      next.flatMap((name, index) => unknownName(source, [...path, 'next', index], name, known)),
    ),
  ];
}

function hardwareReferences({ dialPlan, inventory: { source, value } }: Draft): readonly Problem[] {
  const look = lookIn(source, source);
  const services = lookIn(dialPlan.source, source);
  const groups = groupLook(source);
  return [
    ...Object.entries(value.gateways).flatMap(([id, gateway]) => [
      ...look(['gateways', id, 'site'], gateway.site, 'site'),
      ...groups(['gateways', id], gateway.riskGroups),
      ...groups(['gateways', id, 'management'], gateway.management?.riskGroups ?? []),
    ]),
    ...Object.entries(value.lines).flatMap(([id, line]) => [
      ...look(['lines', id, 'gateway'], line.gateway, 'gateway'),
      ...look(['lines', id, 'trunk'], line.trunk, 'trunk'),
      ...look(['lines', id, 'homeNetwork'], line.homeNetwork, 'carrier'),
      ...groups(['lines', id], line.riskGroups),
      ...line.barred.flatMap((name, index) => services(['lines', id, 'barred', index], name, 'service')),
    ]),
    ...Object.entries(value.zones).flatMap(([id, { reaches }]) =>
      reaches.flatMap((name, index) => look(['zones', id, 'reaches', index], name, 'zone')),
    ),
  ];
}

function chainReferences({ inventory: { source, value } }: Draft): readonly Problem[] {
  const groups = groupLook(source);
  const tables = ['riskGroups', 'carriers', 'sites'] as const;
  return tables.flatMap((table) =>
    Object.entries<{ readonly riskGroups: readonly string[] }>(value[table]).flatMap(([id, { riskGroups }]) =>
      groups([table, id], riskGroups),
    ),
  );
}

function ingressReferences({ dialPlan, inventory: { source, value } }: Draft): readonly Problem[] {
  const look = lookIn(source, source);
  const services = lookIn(dialPlan.source, source);
  return Object.entries(value.ingresses).flatMap(([id, { carrier, zone, expectedBusyHour }]) => [
    ...look(['ingresses', id, 'carrier'], carrier, 'carrier'),
    ...look(['ingresses', id, 'zone'], zone, 'zone'),
    ...Object.keys(expectedBusyHour).flatMap((name) =>
      services(['ingresses', id, 'expectedBusyHour', name], name, 'service'),
    ),
  ]);
}

function trunkReferences({ inventory: { source, value } }: Draft): readonly Problem[] {
  const look = lookIn(source, source);
  const groups = groupLook(source);
  return Object.entries(value.trunks).flatMap(([id, trunk]) => [
    ...look(['trunks', id, 'carrier'], trunk.carrier, 'carrier'),
    ...look(['trunks', id, 'gateway'], trunk.gateway, 'gateway'),
    ...look(['trunks', id, 'zone'], trunk.zone, 'zone'),
    ...groups(['trunks', id], trunk.riskGroups),
  ]);
}

/** Risk groups are those of the inventory, and each carrier's network. */
function groupLook(
  source: YamlFile,
  from = source,
): (above: ConfigPath, groups: readonly string[]) => readonly Problem[] {
  const names = [...namesIn(source, 'riskGroups'), ...namesIn(source, 'carriers').map(coreOf)];
  return (above, groups) =>
    groups.flatMap((group, index) =>
      unknownName(from, [...above, 'riskGroups', index], group, { what: 'risk group', names }),
    );
}
