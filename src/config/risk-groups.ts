import type { InventoryFile, TrunkEntry } from './inventory-file.js';
import type { LineEntry } from './hardware-entries.js';

/** The risk group that is a carrier's own network. Everything over it is lost together with the carrier. */
export function coreOf(carrier: string): string {
  return `${carrier}-core`;
}

/** The risk group that is a gateway itself. */
export function boxOf(gateway: string): string {
  return `gateway:${gateway}`;
}

/** The risk group that is a site itself. */
export function placeOf(site: string): string {
  return `site:${site}`;
}

/** Each risk group with those that it is itself lost with, one step far. */
export type Chains = ReadonlyMap<string, readonly string[]>;

/** The chains of an inventory: groups of the file, networks of carriers, gateways and sites. */
export function chainsOf({ riskGroups, carriers, gateways, sites }: InventoryFile): Chains {
  return new Map<string, readonly string[]>([
    ...Object.entries(riskGroups).map(([key, entry]) => [key, entry.riskGroups] as const),
    ...Object.entries(carriers).map(([key, entry]) => [coreOf(key), entry.riskGroups] as const),
    ...Object.entries(sites).map(([key, entry]) => [placeOf(key), entry.riskGroups] as const),
    ...Object.entries(gateways).map(([key, { site, riskGroups: own, management }]) => {
      return [boxOf(key), [placeOf(site), ...own, ...(management?.riskGroups ?? [])]] as const;
    }),
  ]);
}

/** These groups and all that they are lost with, through every chain. Sorted. Loops do no harm. */
export function allWithin(groups: Iterable<string>, chains: Chains): readonly string[] {
  const found = new Set(groups);
  // A set that grows while it is walked is walked to its end.
  for (const group of found) {
    for (const next of chains.get(group) ?? []) {
      found.add(next);
    }
  }
  return [...found].sort();
}

/**
 * Everything that a trunk is lost with: its own risk groups, its carrier's network, its gateway, what all of its lines
 * share, and all that these are lost with. Sorted.
 */
export function riskGroupsOf(name: string, trunk: TrunkEntry, inventory: InventoryFile): readonly string[] {
  const { carrier, gateway, riskGroups } = trunk;
  const chains = chainsOf(inventory);
  const box = gateway === undefined ? [] : [boxOf(gateway)];
  return allWithin([...riskGroups, coreOf(carrier), ...box, ...sharedByLines(name, inventory, chains)], chains);
}

/** Everything that a line is lost with by itself: its own risk groups, and a SIM's home network. Sorted. */
export function lineGroups({ riskGroups, homeNetwork }: LineEntry, chains: Chains): readonly string[] {
  return allWithin([...riskGroups, ...(homeNetwork === undefined ? [] : [coreOf(homeNetwork)])], chains);
}

function sharedByLines(trunk: string, { lines }: InventoryFile, chains: Chains): readonly string[] {
  const [first, ...others] = Object.values(lines)
    .filter((line) => line.trunk === trunk)
    .map((line) => lineGroups(line, chains));
  return (first ?? []).filter((group) => others.every((each) => each.includes(group)));
}
