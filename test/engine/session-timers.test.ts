import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawApp, textOf, tokensOf } from './raw-app.js';
import { RawCall, tagIn } from './raw-call.js';
import { isIdle, open, sdp, startRig, timersOf } from './rig.js';

// Numbers 74 to 76 of the conformance list: session timers (RFC 4028), which the server keeps by itself.
const HOST = '127.5.11.1';
const CALLER = '127.5.11.2';
const CALLEE = '127.5.11.3';
const T1 = 24;
/** A second of the session timer, in this test: see `timersOf`. */
const SECOND = T1 / 4;
const CONTACT = `Contact: <sip:desk@${CALLEE}:5060>`;
const SDP = 'Content-Type: application/sdp';

let engine: Engine;
let caller: RawPeer;
let callee: RawPeer;
let onReinvite: RawBehaviour = () => undefined;

async function pause(seconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, seconds * SECOND));
}

/** A call to the callee, whose 200 has these headers. */
async function dialled(headers: readonly string[], wish = ''): Promise<{ app: RawApp; call: RawCall; id: string }> {
  const app = await RawApp.ready(HOST);
  const invites = callee.requests('INVITE').length;
  await app.ask(`sip||\r\nINVITE sip:x@${CALLEE} SIP/2.0\r\n${wish}\r\n${sdp(1)}`);
  await until(() => callee.requests('INVITE').length > invites, 2_000);
  const invite = callee.requests('INVITE').at(-1) ?? '';
  callee.respond(invite, '200 OK', [CONTACT, SDP, ...headers], sdp(2));
  await app.message(/^SIP\/2.0 200/);
  const id = `${valueOf(invite, 'Call-ID')};from-tag=${tagIn(invite, 'From')}`;
  await app.ask(`sip||${id}\r\nACK sip:x SIP/2.0\r\n\r\n`);
  return { app, call: RawCall.callee(callee, CALLEE, HOST, invite), id };
}

/** A call from the caller that the application answers with these headers. */
async function taken(
  offered: readonly string[],
  headers = '',
): Promise<{ app: RawApp; call: RawCall; answer: string }> {
  const app = await RawApp.ready(HOST, 'invite');
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1), headers: offered });
  const invite = await app.message(/^INVITE /);
  await app.ask(`sip|${tokensOf(invite)[8]}|\r\nSIP/2.0 200 OK\r\n${headers}\r\n${sdp(2)}`);
  const answer = await call.response(200);
  call.ack();
  return { app, call, answer };
}

function reinvites(call: RawCall): readonly string[] {
  return call.requests('INVITE').filter((text) => tagIn(text, 'To') !== '');
}

async function endsBy(call: RawCall, app: RawApp): Promise<string> {
  const bye = await call.requested('BYE');
  const told = await app.message(/^BYE /);
  t.equal(tokensOf(told)[8], 'unsolicited');
  t.equal(valueOf(textOf(told), 'Reason'), valueOf(bye, 'Reason'));
  return valueOf(bye, 'Reason');
}

const EXPIRED = 'SIP;cause=200;text="Session timer expired"';

t.before(async () => {
  engine = await startRig(HOST, timersOf(T1));
  const behave: RawBehaviour = (request, peer) => {
    if (request.startsWith('INVITE ') && tagIn(request, 'To') !== '') {
      onReinvite(request, peer);
    } else if (!request.startsWith('INVITE ') && !request.startsWith('ACK ')) {
      peer.respond(request, '200 OK', [CONTACT]);
    }
  };
  caller = await startRawPeer(CALLER, 5060, behave);
  callee = await startRawPeer(CALLEE, 5060, behave);
});

