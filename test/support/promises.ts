import { readdirSync, readFileSync } from 'node:fs';
import { parse } from 'yaml';

export const PROMISES_PAGE = 'docs/promises.md';

/** A promise, as docs/promises.yaml words it. */
export interface PromiseText {
  /** `P1`. */
  readonly id: string;
  readonly text: string;
  readonly figure?: string;
  /** What drachtio-server cannot do of it, and why. */
  readonly onDrachtio?: string;
}

/**
 * Where a test runs: on virtual time without a SIP server, or with real SIP on whichever server the environment names,
 * or with real SIP on the embedded engine alone (the lab, and the engine's own tests).
 */
type Ground = 'simulation' | 'both servers' | 'embedded engine';

/** A test, or an assertion, that is named after a promise. */
export interface Proof {
  readonly promise: string;
  /** Without the promise. */
  readonly name: string;
  /** Its source, such as `test/sip/main-job.test.ts`. */
  readonly file: string;
  readonly ground: Ground;
}

/** What the proofs gave on each SIP server, by {@link keyOf}: the text of a cell. */
export interface Results {
  readonly embedded: ReadonlyMap<string, string>;
  /** Where a test was skipped, its reason. */
  readonly drachtio: ReadonlyMap<string, string>;
}

/** Names a proof among all. */
export function keyOf({ promise, name, file }: Omit<Proof, 'ground'>): string {
  return `${promise} ${name} (${file})`;
}

export function readPromises(): readonly PromiseText[] {
  return parse(readFileSync('docs/promises.yaml', 'utf8')) as readonly PromiseText[];
}

