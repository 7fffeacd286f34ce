import type { DestinationId } from '../domain/ids.js';
import type { Network, Route } from '../domain/network.js';
import type { Candidate } from './candidates.js';

/** Where a destination stands in the routing matrix of a service: 0 begins, 1 takes over first, and so on. */
type Places = ReadonlyMap<DestinationId, number>;

/**
 * The routes of a service by the place of their destination: those of the destinations at which its calls begin, then those of
 * each that takes over from the first of them, in the order of its list (DESIGN 4.6). A destination that only takes over for
 * somebody never begins a call.
 */
export function byPlace(network: Network, candidates: readonly Candidate[]): readonly (readonly Candidate[])[] {
  const places = placesOf(
    network,
    candidates.map(({ route }) => route),
  );
  const groups: Candidate[][] = [];
  for (const candidate of candidates) {
    (groups[places.get(candidate.route.destination) ?? 0] ??= []).push(candidate);
  }
  return Array.from(groups, (group) => group ?? []);
}

function placesOf({ destinations }: Network, routes: readonly Route[]): Places {
  const inOrder = [...new Set(routes.toSorted((a, b) => a.tier - b.tier).map(({ destination }) => destination))];
  const takers = (from: DestinationId): readonly DestinationId[] =>
    (destinations.get(from)?.takeOver ?? []).filter((each) => inOrder.includes(each) && each !== from);
  const taking = new Set(inOrder.flatMap(takers));
  // Two that take over from each other: calls begin where the best route leads.
  const first = inOrder.find((each) => !taking.has(each)) ?? inOrder[0];
  const list = first === undefined ? [] : takers(first);
  return new Map([
    ...inOrder.filter((each) => taking.has(each) && each !== first).map((each) => [each, list.length + 1] as const),
    ...list.map((each, index) => [each, index + 1] as const),
  ]);
}
