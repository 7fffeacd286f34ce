import type { AttemptRole, Deadlines, PlannedAttempt } from '../domain/attempt.js';
import type { HealthView } from '../domain/health.js';
import type { ServiceId, TrunkId } from '../domain/ids.js';
import type { Network, Route, Trunk } from '../domain/network.js';
import { type Candidate, candidatesFor } from './candidates.js';
import { canaryDeadlines, coldDeadlines } from './deadlines.js';
import { byPlace } from './matrix.js';
import { ledBy, pairedFirst, sharesOf, tiersOf, turned } from './order.js';

type AttemptList = readonly PlannedAttempt[];

/** A trunk that may be led by a canary, and the plan that does so, per turn. */
interface CanaryLists {
  readonly trunk: Trunk;
  readonly lists: readonly AttemptList[];
  /** The same for a call of its share: as if it were in service. */
  readonly shareLists: readonly AttemptList[];
}

interface ServicePlans {
  readonly isPanic: boolean;
  /** One list per turn of the rotation. Never empty as a row; a list is empty only where the service has no route. */
  readonly lists: readonly AttemptList[];
  readonly canaries: readonly CanaryLists[];
}

/** Ready-made plans for every service, true until health changes. Made by `buildPlans` only. */
export interface Plans {
  readonly services: ReadonlyMap<ServiceId, ServicePlans>;
}

/** What is only known when the call comes. */
export interface PlanOptions {
  /** Any growing count of calls: trunks that are equal take turns by it. */
  readonly turn: number;
  /** Whether this call may go over the returning trunk first, as proof. None by default. */
  readonly canaryAllowed?: (trunk: TrunkId) => boolean;
  /** Whether this call belongs to the share that a returning trunk takes. None by default. */
  readonly shareAllowed?: (trunk: TrunkId) => boolean;
  /** Whether a channel is free. Trunks without one go last, in their order: our count may be wrong. Never a canary. */
  readonly hasRoom?: (trunk: Trunk) => boolean;
  /** Whether the answering point that a route leads to can take a call. While another turn begins with one that can, it is that. */
  readonly hasSeat?: (route: Route) => boolean;
}

/** Above this number of turns the sharing is even enough. */
const mostTurns = 60;

/** The usual deadlines of an attempt on a route. */
export type DeadlinesOf = (route: Route, trunk: Trunk) => Deadlines;

const cold: DeadlinesOf = (_, trunk) => coldDeadlines(trunk.kind);

/** Makes the plans of every service. To be called when health or the network changes, not per call. */
export function buildPlans(network: Network, view: HealthView, deadlines: DeadlinesOf = cold): Plans {
  const ids = new Set([...network.services.keys(), ...network.routes.map(({ service }) => service)]);
  return {
    services: new Map(
      [...ids].map(
        (service) =>
          [
            service,
            matrixPlans(network, candidatesFor(network, view, service), deadlines, view.isNobodyHeard === true),
          ] as const,
      ),
    ),
  };
}

/**
 * The ordered attempts for one call: healthy trunks by tier, then suspect ones, the first two independent where any such
 * pair exists; a canary before them where one is allowed. When nothing healthy or suspect is left, or nobody is heard at
 * all, everything enabled (the panic route). Empty only for a service without routes.
 */
export function plan(plans: Plans, service: ServiceId, options: PlanOptions): readonly PlannedAttempt[] {
  const ready = plans.services.get(service);
  if (ready === undefined) {
    return [];
  }
  const list = seatedTurn(canaryLists(ready, options) ?? shareLists(ready, options) ?? ready.lists, options);
  return options.hasRoom === undefined ? list : roomFirst(list, options.hasRoom);
}

/** Whether the plan of a service is the panic route: nothing healthy or suspect is left. */
export function isPanic(plans: Plans, service: ServiceId): boolean {
  return plans.services.get(service)?.isPanic ?? false;
}

function atTurn(lists: readonly AttemptList[], turn: number): AttemptList {
  return lists[Math.abs(Math.trunc(turn)) % lists.length] ?? [];
}

