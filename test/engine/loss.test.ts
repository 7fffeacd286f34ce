import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawApp, tokensOf } from './raw-app.js';
import { RawCall, tagIn } from './raw-call.js';
import { connected, isIdle, newSrf, nextEvent, open, sdp, startRig, timersOf, type Dialog, type Req } from './rig.js';

// The numbers are those of the conformance list for drachtio's wire protocol: an application that disappears.
const HOST = '127.5.5.1';
const CALLER = '127.5.5.2';
const CALLEE = '127.5.5.3';
const T1 = 30;
const CONTACT = `Contact: <sip:desk@${CALLEE}:5060>`;

let engine: Engine;
let caller: RawPeer;
let callee: RawPeer;
let onInvite: RawBehaviour = () => undefined;

const behave: RawBehaviour = (request, peer) => {
  if (request.startsWith('INVITE ')) {
    onInvite(request, peer);
  } else if (!request.startsWith('ACK ')) {
    peer.respond(request, '200 OK', [CONTACT]);
  }
};

let users = 0;

/** An INVITE of an application to the callee. */
async function invite(app: RawApp, by: RawBehaviour): Promise<RawCall> {
  onInvite = by;
  users += 1;
  const target = `sip:u${users}@${CALLEE}`;
  await app.ask(`sip||\r\nINVITE ${target} SIP/2.0\r\nX-Noodroute-T1: ${T1}\r\n\r\n${sdp(1)}`);
  const sent = (): string => callee.requests('INVITE').find((text) => text.startsWith(`INVITE ${target} `)) ?? '';
  await until(() => sent() !== '', 2_000);
  return Object.assign(RawCall.callee(callee, CALLEE, HOST, sent()), { inviteText: sent() });
}

function dialogIdOf(call: RawCall): string {
  return `${call.callId};from-tag=${tagIn(call.inviteText, 'From')}`;
}

/** A call from the caller that an application has answered. */
async function answered(app: RawApp): Promise<RawCall> {
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1) });
  const offered = (): string => app.messages(/^INVITE /).find((text) => text.includes(call.callId)) ?? '';
  await until(() => offered() !== '', 2_000);
  await app.ask(`sip|${tokensOf(offered())[8]}|\r\nSIP/2.0 200 OK\r\n\r\n${sdp(2)}`);
  await call.response(200);
  call.ack();
  return call;
}

t.before(async () => {
  engine = await startRig(HOST, timersOf(T1));
  caller = await startRawPeer(CALLER, 5060, behave);
  callee = await startRawPeer(CALLEE, 5060, behave);
});

t.test(
  '77 an INVITE that nobody has answered: another application gets it, else 503; the old id means nothing',
  async (t) => {
    for (const response of [undefined, '180 Ringing']) {
      const app = await RawApp.ready(HOST, 'invite');
      const call = new RawCall(caller, CALLER, HOST);
      call.invite({ body: sdp(1) });
      const txnId = tokensOf(await app.message(/^INVITE /))[8];
      if (response !== undefined) {
        await app.ask(`sip|${txnId}|\r\nSIP/2.0 ${response}\r\n\r\n`);
        await call.response(180);
      }
      app.cut();
      const other = await RawApp.ready(HOST, 'invite');
      const again = tokensOf(await other.message(/^INVITE /))[8];
      t.not(again, txnId);
      t.equal(
        await other.ask(`sip|${txnId}|\r\nSIP/2.0 200 OK\r\n\r\n`),
        'NOK|Response not sent due to unknown transaction',
      );
      other.cut();
      t.not(await call.response(503), '', 'not offered a third time');
      call.ackFailure();
      t.equal(engine.stats().parked, 0);
    }
    t.match(engine.stats(), { asked: 0, legs: 0 });
  },
);

t.test('77 a caller who has heard our media is not given to another application: 503 at once', async (t) => {
  const app = await RawApp.ready(HOST, 'invite');
  const other = await RawApp.ready(HOST);
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1) });
  const txnId = tokensOf(await app.message(/^INVITE /))[8];
  await app.ask(`sip|${txnId}|\r\nSIP/2.0 183 Session Progress\r\n\r\n${sdp(2)}`);
  await other.ask('route|invite');
  app.cut();
  t.not(await call.response(503), '');
  call.ackFailure();
  t.equal(other.messages(/^INVITE /).length, 0);
  other.cut();
});