/** Every test and assertion below `test/` whose name begins with a promise, in the order of files. */
export function findProofs(): readonly Proof[] {
  return readdirSync('test', { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.ts'))
    .toSorted()
    .flatMap((name) => proofsIn(`test/${name}`, readFileSync(`test/${name}`, 'utf8')));
}

function proofsIn(file: string, source: string): readonly Proof[] {
  const ground = groundOf(file, source);
  return [...source.matchAll(/(['"`])(P\d+) ((?:(?!\1).)+)\1/g)].map(([, , promise = '', name = '']): Proof => ({
    promise,
    name,
    file,
    ground,
  }));
}

function groundOf(file: string, source: string): Ground {
  if (/^test\/(unit|config)\//.test(file) || source.includes("'../../src/simulator/")) {
    return 'simulation';
  }
  return /'\.\.\/support\/(?:gateway|compose-site|lab)\.js'/.test(source) ? 'both servers' : 'embedded engine';
}

const NOT_RUN = 'not run yet';
const NOT_THERE = 'does not run there';
const OWN_TEST = `${NOT_THERE}: a test of the embedded engine alone`;
const SIMULATED = 'the same code';

/** The page; a proof without a result has not run yet. */
export function renderPage(
  promises: readonly PromiseText[],
  proofs: readonly Proof[],
  { embedded, drachtio }: Results,
): string {
  const sections = promises.map((promise) => {
    const own = proofs.filter((proof) => proof.promise === promise.id);
    const rows = own.map((proof) => {
      const key = keyOf(proof);
      const there = {
        'both servers': drachtio.get(key) ?? NOT_RUN,
        'embedded engine': OWN_TEST,
        simulation: SIMULATED,
      };
      return row([proof.name, shortened(proof.file), embedded.get(key) ?? NOT_RUN, there[proof.ground]]);
    });
    return `## ${promise.id}\n\n${textOf(promise)}\n\n${own.length === 0 ? 'Not shown yet.' : [...TABLE, ...rows].join('\n')}\n`;
  });
  return [INTRODUCTION, summary(promises, proofs), ...sections].join('\n');
}

const INTRODUCTION = `# What is promised, and what is proven

Each promise is shown by tests that are named after it, on the SIP servers that can carry them: the embedded engine, and
drachtio-server (v0.9.10). *SIP* is real SIP over real sockets; *simulation* is the same code on virtual time, where no SIP
server takes part. A figure is what one run measured, next to what was promised; tests fail at three times the promised time,
so that a busy machine does not. [engines.md](engines.md) says why the two servers differ.

\`npm run docs:promises\` runs these tests and writes this page (drachtio-server's column when \`NOODROUTE_DRACHTIO\` names the
program); do not edit it. \`npm test\` fails when a promise, a test or a column is not as it says here.
`;

const TABLE = ['| test | where | embedded engine | drachtio-server |', '| --- | --- | --- | --- |'] as const;

function textOf({ text, figure, onDrachtio }: PromiseText): string {
  return [
    text,
    ...(figure === undefined ? [] : [`Promised: ${figure}.`]),
    ...(onDrachtio === undefined ? [] : [`On drachtio-server: ${onDrachtio}.`]),
  ].join('\n\n');
}

function summary(promises: readonly PromiseText[], proofs: readonly Proof[]): string {
  const lines = promises.map(({ id }) => {
    const count = (...grounds: readonly Ground[]): string => {
      const found = proofs.filter(({ promise, ground }) => promise === id && grounds.includes(ground)).length;
      return found === 0 ? '' : String(found);
    };
    return row([
      `[${id}](#${id.toLowerCase()})`,
      count('both servers', 'embedded engine'),
      count('both servers'),
      count('simulation'),
    ]);
  });
  const head = ['| tests | SIP, embedded engine | SIP, drachtio-server | simulation |', '| --- | --- | --- | --- |'];
  return `${[...head, ...lines].join('\n')}\n`;
}

function shortened(file: string): string {
  return file.replace(/^test\//, '').replace(/\.test\.ts$/, '');
}

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
}

/** The results that a page holds. */
export function readResults(page: string): Results {
  const embedded = new Map<string, string>();
  const drachtio = new Map<string, string>();
  let promise = '';
  for (const line of page.split('\n')) {
    promise = /^## (P\d+)$/.exec(line)?.[1] ?? promise;
    const [name = '', where = '', here = '', there = ''] = cellsOf(line);
    const key = keyOf({ promise, name, file: `test/${where}.test.ts` });
    if (here.startsWith(PASSED)) {
      embedded.set(key, here);
    }
    if (there.startsWith(PASSED) || (there.startsWith(NOT_THERE) && there !== OWN_TEST)) {
      drachtio.set(key, there);
    }
  }
  return { embedded, drachtio };
}

function cellsOf(line: string): readonly string[] {
  return line
    .replace(/^\| | \|$/g, '')
    .split(/(?<!\\) \| /)
    .map((cell) => cell.replaceAll('\\|', '|'));
}

const PASSED = 'passed';

/**
 * What one run of a test file says about its proofs, from its TAP.
 *
 * @returns the text of a cell by promise and name; a figure is any assertion or comment of the test with `(promise: ...)`.
 */
export function resultsOf(tap: string): ReadonlyMap<string, string> {
  const results = new Map<string, string>();
  let figures: string[] = [];
  for (const line of tap.split('\n')) {
    const [, bad, name, skipped, comment = ''] =
      /^ *(?:(not )?ok \d+ - (.*?)(?: # (?:time=.*|((?:SKIP|TODO).*)))?|# (.*))$/.exec(line) ?? [];
    const text = (name ?? comment).replaceAll('\\#', '#');
    if (text.includes('(promise: ')) {
      figures.push(text);
    }
    if (line.startsWith('# Subtest: ')) {
      figures = [];
    } else if (name !== undefined && /^P\d+ /.test(text)) {
      const passed = [PASSED, ...(figures.length === 0 ? [] : [figures.join('; ')])].join(': ');
      const outcome = bad === undefined ? passed : 'FAILED';
      results.set(text, skipped === undefined ? outcome : notThere(skipped));
    }
  }
  return results;
}

/** A test says why it is skipped; TODO is no reason. */
function notThere(directive: string): string {
  const reason = /^SKIP (.+)$/.exec(directive)?.[1];
  return reason === undefined ? directive : `${NOT_THERE}: ${reason}`;
}

/** Whether the text of a cell may stand on the page: the test passed, or says why it cannot run on this server. */
export function isResult(text: string): boolean {
  return text.startsWith(PASSED) || text.startsWith(`${NOT_THERE}: `);
}
