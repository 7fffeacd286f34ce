import { contested, routesOf, type Check, type Claim, type Draft } from '../draft.js';
import { lineChannels } from '../hardware.js';
import type { LineEntry } from '../hardware-entries.js';
import type { InventoryFile, TrunkEntry } from '../inventory-file.js';
import type { Problem } from '../problem.js';
import type { YamlFile } from '../yaml-file.js';

const CARRIES = { e1: 'e1', sim: 'mobile', sip: 'sip' } as const;

/** The lines of a trunk must be of its kind, in its gateway, and enough for its channels. */
export const lines: Check = (draft) => [...kinds(draft), ...strangeKeys(draft), ...ports(draft), ...channels(draft)];

function kinds({ inventory: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.lines).flatMap(([id, line]) => {
    const trunk = line.trunk === undefined ? undefined : value.trunks[line.trunk];
    if (trunk === undefined) {
      return [];
    }
    const isKnown = [line.gateway, trunk.gateway ?? line.gateway].every((each) => Object.hasOwn(value.gateways, each));
    const isRightGateway = !isKnown || trunk.gateway === line.gateway;
    const expected = `expected a trunk of kind ${CARRIES[line.kind]}`;
    return [
      ...(trunk.kind === CARRIES[line.kind]
        ? []
        : [source.problem(['lines', id, 'trunk'], `${line.trunk} is of kind ${trunk.kind}, ${expected}`)]),
      ...(isRightGateway
        ? []
        : [source.problem(['lines', id, 'gateway'], otherGateway(line.gateway, trunk, line.trunk))]),
    ];
  });
}

function otherGateway(gateway: string, trunk: TrunkEntry, trunkName: string | undefined): string {
  const own = trunk.gateway === undefined ? 'has no gateway' : `is on ${trunk.gateway}`;
  return `the line is on ${gateway} but its trunk ${trunkName} ${own}, expected the same gateway`;
}

/** What only an E1 or only a SIM has. */
const OF_ONE_KIND: Readonly<Record<string, LineEntry['kind']>> = {
  crc4: 'e1',
  clock: 'e1',
  card: 'sim',
  homeNetwork: 'sim',
  operator: 'sim',
  contract: 'sim',
  radios: 'sim',
  ownNumber: 'sim',
};

function strangeKeys({ inventory: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.lines).flatMap(([id, line]) =>
    Object.keys(line)
      .filter((key) => (OF_ONE_KIND[key] ?? line.kind) !== line.kind)
      .map((key) => {
        const message = `a line of kind ${line.kind} has none, expected it on kind ${OF_ONE_KIND[key]} only`;
        return source.problem(['lines', id, key], message, undefined, 'key');
      }),
  );
}

function ports({ inventory: { source, value } }: Draft): readonly Problem[] {
  const claims = Object.entries(value.lines).flatMap(([id, { gateway, kind, port }]): readonly Claim[] => {
    const key = `${kind} ${port} of ${gateway}`;
    return port === undefined ? [] : [{ key, source, path: ['lines', id, 'port'], owner: `line ${id}` }];
  });
  return contested(claims, ({ key }, { owner }) => `${key} is ${owner} already, expected a port of its own`);
}

function channels({ inventory: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.trunks).flatMap(([id, trunk]) => {
    const there = channelsOfLines(id, value);
    const message = `${trunk.channels} channels, but the lines of the trunk have ${there}, expected at most ${there}`;
    return [
      ...(there === undefined || trunk.channels <= there ? [] : [source.problem(['trunks', id, 'channels'], message)]),
      ...reserved(id, trunk, source),
    ];
  });
}

/** At least one channel is left for what is no emergency, else nothing could ever prove the trunk but an emergency. */
function reserved(id: string, trunk: TrunkEntry, source: YamlFile): readonly Problem[] {
  const message = `${trunk.reserved} reserved of ${trunk.channels} channels, expected at most ${trunk.channels - 1}`;
  return trunk.reserved < trunk.channels ? [] : [source.problem(['trunks', id, 'reserved'], message)];
}

/** A route needs a line on which its service is not barred. */
export const barring: Check = (draft) =>
  routesOf(draft).flatMap(({ route, path }) => {
    const own = Object.values(draft.inventory.value.lines).filter((line) => line.trunk === route.trunk);
    const isBarred = own.length > 0 && own.every((line) => line.barred.includes(route.service));
    const message = `${route.service} is barred on every line of ${route.trunk}, expected a trunk that can dial it`;
    return isBarred ? [draft.dialPlan.source.problem([...path, 'trunk'], message)] : [];
  });

function channelsOfLines(trunk: string, { lines }: InventoryFile): number | undefined {
  const own = Object.values(lines).filter((line) => line.trunk === trunk);
  return own.length === 0 ? undefined : own.reduce((sum, line) => sum + lineChannels(line), 0);
}