t.test('77 a leg that rings is cancelled', async (t) => {
  const app = await RawApp.ready(HOST);
  const call = await invite(app, (request, peer) => {
    peer.respond(request, '180 Ringing', [CONTACT]);
  });
  await app.message(/^SIP\/2.0 180/);
  app.cut();
  t.not(await call.requested('CANCEL'), '');
  callee.respond(call.inviteText, '487 Request Terminated');
  await until(() => engine.stats().legs === 0, 1_000);
  t.match(engine.stats(), { invites: 0, legs: 0 });
});

t.test('77 a leg without any response: no more resends, CANCEL at the first sign, BYE to an answer', async (t) => {
  for (const [first, method] of [
    ['100 Trying', 'CANCEL'],
    ['180 Ringing', 'CANCEL'],
    ['200 OK', 'BYE'],
  ] as const) {
    const app = await RawApp.ready(HOST);
    const call = await invite(app, () => undefined);
    app.cut();
    await until(() => engine.stats().apps === 0, 1_000);
    const copies = (): number => callee.received.filter((text) => text === call.inviteText).length;
    await new Promise((resolve) => setTimeout(resolve, T1));
    const sent = copies();
    await new Promise((resolve) => setTimeout(resolve, 8 * T1));
    t.equal(copies(), sent, 'no resend');
    t.equal(call.requests('CANCEL').length, 0);
    callee.respond(call.inviteText, first, [CONTACT]);
    t.not(await call.requested(method), '', first);
    if (method === 'CANCEL') {
      callee.respond(call.inviteText, '487 Request Terminated');
    } else {
      t.equal(call.requests('ACK').length, 1);
    }
  }
  await until(() => engine.stats().legs === 0, 1_000);
  t.match(engine.stats(), { invites: 0, legs: 0 });
});

t.test('77 an answer that crosses the loss, with two To tags: both are acknowledged and ended', async (t) => {
  const app = await RawApp.ready(HOST);
  const call = await invite(app, (request, peer) => {
    peer.respond(request, '180 Ringing', [CONTACT], '', 'a');
  });
  await app.message(/^SIP\/2.0 180/);
  app.cut();
  await call.requested('CANCEL');
  for (const tag of ['a', 'b', 'a']) {
    callee.respond(call.inviteText, '200 OK', [CONTACT], sdp(2), tag);
  }
  await until(() => call.requests('BYE').length === 2, 2_000);
  t.strictSame(
    call
      .requests('BYE')
      .map((bye) => tagIn(bye, 'To'))
      .toSorted(),
    ['a', 'b'],
  );
  t.strictSame(
    call
      .requests('ACK')
      .map((ack) => tagIn(ack, 'To'))
      .toSorted(),
    ['a', 'a', 'b'].slice(0, call.requests('ACK').length),
  );
});

t.test('77 an answer that the application never acknowledges: acknowledged and ended here', async (t) => {
  const app = await RawApp.ready(HOST);
  const call = await invite(app, (request, peer) => {
    peer.respond(request, '200 OK', [CONTACT], sdp(2));
  });
  await app.message(/^SIP\/2.0 200/);
  t.equal(call.requests('ACK').length, 0);
  t.not(await call.requested('BYE', 32 * T1 + 1_000), '', 'before the callee gives up');
  t.equal(call.requests('ACK').length, 1);
  const told = await app.message(/^BYE /);
  t.equal(tokensOf(told)[8], 'unsolicited');
  t.equal(valueOf(told.slice(told.indexOf('\r\n') + 2), 'Reason'), 'SIP;cause=200;text="answer not taken"');
  const cut = await RawApp.ready(HOST);
  const second = await invite(cut, (request, peer) => {
    peer.respond(request, '200 OK', [CONTACT], sdp(2));
  });
  await cut.message(/^SIP\/2.0 200/);
  cut.cut();
  t.not(await second.requested('BYE', 500), '', 'at once where the application is gone');
  t.equal(second.requests('ACK').length, 1);
  app.cut();
});

