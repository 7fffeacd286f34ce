import t from 'tap';
import type { CarrierState, HealthView, TrunkState } from '../../src/domain/health.js';
import { id, type ServiceId, type TrunkId } from '../../src/domain/ids.js';
import { explainPlan, unknownNames, type ExplainOptions } from '../../src/routing/explain.js';
import { loadConfig } from '../../src/config/load.js';

const loaded = loadConfig('config/lab.yaml', { env: {} });
if (!loaded.ok) {
  throw new Error('the files of the lab are wrong');
}
const { network } = loaded.config;
const emergency = id<ServiceId>('112');

function view(
  trunks: Readonly<Record<string, TrunkState>>,
  carriers: Readonly<Record<string, CarrierState>> = {},
): HealthView {
  return { trunk: (trunk) => trunks[trunk] ?? 'up', carrier: (carrier) => carriers[carrier] ?? 'present' };
}

function lines(health: HealthView, options: ExplainOptions = {}): readonly string[] {
  return explainPlan(network, health, emergency, options).routes.map(
    ({ place, trunk, why }) => `${place ?? '-'} ${trunk}: ${why.join('; ')}`,
  );
}

t.test('every route has a place, and says why', async (t) => {
  t.same(lines(view({})), [
    '1 kpn-a: up; tier 1',
    '2 second-a: up; shares no risk group with kpn-a; tier 2',
    '3 kpn-b: up; tier 1',
    '4 mobile-a: up; tier 3',
  ]);
  t.equal(lines(view({}), { turn: 1 })[0], '1 kpn-b: up; tier 1', 'equal trunks take turns');
});

t.test('what is suspect, gone, full, or a canary', async (t) => {
  t.same(lines(view({ 'kpn-a': 'suspect', 'kpn-b': 'down' })), [
    '1 second-a: up; tier 2',
    '2 mobile-a: up; shares no risk group with second-a; tier 3',
    '3 kpn-a: suspect: behind the healthy ones; tier 1',
    '- kpn-b: judged gone: no call touches it; tier 1',
  ]);
  const canary = id<TrunkId>('kpn-a');
  t.match(
    lines(view({ 'kpn-a': 'recovering', 'kpn-b': 'down' }), { canaryAllowed: (trunk) => trunk === canary })[0],
    /^1 kpn-a: a canary: this call is its proof; on its way back/,
  );
  t.match(
    lines(view({}), { hasRoom: ({ id: trunk }) => trunk !== 'kpn-a' }).at(-1),
    /kpn-a: up; every channel is in use/,
  );
});

t.test('an absent carrier takes its trunks with it', async (t) => {
  t.same(lines(view({ 'kpn-a': 'suspect' }, { kpn: 'absent' })), [
    '1 second-a: up; tier 2',
    '2 mobile-a: up; shares no risk group with second-a; tier 3',
    '- kpn-a: its carrier, or a carrier whose core it needs, is absent; suspect: behind the healthy ones; tier 1',
    '- kpn-b: its carrier, or a carrier whose core it needs, is absent; up; tier 1',
  ]);
});

t.test('without a carrier, a trunk or a risk group, and with nothing left', async (t) => {
  t.match(lines(view({}), { without: ['kpn'] }), [
    /^1 second-a/,
    /^2 mobile-a/,
    /^- kpn-a: taken for gone, as asked/,
    /^- kpn-b/,
  ]);
  t.match(lines(view({}), { without: ['second-core'] }).at(-1), /^- second-a: taken for gone/);
  const all = explainPlan(network, view({}), emergency, { without: ['kpn', 'second', 'mobile'] });
  t.equal(all.isPanic, true);
  t.ok(all.routes.every(({ role, why }) => role === 'panic' && why.some((each) => /everything is tried/.test(each))));
  t.same(unknownNames(network, ['kpn', 'kpn-a', 'ups-a', 'kpm']), ['kpm']);
});

t.test('another service has its own plan; an unknown one has none', async (t) => {
  t.equal(explainPlan(network, view({}), id<ServiceId>('0900-8844')).routes[3]?.number, '0880008844');
  t.same(explainPlan(network, view({}), id<ServiceId>('x')).routes, []);
});