t.test(
  '74 as the calling side: a refresh at half of the time, the description as it was, the application asleep',
  async (t) => {
    onReinvite = (request, peer) => {
      peer.respond(request, '200 OK', [CONTACT, SDP, 'Session-Expires: 90;refresher=uac'], sdp(2));
    };
    for (const terms of ['Session-Expires: 90', 'Session-Expires: 60;refresher=uac']) {
      const started = performance.now();
      const { app, call, id } = await dialled([terms]);
      await until(() => reinvites(call).length === 1, 2_000);
      t.ok(performance.now() - started >= 44 * SECOND, 'not before half of the time');
      const [refresh = ''] = reinvites(call);
      t.ok(refresh.endsWith(sdp(1)));
      t.match(valueOf(refresh, 'Session-Expires'), '90;refresher=uac', 'never less than 90');
      t.equal(valueOf(refresh, 'Min-SE'), '90');
      await until(() => call.requests('ACK').length === 2, 1_000);
      t.equal(call.requests('ACK').length, 2);
      await until(() => reinvites(call).length === 2, 2_000);
      t.equal(reinvites(call).length, 2, 'and again');
      t.equal(app.messages(/INVITE|^SIP\/2.0 200/).length, 1, 'it heard of the answer alone');
      await app.ask(`sip||${id}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
      await call.requested('BYE');
      app.cut();
    }
  },
);

t.test(
  '75 a refresh answered 491 is made again; 422 with a longer time; any other failure ends the call',
  async (t) => {
    const statuses = ['491 Request Pending', '422 Session Interval Too Small', '488 Not Acceptable Here'];
    const times: number[] = [];
    onReinvite = (request, peer) => {
      times.push(performance.now());
      const status = statuses[times.length - 1] ?? '';
      peer.respond(request, status, status.startsWith('422') ? ['Min-SE: 120'] : []);
    };
    const { app, call } = await dialled(['Session-Expires: 90']);
    t.equal(await endsBy(call, app), EXPIRED);
    t.strictSame(
      reinvites(call).map((text) => valueOf(text, 'Session-Expires')),
      ['90;refresher=uac', '90;refresher=uac', '120;refresher=uac'],
    );
    t.ok((times[1] ?? 0) - (times[0] ?? 0) >= 2 * SECOND, 'RFC 3261 14.1');
    app.cut();
  },
);

t.test('75 nobody answers the refresh: the call ends', async (t) => {
  onReinvite = () => undefined;
  const { app, call } = await dialled(['Session-Expires: 90;refresher=uac']);
  t.equal(await endsBy(call, app), EXPIRED);
  app.cut();
});

t.test('75 they refresh: a call that they do not refresh in time ends, one that they do goes on', async (t) => {
  const { app, call } = await dialled(['Session-Expires: 90;refresher=uas']);
  await pause(60);
  call.request('UPDATE', { headers: ['Session-Expires: 90;refresher=uac', 'Supported: timer'] });
  const update = await app.message(/^UPDATE /);
  await app.ask(`sip|${tokensOf(update)[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
  t.equal(valueOf(await call.response(200, 'UPDATE'), 'Session-Expires'), '90;refresher=uac');
  await pause(60);
  t.equal(call.requests('BYE').length, 0, 'it lasts anew');
  t.equal(await endsBy(call, app), EXPIRED);
  t.equal(reinvites(call).length, 0);
  app.cut();
});

t.test('76 as the called side: who refreshes is what the caller named, or the application', async (t) => {
  for (const [offered, said, expected, refreshes] of [
    [['Session-Expires: 90'], '', '', false],
    [['Session-Expires: 90;refresher=uas', 'Supported: timer'], '', '90;refresher=uas', true],
    [[], 'Session-Expires: 90;refresher=uas\r\n', '90;refresher=uas', true],
  ] as const) {
    onReinvite = (request, peer) => {
      peer.respond(request, '200 OK', [CONTACT, SDP], sdp(1));
    };
    const { app, call, answer } = await taken(offered, said);
    t.equal(valueOf(answer, 'Session-Expires'), expected);
    await pause(60);
    t.equal(reinvites(call).length, refreshes ? 1 : 0);
    t.ok(reinvites(call).every((text) => text.endsWith(sdp(2))));
    call.request('BYE');
    await app.message(/^BYE /);
    app.cut();
    t.not(await call.response(200, 'BYE'), '');
  }
  const { app, call, answer } = await taken(['Session-Expires: 90;refresher=uac', 'Supported: timer']);
  t.equal(valueOf(answer, 'Require'), 'timer');
  call.request('UPDATE', { headers: ['Session-Expires: 30'] });
  t.equal(valueOf(await call.response(422, 'UPDATE'), 'Min-SE'), '90');
  call.request('INVITE', { headers: ['Session-Expires: 30'], body: sdp(1) });
  t.equal(valueOf(await call.response(422), 'Min-SE'), '90');
  call.ackFailure();
  t.equal(await endsBy(call, app), EXPIRED, 'nobody refreshed it');
  app.cut();
});

t.test('a call that is to be kept: no terms are taken up, and nothing expires', async (t) => {
  const { app, call, answer } = await taken(['Session-Expires: 90;refresher=uac'], 'X-Noodroute-Keep: yes\r\n');
  t.equal(valueOf(answer, 'Session-Expires') + valueOf(answer, 'X-Noodroute-Keep'), '');
  const out = await dialled(['Session-Expires: 90;refresher=uas'], 'X-Noodroute-Keep: yes\r\n');
  await pause(100);
  t.equal(call.requests('BYE').length + out.call.requests('BYE').length, 0);
  call.request('BYE');
  out.call.request('BYE');
  await app.message(/^BYE /);
  app.cut();
  out.app.cut();
  t.not(await call.response(200, 'BYE'), '');
  t.not(await out.call.response(200, 'BYE'), '');
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  caller.close();
  callee.close();
  await engine.close();
});
