import t, { type Test } from 'tap';
import { startGateway, type TestGateway, type TestSite } from '../support/gateway.js';
import { SDP, startRawCaller, type RawOutcome } from '../support/raw-caller.js';
import { startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';

// P12: what an attempt that was given up may still do, and how it ends.
const HOST = '127.8.0.1';
const CALLER = '127.8.1.1';
const KPN = '127.8.20.1';
const SECOND = '127.8.30.1';

const site: TestSite = {
  host: HOST,
  trunks: [
    { id: 'kpn-a', carrier: 'kpn', address: `${KPN}:5060`, tier: 1 },
    { id: 'second-a', carrier: 'second', address: `${SECOND}:5060`, tier: 2 },
  ],
};

interface Answered {
  readonly gateway: TestGateway;
  readonly kpn: RawPeer;
  /** The INVITE that the first carrier has not answered. */
  readonly invite: string;
  readonly second: RawPeer;
  readonly call: RawOutcome;
}

/** A call that the second carrier has answered, because the first was late. */
async function answeredElsewhere(t: Test, kpnSays: readonly string[]): Promise<Answered> {
  const kpn = await startRawPeer(KPN, 5060, (text, peer) => {
    if (text.startsWith('INVITE ')) {
      for (const status of kpnSays) {
        peer.respond(text, status);
      }
    } else if (text.startsWith('BYE ') || text.startsWith('CANCEL ')) {
      peer.respond(text, '200 OK');
    }
  });
  const second = await startRawPeer(SECOND, 5060, (text, peer) => {
    if (text.startsWith('INVITE ')) {
      peer.respond(text, '180 Ringing');
      peer.respond(text, '200 OK', answer(SECOND), SDP);
    } else if (text.startsWith('BYE ')) {
      peer.respond(text, '200 OK');
    }
  });
  const gateway = await startGateway(site);
  const caller = await startRawCaller(CALLER, gateway.sip);
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    caller.close();
    kpn.close();
    second.close();
  });
  const call = await caller.call({ uri: `sip:112@${HOST}` });
  t.equal(call.status, 200);
  return { gateway, kpn, invite: kpn.requests('INVITE')[0] ?? '', second, call };
}

function answer(host: string): readonly string[] {
  return [`Contact: <sip:${host}>`, 'Content-Type: application/sdp'];
}

/** The late one is over, the call itself is not; and after it nothing is left. */
async function onlyTheCallGoesOn(t: Test, { gateway, kpn, second, call }: Answered): Promise<void> {
  t.equal(second.requests('BYE').length, 0, 'the call goes on');
  t.match(await gateway.stats(), { openCalls: 1, dialogs: 2 });
  const byes = kpn.requests('BYE').length;
  await call.hangUp();
  await until(() => second.requests('BYE').length === 1, 2_000);
  t.equal(second.requests('BYE').length, 1);
  t.equal(kpn.requests('BYE').length, byes);
  const left = gateway.server === 'embedded engine' ? { engine: { dialogs: 0, legs: 0, invites: 0 } } : {};
  await until(async () => (await gateway.stats()).engine?.['invites'] !== 1, 1_000);
  t.match(await gateway.stats(), { openCalls: 0, dialogs: 0, ...left });
}

t.test('P12 an answer that comes although it was cancelled is acknowledged and released, once', async (t) => {
  const answered = await answeredElsewhere(t, ['100 Trying']);
  const { kpn, invite } = answered;
  await until(() => kpn.requests('CANCEL').length === 1, 2_000);
  t.match(valueOf(kpn.requests('CANCEL')[0] ?? '', 'Reason'), /^SIP;cause=200;/);
  kpn.respond(invite, '200 OK', answer(KPN), SDP);
  await until(() => kpn.requests('BYE').length > 0, 2_000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.equal(kpn.requests('ACK').length, 1);
  t.equal(kpn.requests('BYE').length, 1);
  await onlyTheCallGoesOn(t, answered);
});

t.test('P12 a trunk that rings only when it was given up gets its CANCEL then', async (t) => {
  const answered = await answeredElsewhere(t, []);
  const { kpn, invite } = answered;
  t.equal(kpn.requests('CANCEL').length, 0, 'none before it said anything (RFC 3261 9.1)');
  kpn.respond(invite, '180 Ringing');
  await until(() => kpn.requests('CANCEL').length > 0, 2_000);
  t.equal(kpn.requests('CANCEL').length, 1);
  kpn.respond(invite, '487 Request Terminated');
  await until(() => kpn.requests('ACK').length > 0, 2_000);
  t.equal(kpn.requests('ACK').length, 1);
  await onlyTheCallGoesOn(t, answered);
});

t.test('P12 a trunk that answers out of nowhere when it was given up is released, once', async (t) => {
  const answered = await answeredElsewhere(t, []);
  const { kpn, invite } = answered;
  kpn.respond(invite, '200 OK', answer(KPN), SDP);
  await until(() => kpn.requests('BYE').length > 0, 2_000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  t.equal(kpn.requests('ACK').length, 1);
  t.equal(kpn.requests('BYE').length, 1);
  t.equal(kpn.requests('CANCEL').length, 0);
  await onlyTheCallGoesOn(t, answered);
});

t.test('P12 a second answer to the same INVITE, with another To tag', async (t) => {
  const answered = await answeredElsewhere(t, ['100 Trying']);
  const { kpn, invite, gateway } = answered;
  kpn.respond(invite, '200 OK', answer(KPN), SDP, 'first');
  await until(() => kpn.requests('BYE').length > 0, 2_000);
  kpn.respond(invite, '200 OK', answer(KPN), SDP, 'second');
  await until(() => kpn.requests('BYE').length > 1, 1_500);
  const tags = kpn.requests('BYE').map((bye) => /tag=(\w+)/.exec(valueOf(bye, 'To'))?.[1]);
  t.same(tags, gateway.server === 'embedded engine' ? ['first', 'second'] : ['first']);
  await onlyTheCallGoesOn(t, answered);
});
