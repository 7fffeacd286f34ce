import { spawn, type ChildProcess } from 'node:child_process';
import { availableParallelism } from 'node:os';
import t from 'tap';
import { endProcess } from '../support/end-process.js';
import { entriesOf, ofType } from '../support/journal.js';
import { startLab } from '../support/lab.js';
import { runSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

// Others take the processors: what is late then is late on our side, and no carrier's fault.
const NET = 123;
const RATE = 5;
const CALLS = 100;
const STARVED_MS = (CALLS / RATE) * 1_000 + 5_000;

/** As many as there are processors and two more, which do nothing but run, for a bounded time. */
function busyLoops(): readonly ChildProcess[] {
  const loop = `const end = Date.now() + ${STARVED_MS}; while (Date.now() < end);`;
  return Array.from({ length: availableParallelism() + 2 }, () =>
    spawn(process.execPath, ['-e', loop], { stdio: 'ignore' }),
  );
}

t.test(
  'P13 the processors are taken by others: no carrier is blamed, no call is lost, none is answered twice',
  { timeout: 120_000 },
  async (t) => {
    const lab = await startLab(NET);
    t.comment(`SIP server: ${lab.server}`);
    t.teardown(async () => lab.stop());
    const call = async (calls: number) =>
      runSipp({
        ...{ scenario: 'caller.xml', address: `127.${NET}.1.1`, target: lab.sip, service: '112' },
        ...{ calls, rate: RATE, duration: 1_000 },
      });
    t.match(await call(20), { successful: 20, failed: 0 }, 'all is well');
    const loops = busyLoops();
    t.teardown(async () => Promise.all(loops.map(async (each) => endProcess(each))));
    const starved = await call(CALLS);
    t.match(starved, { exitCode: 0, successful: CALLS, failed: 0 }, 'no call was lost');
    const changes = ofType(await entriesOf(lab.journal), 'health').map(({ change }) => change);
    const blamed = changes.filter(({ to }) => to === 'absent' || to === 'down');
    t.same(blamed, [], 'no carrier and no trunk is judged gone');
    const suspected = changes.filter(({ to }) => to === 'suspect' || to === 'doubted').length;
    t.comment(`suspected ${suspected} times`);
    const sorted = (starved.times['2'] ?? []).toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
    t.ok(
      at(0.5) < 3 * 200,
      `rang after ${at(0.5)} ms in the median, p99 ${at(0.99)}, at most ${at(1)} (promise: 200 ms more)`,
    );
    await until(async () => (await lab.results()).every(({ endedMs }) => endedMs !== undefined), 5_000);
    const seconds = (await lab.results()).flatMap(({ legsMs }) => legsMs.toSorted((a, b) => b - a).slice(1));
    const longest = Math.max(0, ...seconds);
    t.comment(`${seconds.length} second answers crossed our CANCEL`);
    t.ok(longest < 500, `none was answered twice: second legs were released after ${longest} ms at most`);
    t.ok(seconds.length <= CALLS / 5, 'and they are few');
  },
);
