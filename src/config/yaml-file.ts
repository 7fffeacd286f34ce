import { createHash } from 'node:crypto';
import {
  isAlias,
  isCollection,
  isMap,
  isNode,
  isPair,
  isScalar,
  isSeq,
  LineCounter,
  parseDocument,
  visit,
  type Document,
  type Node,
  type Pair,
  type YAMLMap,
} from 'yaml';
import { formatPath, type ConfigPath, type Position, type Problem } from './problem.js';

/** Aliases that one file may use. More can only be a bomb. */
const MAX_ALIASES = 100;
const MERGE = '<<';
/** What the library says for programmers, in words for the writer of the file. */
const PLAINER: Readonly<Record<string, string>> = {
  MULTIPLE_DOCS: 'a second document begins here, expected one document in the file',
  TAG_RESOLVE_FAILED: 'a tag is not understood here, expected the value alone',
};
const TOP: Position = { line: 1, column: 1 };

/** Whether a problem is shown at the key or at what stands behind it. */
export type Spot = 'key' | 'value';

/** A YAML file that was read: its value, and where everything in it stands. */
export interface YamlFile {
  readonly file: string;
  /** Mappings, lists and texts only: numbers stay texts, so that `0112` does not become 112. Undefined: unusable. */
  readonly value: unknown;
  /** Wrong YAML syntax, keys that occur twice, tags. */
  readonly problems: readonly Problem[];
  /** Of its text, in hexadecimal; undefined where it could not be read. */
  readonly sha256: string | undefined;
  /** A problem with the value at `path`; with the nearest key above it where there is none. */
  problem(path: ConfigPath, message: string, hint?: string, spot?: Spot): Problem;
}

/** Reads YAML text. Never throws: what is wrong is in `problems`. */
export function parseYaml(file: string, text: string): YamlFile {
  try {
    return new ParsedFile(file, text);
  } catch (error) {
    return unusable(file, `cannot be read as YAML: ${String(error)}`);
  }
}

/** A file of which nothing is known but what is wrong with it. */
export function unusable(file: string, message: string): YamlFile {
  const problem = (path: ConfigPath, text: string, hint?: string): Problem => make(file, TOP, path, text, hint);
  return { file, value: undefined, problems: [problem([], message)], sha256: undefined, problem };
}

class ParsedFile implements YamlFile {
  readonly file: string;
  readonly value: unknown;
  readonly problems: readonly Problem[];
  readonly sha256: string;
  readonly #document: Document;
  readonly #lines = new LineCounter();

