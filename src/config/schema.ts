import type { z } from 'zod';
import type { ConfigPath, Problem } from './problem.js';
import { keysAt } from './shapes.js';
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
    return schema.safeParse(without(value, issues)).data;
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

/** A copy of a file's value without the entries (two levels down) and the top-level keys that have an issue. */
function without(value: unknown, issues: readonly z.core.$ZodIssue[]): unknown {
  const copy: unknown = structuredClone(value);
  for (const issue of issues) {
    const keys = issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
    for (const path of keys) {
      cutOut(copy, path);
    }
  }
  return copy;
}

function cutOut(top: unknown, [section, entry]: readonly PropertyKey[]): void {
  if (section === undefined || !isObject(top) || !Object.hasOwn(top, section)) {
    return;
  }
  const inner = top[section];
  if (entry === undefined) {
    Reflect.deleteProperty(top, section);
  } else if (Array.isArray(inner)) {
    inner[Number(entry)] = undefined;
  } else if (isObject(inner)) {
    Reflect.deleteProperty(inner, entry);
  }
}

function isObject(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === 'object' && value !== null;
}
