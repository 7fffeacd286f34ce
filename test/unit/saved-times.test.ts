import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { HealthFile } from '../../src/adapters/store/health-file.js';
import { HealthKeeper } from '../../src/app/health-keeper.js';
import type { Attempt } from '../../src/calls/call.js';
import type { Deadlines } from '../../src/domain/attempt.js';
import { id, type AttemptId } from '../../src/domain/ids.js';
import type { Service } from '../../src/domain/network.js';
import type { SavedHealth } from '../../src/domain/saved-health.js';
import { after, ms } from '../../src/domain/time.js';
import type { Log } from '../../src/ports/journal.js';
import type { HealthStore } from '../../src/ports/store.js';
import { FakeSipServer } from '../support/fake-sip-server.js';
import { SERVICE_112, smallNetwork } from '../support/network.js';
import { VirtualClock } from '../support/virtual-clock.js';

const HOUR = 3_600_000;
const network = smallNetwork([
  { id: 'kpn-a', carrier: 'kpn', tier: 1 },
  { id: 'second-a', carrier: 'second', tier: 2 },
]);
const emergency: Service = { id: SERVICE_112, class: 'emergency' };
const ignore = (): void => undefined;
const log: Log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
const journal = { record: ignore };

/** A keeper for a process that begins so long after the state was saved. */
function keeperFrom(saved: SavedHealth | undefined, elapsed = 0, reportsTrying = true) {
  const clock = new VirtualClock();
  const kept: SavedHealth[] = [];
  const store: HealthStore = {
    load: () => (saved === undefined ? undefined : { ...saved, at: clock.wallTime() - elapsed }),
    save: (state) => kept.push(state),
    close: async () => Promise.resolve(),
  };
  const server = new FakeSipServer();
  server.reportsTrying = reportsTrying;
  const keeper = new HealthKeeper(network, clock, journal, log, server, store);
  return { clock, keeper, kept };
}

type Bench = ReturnType<typeof keeperFrom>;

/** Calls that are heard after 4 ms, and ring after `rings`. */
function calls({ clock, keeper }: Bench, count: number, rings: number): void {
  for (let call = 0; call < count; call += 1) {
    const [planned] = keeper.plan(emergency);
    const startedAt = clock.now();
    if (planned !== undefined) {
      const attempt: Attempt = {
        ...{ id: id<AttemptId>('a'), planned, variant: 'as-sent', startedAt, state: { phase: 'progressing' } },
        firstResponseAt: after(startedAt, ms(4)),
        progressAt: after(startedAt, ms(rings)),
      };
      keeper.evidence(attempt, emergency, { kind: 'progressed' });
    }
    clock.advance(50);
  }
}

function deadlines({ keeper }: Bench): Deadlines | undefined {
  return keeper.plan(emergency).find(({ trunk }) => trunk.id === 'kpn-a')?.deadlines;
}

/** What a process saved that has made so many calls. */
function savedAfter(count: number, rings: number, reportsTrying = true): SavedHealth {
  const bench = keeperFrom(undefined, 0, reportsTrying);
  calls(bench, count, rings);
  bench.keeper.close();
  const saved = bench.kept.at(-1);
  if (saved === undefined) {
    throw new Error('nothing was saved');
  }
  return saved;
}

t.test('P1 a gateway that was restarted is warm at once', (t) => {
  t.match(deadlines(keeperFrom(undefined)), { silence: 600, progress: 2_500, slow: 1_250 }, 'cold');
  const saved = savedAfter(60, 1_800);
  const warm = keeperFrom(saved, 10_000);
  t.match(deadlines(warm), { silence: 150, resend: 50, progress: 1_800, slow: 1_800 }, 'warm');
  calls(warm, 60, 1_900);
  warm.clock.advance(1_000);
  t.equal(deadlines(warm)?.progress, 1_900, 'and it learns on');
  warm.keeper.close();
  const again = keeperFrom(warm.kept.at(-1), 1_000);
  t.equal(deadlines(again)?.progress, 1_900, 'restarted once more');
  t.end();
});

t.test('a restart before enough is learned anew keeps what the one before knew', (t) => {
  const first = keeperFrom(savedAfter(60, 1_800), 1_000);
  calls(first, 3, 1_600);
  first.keeper.close();
  t.match(deadlines(keeperFrom(first.kept.at(-1), 1_000)), { silence: 150, progress: 1_800 });
  t.end();
});

t.test('what was learned a day ago is learned anew', (t) => {
  const saved = savedAfter(60, 1_800);
  t.equal(deadlines(keeperFrom(saved, 23 * HOUR))?.silence, 150);
  t.match(deadlines(keeperFrom(saved, 25 * HOUR)), { silence: 600, progress: 2_500 });
  const idle = keeperFrom(saved, 20 * HOUR);
  idle.keeper.close();
  t.match(deadlines(keeperFrom(idle.kept.at(-1), 5 * HOUR)), { silence: 600 }, 'its age goes on over restarts');
  t.end();
});

t.test('P1 where 100 Trying does not reach us the first 101-199 is kept', (t) => {
  const saved = savedAfter(10, 300, false);
  t.match(saved.times, [{ trunk: 'kpn-a', firstProvisional: { samples: 10 } }]);
  t.equal(deadlines(keeperFrom(undefined, 0, false))?.silence, undefined);
  t.equal(deadlines(keeperFrom(saved, 1_000, false))?.silence, 1_200);
  t.end();
});

t.test('the file does not grow with the calls', (t) => {
  const few = JSON.stringify(savedAfter(60, 1_800).times).length;
  const many = JSON.stringify(savedAfter(2_000, 1_800).times).length;
  t.ok(many < few + 40, `${few} bytes after 60 calls, ${many} after 2,000`);
  t.end();
});

/** A health file with this in it. */
function fileWith(t: Test, content: object): SavedHealth | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-times-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const path = join(folder, 'health.json');
  writeFileSync(path, JSON.stringify(content));
  return new HealthFile(path, log).load();
}

t.test('times that cannot be read are learned anew, and nothing else is lost', async (t) => {
  const { times, ...older } = savedAfter(60, 1_800);
  const [good] = times;
  t.same(fileWith(t, { ...older, times })?.times, times, 'as it was written');
  t.same(fileWith(t, older)?.times, [], 'a file of an older gateway');
  for (const damaged of [7, 'x', [7], [{ ...good, age: -1 }], [{ ...good, ways: [{}] }], Array(2_000).fill(good)]) {
    const loaded = fileWith(t, { ...older, times: damaged });
    t.same(loaded?.times, [], JSON.stringify(damaged).slice(0, 40));
    t.equal(loaded?.trunks.length, 4, 'what is down stays known');
  }
  t.same(fileWith(t, { ...older, times: [{}, good] })?.times, [good], 'each trunk by itself');
  t.same(fileWith(t, { ...older, times: [{ ...good, more: 1 }] })?.times, [good], 'of a newer gateway');
});

t.test('it is in the file every five seconds', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-times-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const path = join(folder, 'health.json');
  const clock = new VirtualClock();
  const store = new HealthFile(path, log);
  const keeper = new HealthKeeper(network, clock, journal, log, new FakeSipServer(), store);
  calls({ clock, keeper, kept: [] }, 20, 200);
  clock.advance(5_000);
  await store.close();
  t.match(JSON.parse(readFileSync(path, 'utf8')), { times: [{ trunk: 'kpn-a', firstResponse: { samples: 20 } }] });
  keeper.close();
  await store.close();
});
