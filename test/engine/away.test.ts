import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawApp, tokensOf } from './raw-app.js';
import { RawCall, tagIn } from './raw-call.js';
import { isIdle, open, sdp, startRig, timersOf } from './rig.js';

// What happens to calls while no application is connected, or not the one that made them (numbers 18, 78 and 79).
const HOST = '127.5.9.1';
const CALLER = '127.5.9.2';
const CALLEE = '127.5.9.3';
const T1 = 40;
const CONTACT = `Contact: <sip:desk@${CALLEE}:5060>`;
const SDP = 'Content-Type: application/sdp';

let engine: Engine;
let caller: RawPeer;
let callee: RawPeer;

const behave: RawBehaviour = (request, peer) => {
  if (request.startsWith('INVITE ')) {
    peer.respond(request, '200 OK', [CONTACT, SDP], sdp(2));
  } else if (!request.startsWith('ACK ')) {
    peer.respond(request, '200 OK', [CONTACT]);
  }
};

function dialogIdOf(text: string): string {
  return `${valueOf(text, 'Call-ID')};from-tag=${tagIn(text, 'From')}`;
}

async function response(app: RawApp, request: string, text: string): Promise<string> {
  return app.ask(`sip|${tokensOf(request)[8]}|\r\nSIP/2.0 ${text}`);
}

/** A call from the caller that an application has answered. */
async function answered(app: RawApp, headers = ''): Promise<RawCall> {
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1) });
  const offered = (): string => app.messages(/^INVITE /).find((text) => text.includes(call.callId)) ?? '';
  await until(() => offered() !== '', 2_000);
  await response(app, offered(), `200 OK\r\n${headers}\r\n${sdp(2)}`);
  await call.response(200);
  call.ack();
  return call;
}

let users = 0;

/** A pair: the caller's leg, and a leg to the callee, with the application that made both. */
async function pair(tags = ''): Promise<{ app: RawApp; call: RawCall; far: RawCall; farId: string }> {
  const app = await RawApp.tagged(HOST, tags, 'invite');
  users += 1;
  const target = `sip:p${users}@${CALLEE}`;
  await app.ask(`sip||\r\nINVITE ${target} SIP/2.0\r\n\r\n${sdp(1)}`);
  const invite = callee.requests('INVITE').find((text) => text.startsWith(`INVITE ${target} `)) ?? '';
  await app.message(/^SIP\/2.0 200/);
  await app.ask(`sip||${dialogIdOf(invite)}\r\nACK sip:x SIP/2.0\r\n\r\n`);
  const call = await answered(app, `X-Noodroute-Pair: ${dialogIdOf(invite)}\r\n`);
  t.equal(valueOf(call.responses(200)[0] ?? '', 'X-Noodroute-Pair'), '', 'never leaves the server');
  return { app, call, far: RawCall.callee(callee, CALLEE, HOST, invite), farId: dialogIdOf(invite) };
}

async function leave(app: RawApp): Promise<void> {
  const before = engine.stats().apps;
  app.cut();
  await until(() => engine.stats().apps < before, 1_000);
}

t.before(async () => {
  engine = await startRig(HOST, timersOf(T1));
  caller = await startRawPeer(CALLER, 5060, behave);
  callee = await startRawPeer(CALLEE, 5060, behave);
});

t.test('18 a new INVITE waits on its 100, and an application that connects in time gets it', async (t) => {
  const calls = [1, 2, 3].map(() => new RawCall(caller, CALLER, HOST));
  for (const call of calls) {
    call.invite({ body: sdp(1) });
    t.not(await call.response(100), '');
  }
  t.equal(engine.stats().parked, 3);
  const watcher = await RawApp.ready(HOST, 'options');
  t.equal(engine.stats().parked, 3, 'not one that wants no INVITE');
  const app = await RawApp.ready(HOST, 'invite');
  await until(() => app.messages(/^INVITE /).length === 3, 1_000);
  t.strictSame(
    app.messages(/^INVITE /).map((text) => valueOf(text.slice(text.indexOf('\r\n') + 2), 'Call-ID')),
    calls.map(({ callId }) => callId),
    'in the order in which they came',
  );
  for (const [at, call] of calls.entries()) {
    await response(app, app.messages(/^INVITE /)[at] ?? '', '486 Busy Here\r\n\r\n');
    t.not(await call.response(486), '');
    call.ackFailure();
  }
  await leave(app);
  await leave(watcher);
});

