import t from 'tap';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { runSipp, startSipp, type SippResult } from '../support/sipp.js';
import { startSilentPeer } from '../support/silent-peer.js';

// SIPp at both ends: the caller, and every far end in place of the lab's carriers.
const HOST = '127.3.0.1';
const CALLER = '127.3.1.1';
const KPN = '127.3.20.1';
const SECOND = '127.3.30.1';

const site = {
  host: HOST,
  trunks: [
    { id: 'kpn-a', carrier: 'kpn', address: `${KPN}:5060`, tier: 1 },
    { id: 'second-a', carrier: 'second', address: `${SECOND}:5060`, tier: 2 },
  ],
};

/** A gateway between two carriers, which are there before it, as in life. */
async function withGateway(
  carriers: { readonly kpn: string; readonly second: string },
  action: (parts: { readonly gateway: TestGateway; readonly kpn: Sipp; readonly second: Sipp }) => Promise<void>,
): Promise<void> {
  const kpn = await startSipp({ scenario: carriers.kpn, address: KPN });
  const second = await startSipp({ scenario: carriers.second, address: SECOND });
  const gateway = await startGateway(site);
  try {
    await action({ gateway, kpn, second });
  } finally {
    await gateway.stop();
    await Promise.all([kpn.stop(), second.stop()]);
  }
}

async function call(gateway: TestGateway, service: string, calls = 1): Promise<SippResult> {
  return runSipp({ scenario: 'caller.xml', address: CALLER, target: gateway.sip, service, calls, duration: 300 });
}

/** Milliseconds from the caller's INVITE to the answer, by SIPp's own clock. */
function setUp(result: SippResult): number {
  return result.times['1']?.[0] ?? Number.NaN;
}

t.test('112 and 0900-8844 are answered over the first carrier', async (t) => {
  await withGateway(async (gateway) => {
    const kpn = await startSipp({ scenario: 'answer.xml', address: KPN });
    const second = await startSipp({ scenario: 'answer.xml', address: SECOND });
    for (const service of ['112', '09008844']) {
      const result = await call(gateway, service);
      t.match(result, { exitCode: 0, successful: 1, failed: 0 }, service);
      t.comment(`${service}: answered after ${setUp(result)} ms by SIPp's clock`);
    }
    t.equal((await kpn.stop()).received('INVITE').size, 2);
    t.equal((await second.stop()).received('INVITE').size, 0);
    const calls = await gateway.calls();
    t.match(calls, [
      { service: '112', outcome: 'answered', answeredBy: { trunk: 'kpn-a' }, attempts: [{ trunk: 'kpn-a' }] },
      { service: '0900-8844', outcome: 'answered', answeredBy: { trunk: 'kpn-a' } },
    ]);
    t.match(await gateway.stats(), { openCalls: 0, dialogs: 0 });
  });
});

t.test('P3 a final failure starts the next attempt at once: 503, then the second carrier', async (t) => {
  await withGateway(async (gateway) => {
    const kpn = await startSipp({ scenario: 'reject-503.xml', address: KPN });
    const second = await startSipp({ scenario: 'answer.xml', address: SECOND });
    const result = await call(gateway, '112');
    t.match(result, { exitCode: 0, successful: 1 });
    t.ok(setUp(result) < 200 + 500, `answered after ${setUp(result)} ms`);
    t.equal((await kpn.stop()).received('INVITE').size, 1);
    t.equal((await second.stop()).received('INVITE').size, 1);
    const [report] = await gateway.calls();
    t.match(report?.attempts, [
      { trunk: 'kpn-a', outcome: 'failed', status: 503 },
      { trunk: 'second-a', outcome: 'answered' },
    ]);
    const gap = (report?.attempts[1]?.startedAfterMs ?? 99) - (report?.attempts[0]?.endedAfterMs ?? 0);
    t.ok(gap <= 15, `the next INVITE left ${gap} ms after the 503 (promise: 5 ms)`);
  });
});

t.test('P1 silence: the second carrier rings while the first is left running', async (t) => {
  await withGateway(async (gateway) => {
    const kpn = await startSilentPeer(KPN);
    t.teardown(() => {
      kpn.close();
    });
    const second = await startSipp({ scenario: 'answer.xml', address: SECOND });
    const result = await call(gateway, '112');
    t.match(result, { exitCode: 0, successful: 1 });
    t.ok(setUp(result) < 200 + 1000, `answered after ${setUp(result)} ms, cold (promise: 700 ms more)`);
    t.equal((await second.stop()).received('INVITE').size, 1);
    const invites = (): number => kpn.received.filter((text) => text.startsWith('INVITE ')).length;
    const before = invites();
    t.ok(before >= 1 && before <= 3, `${before} INVITEs went into the black hole`);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    t.equal(invites(), before, 'giving up stops the resends at once');
  });
});

t.test('P2 100 Trying and then silence: the second carrier rings after the progress deadline', async (t) => {
  await withGateway(async (gateway) => {
    const kpn = await startSipp({ scenario: 'trying-then-nothing.xml', address: KPN });
    const second = await startSipp({ scenario: 'answer.xml', address: SECOND });
    const result = await call(gateway, '112');
    t.match(result, { exitCode: 0, successful: 1 });
    t.ok(setUp(result) < 200 + 3_000, `answered after ${setUp(result)} ms, cold (promise: 2.5 s more)`);
    t.equal((await kpn.stop()).received('CANCEL').size, 1, 'the overtaken attempt was cancelled');
    t.equal((await second.stop()).received('INVITE').size, 1);
  });
});
