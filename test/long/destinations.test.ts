import t, { type Test } from 'tap';
import { startGateway, type TestGateway, type TestTrunk } from '../support/gateway.js';
import { runSipp, startSipp, type Sipp, type SippResult } from '../support/sipp.js';
import { until } from '../support/until.js';

// Answering points (DESIGN 4.6), SIPp at both ends. The west is reached over two carriers, and the north takes over from it.

const RINGS = { scenario: 'rings-then-nothing.xml', words: { said: '180 Ringing' } };
const BUSY = { scenario: 'refuse.xml', words: { said: '486 Busy Here', cause: 'Q.850;cause=17' } };
const ANSWERS = { scenario: 'answer.xml' };

interface FarEnd extends Omit<TestTrunk, 'address'> {
  readonly plays: typeof RINGS | typeof BUSY | typeof ANSWERS;
}

interface Parts {
  readonly gateway: TestGateway;
  readonly far: Readonly<Record<string, Sipp>>;
  readonly call: (calls: number, holdMs?: number, rate?: number) => Promise<SippResult>;
}

/** A gateway with these trunks, destinations and routes. */
async function site(t: Test, net: number, trunks: readonly FarEnd[], plan: string): Promise<Parts> {
  const addressed = trunks.map((trunk, index) => ({ ...trunk, host: `127.${net}.${20 + index}.1` }));
  const far: Record<string, Sipp> = {};
  for (const { id, plays, host } of addressed) {
    far[id] = await startSipp({ ...plays, address: host });
  }
  const gateway = await startGateway({
    host: `127.${net}.0.1`,
    trunks: addressed.map(({ id, carrier, tier, host }) => ({ id, carrier, tier, address: `${host}:5060` })),
    edit: (file, text) => (file === 'dialplan' ? `${text.slice(0, text.indexOf('destinations:'))}${plan}` : text),
  });
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    await Promise.all(Object.values(far).map(async (each) => each.stop()));
  });
  const call = async (calls: number, holdMs = 200, rate = 5): Promise<SippResult> =>
    runSipp({
      ...{ scenario: 'caller.xml', address: `127.${net}.1.1`, target: gateway.sip, service: '112' },
      ...{ calls, rate, duration: holdMs },
    });
  return { gateway, far, call };
}

const KPN = { id: 'kpn-a', carrier: 'kpn', tier: 1 };
const SECOND = { id: 'second-a', carrier: 'second', tier: 2 };
const NORTH = { id: 'kpn-north', carrier: 'kpn', tier: 1 };

const MATRIX = `destinations:
  west: { name: Control room west, ringsFor: 14s, takeOver: [north] }
  north: { name: Control room north }
routes:
  - { service: 112, destination: west, trunk: kpn-a, number: 100, tier: 1 }
  - { service: 112, destination: west, trunk: second-a, number: 100, tier: 2 }
  - { service: 112, destination: north, trunk: kpn-north, number: 200, tier: 1 }
  - { service: 0900-8844, destination: north, trunk: kpn-north, number: 200, tier: 1 }
`;

t.test(
  'rings too long: the same destination over an independent carrier, then the one that takes over',
  { timeout: 60_000 },
  async (t) => {
    const trunks = [
      { ...KPN, plays: RINGS },
      { ...SECOND, plays: RINGS },
      { ...NORTH, plays: ANSWERS },
    ];
    const { gateway, far, call } = await site(t, 160, trunks, MATRIX);
    const callers = await call(1);
    t.match(callers, { exitCode: 0, successful: 1, failed: 0 });
    t.ok((callers.times['2']?.[0] ?? Number.NaN) < 600, `the caller heard ringing after ${callers.times['2']?.[0]} ms`);
    const [report] = await gateway.calls();
    t.same(
      report?.attempts.map(({ trunk, number }) => `${number} over ${trunk}`),
      ['100 over kpn-a', '100 over second-a', '200 over kpn-north'],
    );
    const [, over, taken] = report?.attempts.map(({ startedAfterMs }) => startedAfterMs) ?? [];
    t.ok(
      Math.abs((over ?? 0) - 12_000) < 1_500,
      `over the second carrier after ${over?.toFixed(0)} ms (12 s of ringing)`,
    );
    t.ok(Math.abs((taken ?? 0) - 14_000) < 1_500, `taken over after ${taken?.toFixed(0)} ms (it may ring for 14 s)`);
    const ended = report?.attempts.map(({ endedAfterMs }) => endedAfterMs ?? 0) ?? [];
    t.ok(Math.min(...ended) > 14_000, 'nothing that rang was cut before somebody answered');
    for (const id of ['kpn-a', 'second-a']) {
      const heard = await far[id]?.stop();
      t.same(heard?.received('CANCEL'), heard?.received('INVITE'), `${id} is cancelled then`);
    }
  },
);

