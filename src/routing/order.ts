import { areIndependent, areIndependentCarriers, type Candidate, type Way } from './candidates.js';

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

/** After so many turns each member of the group has been in front as often as its weight says. */
export function sharesOf(group: readonly Candidate[]): number {
  return group.reduce((sum, candidate) => sum + weightOf(candidate), 0) / commonWeight(group);
}

/** The groups in a row, each turned so that its members take turns in front, by their weights. */
export function turned(groups: readonly (readonly Candidate[])[], turn: number): readonly Candidate[] {
  return groups.flatMap((group) => {
    const by = inFront(group, turn % sharesOf(group));
    return [...group.slice(by), ...group.slice(0, by)];
  });
}

/** Who is in front in a turn: the one that is furthest behind its share (smooth weighted round robin). */
function inFront(group: readonly Candidate[], turn: number): number {
  const common = commonWeight(group);
  const weights = group.map((candidate) => weightOf(candidate) / common);
  const total = sharesOf(group);
  const credit = weights.map(() => 0);
  let best = 0;
  for (let each = 0; each <= turn; each += 1) {
    weights.forEach((weight, index) => {
      credit[index] = (credit[index] ?? 0) + weight;
    });
    best = credit.indexOf(Math.max(...credit));
    credit[best] = (credit[best] ?? 0) - total;
  }
  return best;
}

function commonWeight(group: readonly Candidate[]): number {
  return group.map(weightOf).reduce(greatestCommonDivisor, 0) || 1;
}

function weightOf({ route }: Candidate): number {
  return Math.max(1, Math.round(route.weight ?? 1));
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}

/**
 * Puts two independent trunks in front, of two carriers if possible, if any of the first `heads` candidates has an
 * independent partner. Everything else keeps its order.
 */
export function pairedFirst(order: readonly Candidate[], heads: number): readonly Candidate[] {
  return pairBy(areIndependentCarriers, order, heads) ?? pairBy(areIndependent, order, heads) ?? order;
}

function pairBy(
  independent: (a: Way, b: Way) => boolean,
  order: readonly Candidate[],
  heads: number,
): readonly Candidate[] | undefined {
  for (const first of order.slice(0, heads)) {
    const second = order.find((other) => independent(first, other));
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
