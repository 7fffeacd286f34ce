import t, { type Test } from 'tap';
import type { SavedHealth } from '../../src/domain/saved-health.js';
import { id, type IngressId, type ServiceId } from '../../src/domain/ids.js';
import { ms } from '../../src/domain/time.js';
import { startGateway, type TestGateway, type TestSite, type TestTrunk } from '../support/gateway.js';
import { gone } from '../support/saved-health.js';
import { runSipp, startSipp, type Sipp, type SippResult } from '../support/sipp.js';
import { until } from '../support/until.js';

// What the gateway thinks of its carriers, and what calls come to: SIPp at both ends.

interface Parts {
  readonly gateway: TestGateway;
  /** By trunk. */
  readonly far: Readonly<Record<string, Sipp>>;
  readonly call: (calls: number, service?: string, rate?: number) => Promise<SippResult>;
}

/** A gateway, and what SIPp plays at each of its trunks. */
async function playing(
  t: Test,
  net: number,
  trunks: readonly (Omit<TestTrunk, 'address'> & { readonly plays: string })[],
  more: Partial<TestSite> = {},
): Promise<Parts> {
  const addressed = trunks.map((trunk, index) => ({ ...trunk, host: `127.${net}.${20 + index}.1` }));
  const far: Record<string, Sipp> = {};
  for (const { id: name, plays, host } of addressed) {
    far[name] = await startSipp({ scenario: plays, address: host });
  }
  const gateway = await startGateway({
    host: `127.${net}.0.1`,
    trunks: addressed.map(({ id: name, carrier, tier, host }) => ({
      ...{ id: name, carrier, tier, address: `${host}:5060` },
    })),
    ...more,
  });
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    await Promise.all(Object.values(far).map(async (each) => each.stop()));
  });
  const call = async (calls: number, service = '112', rate = 5): Promise<SippResult> =>
    runSipp({
      ...{ scenario: 'caller.xml', address: `127.${net}.1.1`, target: gateway.sip, service },
      ...{ calls, rate, duration: 200 },
    });
  return { gateway, far, call };
}

function rangAfter({ times }: SippResult): number {
  return Math.max(...(times['2'] ?? [Number.NaN]));
}

/** On how many calls a far end was asked. */
async function asked(sipp: Sipp | undefined): Promise<number> {
  return (await sipp?.stop())?.received('INVITE').size ?? Number.NaN;
}

const KPN = { id: 'kpn-a', carrier: 'kpn', tier: 1 } as const;
const TWIN = { id: 'twin-a', carrier: 'twin', tier: 1 } as const;
const SECOND = { id: 'second-a', carrier: 'second', tier: 2 } as const;

/** An earlier process had lost every carrier a minute ago, to calls that failed; none is to be tried before long. */
const allGone = (): SavedHealth => gone([KPN, SECOND], ['112', '0900-8844'], ms(500_000));

t.test('P9 every carrier is thought gone, and is there: 112 is tried anyway, and answered at once', async (t) => {
  const trunks = [
    { ...KPN, plays: 'answer.xml' },
    { ...SECOND, plays: 'answer.xml' },
  ];
  const { gateway, call } = await playing(t, 150, trunks, { saved: allGone() });
  t.match(await gateway.health(), { carriers: [{ health: { state: 'absent' } }, { health: { state: 'absent' } }] });
  t.same(
    (await gateway.alarms()).filter(({ kind }) => kind === 'carrier-absent').map(({ severity }) => severity),
    ['critical', 'critical', 'major', 'major'],
  );
  const callers = await call(1);
  t.match(callers, { exitCode: 0, successful: 1, failed: 0 }, '112 is answered');
  t.ok(rangAfter(callers) < 300, `rang after ${rangAfter(callers)} ms (promise: not refused)`);
  t.equal((await gateway.calls())[0]?.attempts[0]?.role, 'panic');
  t.match(await call(1, '09008844'), { exitCode: 0, successful: 1, failed: 0 }, 'and so is 0900-8844');
});

