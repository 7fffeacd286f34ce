import type { Check, Draft } from '../draft.js';
import type { InventoryFile, TrunkEntry } from '../inventory-file.js';
import type { Problem } from '../problem.js';

const CARRIES = { e1: 'e1', sim: 'mobile', sip: 'sip' } as const;

/** The lines of a trunk must be of its kind, in its gateway, and enough for its channels. */
export const lines: Check = (draft) => [...kinds(draft), ...channels(draft)];

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

function channels({ inventory: { source, value } }: Draft): readonly Problem[] {
  return Object.entries(value.trunks).flatMap(([id, trunk]) => {
    const there = lineChannels(id, value);
    const message = `${trunk.channels} channels, but the lines of the trunk have ${there}, expected at most ${there}`;
    return there === undefined || trunk.channels <= there ? [] : [source.problem(['trunks', id, 'channels'], message)];
  });
}

function lineChannels(trunk: string, { lines }: InventoryFile): number | undefined {
  const own = Object.values(lines).filter((line) => line.trunk === trunk);
  return own.length === 0 ? undefined : own.reduce((sum, line) => sum + line.channels, 0);
}
