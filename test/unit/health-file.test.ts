import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { HealthFile } from '../../src/adapters/store/health-file.js';
import { HealthKeeper } from '../../src/app/health-keeper.js';
import type { SavedHealth } from '../../src/domain/saved-health.js';
import { id, type CarrierId, type TrunkId } from '../../src/domain/ids.js';
import type { Log } from '../../src/ports/journal.js';
import { failure, goodProbe, times } from '../support/evidence.js';
import { FakeSipServer } from '../support/fake-sip-server.js';
import { SERVICE_112, smallNetwork } from '../support/network.js';
import { VirtualClock } from '../support/virtual-clock.js';

const network = smallNetwork([
  { id: 'kpn-a', carrier: 'kpn' },
  { id: 'second-a', carrier: 'second' },
]);
const kpn = id<CarrierId>('kpn');
const empty: SavedHealth = { at: 1_000, trunks: [], carriers: [], traffic: [], times: [], rings: [] };

/** A file in a folder that does not exist yet, and what was logged about it. */
function file(t: Test) {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-health-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  const errors: string[] = [];
  const ignore = (): void => undefined;
  const log: Log = { debug: ignore, info: ignore, warn: ignore, error: (_, text) => errors.push(text) };
  const path = join(folder, 'var', 'health.json');
  return { path, folder: join(folder, 'var'), log, errors, store: new HealthFile(path, log) };
}

t.test('health is written as a whole, and read again', async (t) => {
  const { store, path, folder, log, errors } = file(t);
  t.equal(store.load(), undefined, 'a first start is no error');
  store.save(empty);
  store.save({ ...empty, at: 2_000 });
  store.save({ ...empty, at: 3_000 });
  await store.close();
  t.same(new HealthFile(path, log).load(), { ...empty, at: 3_000 }, 'the newest');
  t.same(readdirSync(folder), ['health.json'], 'nothing is left beside it');
  t.same(errors, []);
});

t.test('a file that cannot be read is said, and the start is blank', async (t) => {
  const { store, path, errors } = file(t);
  store.save(empty);
  await store.close();
  for (const text of [
    '',
    '{"at":1',
    '[]',
    '{"at":1,"trunks":[{}],"carriers":[]}',
    '{"at":"x","trunks":[],"carriers":[]}',
  ]) {
    writeFileSync(path, text);
    t.equal(store.load(), undefined, JSON.stringify(text));
  }
  t.equal(errors.length, 5);
  t.ok(errors.every((each) => /cannot be read/.test(each)));
});

t.test('a folder that cannot be written is said three times, not for ever, and stops nothing', async (t) => {
  const { path, log, errors } = file(t);
  const blocked = new HealthFile(join(path, 'health.json'), log);
  writeFileSync(join(path, '..', '..', 'var'), 'a file where the folder should be');
  for (let saves = 0; saves < 6; saves += 1) {
    blocked.save(empty);
    await blocked.close();
  }
  t.equal(errors.length, 3);
  t.ok(errors.every((each) => /cannot be saved/.test(each)));
});

t.test('P14 KPN gone, gateway restarted: KPN starts as gone', async (t) => {
  const { path, log } = file(t);
  const journal = { record: (): void => undefined };
  const first = new HealthFile(path, log);
  const clock = new VirtualClock();
  const before = new HealthKeeper(network, clock, journal, log, new FakeSipServer(), first);
  const kpnA = id<TrunkId>('kpn-a');
  for (const each of [goodProbe, ...times(2, failure('rejected'))]) {
    clock.advance(100);
    before.record(kpnA, each);
  }
  clock.advance(5_000);
  await first.close();
  t.match(JSON.parse(readFileSync(path, 'utf8')), { carriers: [{ carrier: 'kpn', service: '112', state: 'absent' }] });
  // It is killed: nothing more is written.
  const second = new HealthFile(path, log);
  const later = new VirtualClock();
  const after = new HealthKeeper(network, later, journal, log, new FakeSipServer(), second);
  t.equal(after.book.view().carrier(kpn, SERVICE_112), 'absent');
  t.equal(after.plan({ id: SERVICE_112, class: 'emergency' })[0]?.trunk.carrier, 'second', 'no call touches it');
  before.close();
  after.close();
  await first.close();
  await second.close();
});
