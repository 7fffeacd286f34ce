import type { z } from 'zod';
import type { ConfigPath, Problem } from './problem.js';
import { keysAt, mayBeMissing } from './shapes.js';
import { didYouMean } from './suggest.js';
import type { YamlFile } from './yaml-file.js';

/** What a schema made of a file. */
export interface Checked<T> {
  /** What is right in the file. Undefined when too little is. */
  readonly value: T | undefined;
  readonly problems: readonly Problem[];
}

/**
 * Checks a file against its schema. Entries of tables and lists that are wrong are reported and left out of the value
 * (of lists: undefined in their place), so that the rest can be checked further.
 */
export function checkSchema<T>(source: YamlFile, schema: z.ZodType<T>): Checked<T> {
  if (source.value === undefined) {
    return { value: undefined, problems: [] };
  }
  const result = schema.safeParse(source.value);
  if (result.success) {
    return { value: result.data, problems: [] };
  }
  const { issues } = result.error;
  return {
    value: salvage(source.value, schema, issues),
    problems: issues.flatMap((issue) => problemsOf(issue, source, schema)),
  };
}

function salvage<T>(value: unknown, schema: z.ZodType<T>, issues: readonly z.core.$ZodIssue[]): T | undefined {
  try {
    return schema.safeParse(without(value, schema, issues)).data;
  } catch {
    // Nested too deeply to be copied; the issues stand.
    return undefined;
  }
}

function problemsOf(issue: z.core.$ZodIssue, source: YamlFile, schema: unknown): readonly Problem[] {
  const path = configPath(issue.path);
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(schema, issue.path);
    const message = `unknown key, expected ${listed(known)}`;
    return issue.keys.map((key) => source.problem([...path, key], message, didYouMean(key, known), 'key'));
  }
  if (issue.code === 'invalid_key') {
    return [source.problem(path, issue.issues[0]?.message ?? issue.message, undefined, 'key')];
  }
  return [source.problem(path, issue.message, issue.code === 'custom' ? hintOf(issue.params) : undefined)];
}

function hintOf(params: Readonly<Record<string, unknown>> | undefined): string | undefined {
  const hint = params?.['hint'];
  return typeof hint === 'string' ? hint : undefined;
}

function listed(words: readonly string[]): string {
  return words.length > 1 ? `one of ${words.join(', ')}` : words.join('');
}

function configPath(path: readonly PropertyKey[]): ConfigPath {
  return path.map((part) => (typeof part === 'number' ? part : String(part)));
}

/** A copy of a file's value without the entries and the top-level keys that have an issue. */
function without(value: unknown, schema: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy: unknown = structuredClone(value);
  for (const issue of issues) {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    for (const path of keys) {
      cutOut(copy, looseEnd(schema, path));
    }
  }
  return copy;
}

/** The part of a path that leads to what can be cut out: a key, the entry of a table, or the part of a list with gaps. */
function looseEnd(schema: unknown, path: readonly PropertyKey[]): readonly PropertyKey[] {
  const depth = path.findLastIndex((_, index) => index > ENTRY && mayBeMissing(schema, path.slice(0, index + 1)));
  return path.slice(0, depth < 0 ? ENTRY + 1 : depth + 1);
}

/** Where the entries of a file's tables stand in a path. */
const ENTRY = 1;

function cutOut(top: unknown, path: readonly PropertyKey[]): void {
  const last = path.at(-1);
  const holder = path
    .slice(0, -1)
    .reduce<unknown>((above, key) => (isObject(above) ? own(above, key) : undefined), top);
  if (last === undefined || !isObject(holder)) {
    return;
  }
  if (Array.isArray(holder)) {
    holder[Number(last)] = undefined;
  } else {
    Reflect.deleteProperty(holder, last);
  }
}

function own(object: Record<PropertyKey, unknown>, key: PropertyKey): unknown {
  return Object.hasOwn(object, key) ? object[key] : undefined;
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null;
}
