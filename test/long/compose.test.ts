import t, { type Test } from 'tap';
import { startComposeSite } from '../support/compose-site.js';
import type { TestGateway } from '../support/gateway.js';
import { runSipp, startSipp, type Sipp, type SippResult } from '../support/sipp.js';

// The site of docker-compose.yml, SIPp at both ends. Its addresses are on loopback: 192.0.2.x at 127.57.2.x, and so on.
const NET = 57;
const KPN = [`127.${NET}.100.10`, `127.${NET}.2.11`] as const;
const SECOND = `127.${NET}.2.12`;
const PBX = `127.${NET}.113.5`;

interface Site {
  readonly gateway: TestGateway;
  readonly kpn: readonly Sipp[];
  readonly second: Sipp;
}

async function withSite(t: Test, kpnPlays: string, action: (site: Site) => Promise<void>): Promise<void> {
  const kpn = [
    await startSipp({ scenario: kpnPlays, address: KPN[0] }),
    await startSipp({ scenario: kpnPlays, address: KPN[1] }),
  ];
  const second = await startSipp({ scenario: 'answer.xml', address: SECOND });
  const gateway = await startComposeSite(NET);
  t.comment(`SIP server: ${gateway.server}`);
  try {
    await action({ gateway, kpn, second });
  } finally {
    await gateway.stop();
    await Promise.all([...kpn, second].map(async (each) => each.stop()));
  }
}

async function call({ sip }: TestGateway, service: string): Promise<SippResult> {
  return runSipp({ scenario: 'caller.xml', address: PBX, target: sip, service, calls: 1, duration: 300 });
}

/** Milliseconds from the caller's INVITE to the answer, by SIPp's own clock. */
function setUp(result: SippResult): number {
  return result.times['1']?.[0] ?? Number.NaN;
}

t.test('the site of docker-compose.yml carries 112 and 0900-8844 over the first carrier', async (t) => {
  await withSite(t, 'answer.xml', async ({ gateway, second }) => {
    for (const service of ['112', '09008844']) {
      t.match(await call(gateway, service), { exitCode: 0, successful: 1, failed: 0 }, service);
    }
    t.match(await gateway.calls(), [
      { service: '112', outcome: 'answered', attempts: [{ carrier: 'kpn', outcome: 'answered' }] },
      { service: '0900-8844', outcome: 'answered', attempts: [{ carrier: 'kpn', outcome: 'answered' }] },
    ]);
    t.equal((await second.stop()).received('INVITE').size, 0);
    t.notMatch(gateway.log(), 'only-for-this-test', 'the secret is in no log');
  });
});

t.test('P3 the site of docker-compose.yml: the first carrier answers 503, the second takes the call', async (t) => {
  await withSite(t, 'reject-503.xml', async ({ gateway }) => {
    const result = await call(gateway, '112');
    t.match(result, { exitCode: 0, successful: 1 });
    const [report] = await gateway.calls();
    t.match(report?.attempts, [
      { carrier: 'kpn', outcome: 'failed', status: 503 },
      { trunk: 'second-e1', outcome: 'answered' },
    ]);
    const [first, next] = report?.attempts ?? [];
    const gap = (next?.startedAfterMs ?? 99) - (first?.endedAfterMs ?? 0);
    t.ok(gap <= 15, `the next INVITE left ${gap.toFixed(1)} ms after the 503 (promise: 5 ms)`);
  });
});

t.test('P2 the site of docker-compose.yml: 100 Trying and silence, the second carrier takes the call', async (t) => {
  await withSite(t, 'trying-then-nothing.xml', async ({ gateway, kpn }) => {
    const result = await call(gateway, '112');
    t.match(result, { exitCode: 0, successful: 1 });
    t.match((await gateway.calls())[0], { answeredBy: { trunk: 'second-e1' }, attempts: { length: 2 } });
    const most = 200 + 3_000 + 500;
    t.ok(setUp(result) < most, `answered after ${setUp(result)} ms, cold (promise: 2.5 s more on SIP, 3 s on E1)`);
    const asked = (await Promise.all(kpn.map(async (each) => each.stop()))).map((each) => each.received('INVITE').size);
    t.same(
      asked.toSorted((a, b) => a - b),
      [0, 1],
      'the second attempt shares nothing with the first',
    );
  });
});