t.test('79 a drachtio-srf that comes back gets the requests of its dialogs', async (t) => {
  const host = '127.5.5.9';
  const own = await startRig(host, timersOf(T1));
  const srf = newSrf();
  let dialog: Promise<Dialog> | undefined;
  srf.invite((req, res) => {
    dialog = srf.createUAS(req, res, { localSdp: sdp(2) });
  });
  await connected(srf, host);
  const call = new RawCall(caller, CALLER, host);
  call.invite({ body: sdp(1) });
  await call.response(200);
  call.ack();
  const kept = await (dialog ?? Promise.reject(new Error('no call')));
  const again = nextEvent(srf, 'connect');
  const [socket] = (
    srf as unknown as { _app: { client: { mapServer: Map<{ destroy(): void }, unknown> } } }
  )._app.client.mapServer.keys();
  socket?.destroy();
  await again;
  await until(() => own.stats().apps === 1, 2_000);
  call.request('INFO');
  t.not(await call.response(200, 'INFO'), '');
  const ended = nextEvent<Req>(kept, 'destroy');
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
  t.equal((await ended).get('Call-ID'), call.callId);
  srf.disconnect();
  await isIdle(own);
  t.equal(open(own), '');
  await own.close();
});

t.test('79 another application gets the requests, when the first one is gone', async (t) => {
  const app = await RawApp.ready(HOST, 'invite');
  const call = await answered(app);
  app.cut();
  const other = await RawApp.ready(HOST);
  await until(() => engine.stats().apps === 1, 1_000);
  call.request('INFO');
  const info = await other.message(/^INFO /);
  t.equal(tokensOf(info)[9], `${call.callId};from-tag=${call.localTag}`);
  t.match(await other.ask(`sip|${tokensOf(info)[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`), /^OK\|/);
  t.not(await call.response(200, 'INFO'), '');
  call.request('BYE');
  const bye = await other.message(/^BYE /);
  await other.ask(`sip|${tokensOf(bye)[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
  t.not(await call.response(200, 'BYE'), '');
  other.cut();
});

t.test('80 a second application ends a call by its dialog id', async (t) => {
  const app = await RawApp.ready(HOST, 'invite');
  const other = await RawApp.ready(HOST);
  const call = await answered(app);
  const id = `${call.callId};from-tag=${call.localTag}`;
  t.match(
    await other.ask(`sip||${id}\r\nBYE sip:placeholder SIP/2.0\r\nReason: Q.850;cause=16\r\n\r\n`),
    /^OK\|application\|/,
  );
  t.equal(valueOf(await call.requested('BYE'), 'Reason'), 'Q.850;cause=16');
  t.match(await other.message(/^SIP\/2.0 200/), id);
  t.equal(
    await app.ask(`sip||${id}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`),
    'NOK|Server error: unable to find dialog for dialog id provided',
  );
  app.cut();
  other.cut();
});

t.test('80 a second application answers a call by its transaction id, and has its dialog too', async (t) => {
  const app = await RawApp.ready(HOST, 'invite');
  const other = await RawApp.ready(HOST);
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1) });
  const txnId = tokensOf(await app.message(/^INVITE /))[8];
  t.match(await other.ask(`sip|${txnId}|\r\nSIP/2.0 180 Ringing\r\n\r\n`), /^OK\|/);
  t.match(await other.ask(`sip|${txnId}|\r\nSIP/2.0 200 OK\r\n\r\n${sdp(2)}`), /^OK\|/);
  t.ok((await call.response(200)).endsWith(sdp(2)));
  call.ack();
  t.not(await app.message(/^ACK /), '', 'whoever was given the INVITE owns the dialog');
  t.match(
    await other.ask(`sip||${call.callId};from-tag=${call.localTag}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`),
    /^OK\|/,
  );
  t.not(await call.requested('BYE'), '');
  app.cut();
  other.cut();
});

t.test('80 a call that rings takes no BYE: it could not be ended so', async (t) => {
  const app = await RawApp.ready(HOST, 'invite');
  const call = await invite(app, (request, peer) => {
    peer.respond(request, '180 Ringing', [CONTACT]);
  });
  await app.message(/^SIP\/2.0 180/);
  t.match(await app.ask(`sip||${dialogIdOf(call)}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`), /^NOK\|/);
  t.match(await app.ask(`sip||${dialogIdOf(call)}\r\nINFO sip:placeholder SIP/2.0\r\n\r\n`), /^OK\|/);
  const waiting = new RawCall(caller, CALLER, HOST);
  waiting.invite();
  await app.message(/^INVITE /);
  const id = `${waiting.callId};from-tag=${waiting.localTag}`;
  t.match(await app.ask(`sip||${id}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`), /^NOK\|/);
  app.cut();
  await call.requested('CANCEL');
  callee.respond(call.inviteText, '487 Request Terminated');
  await waiting.response(503);
  waiting.ackFailure();
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  caller.close();
  callee.close();
  await engine.close();
});
