import t from 'tap';
import { startGateway, type TestSite, type TestTrunk } from '../support/gateway.js';
import { startRawPeer, valueOf } from '../support/raw-peer.js';
import { runSipp, startSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

const HOST = '127.73.0.1';
const CALLER = '127.73.1.1';
const KPN = '127.73.20.1';
const SECOND = '127.73.30.1';
const THIRD = '127.73.40.1';

const kpn: TestTrunk = { id: 'kpn-a', carrier: 'kpn', address: `${KPN}:5060`, tier: 1 };
const second: TestTrunk = { id: 'second-a', carrier: 'second', address: `${SECOND}:5060`, tier: 2 };
const third: TestTrunk = { id: 'third-a', carrier: 'third', address: `${THIRD}:5060`, tier: 3 };
const site = (...trunks: readonly TestTrunk[]): TestSite => ({ host: HOST, trunks });

interface TrunkHealth {
  readonly trunks: readonly {
    readonly trunk: string;
    readonly service: string;
    readonly health: { readonly state: string };
  }[];
}

t.test('a new configuration loses no call and no verdict, and a wrong one changes nothing', async (t) => {
  const secondSipp = await startSipp({ scenario: 'answer.xml', address: SECOND });
  const kpnSipp = await startSipp({ scenario: 'reject-503.xml', address: KPN });
  const gateway = await startGateway(site(kpn, second));
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    await Promise.all([secondSipp.stop(), kpnSipp.stop()]);
  });
  const call = async (calls = 1, duration = 100) =>
    runSipp({
      scenario: 'caller.xml',
      address: CALLER,
      target: gateway.sip,
      service: '112',
      calls,
      rate: 20,
      duration,
    });
  const stateOf = async (trunk: string) =>
    ((await gateway.health()) as TrunkHealth).trunks.find((each) => each.trunk === trunk && each.service === '112')
      ?.health.state;
  const lastTrunk = async () => (await gateway.calls()).at(-1)?.attempts.map(({ trunk }) => trunk);

  t.match(await call(5), { successful: 5, failed: 0 });
  await until(async () => (await stateOf('kpn-a')) !== 'up', 2_000);
  const judged = await stateOf('kpn-a');
  t.not(judged, 'unproven');

  await t.test('what was learned of a trunk that stays is kept, and a new trunk is used', async (t) => {
    const answer = await gateway.reload(site(kpn, second, third));
    t.match(answer, { status: 200, ok: true, needsRestart: [] });
    t.match(answer.version, /^[0-9a-f]{64}$/);
    t.equal(await stateOf('kpn-a'), judged);
    t.not(await stateOf('third-a'), undefined);
  });

  await t.test('files that are wrong change nothing, and every error is named by file and line', async (t) => {
    const before = await stateOf('second-a');
    const answer = await gateway.reload(site(kpn, second), (text) => text.replace('carrier: kpn', 'carrier: kpm'));
    t.match(answer, { status: 422, ok: false });
    t.match(answer.problems?.[0], /inventory\.yaml:\d+:\d+: trunks\.kpn-a\.carrier: .*kpm.*did you mean/);
    t.not(await stateOf('third-a'), undefined, 'the old one is in force');
    t.equal(await stateOf('second-a'), before);
    t.match(await call(), { successful: 1 });
    await until(() => gateway.log().includes('the old one stays in force'), 4_000);
    t.match(gateway.log(), /the new configuration is wrong; the old one stays in force/);
  });

  await t.test('the plan and its reasons can be asked for', async (t) => {
    const ask = async (query: string) => {
      const response = await fetch(`http://${HOST}:8080/route?${query}`);
      return { status: response.status, ...((await response.json()) as Record<string, unknown>) };
    };
    t.match(await ask('service=112&without=kpn'), { status: 200, service: '112', isPanic: false });
    t.match(await ask('service=112&without=kpm'), {
      status: 404,
      error: 'kpm is no carrier, trunk or risk group of this site',
    });
    t.match(await ask('service=113'), { status: 404, error: 'there is no service 113, only 112, 0900-8844' });
  });

  await t.test('an answered call outlives its trunk; later calls and late answers do not bring it back', async (t) => {
    t.match(await gateway.reload(site(kpn, second)), { ok: true });
    const talking = call(1, 1_500);
    await until(async () => (await gateway.stats()).dialogs === 2, 2_000);
    const peer = await startRawPeer(THIRD);
    t.teardown(() => {
      peer.close();
    });
    t.match(await gateway.reload(site(kpn, third)), { ok: true });
    t.match(await talking, { successful: 1, failed: 0 }, 'it was ended by its caller');
    t.equal(await stateOf('second-a'), undefined);

    t.match(await gateway.reload(site(kpn, third, { ...second, tier: 4 })), { ok: true });
    const waiting = call(1, 100);
    await until(() => peer.requests('INVITE').length > 0, 2_000);
    const [invite = ''] = peer.requests('INVITE');
    t.match(await gateway.reload(site(kpn, second)), { ok: true });
    t.match(await waiting, { successful: 1, failed: 0 }, 'a call that waits on a trunk that is gone moves at once');
    const { startedAfterMs = Number.NaN } = (await gateway.calls()).at(-1)?.attempts.at(-1) ?? {};
    t.same((await lastTrunk())?.slice(-2), ['third-a', 'second-a']);
    t.ok(startedAfterMs < 500, `moved after ${Math.round(startedAfterMs)} ms, before any deadline`);
    t.ok(valueOf(invite, 'Call-ID'));
    peer.respond(invite, '200 OK');
    await new Promise((resolve) => setTimeout(resolve, 200));
    t.equal(await stateOf('third-a'), undefined, 'a late answer does not bring it back');
  });
});
