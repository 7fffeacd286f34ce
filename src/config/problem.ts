/** Where a value stands in a file. Both count from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** From the top of a file to a value: keys of mappings, and indexes of lists. */
export type ConfigPath = readonly (string | number)[];

/** One thing that is wrong in a configuration file, or, as a warning, that is likely not meant. */
export interface Problem extends Position {
  /** As the user wrote it, or joined to what the user wrote. */
  readonly file: string;
  /** Such as `trunks.kpn-a.address`, or empty for the file as a whole. */
  readonly path: string;
  /** What is wrong, the bad value, and what was expected. */
  readonly message: string;
  /** Such as `did you mean "kpn-a"?`. */
  readonly hint?: string;
}

/** A problem as one line: `file:line:column: path: message (hint)`. */
export function formatProblem(problem: Problem): string {
  const { file, line, column, path, message, hint } = problem;
  const where = path === '' ? '' : `${path}: `;
  return `${file}:${line}:${column}: ${where}${message}${hint === undefined ? '' : ` (${hint})`}`;
}

/** A path as people read it: `routes[3].trunk`. */
export function formatPath(path: ConfigPath): string {
  return path
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
}

/** The problems by file, line and column, each once. */
export function sortProblems(problems: readonly Problem[]): readonly Problem[] {
  const unique = new Map(problems.map((problem) => [formatProblem(problem), problem]));
  return [...unique.values()].sort(
    (a, b) => compareText(a.file, b.file) || a.line - b.line || a.column - b.column || compareText(a.path, b.path),
  );
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
