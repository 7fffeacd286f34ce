import type { DialPlanFile } from './dial-plan-file.js';
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

/** The routes that kept to the schema, each with its place in the file. */
export function routesOf({ dialPlan }: Draft) {
  return dialPlan.value.routes.flatMap((route, index) => (route === undefined ? [] : [{ route, index }]));
}

/** All names in a table of a file, those of entries that did not keep to the schema included. */
export function namesIn(source: YamlFile, table: string): readonly string[] {
  const entries = isTable(source.value) && Object.hasOwn(source.value, table) ? source.value[table] : undefined;
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
