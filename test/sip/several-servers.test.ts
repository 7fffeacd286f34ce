import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { RawCall } from '../engine/raw-call.js';
import { usesDrachtio } from '../support/drachtio-server.js';
import { SECRET, startGateway } from '../support/gateway.js';
import { SDP, startRawCaller } from '../support/raw-caller.js';
import { startRawPeer, valueOf } from '../support/raw-peer.js';
import { until } from '../support/until.js';

// Two SIP servers, one gateway: each takes calls, and one may die.
const [FIRST, SECOND, TRUNK] = ['127.31.41.1', '127.31.41.2', '127.31.41.5'];
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

async function startSecond(): Promise<ChildProcess> {
  return startEngineAt(SECOND, `${SECOND}:9022`);
}

/** An engine that nobody starts again. */
async function startEngineAt(address: string, control: string): Promise<ChildProcess> {
  const options = ['engine', '--admin', control, '--contact', `sip:${address}`, '--exit-with-parent'];
  const child = spawn(process.execPath, [MAIN, ...options], {
    env: { ...process.env, NOODROUTE_ENGINE_SECRET: SECRET },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  await once(child.stdout, 'data');
  return child;
}

/** A way from one port of an address to another, that can be cut. */
async function startCuttable(address: string, port: number, to: number) {
  const sockets = new Set<Socket>();
  const cut = (): void => {
    for (const socket of sockets) {
      socket.destroy();
    }
    sockets.clear();
  };
  const listener = createServer((near) => {
    const far = connect(to, address);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', ignore).pipe(other);
      socket.once('close', () => other.destroy());
    }
  });
  listener.listen(port, address);
  await once(listener, 'listening');
  return {
    cut,
    close: () => {
      listener.close();
      cut();
    },
  };
}

function ignore(): void {
  // Who loses a connection here has cut it.
}

t.test('calls come in on any server; when one dies, the other has the next attempt within 1 s', async (t) => {
  let answers = true;
  const trunk = await startRawPeer(TRUNK, 5060, (request, peer) => {
    if (request.startsWith('INVITE ')) {
      const contact = [`Contact: <sip:desk@${TRUNK}>`, 'Content-Type: application/sdp'];
      peer.respond(request, answers ? '200 OK' : '180 Ringing', answers ? contact : [], answers ? SDP : '');
    } else if (!request.startsWith('ACK ')) {
      peer.respond(request, '200 OK');
    }
  });
  let second = await startSecond();
  const trunks = [
    { id: 'kpn-1', carrier: 'kpn', address: `${TRUNK}:5060`, tier: 1 },
    { id: 'other-1', carrier: 'other', address: '127.31.41.6:5060', tier: 2 },
  ];
  const gateway = await startGateway({ host: FIRST, trunks, servers: [SECOND] });
  const callers = [await startRawCaller('127.31.41.11', FIRST), await startRawCaller('127.31.41.12', SECOND)];
  const [viaFirst, viaSecond] = callers;
  t.teardown(async () => {
    for (const caller of callers) {
      caller.close();
    }
    second.kill('SIGKILL');
    await gateway.stop();
    trunk.close();
  });
  const call = async (caller = viaFirst, within = 8_000): Promise<number> => {
    const outcome = await caller?.call({ uri: 'sip:112@example.nl', body: SDP }, within);
    if (outcome?.status === 200) {
      await outcome.hangUp();
    }
    return outcome?.status ?? 0;
  };
  const lastVia = (): string => valueOf(trunk.requests('INVITE').at(-1) ?? '', 'Via');

  let status = 0;
  await until(async () => {
    status = await call(viaSecond, 300);
    return status === 200;
  }, 5_000);
  t.equal(status, 200, 'a call on the second server is answered');
  t.match(lastVia(), SECOND, 'and goes out over it');
  t.equal(await call(viaFirst), 200);
  t.match(lastVia(), gateway.sip.split(':')[0], 'as a call on the first one does over that');

  answers = false;
  const before = trunk.requests('INVITE').length;
  const waiting = viaSecond?.call({ uri: 'sip:112@example.nl', body: SDP }, 6_000);
  // What nothing came back to yet may not be cancelled (RFC 3261 9.1).
  await until(() => viaSecond?.heard(180) === 1, 3_000);
  answers = true;
  second.kill('SIGKILL');
  const killed = performance.now();
  t.equal(await call(viaFirst), 200, 'the same caller, over the other server');
  const took = performance.now() - killed;
  t.comment(`answered over the other server ${took.toFixed(0)} ms after the first one died`);
  t.ok(took < 3_000, `${took.toFixed(0)} ms (promise: 1 s)`);
  const rescued = await waiting;
  const wait = performance.now() - killed;
  if (usesDrachtio) {
    t.equal(rescued?.status, 0, 'whose server died waits until that is back: drachtio-server takes up no call');
  } else {
    t.equal(rescued?.status, 200, 'whose server died is answered by the other one');
    t.comment(`a call that rang on the server that died was answered over the other one after ${wait.toFixed(0)} ms`);
    const contact = valueOf(rescued?.responses.at(-1) ?? '', 'Contact');
    t.match(contact, FIRST, 'where its dialog goes on');
    const lost = trunk.requests('INVITE')[before] ?? '';
    const cancels = (): readonly string[] => trunk.requests('CANCEL').map((text) => valueOf(text, 'Via'));
    await until(() => cancels().includes(valueOf(lost, 'Via')), 10_000);
    t.ok(cancels().includes(valueOf(lost, 'Via')), 'and what rang for it through the server that died is cancelled');
  }

  second = await startSecond();
  const back = performance.now();
  await until(async () => (await call(viaSecond, 300)) === 200, 5_000);
  t.comment(`calls on the second server are answered ${(performance.now() - back).toFixed(0)} ms after it is back`);
  t.equal(await call(viaSecond), 200);
  t.match(lastVia(), SECOND);
});

t.test('the control connection of a server breaks, and the server lives: its calls in set-up go on', async (t) => {
  const [first, far, phone] = ['127.31.42.1', '127.31.42.5', '127.31.42.11'];
  const second = '127.31.42.2';
  const trunk = await startRawPeer(far, 5060, (request, peer) => {
    if (request.startsWith('INVITE ')) {
      peer.respond(request, '180 Ringing', [`Contact: <sip:desk@${far}>`]);
    } else if (request.startsWith('CANCEL ')) {
      peer.respond(request, '200 OK');
      const invite = trunk.requests('INVITE').find((text) => valueOf(text, 'Via') === valueOf(request, 'Via'));
      peer.respond(invite ?? '', '487 Request Terminated');
    } else if (!request.startsWith('ACK ')) {
      peer.respond(request, '200 OK');
    }
  });
  const engine = await startEngineAt(second, `${second}:9023`);
  const wire = await startCuttable(second, 9022, 9023);
  const trunks = [
    { id: 'kpn-1', carrier: 'kpn', address: `${far}:5060`, tier: 1 },
    { id: 'other-1', carrier: 'other', address: '127.31.42.6:5060', tier: 2 },
  ];
  const gateway = await startGateway({ host: first, trunks, servers: [second] });
  const caller = await startRawPeer(phone);
  t.teardown(async () => {
    await gateway.stop();
    engine.kill('SIGKILL');
    wire.close();
    caller.close();
    trunk.close();
  });
  const call = new RawCall(caller, phone, second);
  let rings = '';
  await until(async () => {
    call.invite({ body: SDP });
    rings = await call.response(180, 'INVITE', 300);
    return rings !== '';
  }, 5_000);
  const before = trunk.requests('INVITE').length;
  wire.cut();
  await until(() => trunk.requests('INVITE').length > before, 5_000);
  const again = trunk.requests('INVITE').at(-1) ?? '';
  trunk.respond(again, '200 OK', [`Contact: <sip:desk@${far}>`, 'Content-Type: application/sdp'], SDP);
  const answer = await call.response(200);
  t.equal(valueOf(answer, 'To'), valueOf(rings, 'To'), 'answered in the dialog that rang');
  call.ack();
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
});
