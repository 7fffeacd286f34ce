import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import t from 'tap';
import { startEngine, type Engine } from '../../src/engine/engine.js';
import { startRawPeer, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { frameOf } from './raw-app.js';
import { RawCall } from './raw-call.js';
import { isIdle, newSrf, nextEvent, open, sdp, SECRET, timersOf, type Dialog, type Req, type Srf } from './rig.js';

// Number 15 of the conformance list: the server calls an application that listens, for each request.
const HOST = '127.5.13.1';
const CALLER = '127.5.13.2';

let engine: Engine;
let caller: RawPeer;
let srf: Srf;
let listening: Server;
const dialogs: Promise<Dialog>[] = [];
const requests: Req[] = [];

t.before(async () => {
  const handlers = [
    { method: 'invite', host: HOST, port: 3001 },
    { method: 'options', host: HOST, port: 3001 },
    { method: 'message', host: HOST, port: 3002 },
    { method: 'register', host: HOST, port: 3003 },
  ];
  engine = await startEngine({
    contacts: [{ address: HOST, port: 5060 }],
    control: { host: HOST, port: 9022 },
    handlers,
    secret: SECRET,
    timers: timersOf(40),
  });
  caller = await startRawPeer(CALLER);
  srf = newSrf();
  srf.invite((req, res) => {
    requests.push(req);
    dialogs.push(srf.createUAS(req, res, { localSdp: sdp(2) }));
  });
  srf.options((_req, res) => {
    res.send(200);
  });
  listening = srf.listen({ host: HOST, port: 3001, secret: SECRET });
  await until(() => listening.listening, 2_000);
});

t.test(
  '15 a call over a connection of its own, from the INVITE to the BYE, until the application ends it',
  async (t) => {
    const calls = [new RawCall(caller, CALLER, HOST), new RawCall(caller, CALLER, HOST)];
    for (const call of calls) {
      call.invite({ body: sdp(1) });
      t.not(await call.response(200), '');
      call.ack();
    }
    t.equal(engine.stats().apps, 2, 'one connection each');
    for (const [at, call] of calls.entries()) {
      const dialog = await dialogs[at];
      const ended = nextEvent(dialog ?? srf, 'destroy');
      call.request('BYE');
      t.not(await call.response(200, 'BYE'), '');
      await ended;
    }
    for (const req of requests) {
      srf.endSession(req);
    }
    await until(() => engine.stats().apps === 0, 2_000);
    t.equal(engine.stats().apps, 0);
  },
);

t.test('15 other requests too', async (t) => {
  const call = new RawCall(caller, CALLER, HOST);
  call.request('OPTIONS');
  t.not(await call.response(200, 'OPTIONS'), '');
});

t.test('15 nobody listens, or whoever listens does not show the secret: 480', async (t) => {
  const call = new RawCall(caller, CALLER, HOST);
  call.request('MESSAGE');
  t.not(await call.response(480, 'MESSAGE'), '');
  const stranger = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.write(frameOf('f46a|authenticate|guessed|'));
  });
  stranger.listen(3003, HOST);
  await once(stranger, 'listening');
  call.request('REGISTER');
  t.not(await call.response(480, 'REGISTER'), '');
  stranger.close();
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  listening.close();
  caller.close();
  await engine.close();
});
