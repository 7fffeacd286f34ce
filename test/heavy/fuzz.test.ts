import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import type { FuzzReport } from './fuzz-worker.js';

const MESSAGES = 1_000_000;
const WORKERS = 2;
const SEED = Number(process.env['NOODROUTE_SEED'] ?? 4475);
/** Collected heap may differ by what the engine of the language keeps for itself: 18 bytes a message would be too much. */
const SAME_HEAP_BYTES = 8 * 1024 * 1024;

async function run(seed: number, messages: number): Promise<FuzzReport> {
  const file = fileURLToPath(new URL('fuzz-worker.js', import.meta.url));
  const worker = fork(file, [String(seed), String(messages)], { execArgv: ['--expose-gc'] });
  return new Promise((resolve, reject) => {
    worker.once('message', resolve);
    worker.once('exit', (code) => {
      reject(new Error(`the worker ended with exit code ${code}`));
    });
  });
}

t.test('1,000,000 mutated messages: no fault, none takes 10 ms, no memory stays', { timeout: 580_000 }, async (t) => {
  t.comment(`NOODROUTE_SEED=${SEED}`);
  const started = performance.now();
  const reports = await Promise.all(
    Array.from({ length: WORKERS }, async (_, index) => run(SEED * WORKERS + index, MESSAGES / WORKERS)),
  );
  const seconds = (performance.now() - started) / 1_000;
  const { milliseconds: slowest, text } = reports
    .map((report) => report.slowest)
    .reduce((worst, each) => (each.milliseconds > worst.milliseconds ? each : worst));
  const growth = reports.map(({ heap: [early, late] }) => late - early);
  t.comment(
    `${seconds.toFixed(0)} s; slowest ${slowest.toFixed(1)} ms; heap ${growth.map((bytes) => `${(bytes / 1_024).toFixed(0)} kB`).join(', ')} more`,
  );
  t.equal(
    reports.reduce((sum, { messages }) => sum + messages, 0),
    MESSAGES,
  );
  t.same(
    reports.flatMap(({ faults }) => faults.slice(0, 3)),
    [],
  );
  t.ok(slowest < 10, `${slowest.toFixed(1)} ms`, { text });
  t.ok(
    growth.every((bytes) => bytes < SAME_HEAP_BYTES),
    'no memory stays',
  );
});
