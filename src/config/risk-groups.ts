import type { InventoryFile, TrunkEntry } from './inventory-file.js';

/** The risk group that is a carrier's own network. Everything over it is lost together with the carrier. */
export function coreOf(carrier: string): string {
  return `${carrier}-core`;
}

/** The risk group that is a gateway itself. */
function boxOf(gateway: string): string {
  return `gateway:${gateway}`;
}

/**
 * Everything that a trunk is lost with: its own risk groups, its carrier's network, its gateway, the gateway's risk groups,
 * and those of the gateway's site. Sorted.
 */
export function riskGroupsOf(trunk: TrunkEntry, inventory: InventoryFile): readonly string[] {
  const gateway = trunk.gateway === undefined ? undefined : inventory.gateways[trunk.gateway];
  const site = gateway === undefined ? undefined : inventory.sites[gateway.site];
  const groups = [
    ...trunk.riskGroups,
    coreOf(trunk.carrier),
    ...(trunk.gateway === undefined ? [] : [boxOf(trunk.gateway)]),
    ...(gateway?.riskGroups ?? []),
    ...(site?.riskGroups ?? []),
  ];
  return [...new Set(groups)].sort();
}
