import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import {
  findProofs,
  isResult,
  keyOf,
  PROMISES_PAGE,
  readPromises,
  readResults,
  renderPage,
  resultsOf,
} from './promises.js';

// Runs the tests that are named after a promise, and writes docs/promises.md.
// Arguments are the test files to run (test/sip/x.test.ts); without any, all of them. What is not run keeps its figures.

const program = process.env['NOODROUTE_DRACHTIO'] ?? '';
const proofs = findProofs();
const before = readResults(existsSync(PROMISES_PAGE) ? readFileSync(PROMISES_PAGE, 'utf8') : '');
const results = { embedded: new Map(before.embedded), drachtio: new Map(before.drachtio) };
const wanted = process.argv.slice(2);
const files = [...new Set(proofs.map(({ file }) => file))].filter(
  (file) => wanted.length === 0 || wanted.includes(file),
);
const failures: string[] = [];

for (const file of files) {
  measure(file, results.embedded, '');
  if (program !== '' && proofs.some((proof) => proof.file === file && proof.ground === 'both servers')) {
    measure(file, results.drachtio, program);
  }
}
writeFileSync(PROMISES_PAGE, renderPage(readPromises(), proofs, results));
console.log(`${PROMISES_PAGE} written${program === '' ? '; the column of drachtio-server is as it was' : ''}`);
if (failures.length > 0) {
  console.error(
    `${failures.join('\n')}\nThe page says "not run yet" there. To run one file again: npm run docs:promises -- FILE`,
  );
  process.exitCode = 1;
}

/** Runs a test file on a SIP server, and notes what its proofs gave. */
function measure(file: string, into: Map<string, string>, drachtio: string): void {
  const server = drachtio === '' ? 'embedded engine' : 'drachtio-server';
  console.log(`${file} on ${server}`);
  const { stdout } = spawnSync(process.execPath, [`build/${file.replace(/\.ts$/, '.js')}`], {
    encoding: 'utf8',
    env: { ...process.env, NOODROUTE_DRACHTIO: drachtio, TAP_TIMEOUT: '600' },
    maxBuffer: 1 << 28,
  });
  const seen = resultsOf(stdout);
  for (const proof of proofs.filter((each) => each.file === file)) {
    const result = seen.get(`${proof.promise} ${proof.name}`) ?? 'did not run';
    if (isResult(result)) {
      into.set(keyOf(proof), result);
    } else {
      into.delete(keyOf(proof));
      failures.push(`${keyOf(proof)}: ${result} on ${server}`);
    }
  }
}
