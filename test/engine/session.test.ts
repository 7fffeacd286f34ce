import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { FrameReader } from '../../src/engine/control/frames.js';
import { startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { frameOf, RawApp, textOf, tokensOf } from './raw-app.js';
import { RawCall } from './raw-call.js';
import { connected, isIdle, newSrf, nextEvent, open, SECRET, sdp, startRig } from './rig.js';

// The numbers are those of the conformance list for drachtio's wire protocol: framing and session.
const HOST = '127.5.1.1';
const NEAR = '127.5.1.2';
const PROBE = [
  `OPTIONS sip:x@${NEAR} SIP/2.0`,
  'call-id: cut@x',
  'subject: "Ann \u00c3\u00a9 \u00e2\u0082\u00ac \u00f0\u009f\u009a\u0091"',
  '',
  '',
].join('\r\n');

let engine: Engine;
let peer: RawPeer;

t.before(async () => {
  engine = await startRig(HOST);
  peer = await startRawPeer(NEAR);
});

t.test('1 the length of a message counts bytes, both ways', async (t) => {
  const app = await RawApp.ready(HOST, 'invite');
  const sent = await app.ask(`sip||\r\n${PROBE}`);
  t.match(sent, /^OK\|/);
  await until(() => peer.requests('OPTIONS').length > 0, 2_000);
  t.match(peer.requests('OPTIONS')[0], /"Ann \u00c3\u00a9 \u00e2\u0082\u00ac \u00f0\u009f\u009a\u0091"/i);
  const call = new RawCall(peer, NEAR, HOST);
  call.invite({ headers: ['Subject: \u00f0\u009f\u009a\u0091'], body: '\u00ff\u0000\u00c3' });
  const message = await app.message(/^INVITE /);
  t.match(textOf(message), /\r\nSubject: \u00f0\u009f\u009a\u0091\r\n/);
  t.match(textOf(message), /\r\n\r\n\u00ff\u0000\u00c3$/);
  t.match(await app.ask('ping'), /^OK\|pong/, 'the next frame starts where the length says');
  app.cut();
});

t.test('2 every message may be cut at any byte', async (t) => {
  const app = await RawApp.open(HOST);
  let n = 0;
  for (const message of [`authenticate|${SECRET}|red,blue`, 'route|invite', 'ping', `sip||\r\n${PROBE}`]) {
    const { length } = frameOf(`id-000000|${message}`);
    for (let at = 1; at < length; at += 1) {
      n += 1;
      const id = `id-${String(n).padStart(6, '0')}`;
      const frame = frameOf(`${id}|${message}`);
      app.write(frame.subarray(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      app.write(frame.subarray(at));
    }
  }
  await until(() => app.received.filter((text) => text.includes('|response|')).length >= n, 5_000);
  t.equal(app.received.filter((text) => /\|response\|id-\d{6}\|OK/.test(text)).length, n);
  app.cut();
});

t.test('2 the reader gives the same for every cut', async (t) => {
  const stream = Buffer.concat([frameOf('a|ping'), frameOf('b|\u00e2\u0082\u00ac#7'), frameOf('c|x')]);
  for (let at = 0; at <= stream.length; at += 1) {
    const reader = new FrameReader();
    const [first, second] = [reader.push(stream.subarray(0, at)), reader.push(stream.subarray(at))];
    t.strictSame([...(first ?? []), ...(second ?? [])], ['a|ping', 'b|\u00e2\u0082\u00ac#7', 'c|x']);
  }
});

t.test('3 a hundred messages in one segment', async (t) => {
  const app = await RawApp.ready(HOST);
  const ids = Array.from({ length: 100 }, (_, at) => `burst-${at}`);
  app.write(Buffer.concat(ids.map((id) => frameOf(`${id}|ping`))));
  await until(() => ids.every((id) => app.replies(id).length === 1), 3_000);
  t.ok(ids.every((id) => app.replies(id).join() === 'OK|pong'));
  app.cut();
});

t.test('4 a megabyte of SDP is answered, and the connection stays', async (t) => {
  const app = await RawApp.ready(HOST);
  const body = `v=0\r\n${'a=x\r\n'.repeat(200_000)}`;
  const reply = await app.ask(`sip||\r\nINVITE sip:x@${NEAR} SIP/2.0\r\n\r\n${body}`);
  t.match(reply, /^(?:NOK|OK)\|/);
  t.equal(await app.ask('ping'), 'OK|pong');
  const refused = await app.message(/^SIP\/2.0 /);
  t.match(textOf(refused), /^SIP\/2.0 513 /);
  t.match(valueOf(textOf(refused), 'Warning'), /^399 noodroute "too large"$/);
  t.equal(peer.requests('INVITE').length, 0);
  app.cut();
});

t.test('5 what is no frame ends the client, and not the server', async (t) => {
  for (const garbage of [
    '123456789#',
    'abc#',
    '12x#hello',
    '#',
    '0#',
    '-1#x',
    ' 5#hello',
    '99999999#',
    'x'.repeat(50),
  ]) {
    const app = await RawApp.ready(HOST);
    app.write(garbage);
    t.ok(await app.ended(), JSON.stringify(garbage));
  }
  const app = await RawApp.ready(HOST);
  app.write(`70000#${'x'.repeat(70_000)}`);
  t.ok(await app.ended(), 'a frame of nonsense');
  const next = await RawApp.ready(HOST);
  t.equal(await next.ask('ping'), 'OK|pong');
  next.cut();
});

t.test('5 a client that has not shown the secret may not send much', async (t) => {
  const app = await RawApp.open(HOST);
  app.write(`1000000#${'x'.repeat(100_000)}`);
  t.ok(await app.ended());
});

t.test('6 the right secret: OK with three lists, and the connect event has them', async (t) => {
  const app = await RawApp.open(HOST);
  const reply = await app.ask(`authenticate|${SECRET}|`);
  const [ok, hostports, version, local] = reply.split('|');
  t.equal(ok, 'OK');
  t.equal(hostports, `udp/${HOST}:5060,tcp/${HOST}:5060`);
  t.match(version, /^v(\d+)\.(\d+)\.(\d+)/);
  t.equal(local, hostports);
  app.cut();
  const srf = newSrf();
  const up = new Promise<unknown[]>((resolve) => {
    srf.once('connect', (...values: unknown[]) => {
      resolve(values);
    });
  });
  srf.connect({ host: HOST, port: 9022, secret: SECRET });
  t.strictSame(await up, [null, hostports, version, local]);
  srf.disconnect();
});

t.test('7 a wrong secret: refused and closed', async (t) => {
  const app = await RawApp.open(HOST);
  t.equal(await app.ask('authenticate|wrong|'), 'NO|incorrect secret');
  t.ok(await app.ended());
  const srf = newSrf();
  const refused = nextEvent<unknown>(srf, 'connect');
  srf.connect({ host: HOST, port: 9022, secret: 'wrong' });
  t.match(await refused, { message: 'failed to authenticate to server' });
  srf.disconnect();
});

t.test('8 nothing is done for a client that has not shown the secret', async (t) => {
  for (const message of ['route|invite', 'ping', `sip||\r\n${PROBE}`, 'proxy|x']) {
    const app = await RawApp.open(HOST);
    t.match(await app.ask(message), /^NO\|/, message);
    t.ok(await app.ended());
  }
  const call = new RawCall(peer, NEAR, HOST);
  call.invite();
  t.not(await call.response(503), '', 'nobody has a route');
  call.ackFailure();
});

t.test('8 what follows a refusal in the same segment is not carried out', async (t) => {
  const app = await RawApp.open(HOST);
  app.write(Buffer.concat([frameOf('a|authenticate|wrong|'), frameOf(`b|authenticate|${SECRET}|`), frameOf('c|ping')]));
  t.ok(await app.ended());
  t.strictSame(
    app.received.map((text) => text.split('|').slice(2).join('|')),
    ['a|NO|incorrect secret'],
  );
});

t.test('9 the ping of drachtio-srf is answered', async (t) => {
  const relay = await RawApp.ready(HOST);
  t.equal(await relay.ask('ping'), 'OK|pong');
  relay.cut();
  const srf = newSrf();
  const up = nextEvent(srf, 'connect');
  srf.connect({ host: HOST, port: 9022, secret: SECRET, enablePing: true, pingInterval: 5_000 });
  await up;
  const wire = (srf as unknown as { _app: { client: { wp: { mapTimerPing: Map<unknown, unknown> } } } })._app.client.wp;
  t.equal(wire.mapTimerPing.size, 1, 'it pings, since the version is recent enough');
  srf.disconnect();
});

t.test('10 an unknown type is refused and closed', async (t) => {
  for (const [message, why] of [
    ['nonsense|x', 'NO|Unknown message type'],
    ['', 'NO|Unknown message type'],
    ['sip|x', 'NO|Invalid message format'],
    [`sip||`, 'NO|Invalid message format'],
  ] as const) {
    const app = await RawApp.ready(HOST);
    t.equal(await app.ask(message), why, JSON.stringify(message));
    t.ok(await app.ended());
  }
});

t.test('11 a route that is sent twice gives no double share', async (t) => {
  const twice = await RawApp.ready(HOST, 'invite', 'invite', 'invite');
  const once = await RawApp.ready(HOST, 'invite');
  await ringAll(20);
  await until(() => twice.messages(/^INVITE /).length + once.messages(/^INVITE /).length === 20, 3_000);
  t.equal(twice.messages(/^INVITE /).length, 10);
  t.equal(once.messages(/^INVITE /).length, 10);
  twice.cut();
  once.cut();
});

t.test('12 remove_route takes back one verb and leaves the others', async (t) => {
  const app = await RawApp.ready(HOST, 'invite', 'options');
  t.equal(await app.ask('remove_route|options'), 'OK');
  const call = new RawCall(peer, NEAR, HOST);
  call.request('OPTIONS');
  t.not(await call.response(503, 'OPTIONS'), '');
  call.invite();
  t.not(await app.message(/^INVITE /), '');
  app.cut();
});

t.test('13 drachtio-srf comes back after a restart of the server, and gets its calls', async (t) => {
  const host = '127.5.1.9';
  const first = await startRig(host);
  const srf = newSrf();
  const invited = nextEvent<string>(srf, 'invited');
  srf.invite((req, res) => {
    res.send(486);
    srf.emit('invited', req.get('Call-ID'));
  });
  await connected(srf, host);
  const again = nextEvent(srf, 'connect');
  await first.close();
  const second = await startRig(host);
  await again;
  await until(() => second.stats().apps === 1, 3_000);
  const call = new RawCall(peer, NEAR, host);
  call.invite();
  t.not(await call.response(486), '');
  call.ackFailure();
  t.equal(await invited, call.callId);
  srf.disconnect();
  await second.close();
});

t.test('16 two applications take turns, exactly', async (t) => {
  const apps = [await RawApp.ready(HOST, 'invite', 'options'), await RawApp.ready(HOST, 'invite', 'options')];
  for (let n = 0; n < 4; n += 1) {
    const probe = new RawCall(peer, NEAR, HOST);
    probe.request('OPTIONS');
    await ringAll(25);
  }
  const count = (): number[] => apps.map((app) => app.messages(/^INVITE /).length);
  await until(() => count().reduce((a, b) => a + b) === 100, 3_000);
  t.strictSame(count(), [50, 50]);
  t.strictSame(tokensOf(apps[0]?.messages(/^INVITE /)[0] ?? '').slice(10, 12), [HOST, '5060']);
  for (const app of apps) {
    app.cut();
  }
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  peer.close();
  await engine.close();
});

/** New calls, and the ACK of what ends them when their application is cut off. */
async function ringAll(count: number): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const call = new RawCall(peer, NEAR, HOST);
    call.invite({ body: sdp(n) });
    call.response(503).then(
      () => call.ackFailure(),
      () => undefined,
    );
    await new Promise((resolve) => setImmediate(resolve));
  }
}
