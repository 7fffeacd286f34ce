import { connect, createServer, type Server, type Socket } from 'node:net';
import { once } from 'node:events';
import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { valueOf } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { tagIn } from './raw-call.js';
import { connected, isIdle, newSrf, open, sdp, startRig, timersOf, type Dialog, type Srf } from './rig.js';

// The parts of the conformance list for drachtio's wire protocol that are about SIP over TCP.
const HOST = '127.5.8.1';
const PEER = '127.5.8.2';
const T1 = 30;

let engine: Engine;
let srf: Srf;
let dialog: Promise<Dialog> | undefined;

t.before(async () => {
  engine = await startRig(HOST, timersOf(T1));
  srf = newSrf();
  srf.invite((req, res) => {
    dialog = srf.createUAS(req, res, { localSdp: sdp(2) });
  });
  await connected(srf, HOST);
});

/** What arrived on a connection, message by message; none of them has a body but the offer and answer. */
function messages(socket: Socket): () => readonly string[] {
  let text = '';
  socket.on('data', (data: Buffer) => {
    text += data.toString('latin1');
  });
  return () => text.split(/(?=^(?:SIP\/2\.0 |(?:INVITE|ACK|BYE|INFO) sip:))/m);
}

/** A peer that answers every request 200, on as many connections as it gets. */
async function listen(port: number): Promise<{ server: Server; seen: readonly string[]; connections: () => number }> {
  let connections = 0;
  const seen: string[] = [];
  const server = createServer((socket) => {
    connections += 1;
    const received = messages(socket);
    let answered = 0;
    socket.on('data', () => {
      const all = received().filter((text) => text !== '');
      for (const text of all.slice(answered)) {
        seen.push(text);
        socket.write(answerTo(text, port));
      }
      answered = all.length;
    });
  });
  server.listen(port, PEER);
  await once(server, 'listening');
  return { server, seen, connections: () => connections };
}

function answerTo(text: string, port: number): string {
  if (text.startsWith('ACK ')) {
    return '';
  }
  const tag = tagIn(text, 'To') === '' ? ';tag=far' : '';
  const copied = ['Via', 'From', 'To', 'Call-ID', 'CSeq'].map((name) => `${name}: ${valueOf(text, name)}`);
  const tagged = copied.map((line) => (line.startsWith('To: ') ? `${line}${tag}` : line));
  const contact = `Contact: <sip:far@${PEER}:${port};transport=tcp>`;
  return `${['SIP/2.0 200 OK', ...tagged, contact, 'Content-Length: 0'].join('\r\n')}\r\n\r\n`;
}

function request(method: string, cseq: number, to: string, body = ''): string {
  return [
    `${method} sip:112@${HOST} SIP/2.0`,
    `Via: SIP/2.0/TCP ${PEER}:5060;branch=z9hG4bK${method}${cseq}`,
    `From: <sip:a@${PEER}>;tag=ft`,
    `To: ${to}`,
    'Call-ID: stream@x',
    `CSeq: ${cseq} ${method}`,
    `Contact: <sip:a@${PEER};transport=tcp>`,
    ...(body === '' ? [] : ['Content-Type: application/sdp']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

t.test('24 over TCP a 200 is not repeated; 25 without an ACK the call ends all the same', async (t) => {
  const { server, seen } = await listen(5060);
  const socket = connect({ port: 5060, host: HOST, localAddress: PEER });
  await once(socket, 'connect');
  const received = messages(socket);
  socket.write(request('INVITE', 1, `<sip:112@${HOST}>`, sdp(1)));
  await until(() => seen.length > 0, 64 * T1 + 1_500);
  const answers = received().filter((text) => text.startsWith('SIP/2.0 200'));
  t.equal(answers.length, 1);
  t.match(valueOf(answers[0] ?? '', 'Contact'), `<sip:${HOST};transport=tcp>`);
  const [bye = ''] = seen;
  t.match(bye, new RegExp(`^BYE sip:a@${PEER};transport=tcp `));
  t.equal(tagIn(bye, 'From'), tagIn(answers[0] ?? '', 'To'));
  t.equal((await dialog)?.connected, false);
  socket.end();
  server.close();
});

t.test('a call to a TCP next hop: one connection for INVITE, ACK, INFO and BYE', async (t) => {
  const { server, seen, connections } = await listen(5070);
  const call = await srf.createUAC(`sip:far@${PEER}:5070;transport=tcp`, { localSdp: sdp(1) });
  await call.request({ method: 'INFO' });
  await call.destroy();
  t.strictSame(
    seen.map((text) => text.split(' ')[0]),
    ['INVITE', 'ACK', 'INFO', 'BYE'],
  );
  t.ok(seen.every((text) => valueOf(text, 'Via').startsWith('SIP/2.0/TCP ')));
  t.match(valueOf(seen[0] ?? '', 'Contact'), ';transport=tcp');
  t.equal(connections(), 1);
  server.close();
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  srf.disconnect();
  await engine.close();
});
