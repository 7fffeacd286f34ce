import t, { type Test } from 'tap';
import { startGateway } from '../support/gateway.js';
import { startRawCaller, type RawOutcome } from '../support/raw-caller.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';

// The caller's phone keeps the first session description that it sees: it must get one from one attempt only.
const HOST = '127.15.0.1';
const CALLER = '127.15.1.1';
const KPN = '127.15.20.1';
const SECOND = '127.15.30.1';
const SDP_TYPE = 'Content-Type: application/sdp';

function sdpOf(address: string, port: number): string {
  return `v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 8\r\n`;
}

interface Scene {
  readonly outcome: RawOutcome;
  readonly kpn: RawPeer;
  readonly second: RawPeer;
  readonly hangUp: () => Promise<void>;
  /** Whether the SIP server shows a second answer (drachtio-server keeps it: the far end must end that leg). */
  readonly showsForks: boolean;
}

/** One call of a raw caller through the gateway to two carriers that the test plays. */
async function play(t: Test, kpnPlays: RawBehaviour, secondPlays: RawBehaviour): Promise<Scene> {
  const polite =
    (behave: RawBehaviour): RawBehaviour =>
    (request, peer) => {
      if (/^(BYE|CANCEL|PRACK) /.test(request)) {
        peer.respond(request, '200 OK');
      }
      behave(request, peer);
    };
  const kpn = await startRawPeer(KPN, 5060, polite(kpnPlays));
  const second = await startRawPeer(SECOND, 5060, polite(secondPlays));
  const gateway = await startGateway({
    host: HOST,
    trunks: [
      { id: 'kpn-a', carrier: 'kpn', address: `${KPN}:5060`, tier: 1 },
      { id: 'second-a', carrier: 'second', address: `${SECOND}:5060`, tier: 2 },
    ],
  });
  t.comment(`SIP server: ${gateway.server}`);
  const caller = await startRawCaller(CALLER, gateway.sip);
  t.teardown(async () => {
    caller.close();
    await gateway.stop();
    kpn.close();
    second.close();
  });
  const outcome = await caller.call({ uri: 'sip:112@gateway.example' });
  return { outcome, kpn, second, hangUp: outcome.hangUp, showsForks: gateway.server === 'embedded engine' };
}

function bodyOf(message: string): string {
  return message.slice(message.indexOf('\r\n\r\n') + 4);
}

t.test('two attempts send early media, the second answers: the SDP of the caller is that of the second', async (t) => {
  const early =
    (address: string, port: number, answerAfter?: number): RawBehaviour =>
    (request, peer) => {
      if (!request.startsWith('INVITE ')) {
        return;
      }
      peer.respond(request, '100 Trying');
      // A failure announcement looks just like this: 183 without P-Early-Media is no trusted progress.
      peer.respond(request, '183 Session Progress', [`Contact: <sip:${address}>`, SDP_TYPE], sdpOf(address, port));
      if (answerAfter !== undefined) {
        setTimeout(() => {
          peer.respond(request, '200 OK', [`Contact: <sip:${address}>`, SDP_TYPE], sdpOf(address, port));
        }, answerAfter);
      }
    };
  const { outcome, kpn, hangUp } = await play(t, early(KPN, 7_000), early(SECOND, 8_000, 300));
  t.equal(outcome.status, 200);
  const descriptions = outcome.responses.map(bodyOf).filter((body) => body !== '');
  t.same(descriptions, [sdpOf(SECOND, 8_000)], 'the caller saw one session description, that of the winner');
  t.notOk(
    outcome.responses.some((text) => text.startsWith('SIP/2.0 183')),
    'and ringing without one before it',
  );
  await until(() => kpn.requests('CANCEL').length === 1, 2_000);
  t.equal(kpn.requests('CANCEL').length, 1, 'the first is cancelled');
  await hangUp();
});

t.test('183 with tag a, 200 with tag b, then 200 with tag a: one call, the other released', async (t) => {
  const forks: RawBehaviour = (request, peer) => {
    if (!request.startsWith('INVITE ') || peer.requests('INVITE')[0] !== request) {
      return;
    }
    const contact = (tag: string): string => `Contact: <sip:${tag}@${KPN}>`;
    peer.respond(request, '183 Session Progress', [contact('a'), SDP_TYPE], sdpOf(KPN, 7_100), 'tag-a');
    setTimeout(() => {
      peer.respond(request, '200 OK', [contact('b'), SDP_TYPE], sdpOf(KPN, 7_200), 'tag-b');
      peer.respond(request, '200 OK', [contact('a'), SDP_TYPE], sdpOf(KPN, 7_100), 'tag-a');
    }, 200);
  };
  const { outcome, kpn, hangUp, showsForks } = await play(t, forks, () => undefined);
  t.equal(outcome.status, 200);
  t.equal(bodyOf(outcome.responses.at(-1) ?? ''), sdpOf(KPN, 7_200), 'the first 2xx won');
  const to = (method: string): readonly string[] =>
    kpn.requests(method).map((text) => /tag=(\S+)/.exec(valueOf(text, 'To'))?.[1] ?? '');
  const released = showsForks ? ['tag-a'] : [];
  await until(() => to('BYE').length > 0, 2_000);
  t.same(to('BYE'), released, 'the second is released at once');
  t.same([...to('ACK')].sort(), [...released, 'tag-b'], 'and acknowledged before');
  t.ok(
    kpn.requests('BYE').every((text) => valueOf(text, 'Reason').includes('answered elsewhere')),
    'with the reason',
  );
  await hangUp();
  await until(() => to('BYE').length > released.length, 2_000);
  t.same(to('BYE'), [...released, 'tag-b'], 'the call itself ends with its caller');
});

t.test('the 2xx of a trunk has no SDP: the caller gets what the same To tag sent before', async (t) => {
  const late: RawBehaviour = (request, peer) => {
    if (!request.startsWith('INVITE ') || peer.requests('INVITE')[0] !== request) {
      return;
    }
    const contact = `Contact: <sip:${KPN}>`;
    peer.respond(request, '183 Session Progress', [contact, SDP_TYPE], sdpOf(KPN, 7_300), 'other');
    peer.respond(request, '183 Session Progress', [contact, SDP_TYPE], sdpOf(KPN, 7_400), 'winner');
    setTimeout(() => {
      peer.respond(request, '200 OK', [contact], '', 'winner');
    }, 200);
  };
  const { outcome, hangUp } = await play(t, late, () => undefined);
  t.equal(outcome.status, 200);
  t.equal(bodyOf(outcome.responses.at(-1) ?? ''), sdpOf(KPN, 7_400));
  t.match(valueOf(outcome.responses.at(-1) ?? '', 'Content-Type'), /^application\/sdp/);
  await hangUp();
});
