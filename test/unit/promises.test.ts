import { readFileSync } from 'node:fs';
import t from 'tap';
import {
  findProofs,
  keyOf,
  PROMISES_PAGE,
  readPromises,
  readResults,
  renderPage,
  resultsOf,
} from '../support/promises.js';

t.test('the page of promises is what the promises and the tests say', async (t) => {
  const promises = readPromises();
  const proofs = findProofs();
  const known = new Set(promises.map(({ id }) => id));
  t.same(
    proofs.filter(({ promise }) => !known.has(promise)).map(keyOf),
    [],
    'each test is named after a promise of docs/promises.yaml',
  );
  const page = readFileSync(PROMISES_PAGE, 'utf8');
  t.equal(
    page,
    renderPage(promises, proofs, readResults(page)),
    `${PROMISES_PAGE} is as the tests are; if not: npm run docs:promises (-- test/sip/x.test.ts runs only that file)`,
  );
});

t.test('every promise has its number, once', async (t) => {
  t.same(
    readPromises().map(({ id }) => id),
    Array.from({ length: 24 }, (_, index) => `P${index + 1}`),
  );
});

// Not written as one word, else these would be taken for tests of promises themselves.
const P = 'P';

t.test('results are read from TAP, with their figures', async (t) => {
  const tap = `TAP version 14
# Subtest: another test
    ok 1 - something (promise: 1 ms)
    1..1
ok 1 - another test # time=3.1ms

# Subtest: P1 a trunk is silent \\#1
    # 640 ms in the median (promise: 700 ms)
    ok 1 - p99 700 ms (promise: 1 s)
    ok 2 - unmeasured
    1..2
ok 2 - P1 a trunk is silent \\#1 # time=2210.3ms

# Subtest: P2 no figure
    1..0
ok 3 - P2 no figure # time=2210.3ms

# Subtest: P3 bad
    not ok 1 - late (promise: 5 ms)
    1..1
not ok 4 - P3 bad # time=2210.3ms
ok 5 - P4 not run # SKIP no peer
1..5
`;
  t.same(
    [...resultsOf(tap)],
    [
      [`${P}1 a trunk is silent #1`, 'passed: 640 ms in the median (promise: 700 ms); p99 700 ms (promise: 1 s)'],
      [`${P}2 no figure`, 'passed'],
      [`${P}3 bad`, 'FAILED'],
      [`${P}4 not run`, 'does not run there: no peer'],
    ],
  );
});

t.test('a page gives back the results that it was written with', async (t) => {
  const proofs = [
    { promise: 'P1', name: 'a | b', file: 'test/sip/a.test.ts', ground: 'both servers' },
    { promise: 'P2', name: 'c', file: 'test/sip/b.test.ts', ground: 'embedded engine' },
    { promise: 'P2', name: 'd', file: 'test/unit/b.test.ts', ground: 'simulation' },
  ] as const;
  const [a, c] = proofs.map(keyOf);
  const results = {
    embedded: new Map([
      [a ?? '', 'passed: 3 ms | 4 ms'],
      [c ?? '', 'passed'],
    ]),
    drachtio: new Map([[a ?? '', 'does not run there: it cannot']]),
  };
  const page = renderPage(
    [
      { id: 'P1', text: 'One.', onDrachtio: 'less' },
      { id: 'P2', text: 'Two.' },
      { id: 'P3', text: 'Three.' },
    ],
    proofs,
    results,
  );
  t.same(readResults(page), results);
  t.match(page, '| a \\| b | sip/a | passed: 3 ms \\| 4 ms | does not run there: it cannot |');
  t.match(page, '| c | sip/b | passed | does not run there: a test of the embedded engine alone |');
  t.match(page, '| d | unit/b | not run yet | the same code |');
  t.match(page, '## P1\n\nOne.\n\nOn drachtio-server: less.\n');
  t.match(page, '## P3\n\nThree.\n\nNot shown yet.');
});
