import { namesIn, routesOf, unknownName, type Check, type Draft } from '../draft.js';
import type { ConfigPath, Problem } from '../problem.js';
import { coreOf } from '../risk-groups.js';
import type { YamlFile } from '../yaml-file.js';

/** Every name that one thing uses for another must exist. */
export const references: Check = (draft) => [
  ...siteReferences(draft),
  ...routeReferences(draft),
  ...hardwareReferences(draft),
  ...trunkReferences(draft),
];

const KINDS = {
  service: 'services',
  destination: 'destinations',
  carrier: 'carriers',
  gateway: 'gateways',
  site: 'sites',
  trunk: 'trunks',
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
  return routesOf(draft).flatMap(({ route, index }) => [
    ...own(['routes', index, 'service'], route.service, 'service'),
    ...own(['routes', index, 'destination'], route.destination, 'destination'),
    ...hardware(['routes', index, 'trunk'], route.trunk, 'trunk'),
  ]);
}

function hardwareReferences({ inventory: { source, value } }: Draft): readonly Problem[] {
  const look = lookIn(source, source);
  const groups = groupLook(source);
  return [
    ...Object.entries(value.sites).flatMap(([id, { riskGroups }]) => groups(['sites', id], riskGroups)),
    ...Object.entries(value.gateways).flatMap(([id, gateway]) => [
      ...look(['gateways', id, 'site'], gateway.site, 'site'),
      ...groups(['gateways', id], gateway.riskGroups),
    ]),
    ...Object.entries(value.lines).flatMap(([id, line]) => [
      ...look(['lines', id, 'gateway'], line.gateway, 'gateway'),
      ...look(['lines', id, 'trunk'], line.trunk, 'trunk'),
    ]),
    ...Object.entries(value.ingresses).flatMap(([id, { carrier }]) =>
      look(['ingresses', id, 'carrier'], carrier, 'carrier'),
    ),
  ];
}

function trunkReferences({ inventory: { source, value } }: Draft): readonly Problem[] {
  const look = lookIn(source, source);
  const groups = groupLook(source);
  return Object.entries(value.trunks).flatMap(([id, trunk]) => [
    ...look(['trunks', id, 'carrier'], trunk.carrier, 'carrier'),
    ...look(['trunks', id, 'gateway'], trunk.gateway, 'gateway'),
    ...groups(['trunks', id], trunk.riskGroups),
  ]);
}

/** Risk groups are those of the inventory, and each carrier's network. */
function groupLook(source: YamlFile): (above: ConfigPath, groups: readonly string[]) => readonly Problem[] {
  const names = [...namesIn(source, 'riskGroups'), ...namesIn(source, 'carriers').map(coreOf)];
  return (above, groups) =>
    groups.flatMap((group, index) =>
      unknownName(source, [...above, 'riskGroups', index], group, { what: 'risk group', names }),
    );
}
