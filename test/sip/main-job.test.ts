import t, { type Test } from 'tap';
import { isDeepStrictEqual } from 'node:util';
import { startGateway, type TestGateway, type TestSite } from '../support/gateway.js';
import { startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';
import { runSipp, startSipp, type Sipp, type SippResult } from '../support/sipp.js';
import { until } from '../support/until.js';

// SIPp at both ends: the caller, and every far end in place of the lab's carriers.
const HOST = '127.3.0.1';
const CALLER = '127.3.1.1';
const KPN = '127.3.20.1';
const SECOND = '127.3.30.1';

const site: TestSite = {
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
async function withCarriers(
  t: Test,
  kpnPlays: string,
  secondPlays: string,
  action: (parts: Parts) => Promise<void>,
  noPath: 'hold' | 'wilt' = 'hold',
) {
  const kpn = await startSipp({ scenario: kpnPlays, address: KPN });
  const second = await startSipp({ scenario: secondPlays, address: SECOND });
  const gateway = await startGateway({ ...site, noPath });
  t.comment(`SIP server: ${gateway.server}`);
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

/** No leg, in the gateway and, where it tells, in the SIP server. */
async function nothingIsOpen(t: Test, gateway: TestGateway): Promise<void> {
  const engine = gateway.server === 'embedded engine' ? { engine: { dialogs: 0, legs: 0, invites: 0 } } : {};
  const nothing = { openCalls: 0, dialogs: 0, ...engine };
  await until(async () => isDeepStrictEqual(await openIn(gateway), nothing), 3_000);
  t.same(await openIn(gateway), nothing, 'nothing is open');
}

async function openIn(gateway: TestGateway): Promise<unknown> {
  const { openCalls, dialogs, engine } = await gateway.stats();
  if (engine === undefined) {
    return { openCalls, dialogs };
  }
  const { legs, invites } = engine;
  return { openCalls, dialogs, engine: { dialogs: engine.dialogs, legs, invites } };
}

/** Milliseconds from the caller's INVITE to the answer, by SIPp's own clock. */
function setUp(result: SippResult): number {
  return result.times['1']?.[0] ?? Number.NaN;
}

function sdpOf(host: string): string {
  return `v=0\r\no=- 1 1 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\n`;
}

/** On how many calls the far end was asked. */
async function rung(carrier: Sipp): Promise<number> {
  return (await carrier.stop()).received('INVITE').size;
}

t.test('112 and 0900-8844 are answered over the first carrier', async (t) => {
  await withCarriers(t, 'answer.xml', 'answer.xml', async ({ gateway, kpn, second }) => {
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
    await nothingIsOpen(t, gateway);
  });
});

t.test('P3 a final failure starts the next attempt at once: 503, then the second carrier', async (t) => {
  await withCarriers(t, 'reject-503.xml', 'answer.xml', async ({ gateway, kpn, second }) => {
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

t.test(
  'P1 silence where quick probes are not allowed: the second carrier rings, the first is left running',
  async (t) => {
    await withCarriers(t, 'swallow.xml', 'answer.xml', async ({ gateway, kpn, second }) => {
      const result = await call(gateway, '112');
      t.match(result, { exitCode: 0, successful: 1 });
      // drachtio-server keeps 100 Trying to itself: there silence is only told at the progress deadline.
      const [promise, most] = gateway.server === 'embedded engine' ? [700, 3 * 700] : [2_500, 3_000];
      t.ok(setUp(result) < 200 + most, `answered after ${setUp(result)} ms, cold (promise: ${promise} ms more)`);
      t.equal(await rung(second), 1);
      await new Promise((resolve) => setTimeout(resolve, 2_500));
      const swallowed = await kpn.stop();
      t.equal(swallowed.received('INVITE').size, 1);
      const copies = swallowed.messages.match(/^INVITE /gm)?.length ?? 0;
      t.comment(`${copies} copies of the INVITE were sent`);
      if (gateway.server === 'embedded engine') {
        t.ok(copies <= 2, 'giving up stops the resends at once');
      }
      t.equal(swallowed.received('CANCEL').size, 0, 'nothing to cancel where nothing came back');
    });
  },
);

t.test('P1 silence of a trunk that is probed: quick probes tell it from slowness', async (t) => {
  const kpn = await startRawPeer(KPN, 5060, (text, peer) => {
    if (text.startsWith('INVITE ')) {
      peer.vanish();
    }
  });
  const { result, gateway } = await callOverProbedTrunk(t, kpn);
  t.match(result, { exitCode: 0, successful: 1 });
  const [promise, most] = gateway.server === 'embedded engine' ? [700, 3 * 700] : [1_300, 2_200];
  t.ok(setUp(result) < 200 + most, `answered after ${setUp(result)} ms, cold (promise: ${promise} ms more)`);
  t.equal(kpn.requests('CANCEL').length, 0, 'nothing to cancel where nothing came back');
});

t.test('P2 a trunk that answers OPTIONS is given its time, and then left', async (t) => {
  const kpn = await startRawPeer(KPN, 5060, (text, peer) => {
    if (text.startsWith('INVITE ')) {
      peer.respond(text, '100 Trying');
    }
  });
  const { result } = await callOverProbedTrunk(t, kpn);
  t.match(result, { exitCode: 0, successful: 1 });
  t.ok(setUp(result) < 200 + 3_000, `answered after ${setUp(result)} ms, cold (promise: 2.5 s more)`);
  t.ok(setUp(result) > 2_400, 'and the first was given its time');
  t.equal(kpn.requests('CANCEL').length, 1, 'the overtaken attempt was cancelled');
});

t.test('P1 silence of a trunk that is known to ring soon', async (t) => {
  const sdp = sdpOf(KPN);
  let calls = 0;
  const kpn = await startRawPeer(KPN, 5060, (text, peer) => {
    const [method] = text.split(' ', 1);
    if (method === 'INVITE' && ++calls <= 5) {
      peer.respond(text, '180 Ringing');
      peer.respond(text, '200 OK', [`Contact: <sip:${KPN}>`, 'Content-Type: application/sdp'], sdp);
    } else if (method === 'BYE') {
      peer.respond(text, '200 OK');
    }
  });
  const second = await startSipp({ scenario: 'answer.xml', address: SECOND });
  const gateway = await startGateway(site);
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    await second.stop();
    kpn.close();
  });
  for (let known = 0; known < 5; known += 1) {
    t.match(await call(gateway, '112'), { successful: 1 });
  }
  const result = await call(gateway, '112');
  t.match(result, { exitCode: 0, successful: 1 });
  const [promise, most] = gateway.server === 'embedded engine' ? [700, 3 * 700] : [1_300, 2_200];
  t.ok(setUp(result) < 200 + most, `answered after ${setUp(result)} ms (promise: ${promise} ms more)`);
});

/** One 112 call over `kpn`, which may be probed every second, with a second carrier that answers. */
async function callOverProbedTrunk(t: Test, kpn: RawPeer): Promise<{ result: SippResult; gateway: TestGateway }> {
  const second = await startSipp({ scenario: 'answer.xml', address: SECOND });
  const gateway = await startGateway({ ...site, probeInterval: '1s' });
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    await second.stop();
    kpn.close();
  });
  await until(() => kpn.requests('OPTIONS').length > 0, 2_000);
  return { result: await call(gateway, '112'), gateway };
}

t.test('P2 100 Trying and then silence: the second carrier rings after the progress deadline', async (t) => {
  await withCarriers(t, 'trying-then-nothing.xml', 'answer.xml', async ({ gateway, kpn, second }) => {
    const result = await call(gateway, '112');
    t.match(result, { exitCode: 0, successful: 1 });
    t.ok(setUp(result) < 200 + 3_000, `answered after ${setUp(result)} ms, cold (promise: 2.5 s more)`);
    t.ok(setUp(result) > 2_400, 'and the first was given its time');
    t.equal((await kpn.stop()).received('CANCEL').size, 1, 'the overtaken attempt was cancelled');
    t.equal(await rung(second), 1);
  });
});

t.test('P20 the caller hears ringing within 2 s, whatever the trunks do', async (t) => {
  await withCarriers(t, 'trying-then-nothing.xml', 'trying-then-nothing.xml', async ({ gateway }) => {
    const result = await runSipp({
      scenario: 'caller-gives-up.xml',
      address: CALLER,
      target: gateway.sip,
      service: '112',
      calls: 1,
      duration: 10,
    });
    const ringing = result.times['2']?.[0] ?? Number.NaN;
    t.match(result, { exitCode: 0, successful: 1 });
    t.ok(ringing > 1_900 && ringing < 3 * 2_000, `180 after ${ringing} ms, though no trunk ever rang (promise: 2 s)`);
  });
});

t.test('when every attempt has failed, an upstream with other ways gets 503, without Retry-After', async (t) => {
  const fails = async ({ gateway, kpn, second }: Parts): Promise<void> => {
    const result = await call(gateway, '112');
    t.equal(result.successful, 0);
    t.match(result.messages, /SIP\/2\.0 503 Service Unavailable/);
    t.notMatch(result.messages, /Retry-After/i);
    t.same([await rung(kpn), await rung(second)], [1, 1]);
  };
  await withCarriers(t, 'reject-503.xml', 'reject-503.xml', fails, 'wilt');
});

t.test('a caller who hangs up while two attempts are open leaves no leg behind', async (t) => {
  await withCarriers(t, 'trying-then-nothing.xml', 'trying-then-nothing.xml', async ({ gateway, kpn, second }) => {
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
    await nothingIsOpen(t, gateway);
    for (const carrier of [await kpn.stop(), await second.stop()]) {
      t.equal(carrier.received('INVITE').size, 1);
      t.same(carrier.received('CANCEL'), carrier.received('INVITE'), 'each INVITE got its CANCEL');
      t.same(carrier.received('ACK'), carrier.received('INVITE'), 'and its 487 an ACK');
    }
  });
});

t.test('P12 200 from both carriers in the same millisecond: one call, the other released', async (t) => {
  const sdp = sdpOf(KPN);
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
  t.comment(`SIP server: ${gateway.server}`);
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
  await nothingIsOpen(t, gateway);
});
