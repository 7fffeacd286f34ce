import type { Trunk } from '../domain/network.js';
import { areIndependent, areIndependentCarriers, type Candidate } from './candidates.js';

/** Groups that may take turns: the same tier and the same standing. */
export function tiersOf(
  candidates: readonly Candidate[],
  standing: (candidate: Candidate) => number,
): readonly (readonly Candidate[])[] {
  const sorted = candidates.toSorted((a, b) => a.route.tier - b.route.tier || standing(a) - standing(b));
  const groups: Candidate[][] = [];
  let open: Candidate | undefined;
  for (const candidate of sorted) {
    if (open === undefined || open.route.tier !== candidate.route.tier || standing(open) !== standing(candidate)) {
      groups.push([]);
    }
    groups.at(-1)?.push(candidate);
    open = candidate;
  }
  return groups;
}

/** The groups in a row, each turned by `turn` places, so that its members take turns in front. */
export function turned(groups: readonly (readonly Candidate[])[], turn: number): readonly Candidate[] {
  return groups.flatMap((group) => {
    const by = turn % group.length;
    return [...group.slice(by), ...group.slice(0, by)];
  });
}

/**
 * Puts two independent trunks in front, of two carriers if possible, if any of the first `heads` candidates has an
 * independent partner. Everything else keeps its order.
 */
export function pairedFirst(order: readonly Candidate[], heads: number): readonly Candidate[] {
  return pairBy(areIndependentCarriers, order, heads) ?? pairBy(areIndependent, order, heads) ?? order;
}

function pairBy(
  independent: (a: Trunk, b: Trunk) => boolean,
  order: readonly Candidate[],
  heads: number,
): readonly Candidate[] | undefined {
  for (const first of order.slice(0, heads)) {
    const second = order.find((other) => independent(first.trunk, other.trunk));
    if (second !== undefined) {
      return [first, second, ...order.filter((other) => other !== first && other !== second)];
    }
  }
  return undefined;
}

/** `first`, then `order` without it; its partner, where one exists, comes second. */
export function ledBy(first: Candidate, order: readonly Candidate[]): readonly Candidate[] {
  return pairedFirst([first, ...order.filter((other) => other.route !== first.route)], 1);
}