t.test('18 nobody comes: 503 when the time is over; OPTIONS gets it at once', async (t) => {
  const call = new RawCall(caller, CALLER, HOST);
  const started = performance.now();
  call.invite({ body: sdp(1) });
  const probe = new RawCall(caller, CALLER, HOST);
  probe.request('OPTIONS');
  t.not(await probe.response(503, 'OPTIONS'), '');
  t.equal(call.responses(503).length, 0);
  t.not(tagIn(await call.response(503), 'To'), '');
  t.ok(performance.now() - started >= T1 * 25 - 5, 'not before');
  call.ackFailure();
  t.equal(engine.stats().parked, 0);
});

t.test('18 a caller who hangs up while the call waits', async (t) => {
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1) });
  await call.response(100);
  call.cancel();
  t.not(await call.response(200, 'CANCEL'), '');
  t.not(await call.response(487), '');
  call.ackFailure();
  t.equal(engine.stats().parked, 0);
  const app = await RawApp.ready(HOST, 'invite');
  t.equal(app.messages(/^INVITE /).length, 0);
  await leave(app);
});

t.test('78 the session lives on: what only asks for it is answered, an offer is put off', async (t) => {
  const app = await RawApp.ready(HOST, 'invite');
  const call = await answered(app);
  await leave(app);
  t.match(engine.stats(), { legs: 1, dialogs: 1 });
  for (const [method, status, body] of [
    ['OPTIONS', 200, ''],
    ['UPDATE', 200, ''],
    ['UPDATE', 491, sdp(3)],
    ['INFO', 500, ''],
    ['MESSAGE', 500, ''],
    ['REFER', 500, ''],
    ['NOTIFY', 500, ''],
  ] as const) {
    call.request(method, body === '' ? {} : { body });
    const text = await call.response(status, method);
    t.not(text, '', `${method}: ${status}`);
    t.equal(valueOf(text, 'Retry-After'), status === 500 ? '3' : '');
  }
  call.request('INVITE', { body: sdp(1) });
  const refreshed = await call.response(200);
  t.ok(refreshed.endsWith(sdp(2)), 'a refresh gets our description as it was');
  t.not(valueOf(refreshed, 'Contact'), '');
  call.ack();
  for (const body of [sdp(3), '']) {
    call.request('INVITE', body === '' ? {} : { body });
    t.not(await call.response(491), '', 'a new offer, or the wish for one of ours');
    call.ackFailure();
  }
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
  t.match(engine.stats(), { legs: 0, dialogs: 0 });
});

t.test('78 what waits for an application when it goes is answered as if it had been gone', async (t) => {
  const app = await RawApp.ready(HOST, 'invite');
  const [first, second] = [await answered(app), await answered(app)];
  first.request('BYE');
  second.request('INFO');
  await app.message(/^BYE /);
  await app.message(/^INFO /);
  await leave(app);
  t.not(await first.response(200, 'BYE'), '');
  t.not(await second.response(500, 'INFO'), '');
  second.request('BYE');
  t.not(await second.response(200, 'BYE'), '');
});

t.test('P14 BYE is passed on within a pair, from either side, with its reason', async (t) => {
  for (const side of ['call', 'far'] as const) {
    const made = await pair();
    await leave(made.app);
    const [from, to] = side === 'call' ? [made.call, made.far] : [made.far, made.call];
    from.request('BYE', { headers: ['Reason: Q.850;cause=16;text="Normal call clearing"'] });
    t.not(await from.response(200, 'BYE'), '');
    t.equal(valueOf(await to.requested('BYE'), 'Reason'), 'Q.850;cause=16;text="Normal call clearing"');
    await until(() => engine.stats().legs === 0, 1_000);
    t.match(engine.stats(), { legs: 0 });
  }
});

t.test('P14 a BYE that waits for the application when it goes is passed on too', async (t) => {
  const { app, call, far } = await pair();
  call.request('BYE');
  await app.message(/^BYE /);
  t.equal(far.requests('BYE').length, 0);
  await leave(app);
  t.not(await call.response(200, 'BYE'), '');
  t.not(await far.requested('BYE'), '');
});

