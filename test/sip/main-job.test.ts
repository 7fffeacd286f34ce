import t from 'tap';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';
import { runSipp, startSipp, type Sipp, type SippResult } from '../support/sipp.js';
import { until } from '../support/until.js';

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

interface Parts {
  readonly gateway: TestGateway;
  readonly kpn: Sipp;
  readonly second: Sipp;
}

/** A gateway between two carriers, which are there before it, as in life. */
async function withCarriers(kpnPlays: string, secondPlays: string, action: (parts: Parts) => Promise<void>) {
  const kpn = await startSipp({ scenario: kpnPlays, address: KPN });
  const second = await startSipp({ scenario: secondPlays, address: SECOND });
  const gateway = await startGateway(site);
  try {
    await action({ gateway, kpn, second });
  } finally {
    await gateway.stop();
    await Promise.all([kpn.stop(), second.stop()]);
  }
}

async function call(gateway: TestGateway, service: string): Promise<SippResult> {
  return runSipp({ scenario: 'caller.xml', address: CALLER, target: gateway.sip, service, calls: 1, duration: 300 });
}

/** Milliseconds from the caller's INVITE to the answer, by SIPp's own clock. */
function setUp(result: SippResult): number {
  return result.times['1']?.[0] ?? Number.NaN;
}

/** On how many calls the far end was asked. */
async function rung(carrier: Sipp): Promise<number> {
  return (await carrier.stop()).received('INVITE').size;
}

t.test('112 and 0900-8844 are answered over the first carrier', async (t) => {
  await withCarriers('answer.xml', 'answer.xml', async ({ gateway, kpn, second }) => {
    for (const service of ['112', '09008844']) {
      const result = await call(gateway, service);
      t.match(result, { exitCode: 0, successful: 1, failed: 0 }, service);
      t.comment(`${service}: answered after ${setUp(result)} ms by SIPp's clock`);
    }
    t.equal(await rung(kpn), 2);
    t.equal(await rung(second), 0);
    t.match(await gateway.calls(), [
      { service: '112', outcome: 'answered', answeredBy: { trunk: 'kpn-a' }, attempts: [{ trunk: 'kpn-a' }] },
      { service: '0900-8844', outcome: 'answered', answeredBy: { trunk: 'kpn-a' } },
    ]);
    t.match(await gateway.stats(), { openCalls: 0, dialogs: 0, engine: { dialogs: 0, legs: 0 } });
  });
});

t.test('P3 a final failure starts the next attempt at once: 503, then the second carrier', async (t) => {
  await withCarriers('reject-503.xml', 'answer.xml', async ({ gateway, kpn, second }) => {
    const result = await call(gateway, '112');
    t.match(result, { exitCode: 0, successful: 1 });
    t.ok(setUp(result) < 200 + 500, `answered after ${setUp(result)} ms`);
    t.equal(await rung(kpn), 1);
    t.equal(await rung(second), 1);
    const [report] = await gateway.calls();
    t.match(report?.attempts, [
      { trunk: 'kpn-a', outcome: 'failed', status: 503 },
      { trunk: 'second-a', outcome: 'answered' },
    ]);
    const gap = (report?.attempts[1]?.startedAfterMs ?? 99) - (report?.attempts[0]?.endedAfterMs ?? 0);
    t.ok(gap <= 15, `the next INVITE left ${gap.toFixed(1)} ms after the 503 (promise: 5 ms)`);
  });
});

t.test('P1 silence: the second carrier rings while the first is left running', async (t) => {
  await withCarriers('swallow.xml', 'answer.xml', async ({ gateway, kpn, second }) => {
    const result = await call(gateway, '112');
    t.match(result, { exitCode: 0, successful: 1 });
    t.ok(setUp(result) < 200 + 3 * 700, `answered after ${setUp(result)} ms, cold (promise: 700 ms more)`);
    t.equal(await rung(second), 1);
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    const swallowed = await kpn.stop();
    t.equal(swallowed.received('INVITE').size, 1);
    const copies = swallowed.messages.match(/^INVITE /gm)?.length ?? 0;
    t.ok(copies <= 2, `${copies} copies of the INVITE were sent: giving up stops the resends at once`);
    t.equal(swallowed.received('CANCEL').size, 0, 'nothing to cancel where nothing came back');
  });
});