t.test('P9 every carrier is thought gone, and one of them is: the other answers', async (t) => {
  const trunks = [
    { ...KPN, plays: 'deaf.xml' },
    { ...SECOND, plays: 'answer.xml' },
  ];
  const { gateway, call, far } = await playing(t, 151, trunks, { saved: allGone() });
  const callers = await call(5);
  t.match(callers, { exitCode: 0, successful: 5, failed: 0 }, 'every call was answered');
  t.ok(rangAfter(callers) < 900, `rang after ${rangAfter(callers)} ms at the latest: two are tried at once`);
  t.ok((await asked(far['kpn-a'])) >= 1, 'the silent one was tried too');
  t.same([...new Set((await gateway.calls()).map(({ answeredBy }) => answeredBy?.trunk))], ['second-a']);
});

t.test('P17 a trunk is black-holed: the second attempt goes to the independent carrier, not to its twin', async (t) => {
  const trunks = [
    { ...KPN, plays: 'deaf.xml' },
    { ...TWIN, plays: 'answer.xml', tier: 2 },
    { ...SECOND, plays: 'answer.xml', tier: 3 },
  ];
  const edit: TestSite['edit'] = (file, text) =>
    file === 'inventory'
      ? `riskGroups:\n  fibre-west: Fibre in the west\n${text.replaceAll(/((?:kpn|twin)-a: \{ )/g, '$1riskGroups: [fibre-west], ')}`
      : text;
  const { gateway, call, far } = await playing(t, 152, trunks, { edit });
  t.match(await call(1), { exitCode: 0, successful: 1, failed: 0 });
  const [report] = await gateway.calls();
  t.same(
    report?.attempts.map(({ trunk }) => trunk),
    ['kpn-a', 'second-a'],
    'the twin shares a fibre with the first, and is nearer by its tier',
  );
  t.same([await asked(far['twin-a']), await asked(far['second-a'])], [0, 1]);
});

t.test('P17 a number that the silent carrier hosts is not dialled over another one as the way out', async (t) => {
  const trunks = [
    { ...KPN, plays: 'deaf.xml' },
    { ...TWIN, plays: 'answer.xml', tier: 2 },
    { ...SECOND, plays: 'answer.xml', tier: 3 },
  ];
  const edit: TestSite['edit'] = (file, text) =>
    file === 'dialplan'
      ? text.replace('trunk: twin-a, number: 112,', 'trunk: twin-a, number: 088-0000112, hostedBy: kpn,')
      : text;
  const { gateway, call, far } = await playing(t, 153, trunks, { edit });
  t.match(await call(1), { exitCode: 0, successful: 1, failed: 0 });
  const [report] = await gateway.calls();
  t.same(
    report?.attempts.map(({ trunk }) => trunk),
    ['kpn-a', 'second-a'],
  );
  t.same([await asked(far['twin-a']), await asked(far['second-a'])], [0, 1]);
});

/** Calls a second that usually come. */
const USUAL = 5;

t.test('P19 calls stop coming: an alarm in time, with every probe green, and over when one comes', async (t) => {
  const hours = Array.from({ length: 24 }, () => 10);
  const calls = hours.map((each) => each * USUAL * 3_600);
  const traffic = [{ ingress: id<IngressId>('local'), service: id<ServiceId>('112'), calls, hours }];
  const trunks = [
    { ...KPN, plays: 'answer.xml' },
    { ...SECOND, plays: 'answer.xml' },
  ];
  const saved = { at: Date.now(), trunks: [], carriers: [], traffic, times: [], rings: [] };
  const { gateway, call } = await playing(t, 154, trunks, { saved, probeInterval: '1s' });
  const droughts = async () => (await gateway.alarms()).filter(({ kind }) => kind === 'drought');
  t.match(await call(15), { successful: 15, failed: 0 });
  t.same(await droughts(), [], 'while calls come there is none');
  const last = Math.max(...(await gateway.calls()).map(({ startedAt }) => Date.parse(startedAt)));
  await until(async () => (await droughts()).length > 0, 20_000);
  const seconds = (Date.now() - last) / 1_000;
  const ideal = 13.8 / USUAL;
  t.match(await droughts(), [
    { severity: 'critical', text: /^no call of 112 came from local for \d+ s, where 1\d usually/ },
  ]);
  t.ok(
    seconds > ideal - 1 && seconds < 3 * ideal,
    `raised after ${seconds.toFixed(1)} s (promise: ${ideal.toFixed(1)} s)`,
  );
  t.match(await gateway.health(), { carriers: [{ health: { state: 'present' } }, { health: { state: 'present' } }] });
  t.match(await call(1), { successful: 1 });
  await until(async () => (await droughts()).length === 0, 3_000);
  t.same(await droughts(), [], 'cleared by a call');
});

