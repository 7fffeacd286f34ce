import { NORMAL_PLAN, type DialPlanFile, type PlanEntry, type RouteEntry } from './dial-plan-file.js';
import type { InventoryFile } from './inventory-file.js';
import type { ConfigPath, Problem } from './problem.js';
import type { SiteFile } from './site-file.js';
import { didYouMean } from './suggest.js';
import type { YamlFile } from './yaml-file.js';

/** A file that kept to its schema, at least in part. */
export interface Part<T> {
  readonly source: YamlFile;
  readonly value: T;
}

/** The three files together, before anything that joins them is checked. */
export interface Draft {
  readonly site: Part<SiteFile>;
  readonly dialPlan: Part<DialPlanFile>;
  readonly inventory: Part<InventoryFile>;
}

/** A rule that looks at more than one value. It gives what is wrong, in any order. */
export type Check = (draft: Draft) => readonly Problem[];

/** A route that kept to the schema, with its plan and its place in the file. */
export interface PlacedRoute {
  readonly route: RouteEntry;
  readonly plan: string;
  readonly path: ConfigPath;
}

/** A plan with its routes, wherever in the file they stand. */
export interface PlacedPlan {
  readonly id: string;
  readonly name: string;
  readonly next: readonly string[];
  /** Where the plan itself stands: the routes at the top of the file are the normal plan. */
  readonly path: ConfigPath;
  readonly routes: readonly PlacedRoute[];
}

/** Every plan. The routes at the top of the file belong to the plan `normal`. */
export function plansOf({ dialPlan: { value } }: Pick<Draft, 'dialPlan'>): readonly PlacedPlan[] {
  const named = Object.hasOwn(value.plans, NORMAL_PLAN) || value.routes === undefined ? [] : [normalPlan(value)];
  return [...named, ...Object.entries(value.plans).map(([id, plan]) => placedPlan(id, plan, value))];
}

function normalPlan(value: DialPlanFile): PlacedPlan {
  const routes = placed(value.routes ?? [], NORMAL_PLAN, ['routes']);
  return { id: NORMAL_PLAN, name: NORMAL_PLAN, next: [], path: ['routes'], routes };
}

function placedPlan(id: string, { name = id, next, routes }: PlanEntry, value: DialPlanFile): PlacedPlan {
  const above = id === NORMAL_PLAN ? placed(value.routes ?? [], id, ['routes']) : [];
  const path = ['plans', id];
  return { id, name, next, path, routes: [...above, ...placed(routes ?? [], id, [...path, 'routes'])] };
}

function placed(routes: readonly (RouteEntry | undefined)[], plan: string, above: ConfigPath): readonly PlacedRoute[] {
  return routes.flatMap((route, index) => (route === undefined ? [] : [{ route, plan, path: [...above, index] }]));
}

/** The routes of all plans. */
export function routesOf(draft: Pick<Draft, 'dialPlan'>): readonly PlacedRoute[] {
  return plansOf(draft).flatMap(({ routes }) => routes);
}

/** All names in a table of a file, those of entries that did not keep to the schema included. */
export function namesIn(source: YamlFile, ...path: readonly string[]): readonly string[] {
  const entries = path.reduce<unknown>(
    (above, key) => (isTable(above) && Object.hasOwn(above, key) ? above[key] : undefined),
    source.value,
  );
  return isTable(entries) ? Object.keys(entries) : [];
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A problem where a name is not one of those that exist. */
export function unknownName(
  source: YamlFile,
  path: ConfigPath,
  name: string | undefined,
  known: { readonly what: string; readonly names: readonly string[] },
): readonly Problem[] {
  if (name === undefined || known.names.includes(name)) {
    return [];
  }
  const expected = known.names.length === 0 ? 'but there is none' : `expected one of ${some(known.names)}`;
  return [source.problem(path, `unknown ${known.what} "${name}", ${expected}`, didYouMean(name, known.names))];
}

const SHOWN = 12;

function some(names: readonly string[]): string {
  return names.length > SHOWN ? `${names.slice(0, SHOWN).join(', ')}, ...` : names.join(', ');
}

/** Things of which no two may have the same key. */
export interface Claim {
  readonly key: string;
  readonly source: YamlFile;
  readonly path: ConfigPath;
  /** What the claim is, said of the first when a second comes: `trunk kpn-a`. */
  readonly owner: string;
}

/** A problem for each claim whose key an earlier one has. */
export function contested(
  claims: readonly Claim[],
  message: (later: Claim, first: Claim) => string,
): readonly Problem[] {
  const owners = new Map<string, Claim>();
  return claims.flatMap((claim) => {
    const first = owners.get(claim.key);
    owners.set(claim.key, first ?? claim);
    return first === undefined ? [] : [claim.source.problem(claim.path, message(claim, first))];
  });
}