t.test('P2 100 Trying and then silence: the second carrier rings after the progress deadline', async (t) => {
  await withCarriers('trying-then-nothing.xml', 'answer.xml', async ({ gateway, kpn, second }) => {
    const result = await call(gateway, '112');
    t.match(result, { exitCode: 0, successful: 1 });
    t.ok(setUp(result) < 200 + 3_000, `answered after ${setUp(result)} ms, cold (promise: 2.5 s more)`);
    t.ok(setUp(result) > 2_400, 'and the first was given its time');
    t.equal((await kpn.stop()).received('CANCEL').size, 1, 'the overtaken attempt was cancelled');
    t.equal(await rung(second), 1);
  });
});

t.test('when every attempt has failed the caller gets 503, without Retry-After', async (t) => {
  await withCarriers('reject-503.xml', 'reject-503.xml', async ({ gateway, kpn, second }) => {
    const result = await call(gateway, '112');
    t.equal(result.successful, 0);
    t.match(result.messages, /SIP\/2\.0 503 Service Unavailable/);
    t.notMatch(result.messages, /Retry-After/i);
    t.same([await rung(kpn), await rung(second)], [1, 1]);
  });
});

t.test('a caller who hangs up while two attempts are open leaves no leg behind', async (t) => {
  await withCarriers('trying-then-nothing.xml', 'trying-then-nothing.xml', async ({ gateway, kpn, second }) => {
    const result = await runSipp({
      scenario: 'caller-gives-up.xml',
      address: CALLER,
      target: gateway.sip,
      service: '112',
      calls: 1,
      duration: 1_200,
    });
    t.match(result, { exitCode: 0, successful: 1 }, 'the caller has 200 to its CANCEL, and 487');
    const [report] = await gateway.calls();
    t.equal(report?.outcome, 'cancelled');
    t.equal(report?.attempts.length, 2, 'two attempts were open');
    await until(async () => (await gateway.stats()).engine?.['invites'] === 0, 3_000);
    for (const carrier of [await kpn.stop(), await second.stop()]) {
      t.equal(carrier.received('INVITE').size, 1);
      t.same(carrier.received('CANCEL'), carrier.received('INVITE'), 'each INVITE got its CANCEL');
      t.same(carrier.received('ACK'), carrier.received('INVITE'), 'and its 487 an ACK');
    }
    t.match(await gateway.stats(), { openCalls: 0, dialogs: 0, engine: { dialogs: 0, legs: 0, invites: 0 } });
  });
});

t.test('P12 200 from both carriers in the same millisecond: one call, the other released', async (t) => {
  const sdp = `v=0\r\no=- 1 1 IN IP4 ${KPN}\r\ns=-\r\nc=IN IP4 ${KPN}\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\n`;
  const invites: { readonly text: string; readonly peer: RawPeer }[] = [];
  const behave = (text: string, peer: RawPeer): void => {
    if (text.startsWith('BYE ')) {
      return peer.respond(text, '200 OK');
    }
    if (!text.startsWith('INVITE ')) {
      return;
    }
    peer.respond(text, '100 Trying');
    if (!invites.some((each) => each.peer === peer)) {
      invites.push({ text, peer });
    }
    if (invites.length === 2) {
      for (const invite of invites) {
        const contact = `Contact: <sip:${invite.peer === kpn ? KPN : SECOND}>`;
        invite.peer.respond(invite.text, '200 OK', [contact, 'Content-Type: application/sdp'], sdp);
      }
    }
  };
  const kpn = await startRawPeer(KPN, 5060, behave);
  const second = await startRawPeer(SECOND, 5060, behave);
  const gateway = await startGateway(site);
  t.teardown(async () => {
    await gateway.stop();
    kpn.close();
    second.close();
  });
  const result = await call(gateway, '112');
  t.match(result, { exitCode: 0, successful: 1 });
  const [report] = await gateway.calls();
  t.equal(report?.attempts.length, 2);
  const winner = report?.answeredBy?.trunk === 'kpn-a' ? kpn : second;
  const loser = winner === kpn ? second : kpn;
  await until(async () => loser.requests('BYE').length === 1 && winner.requests('BYE').length === 1, 2_000);
  t.equal(loser.requests('ACK').length, 1, 'the loser is acknowledged');
  t.match(valueOf(loser.requests('BYE')[0] ?? '', 'Reason'), /answered elsewhere/, 'and released, with the reason');
  t.equal(winner.requests('ACK').length, 1);
  t.notMatch(valueOf(winner.requests('BYE')[0] ?? '', 'Reason'), /elsewhere/, 'the winner ends with the caller');
  t.match(await gateway.stats(), { openCalls: 0, dialogs: 0, engine: { legs: 0 } });
});