  constructor(file: string, text: string) {
    this.file = file;
    this.sha256 = createHash('sha256').update(text).digest('hex');
    // The fail-safe schema knows no numbers and no booleans: a telephone number stays what was written.
    const options = {
      schema: 'failsafe',
      merge: true,
      uniqueKeys: false,
      prettyErrors: false,
      logLevel: 'error',
    } as const;
    this.#document = parseDocument(text, { ...options, lineCounter: this.#lines });
    const syntax = [...this.#document.errors, ...this.#document.warnings].map((error) =>
      make(file, this.#positionAt(error.pos[0]), [], PLAINER[error.code] ?? `not YAML: ${error.message}`),
    );
    const broken = [...syntax, ...this.#unknownAliases(), ...this.#strangeKeys()];
    const { value, problems } = broken.length > 0 ? { value: undefined, problems: [] } : this.#evaluate();
    this.value = value;
    this.problems = [...broken, ...problems, ...this.#doubleKeys()];
  }

  problem(path: ConfigPath, message: string, hint?: string, spot: Spot = 'value'): Problem {
    return make(this.file, this.#locate(path, spot), path, message, hint);
  }

  #evaluate(): { readonly value: unknown; readonly problems: readonly Problem[] } {
    try {
      const value: unknown = this.#document.toJS({ maxAliasCount: MAX_ALIASES });
      return value === null || value === ''
        ? { value: undefined, problems: [this.problem([], 'the file is empty, expected a mapping')] }
        : { value, problems: [] };
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      return { value: undefined, problems: [this.problem([], `aliases cannot be resolved: ${why}`)] };
    }
  }

  #unknownAliases(): readonly Problem[] {
    const problems: Problem[] = [];
    const anchors = new Set<string>();
    visit(this.#document, (_, node, ancestors) => {
      if (isAlias(node) && !anchors.has(node.source)) {
        const message = `unknown alias "*${node.source}", expected an anchor &${node.source} above it`;
        problems.push(make(this.file, this.#startOf(node) ?? TOP, pathOf([...ancestors, node]), message));
      } else if ((isScalar(node) || isCollection(node)) && node.anchor !== undefined) {
        anchors.add(node.anchor);
      }
    });
    return problems;
  }

  #strangeKeys(): readonly Problem[] {
    return this.#mapProblems((map, above) =>
      map.items
        .filter((pair) => keyText(pair) === undefined || keyText(pair) === '__proto__')
        .map(({ key }) =>
          make(this.file, this.#startOf(key) ?? TOP, above(), 'this cannot be a key, expected a plain word'),
        ),
    );
  }

  #doubleKeys(): readonly Problem[] {
    return this.#mapProblems((map, above) => {
      const seen = new Map<string, number>();
      return map.items.flatMap((pair) => {
        const text = keyText(pair) ?? '';
        const where = this.#startOf(pair.key) ?? TOP;
        const first = seen.get(text);
        seen.set(text, first ?? where.line);
        const message = `duplicate key "${text}", first at line ${first}, expected it once`;
        return first === undefined ? [] : [make(this.file, where, [...above(), text], message)];
      });
    });
  }

  #mapProblems(look: (map: YAMLMap, above: () => ConfigPath) => readonly Problem[]): readonly Problem[] {
    const problems: Problem[] = [];
    visit(this.#document, {
      Map: (_, map, ancestors) => {
        problems.push(...look(map, () => pathOf([...ancestors, map])));
      },
    });
    return problems;
  }

  #locate(path: ConfigPath, spot: Spot): Position {
    let node: unknown = this.#document.contents;
    let position = path.length === 0 ? (this.#startOf(node) ?? TOP) : TOP;
    for (const part of path) {
      const found = this.#child(node, part);
      if (found === undefined) {
        return position;
      }
      position = this.#startOf(found.key) ?? this.#startOf(found.value) ?? position;
      node = found.value;
    }
    return spot === 'key' ? position : (this.#startOf(node) ?? position);
  }

  #child(parent: unknown, part: string | number): { readonly key: unknown; readonly value: unknown } | undefined {
    const node = this.#resolve(parent);
    if (isSeq(node)) {
      const value = typeof part === 'number' ? node.items[part] : undefined;
      return value === undefined ? undefined : { key: undefined, value };
    }
    return isMap(node) ? this.#entry(node, String(part)) : undefined;
  }

  #entry(map: YAMLMap, key: string): Pair | undefined {
    const own = map.items.findLast((pair) => keyText(pair) === key);
    return (
      own ??
      this.#mergedInto(map)
        .map((source) => this.#entry(source, key))
        .find((pair) => pair !== undefined)
    );
  }

  #mergedInto(map: YAMLMap): readonly YAMLMap[] {
    const merges = map.items.filter((pair) => keyText(pair) === MERGE).map((pair) => this.#resolve(pair.value));
    const sources = merges.flatMap((node) => (isSeq(node) ? node.items.map((item) => this.#resolve(item)) : [node]));
    return sources.filter((node) => isMap(node));
  }

  #resolve(node: unknown): unknown {
    return isAlias(node) ? node.resolve(this.#document) : node;
  }

  #startOf(node: unknown): Position | undefined {
    const start = isNode(node) ? node.range?.[0] : undefined;
    return start === undefined ? undefined : this.#positionAt(start);
  }

  #positionAt(offset: number): Position {
    const { line, col } = this.#lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  }
}

function keyText(pair: Pair): string | undefined {
  const value: unknown = isScalar(pair.key) ? pair.key.value : undefined;
  // A merge key is read as a symbol.
  return typeof value === 'symbol' ? MERGE : typeof value === 'string' ? value : undefined;
}

/** The keys and indexes on the way down a row of nodes, each the parent of the next. */
function pathOf(ancestors: readonly (Document | Node | Pair)[]): ConfigPath {
  return ancestors.flatMap((node, index): ConfigPath => {
    if (isPair(node)) {
      return [keyText(node) ?? '?'];
    }
    return isSeq(node) ? [node.items.indexOf(ancestors[index + 1])].filter((each) => each >= 0) : [];
  });
}

function make(file: string, where: Position, path: ConfigPath, message: string, hint?: string): Problem {
  const base = { file, ...where, path: formatPath(path), message };
  return hint === undefined ? base : { ...base, hint };
}