t.test('P14 while the application is there, BYE is its business', async (t) => {
  const { app, call, far, farId } = await pair();
  call.request('BYE');
  await response(app, await app.message(/^BYE /), '200 OK\r\n\r\n');
  t.not(await call.response(200, 'BYE'), '');
  t.equal(far.requests('BYE').length, 0);
  await app.ask(`sip||${farId}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
  t.not(await far.requested('BYE'), '');
  await leave(app);
});

t.test(
  'P14 an application that was restarted and does not know the call: its 481 ends nothing but what BYE ends',
  async (t) => {
    const { app, call, far } = await pair();
    await leave(app);
    const restarted = await RawApp.ready(HOST, 'invite');
    call.request('INFO');
    t.match(await response(restarted, await restarted.message(/^INFO /), '481 Gone\r\n\r\n'), /^OK\|/);
    t.not(await call.response(500, 'INFO'), '');
    call.request('BYE');
    await response(restarted, await restarted.message(/^BYE /), '404 Not Found\r\n\r\n');
    t.not(await call.response(200, 'BYE'), '');
    t.not(await far.requested('BYE'), '');
    await leave(restarted);
  },
);

t.test('P14 an application that takes its pair back has all of it', async (t) => {
  const { app, call, far, farId } = await pair('gateway');
  await leave(app);
  const restarted = await RawApp.tagged(HOST, 'gateway');
  const callId = `${call.callId};from-tag=${call.localTag}`;
  t.match(await restarted.ask(`sip||${callId}\r\nINFO sip:placeholder SIP/2.0\r\n\r\n`), /^OK\|/);
  call.request('INFO');
  await response(restarted, await restarted.message(/^INFO /), '481 Gone\r\n\r\n');
  t.not(await call.response(481, 'INFO'), '', 'it knows the call, so its word holds');
  call.request('BYE');
  await response(restarted, await restarted.message(/^BYE /), '200 OK\r\n\r\n');
  t.equal(far.requests('BYE').length, 0);
  t.match(await restarted.ask(`sip||${farId}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`), /^OK\|/);
  t.not(await far.requested('BYE'), '');
  await leave(restarted);
});

t.test('P14 a new pair takes the place of the old one', async (t) => {
  const { app, call, far } = await pair();
  const other = await answered(app);
  const otherId = `${other.callId};from-tag=${other.localTag}`;
  const callId = `${call.callId};from-tag=${call.localTag}`;
  await app.ask(`sip||${callId}\r\nINFO sip:placeholder SIP/2.0\r\nX-Noodroute-Pair: ${otherId}\r\n\r\n`);
  t.equal(valueOf(await call.requested('INFO'), 'X-Noodroute-Pair'), '');
  await leave(app);
  call.request('BYE');
  t.not(await other.requested('BYE'), '');
  t.equal(far.requests('BYE').length, 0);
  far.request('BYE');
  t.not(await far.response(200, 'BYE'), '');
});

t.test('79 an application with the same tag stands in, one with another does not', async (t) => {
  const app = await RawApp.tagged(HOST, 'red,blue', 'invite');
  const call = await answered(app);
  const [green, none, blue] = [
    await RawApp.tagged(HOST, 'green'),
    await RawApp.ready(HOST),
    await RawApp.tagged(HOST, 'blue'),
  ];
  await leave(app);
  call.request('INFO');
  const info = await blue.message(/^INFO /);
  t.equal(tokensOf(info)[9], `${call.callId};from-tag=${call.localTag}`);
  await response(blue, info, '200 OK\r\n\r\n');
  t.not(await call.response(200, 'INFO'), '');
  await leave(blue);
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
  t.equal([...green.messages(/^INFO |^BYE /), ...none.messages(/^INFO |^BYE /)].length, 0);
  await leave(green);
  await leave(none);
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  caller.close();
  callee.close();
  await engine.close();
});

t.test('an engine that ends refuses what waits', async (t) => {
  const own = await startRig('127.5.9.9', timersOf(T1));
  const peer = await startRawPeer('127.5.9.8');
  const call = new RawCall(peer, '127.5.9.8', '127.5.9.9');
  call.invite({ body: sdp(1) });
  await call.response(100);
  await own.close();
  t.not(await call.response(503, 'INVITE', 1_000), '');
  peer.close();
});
