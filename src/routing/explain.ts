import type { AttemptRole, PlannedAttempt } from '../domain/attempt.js';
import type { CarrierState, HealthView, TrunkState } from '../domain/health.js';
import type { CarrierId, RouteId, ServiceId, TrunkId } from '../domain/ids.js';
import type { Network, Route, Trunk } from '../domain/network.js';
import { areIndependent, candidatesFor, sharedGroups, type Candidate, type Way } from './candidates.js';
import { buildPlans, isPanic, plan, type DeadlinesOf } from './planner.js';

/** One route of a service: its place in the plan, and why it stands there. */
export interface RouteExplanation {
  /** 1 is tried first. Undefined: it is not in the plan. */
  readonly place: number | undefined;
  readonly route: RouteId;
  readonly trunk: TrunkId;
  readonly carrier: CarrierId;
  readonly number: string;
  readonly tier: number;
  readonly role: AttemptRole | undefined;
  readonly state: TrunkState;
  readonly carrierState: CarrierState;
  /** When an attempt on it is late, in milliseconds since its INVITE. */
  readonly lateAfter: { readonly silenceMs?: number; readonly progressMs: number } | undefined;
  /** In words, most important first. */
  readonly why: readonly string[];
}

/** The plan of a service, explained. */
export interface PlanExplanation {
  readonly service: ServiceId;
  /** Nothing healthy or suspect is left: everything is tried. */
  readonly isPanic: boolean;
  readonly routes: readonly RouteExplanation[];
}

/** What an explanation starts from. */
export interface ExplainOptions {
  /** Any count of calls: trunks that are equal take turns by it. */
  readonly turn?: number;
  /** Carriers, trunks and risk groups that are taken for gone. */
  readonly without?: readonly string[];
  readonly hasRoom?: (trunk: Trunk) => boolean;
  readonly hasSeat?: (route: Route) => boolean;
  readonly canaryAllowed?: (trunk: TrunkId) => boolean;
  readonly deadlines?: DeadlinesOf;
}

/** What the next call of a service would try, in which order, and why each route stands where it stands. */
export function explainPlan(
  network: Network,
  health: HealthView,
  service: ServiceId,
  options: ExplainOptions = {},
): PlanExplanation {
  const { turn = 0, without = [], hasRoom, hasSeat, canaryAllowed, deadlines } = options;
  const view = without.length === 0 ? health : viewWithout(network, health, new Set(without));
  const plans = buildPlans(network, view, deadlines);
  const attempts = plan(plans, service, {
    turn,
    ...(hasRoom === undefined ? {} : { hasRoom }),
    ...(hasSeat === undefined ? {} : { hasSeat }),
    ...(canaryAllowed === undefined ? {} : { canaryAllowed }),
  });
  const candidates = candidatesFor(network, view, service);
  const [first] = attempts;
  const explained = candidates.map((candidate): RouteExplanation => {
    const index = attempts.findIndex(({ route }) => route.id === candidate.route.id);
    const place = index < 0 ? undefined : index + 1;
    const { route, trunk, state } = candidate;
    const role = attempts[index]?.role;
    return {
      ...{ place, route: route.id, trunk: trunk.id, carrier: trunk.carrier, number: route.number, tier: route.tier },
      ...{ role, state, carrierState: view.carrier(trunk.carrier, service), lateAfter: lateness(attempts[index]) },
      why: reasons({ candidate, place, role, first, hasRoom, hasSeat, without: new Set(without) }),
    };
  });
  return { service, isPanic: isPanic(plans, service), routes: explained.toSorted(byPlace) };
}

/** The names in `without` that are no carrier, trunk or risk group of the network. */
export function unknownNames(network: Network, without: readonly string[]): readonly string[] {
  const known = new Set<string>([
    ...network.carriers.keys(),
    ...network.trunks.keys(),
    ...[...network.trunks.values()].flatMap(({ riskGroups }) => [...riskGroups]),
  ]);
  return without.filter((name) => !known.has(name));
}

function lateness(attempt: PlannedAttempt | undefined): RouteExplanation['lateAfter'] {
  if (attempt === undefined) {
    return undefined;
  }
  const { silence, progress } = attempt.deadlines;
  return { ...(silence === undefined ? {} : { silenceMs: silence }), progressMs: progress };
}

interface Standing {
  readonly candidate: Candidate;
  readonly place: number | undefined;
  readonly role: AttemptRole | undefined;
  readonly first: Way | undefined;
  readonly hasRoom: ((trunk: Trunk) => boolean) | undefined;
  readonly hasSeat: ((route: Route) => boolean) | undefined;
  readonly without: ReadonlySet<string>;
}

function reasons({ candidate, place, role, first, hasRoom, hasSeat, without }: Standing): readonly string[] {
  const { trunk, route, state, isCut } = candidate;
  if (place === undefined && isWithout(trunk, without)) {
    return ['taken for gone, as asked', `tier ${route.tier}`];
  }
  return [
    ...(trunk.enabled ? [] : ['not enabled']),
    ...(role === 'canary' ? ['a canary: this call is its proof'] : []),
    ...(role === 'panic' ? ['nothing healthy is left, so everything is tried'] : []),
    ...(isCut ? ['its carrier, or a carrier whose core it needs, is absent'] : []),
    STATES[state],
    ...(hasRoom === undefined || hasRoom(trunk) ? [] : ['every channel is in use']),
    ...(hasSeat === undefined || hasSeat(route) ? [] : ['the answering point has no place free, by our count']),
    ...(place === 2 && first !== undefined ? [partnerOf(first, candidate)] : []),
    `tier ${route.tier}`,
  ];
}

const STATES: Readonly<Record<TrunkState, string>> = {
  up: 'up',
  unproven: 'nothing is known of it yet: behind the proven ones of its tier',
  suspect: 'suspect: behind the healthy ones',
  down: 'judged gone: no call touches it',
  recovering: 'on its way back: takes canaries and its share only',
};

function partnerOf(first: Way, second: Way): string {
  if (areIndependent(first, second)) {
    return `shares no risk group with ${first.trunk.id}`;
  }
  const shared = sharedGroups(first, second).join(', ') || 'the trunk';
  return `shares ${shared} with ${first.trunk.id}: nothing independent is left`;
}

function byPlace(a: RouteExplanation, b: RouteExplanation): number {
  return (a.place ?? Number.MAX_SAFE_INTEGER) - (b.place ?? Number.MAX_SAFE_INTEGER);
}

function viewWithout(network: Network, health: HealthView, without: ReadonlySet<string>): HealthView {
  return {
    trunk: (id, service) => {
      const trunk = network.trunks.get(id);
      return trunk !== undefined && isWithout(trunk, without) ? 'down' : health.trunk(id, service);
    },
    carrier: (id, service) => (without.has(id) ? 'absent' : health.carrier(id, service)),
  };
}

function isWithout(trunk: Trunk, without: ReadonlySet<string>): boolean {
  return (
    without.has(trunk.id) || without.has(trunk.carrier) || [...trunk.riskGroups].some((group) => without.has(group))
  );
}
