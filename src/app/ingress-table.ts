import { BlockList, isIP } from 'node:net';
import type { Ingress } from '../domain/network.js';

/** Finds the ingress of a source address. */
export interface IngressTable {
  /** The ingress whose block fits `address` most closely. */
  find(address: string): Ingress | undefined;
}

interface Entry {
  readonly ingress: Ingress;
  readonly bits: number;
  readonly block: BlockList;
  readonly family: 'ipv4' | 'ipv6';
}

/** Prepares the sources of all ingresses, the longest prefixes first. Sources were checked when they were loaded. */
export function ingressTable(ingresses: readonly Ingress[]): IngressTable {
  const entries = ingresses
    .flatMap((ingress) => ingress.sources.map((source) => entryOf(ingress, source)))
    .toSorted((a, b) => b.bits - a.bits);
  return {
    find: (address) => {
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      return entries.find((entry) => entry.family === family && entry.block.check(address, family))?.ingress;
    },
  };
}

function entryOf(ingress: Ingress, source: string): Entry {
  const [address = '', prefix] = source.split('/');
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  const bits = prefix === undefined ? (family === 'ipv6' ? 128 : 32) : Number(prefix);
  const block = new BlockList();
  block.addSubnet(address, bits, family);
  return { ingress, bits, block, family };
}
