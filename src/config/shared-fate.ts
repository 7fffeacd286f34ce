/** A route of one service, as far as its fate goes. */
export interface FatedRoute {
  readonly trunk: string;
  readonly riskGroups: readonly string[];
}

/** What can take every route of a service at once. */
export interface SharedFate {
  /** Each of these alone ends all routes. */
  readonly singlePoints: readonly string[];
  /** Whether there are two routes that have nothing in common. */
  readonly hasIndependentPair: boolean;
}

/** Looks for what the routes of one service have in common. */
export function sharedFate(routes: readonly FatedRoute[]): SharedFate {
  const [first, ...others] = routes;
  const singlePoints = (first?.riskGroups ?? []).filter((group) =>
    others.every((each) => each.riskGroups.includes(group)),
  );
  const hasIndependentPair = routes.some((a, index) => routes.slice(index + 1).some((b) => areIndependent(a, b)));
  return { singlePoints, hasIndependentPair };
}

function areIndependent(a: FatedRoute, b: FatedRoute): boolean {
  return a.trunk !== b.trunk && !a.riskGroups.some((group) => b.riskGroups.includes(group));
}
