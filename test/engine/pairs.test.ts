import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawCall, tagIn } from './raw-call.js';
import { connected, isIdle, newSrf, open, sdp, startRig, timersOf, type Srf } from './rig.js';

// Number 71 of the conformance list for drachtio's wire protocol: drachtio-srf's own back-to-back user agent.
const HOST = '127.5.4.1';
const CALLER = '127.5.4.2';
const CALLEE = '127.5.4.3';
const CONTACT = `Contact: <sip:desk@${CALLEE}:5060>`;
const SDP = 'Content-Type: application/sdp';

let engine: Engine;
let caller: RawPeer;
let callee: RawPeer;
let srf: Srf;
let onInvite: RawBehaviour = () => undefined;
const outcomes: string[] = [];

t.before(async () => {
  engine = await startRig(HOST, timersOf(30));
  const behave: RawBehaviour = (request, peer) => {
    if (request.startsWith('INVITE ')) {
      onInvite(request, peer);
    } else if (!request.startsWith('ACK ')) {
      peer.respond(request, '200 OK');
    }
  };
  caller = await startRawPeer(CALLER, 5060, behave);
  callee = await startRawPeer(CALLEE, 5060, behave);
  srf = newSrf();
  srf.invite((req, res) => {
    const options = { localSdp: req.body, proxyResponseHeaders: ['Require'], headers: { Supported: '100rel' } };
    srf.createB2BUA(req, res, `sip:${req.get('X-Call')}@${CALLEE}`, options).then(
      ({ uas, uac }) => {
        outcomes.push('up');
        uas.on('destroy', () => void uac.destroy());
        uac.on('destroy', () => void uas.destroy());
      },
      (error: { readonly status: number }) => outcomes.push(String(error.status)),
    );
  });
  await connected(srf, HOST);
});

let calls = 0;

/** A new call through the pair, and how its other leg is found at the callee. */
function ring(behave: RawBehaviour): { call: RawCall; far: (method: string) => Promise<string> } {
  onInvite = behave;
  outcomes.length = 0;
  calls += 1;
  const user = `c${calls}`;
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1), headers: [`X-Call: ${user}`, 'Supported: 100rel'] });
  const far = async (method: string): Promise<string> => {
    const callId = (): string =>
      valueOf(callee.requests('INVITE').find((text) => text.startsWith(`INVITE sip:${user}@`)) ?? '', 'Call-ID');
    const found = (): string | undefined =>
      callee.requests(method).find((text) => callId() !== '' && valueOf(text, 'Call-ID') === callId());
    await until(() => found() !== undefined, 3_000);
    return found() ?? '';
  };
  return { call, far };
}

t.test('71 the answer passes, and the BYE of the callee', async (t) => {
  const { call, far } = ring((invite, peer) => {
    peer.respond(invite, '180 Ringing', [CONTACT]);
    peer.respond(invite, '200 OK', [CONTACT, SDP], sdp(2));
  });
  t.not(await call.response(180), '');
  t.ok((await call.response(200)).endsWith(sdp(2)));
  call.ack();
  t.not(await far('ACK'), '');
  await until(() => outcomes.length > 0, 1_000);
  const other = RawCall.callee(callee, CALLEE, HOST, await far('INVITE'));
  other.request('BYE');
  t.not(await other.response(200, 'BYE'), '');
  t.not(await call.requested('BYE'), '');
});

t.test('71 the BYE of the caller passes', async (t) => {
  const { call, far } = ring((invite, peer) => {
    peer.respond(invite, '200 OK', [CONTACT, SDP], sdp(2));
  });
  await call.response(200);
  call.ack();
  await until(() => outcomes.length > 0, 1_000);
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
  t.match(await far('BYE'), /^BYE sip:desk@/);
});

t.test('71 a failure passes', async (t) => {
  const { call, far } = ring((invite, peer) => {
    peer.respond(invite, '486 Busy Here');
  });
  t.not(await call.response(486), '');
  call.ackFailure();
  t.not(await far('ACK'), '');
  t.strictSame(outcomes, ['486']);
});

t.test('71 the CANCEL of the caller passes, with its reason', async (t) => {
  const { call, far } = ring((invite, peer) => {
    peer.respond(invite, '180 Ringing', [CONTACT]);
  });
  await call.response(180);
  call.cancel({ headers: ['Reason: SIP;cause=200;text="gone"'] });
  t.not(await call.response(487), '');
  call.ackFailure();
  t.equal(valueOf(await far('CANCEL'), 'Reason'), 'SIP;cause=200;text="gone"');
  callee.respond(await far('INVITE'), '487 Request Terminated');
  await until(() => outcomes.length > 0, 1_000);
  t.strictSame(outcomes, ['487']);
});

t.test('71 reliable responses on both legs, each with its PRACK', async (t) => {
  const { call, far } = ring((invite, peer) => {
    peer.respond(invite, '183 Session Progress', [CONTACT, SDP, 'Require: 100rel', 'RSeq: 5'], sdp(2));
  });
  const progress = await call.response(183);
  t.ok(progress.endsWith(sdp(2)));
  t.match(valueOf(await far('PRACK'), 'RAck'), /^5 \d+ INVITE$/);
  call.request('PRACK', { headers: [`RAck: ${valueOf(progress, 'RSeq')} 1 INVITE`] });
  t.not(await call.response(200, 'PRACK'), '');
  callee.respond(await far('INVITE'), '200 OK', [CONTACT, SDP], sdp(2));
  call.cseq = 1;
  const ok = await call.response(200);
  t.equal(tagIn(ok, 'To'), tagIn(progress, 'To'));
  call.ack();
  call.cseq = 2;
  await until(() => outcomes.length > 0, 2_000);
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
  t.not(await far('BYE'), '');
});

t.test('71 a call without an offer: the offer of the callee, the answer in the ACK', async (t) => {
  onInvite = (invite, peer) => {
    peer.respond(invite, '200 OK', [CONTACT, SDP], sdp(2));
  };
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ headers: ['X-Call: late'] });
  t.ok((await call.response(200)).endsWith(sdp(2)));
  call.ack({ body: sdp(7) });
  const ack = (): string => callee.requests('ACK').find((text) => text.endsWith(sdp(7))) ?? '';
  await until(() => ack() !== '', 2_000);
  t.not(ack(), '');
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  srf.disconnect();
  caller.close();
  callee.close();
  await engine.close();
});
