import { readFileSync } from 'node:fs';
import type { Config } from '../../src/config/config.js';
import { formatProblem, loadConfig, type LoadResult } from '../../src/config/load.js';

const GOOD = 'test/config/good/';
/** A small site that has nothing wrong with it. */
export const SITE = `${GOOD}site.yaml`;
export type Name = 'site' | 'dialplan' | 'inventory';

/** The texts of its files. */
export const good: Readonly<Record<Name, string>> = {
  site: readFileSync(SITE, 'utf8'),
  dialplan: readFileSync(`${GOOD}dialplan.yaml`, 'utf8'),
  inventory: readFileSync(`${GOOD}inventory.yaml`, 'utf8'),
};

/** Loads the good site with the text of some files replaced. */
export function loadWith(
  texts: Readonly<Record<string, string>>,
  env: Readonly<Record<string, string>> = {},
): LoadResult {
  const replaced = new Map(Object.entries(texts).map(([name, text]) => [`${GOOD}${name}.yaml`, text]));
  return loadConfig(SITE, { env, readFile: (path) => replaced.get(path) ?? readFileSync(path) });
}

/** A file of the good site with one piece of text replaced. */
export function change(name: Name, from: string, to: string): Readonly<Record<string, string>> {
  if (!good[name].includes(from)) {
    throw new Error(`${name}.yaml has no ${from}`);
  }
  return { [name]: good[name].replace(from, to) };
}

/** All problems or warnings, as they are printed. */
export function lines(result: LoadResult): readonly string[] {
  return (result.ok ? result.warnings : result.problems).map((each) => formatProblem(each).replaceAll(GOOD, ''));
}

/** The configuration; throws its problems where there is none. */
export function loaded(result: LoadResult): Config {
  if (!result.ok) {
    throw new Error(lines(result).join('\n'));
  }
  return result.config;
}