/** From three answers on it is known how long an answer takes, and what is late. */
async function isKnown(gateway: TestGateway, trunk: string): Promise<boolean> {
  const { trunks } = (await gateway.health()) as {
    readonly trunks: readonly {
      readonly trunk: string;
      readonly health: { readonly ledgers: { readonly probe: { readonly roundTrip?: { readonly samples: number } } } };
    }[];
  };
  return trunks.some(
    ({ trunk: name, health }) => name === trunk && (health.ledgers.probe.roundTrip?.samples ?? 0) >= 3,
  );
}

t.test('P5 an idle carrier falls silent: judged gone before a call finds out', async (t) => {
  const trunks = [
    { ...KPN, plays: 'answer.xml' },
    { ...SECOND, plays: 'answer.xml' },
  ];
  const { gateway, far, call } = await playing(t, 155, trunks, { probeInterval: '1s' });
  await until(async () => isKnown(gateway, 'kpn-a'), 10_000);
  const address = '127.155.20.1';
  await far['kpn-a']?.stop();
  const deaf = await startSipp({ scenario: 'deaf.xml', address });
  t.teardown(async () => {
    await deaf.stop();
  });
  const lostAt = performance.now();
  await until(() => /"carrier":"kpn","service":"112","from":"\w+","to":"absent"/.test(gateway.log()), 10_000);
  const took = performance.now() - lostAt;
  t.ok(took < 3 * 2_500, `judged gone after ${(took / 1_000).toFixed(2)} s (promise: 2.5 s)`);
  const callers = await call(3);
  t.match(callers, { successful: 3, failed: 0 });
  t.ok(rangAfter(callers) < 300, `the next calls rang after ${rangAfter(callers)} ms at the latest`);
  t.equal(await asked(deaf), 0);
});

t.test(
  'P5 a carrier falls silent under 5 calls a second: judged gone after the first request that it swallowed',
  async (t) => {
    const trunks = [
      { ...KPN, plays: 'answer.xml' },
      { ...SECOND, plays: 'answer.xml' },
    ];
    const { gateway, far, call } = await playing(t, 156, trunks, { probeInterval: '1s' });
    const calling = call(50);
    await until(async () => (await gateway.calls()).length >= 10 && (await isKnown(gateway, 'kpn-a')), 8_000);
    far['kpn-a']?.silence();
    const silentAt = Date.now();
    t.match(await calling, { exitCode: 0, successful: 50, failed: 0 }, 'no call was lost');
    const swallowed = (await gateway.calls())
      .filter(({ attempts }) => attempts.some(({ carrier, outcome }) => carrier === 'kpn' && outcome !== 'answered'))
      .map(({ startedAt }) => Date.parse(startedAt))
      .filter((startedAt) => startedAt >= silentAt);
    const firstAt = swallowed.length === 0 ? silentAt : Math.min(...swallowed);
    const isGone = /"carrier":"kpn","service":"112","from":"\w+","to":"absent"/;
    const line =
      gateway
        .log()
        .split('\n')
        .find((each) => isGone.test(each)) ?? '{}';
    const { time } = JSON.parse(line) as { readonly time?: number };
    const took = (time ?? Number.NaN) - firstAt;
    // drachtio-server keeps 100 to itself: there a call is in doubt after 500 ms only.
    const promise = gateway.server === 'embedded engine' ? 600 : 1_100;
    t.ok(took < 3 * promise, `judged gone after ${took} ms (promise: ${promise} ms)`);
  },
);
