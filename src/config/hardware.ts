import { id, type CarrierId, type TrunkId } from '../domain/ids.js';
import type { Gateway, Inventory, Line, RiskGroup, Zone } from '../domain/inventory.js';
import type { LineEntry } from './hardware-entries.js';
import type { InventoryFile } from './inventory-file.js';
import { allWithin, boxOf, chainsOf, coreOf, lineGroups, placeOf, type Chains } from './risk-groups.js';
import { mapOf } from './tables.js';

/** The hardware of the inventory. The file must have passed all checks. */
export function buildInventory(file: InventoryFile): Inventory {
  const chains = chainsOf(file);
  return {
    sites: mapOf(file.sites, (key, { name }) => ({ id: id(key), name })),
    gateways: mapOf(file.gateways, buildGateway),
    lines: mapOf(file.lines, (key, line) => buildLine(key, line, chains)),
    zones: mapOf(file.zones, (key, { name }) => buildZone(key, name, file)),
    riskGroups: mapOf(groupNames(file), (key, name) => buildGroup(key, name, chains)),
  };
}

function buildGateway(key: string, entry: InventoryFile['gateways'][string]): Gateway {
  const { family, model, firmware, site, address, management } = entry;
  return { id: id(key), family, model, firmware, site: id(site), address, management: management?.address };
}

function buildLine(key: string, entry: LineEntry, chains: Chains): Line {
  const { gateway, trunk, port, circuit, barred } = entry;
  const base = {
    id: id<Line['id']>(key),
    gateway: id<Line['gateway']>(gateway),
    trunk: trunk === undefined ? undefined : id<TrunkId>(trunk),
    port,
    channels: lineChannels(entry),
    circuit,
    barred: new Set(barred.map((each) => id<never>(each))),
    riskGroups: new Set(lineGroups(entry, chains).map((each) => id<never>(each))),
  };
  return { ...base, ...ofItsKind(entry) };
}

type Kinds<Each = Line> = Each extends Line ? Omit<Each, keyof LineBase> : never;
type LineBase = Omit<Extract<Line, { readonly kind: 'sip' }>, 'kind'>;

function ofItsKind({ kind, crc4, clock, card, homeNetwork, operator, contract, radios, ownNumber }: LineEntry): Kinds {
  switch (kind) {
    case 'e1':
      return { kind, crc4, clock };
    case 'sim': {
      const home = homeNetwork === undefined ? undefined : id<CarrierId>(homeNetwork);
      return { kind, card, homeNetwork: home, operator, contract, radios: radios ?? [], ownNumber };
    }
    case 'sip':
      return { kind };
  }
}

const CHANNELS: Readonly<Record<LineEntry['kind'], number>> = { e1: 30, sim: 1, sip: 1 };

/** Calls that a line carries at once. */
export function lineChannels({ kind, channels }: LineEntry): number {
  return channels ?? CHANNELS[kind];
}

function buildZone(key: string, name: string, { zones }: InventoryFile): Zone {
  const there = zones[key]?.reaches ?? [];
  const back = Object.keys(zones).filter((other) => zones[other]?.reaches.includes(key));
  return { id: id(key), name, reaches: new Set([...there, ...back].map((each) => id<Zone['id']>(each))) };
}

function groupNames({ riskGroups, carriers, sites, gateways }: InventoryFile): Readonly<Record<string, string>> {
  return Object.fromEntries([
    ...Object.entries(riskGroups).map(([key, { name }]) => [key, name]),
    ...Object.entries(carriers).map(([key, { name }]) => [coreOf(key), `The network of ${name}`]),
    ...Object.entries(sites).map(([key, { name }]) => [placeOf(key), name]),
    ...Object.keys(gateways).map((key) => [boxOf(key), `The gateway ${key}`]),
  ]) as Readonly<Record<string, string>>;
}

function buildGroup(key: string, name: string, chains: Chains): RiskGroup {
  const within = allWithin(chains.get(key) ?? [], chains).map((each) => id<RiskGroup['id']>(each));
  return { id: id(key), name, within: new Set(within) };
}