/** The list of the turn, or of the first turn after it that begins at an answering point with a place free. */
function seatedTurn(lists: readonly AttemptList[], { turn, hasSeat }: PlanOptions): AttemptList {
  const first = atTurn(lists, turn);
  if (hasSeat === undefined || first[0] === undefined || hasSeat(first[0].route)) {
    return first;
  }
  const later = lists.map((_, step) => atTurn(lists, turn + step));
  return later.find(([head]) => head !== undefined && hasSeat(head.route)) ?? first;
}

function canaryLists({ canaries }: ServicePlans, options: PlanOptions): readonly AttemptList[] | undefined {
  const { canaryAllowed, hasRoom } = options;
  if (canaryAllowed === undefined) {
    return undefined;
  }
  const leads = ({ trunk }: CanaryLists): boolean => (hasRoom?.(trunk) ?? true) && canaryAllowed(trunk.id);
  return canaries.find(leads)?.lists;
}

function shareLists({ canaries }: ServicePlans, { shareAllowed }: PlanOptions): readonly AttemptList[] | undefined {
  return shareAllowed === undefined ? undefined : canaries.find(({ trunk }) => shareAllowed(trunk.id))?.shareLists;
}

function roomFirst(list: AttemptList, hasRoom: (trunk: Trunk) => boolean): AttemptList {
  if (list.every(({ trunk }) => hasRoom(trunk))) {
    return list;
  }
  return [...list.filter(({ trunk }) => hasRoom(trunk)), ...list.filter(({ trunk }) => !hasRoom(trunk))];
}

/** The plan of the destination at which calls begin, followed by those of the destinations that take over. */
function matrixPlans(
  network: Network,
  all: readonly Candidate[],
  deadlines: DeadlinesOf,
  isNobodyHeard: boolean,
): ServicePlans {
  const [begin, ...takers] = byPlace(network, all).map((candidates, place) =>
    servicePlans(candidates, attempts(network, deadlines, place), isNobodyHeard),
  );
  if (begin === undefined) {
    return servicePlans([], attempts(network, deadlines, 0), isNobodyHeard);
  }
  const followed = (list: AttemptList, turn: number): AttemptList => [
    ...list,
    ...takers.flatMap(({ lists }) => atTurn(lists, turn)),
  ];
  return {
    ...begin,
    lists: begin.lists.map(followed),
    canaries: begin.canaries.map(({ trunk, lists, shareLists: shared }) => ({
      trunk,
      lists: lists.map(followed),
      shareLists: shared.map(followed),
    })),
  };
}

function servicePlans(all: readonly Candidate[], attempt: MakeAttempt, isNobodyHeard: boolean): ServicePlans {
  const enabled = all.filter(({ trunk }) => trunk.enabled);
  const usable = enabled.filter(({ isCut, state }) => !isCut && isUsable(state));
  if (usable.length === 0 || isNobodyHeard) {
    return panicPlans(enabled.length > 0 ? enabled : all, attempt);
  }
  const healthy = usable.filter(({ state }) => state !== 'suspect');
  const groups = [
    ...tiersOf(healthy, standing),
    ...tiersOf(
      usable.filter(({ state }) => state === 'suspect'),
      standing,
    ),
  ];
  const heads = healthy.length > 0 ? healthy.length : usable.length;
  const orders = allTurns(groups);
  const returning = enabled.filter(({ isCut, state }) => !isCut && state === 'recovering');
  const last = (but?: Candidate): AttemptList => lastResort(returning, attempt, but);
  return {
    isPanic: false,
    lists: orders.map((order) => [
      ...pairedFirst(order, heads).map((candidate) => attempt(candidate, 'normal')),
      ...last(),
    ]),
    canaries: canaryCandidates(enabled).map((canary) => ({
      trunk: canary.trunk,
      lists: orders.map((order) => [...withCanary(canary, order, heads, attempt), ...last(canary)]),
      shareLists: orders.map((order) => [
        ...ledBy(canary, order).map((candidate) => attempt(candidate, 'normal')),
        ...last(canary),
      ]),
    })),
  };
}

/** What is on its way back is likely better than nothing: it is tried when all else has failed. */
function lastResort(returning: readonly Candidate[], attempt: MakeAttempt, but: Candidate | undefined): AttemptList {
  return returning
    .filter((candidate) => candidate.route !== but?.route)
    .toSorted((a, b) => a.route.tier - b.route.tier)
    .map((candidate) => attempt(candidate, 'panic'));
}