t.test('busy over one carrier may be the network; busy over two is busy, and the next one takes over', async (t) => {
  const trunks = [
    { ...KPN, plays: BUSY },
    { ...SECOND, plays: BUSY },
    { ...NORTH, plays: ANSWERS },
  ];
  const { gateway, call } = await site(t, 161, trunks, MATRIX);
  const callers = await call(3);
  t.match(callers, { exitCode: 0, successful: 3, failed: 0 });
  const rang = Math.max(...(callers.times['2'] ?? [Number.NaN]));
  t.ok(rang < 600, `rang after ${rang} ms at the latest`);
  for (const { attempts, answeredBy } of await gateway.calls()) {
    t.same(
      attempts.map(({ trunk, status }) => `${trunk} ${status}`),
      ['kpn-a 486', 'second-a 486', 'kpn-north 200'],
    );
    t.equal(answeredBy?.trunk, 'kpn-north');
  }
});

/** The user parts of the INVITEs that a far end received, in order, one per call. */
function dialled(result: SippResult | undefined): readonly string[] {
  const seen = new Set<string>();
  return (result?.messages ?? '').split(/^-{20,}.*$/m).flatMap((entry) => {
    const [, user = ''] = /message received[^]*^INVITE sips?:([^@;]+)@/m.exec(entry) ?? [];
    const callId = /^Call-ID:\s*(\S+)/im.exec(entry)?.[1] ?? '';
    const isNew = user !== '' && !seen.has(callId);
    seen.add(user === '' ? '' : callId);
    return isNew ? [user] : [];
  });
}

const count = (list: readonly string[], wanted: string): number => list.filter((each) => each === wanted).length;

t.test('several addresses share the calls by their weights', async (t) => {
  const plan = `destinations:
  west: { name: Control room west, addresses: { a: { number: 101, weight: 2 }, b: { number: 102 } } }
routes:
  - { service: 112, destination: west, trunk: kpn-a, tier: 1 }
  - { service: 0900-8844, destination: west, trunk: second-a, tier: 1 }
`;
  const trunks = [
    { ...KPN, plays: ANSWERS },
    { ...SECOND, plays: ANSWERS },
  ];
  const { far, call } = await site(t, 162, trunks, plan);
  t.match(await call(30, 100, 20), { exitCode: 0, successful: 30, failed: 0 });
  const numbers = dialled(await far['kpn-a']?.stop());
  t.same([count(numbers, '101'), count(numbers, '102')], [20, 10]);
});

t.test('what is full is passed over, for the next address and then for the destination that takes over', async (t) => {
  const plan = `destinations:
  west:
    { name: Control room west, takeOver: [north], addresses: { a: { number: 101, channels: 1 }, b: { number: 102, channels: 1 } } }
  north: { name: Control room north, channels: 1 }
routes:
  - { service: 112, destination: west, trunk: kpn-a, tier: 1 }
  - { service: 112, destination: west, trunk: second-a, tier: 2 }
  - { service: 112, destination: north, trunk: kpn-north, number: 200, tier: 1 }
  - { service: 0900-8844, destination: north, trunk: kpn-north, number: 200, tier: 1 }
`;
  const trunks = [
    { ...KPN, plays: ANSWERS },
    { ...SECOND, plays: ANSWERS },
    { ...NORTH, plays: ANSWERS },
  ];
  const { gateway, far, call } = await site(t, 163, trunks, plan);
  const long = call(4, 3_000);
  await until(async () => (await gateway.stats()).openCalls === 4, 5_000);
  const full = await gateway.stats();
  t.match(await long, { exitCode: 0, successful: 4, failed: 0 }, 'four calls at once are answered, where three fit');
  t.equal(full.destinations.length, 3);
  t.ok(
    full.destinations.every(({ used, total }) => used >= total),
    'every place was taken',
  );
  await until(async () => (await gateway.stats()).destinations.every(({ used }) => used === 0), 3_000);
  t.match(await call(2, 500), { exitCode: 0, successful: 2, failed: 0 });
  const went = (await gateway.calls())
    .toSorted((a, b) => a.startedAt.localeCompare(b.startedAt))
    .map(({ attempts }) => attempts.map(({ number }) => number));
  t.same(went.slice(0, 2).flat().toSorted(), ['101', '102'], 'each address takes one');
  t.same(went[2], ['200'], 'then the north');
  t.match(went[3]?.[0], /^10[12]$/, 'full is not broken: the fourth is tried all the same');
  t.same(went.slice(4).flat().toSorted(), ['101', '102'], 'and the west has room again');
  t.same(dialled(await far['second-a']?.stop()), [], 'over the best trunk all the time');
});