/** What is on its way back goes before what is down. */
function panicPlans(candidates: readonly Candidate[], attempt: MakeAttempt): ServicePlans {
  const alive = candidates.filter(({ state }) => state !== 'down');
  const down = candidates.filter(({ state }) => state === 'down');
  const orders = allTurns([...tiersOf(alive, standing), ...tiersOf(down, standing)]).map((order) =>
    pairedFirst(order, order.length),
  );
  return {
    isPanic: true,
    lists: orders.map((order) => order.map((candidate) => attempt(candidate, 'panic'))),
    canaries: [],
  };
}

function allTurns(groups: readonly (readonly Candidate[])[]): readonly (readonly Candidate[])[] {
  const turns = Math.min(mostTurns, groups.map(sharesOf).reduce(leastCommonMultiple, 1));
  return Array.from({ length: turns }, (_, turn) => turned(groups, turn));
}

/** What a canary does to an order: it leads, or, where it is slow, takes a place among the others. */
function withCanary(canary: Candidate, order: readonly Candidate[], heads: number, attempt: MakeAttempt): AttemptList {
  const whole = canary.trunk.kind === 'mobile' ? pairedFirst(inItsTier(canary, order), heads) : ledBy(canary, order);
  return whole.map((candidate) => attempt(candidate, candidate === canary ? 'canary' : 'normal'));
}

/** Before the first candidate of a higher tier, but behind the first two. */
function inItsTier(canary: Candidate, order: readonly Candidate[]): readonly Candidate[] {
  const others = order.filter((other) => other.route !== canary.route);
  const at = others.findIndex(({ route }, index) => index > 1 && route.tier > canary.route.tier);
  return at < 0 ? [...others, canary] : others.toSpliced(at, 0, canary);
}

/** One per trunk: the route of its lowest tier. Returning trunks first, then suspect ones; mobile ones last. */
function canaryCandidates(enabled: readonly Candidate[]): readonly Candidate[] {
  const inOrder = enabled
    .filter(mayLead)
    .toSorted((a, b) => slowness(a) - slowness(b) || standing(a) - standing(b) || a.route.tier - b.route.tier);
  return inOrder.filter(({ trunk }, index) => inOrder.findIndex((other) => other.trunk.id === trunk.id) === index);
}

/** A suspect mobile trunk has its place in the plan already, and is too slow to be tried before the others. */
function mayLead({ state, trunk }: Candidate): boolean {
  return state === 'recovering' || (state === 'suspect' && trunk.kind !== 'mobile');
}

function slowness({ trunk }: Candidate): number {
  return trunk.kind === 'mobile' ? 1 : 0;
}

function isUsable(state: Candidate['state']): boolean {
  return state === 'up' || state === 'unproven' || state === 'suspect';
}

const standings: Readonly<Record<Candidate['state'], number>> = {
  up: 0,
  unproven: 1,
  recovering: 2,
  suspect: 3,
  down: 4,
};

function standing({ state }: Candidate): number {
  return standings[state];
}

type MakeAttempt = (candidate: Candidate, role: AttemptRole) => PlannedAttempt;

/** A canary keeps its own deadlines, and is sent again, asked for, missed and slow as soon as the others. */
function attempts({ destinations }: Network, usual: DeadlinesOf, place: number): MakeAttempt {
  return ({ route, trunk }, role) => {
    const ringsFor = destinations.get(route.destination)?.ringsFor;
    const deadlines = usual(route, trunk);
    const { resend, miss, slow, ask } = deadlines;
    const same = {
      ...(resend === undefined ? {} : { resend }),
      ...(miss === undefined ? {} : { miss }),
      ...(slow === undefined ? {} : { slow }),
      ...(ask === undefined ? {} : { ask }),
    };
    return {
      route,
      trunk,
      role,
      ...(place === 0 ? {} : { place }),
      ...(ringsFor === undefined ? {} : { ringsFor }),
      deadlines: role === 'canary' ? { ...canaryDeadlines(trunk.kind), ...same } : deadlines,
    };
  };
}

function leastCommonMultiple(a: number, b: number): number {
  let [high, low] = [a, b];
  while (low > 0) {
    [high, low] = [low, high % low];
  }
  return (a * b) / high;
}
