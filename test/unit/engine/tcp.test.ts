import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import type { EngineClock } from '../../../src/engine/clock.js';
import { realClock } from '../../../src/engine/clock.js';
import { STANDARD_TIMERS } from '../../../src/engine/timers.js';
import { newTag, responseTo, TransactionLayer, type ServerHandle } from '../../../src/engine/transaction/layer.js';
import { TcpTransport, type TcpOptions } from '../../../src/engine/transport/tcp.js';
import type { Peer, TransportEvents } from '../../../src/engine/transport/transport.js';
import { header } from '../../../src/sip/headers.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import {
  bench,
  hearing,
  ownRequest,
  parsed,
  peerAt,
  startLine,
  theirRequest,
  theirResponse,
  until,
  type Bench,
} from './fakes.js';

interface Open {
  readonly tcp: TcpTransport;
  readonly received: { readonly text: string; readonly from: Peer }[];
  readonly refused: Peer[];
}

async function open(t: Test, address: string, options: Partial<TcpOptions> = {}): Promise<Open> {
  const received: { text: string; from: Peer }[] = [];
  const refused: Peer[] = [];
  const events: TransportEvents = {
    received: (text, from) => received.push({ text, from }),
    refused: (peer) => refused.push(peer),
  };
  const tcp = await TcpTransport.open({ address, port: 5060, clock: realClock, ...options }, events);
  t.teardown(async () => tcp.close());
  return { tcp, received, refused };
}

/** A TCP transport under a layer. Timers of both are on the given clock. */
async function openLayer(
  t: Test,
  address: string,
  clock: EngineClock = realClock,
): Promise<Bench & { tcp: TcpTransport }> {
  const b = bench();
  const layer = new TransactionLayer(clock, STANDARD_TIMERS, b.user);
  const tcp = await TcpTransport.open({ address, port: 5060, clock }, layer);
  t.teardown(async () => {
    layer.close();
    await tcp.close();
  });
  return { ...b, layer, tcp };
}

/** One end of a connection in the hands of the test. */
interface End {
  readonly socket: Socket;
  text: string;
  ended: boolean;
  closed: boolean;
}

function endOf(t: Test, socket: Socket): End {
  const end: End = { socket, text: '', ended: false, closed: false };
  socket.setEncoding('latin1');
  socket.on('error', () => undefined);
  socket.on('data', (piece: string) => (end.text += piece));
  socket.on('end', () => (end.ended = true));
  socket.on('close', () => (end.closed = true));
  t.teardown(() => socket.destroy());
  return end;
}

async function caller(t: Test, to: string, from: string): Promise<End> {
  const socket = connect({ host: to, port: 5060, localAddress: from });
  await once(socket, 'connect');
  return endOf(t, socket);
}

/** A listening peer and its connections, oldest first. */
async function listener(t: Test, address: string): Promise<readonly End[]> {
  const ends: End[] = [];
  const server = createServer((socket) => ends.push(endOf(t, socket)));
  server.listen(5060, address);
  await once(server, 'listening');
  t.teardown(() => server.close());
  return ends;
}

const tcpAt = (address: string, port = 5060): Peer => peerAt(address, port, 'tcp');
const viaTcp = (address: string): string => `SIP/2.0/TCP ${address}:5060;rport;branch=z9hG4bKtcp`;

function answer(handle: ServerHandle | undefined, status: number): void {
  handle?.respond(responseTo(handle.incoming, { status, reason: 'Because', headers: [], body: '', toTag: newTag() }));
}

t.test('a response goes back on the connection of its request', async (t) => {
  const b = await openLayer(t, '127.4.40.1');
  const end = await caller(t, '127.4.40.1', '127.4.40.2');
  end.socket.write(theirRequest('OPTIONS', { via: viaTcp('127.4.40.2') }));
  await until(() => b.requests.length > 0);
  const source = b.requests[0]?.incoming.source;
  t.same(source, tcpAt('127.4.40.2', end.socket.localPort));
  answer(b.requests[0], 200);
  await until(() => end.text !== '');
  t.equal(startLine(end.text), '200 Because');
  t.equal(
    header(parsed(end.text).headers, 'Via'),
    `SIP/2.0/TCP 127.4.40.2:5060;rport=${source?.port};branch=z9hG4bKtcp;received=127.4.40.2`,
  );
  t.equal(b.layer.counts().otherServers, 0, 'nothing to absorb');
});

t.test('... or on a new one to its Via, when that is gone', async (t) => {
  const b = await openLayer(t, '127.4.41.1');
  const back = await listener(t, '127.4.41.2');
  const end = await caller(t, '127.4.41.1', '127.4.41.2');
  end.socket.write(theirRequest('INVITE', { via: viaTcp('127.4.41.2') }));
  await until(() => b.invites.length > 0);
  answer(b.invites[0], 100);
  await until(() => end.text !== '');
  end.socket.destroy();
  await until(() => b.tcp.connections === 0);
  answer(b.invites[0], 180);
  answer(b.invites[0], 200);
  await until(() => back[0]?.text.includes('200 Because') === true);
  t.equal(back.length, 1);
  t.equal(startLine(back[0]?.text ?? ''), '180 Because');
});

t.test('requests share a connection; Via says TCP; nothing is resent', async (t) => {
  const clock = new VirtualClock();
  const b = await openLayer(t, '127.4.42.1', clock);
  const ends = await listener(t, '127.4.42.2');
  const [one, two] = [hearing(), hearing()];
  const invite = b.layer.sendInvite(ownRequest('INVITE'), tcpAt('127.4.42.2'), b.tcp, one, { t1: 50 });
  const options = b.layer.sendRequest(ownRequest('OPTIONS'), tcpAt('127.4.42.2'), b.tcp, two, true);
  t.match(header(invite.request.headers, 'Via'), /^SIP\/2\.0\/TCP 127\.4\.42\.1:5060;rport;branch=/);
  await until(() => ends[0]?.text === invite.text + options.text, 'both came, in order');
  ends[0]?.socket.write(theirResponse(invite.text, 180) + theirResponse(options.text, 200));
  await until(() => two.heard.length > 0);
  t.same([one.heard, two.heard], [[180], [200]]);
  invite.cancel([]);
  await until(() => ends[0]?.text.includes('\r\nCSeq: 7 CANCEL\r\n') === true);
  ends[0]?.socket.write(theirResponse(invite.text, 487));
  await until(() => ends[0]?.text.includes('\r\nCSeq: 7 ACK\r\n') === true);
  t.equal(ends[0]?.text.split('INVITE sip:').length, 2);
  t.equal(ends.length, 1);
  clock.advance(32_000);
  t.same(b.layer.counts(), { inviteClients: 0, inviteServers: 0, otherClients: 0, otherServers: 0, probes: 0 });
});

t.test('a refused connection fails its requests at once', async (t) => {
  const b = await openLayer(t, '127.4.43.1');
  const [one, two] = [hearing(), hearing()];
  const start = performance.now();
  b.layer.sendInvite(ownRequest('INVITE'), tcpAt('127.4.43.2'), b.tcp, one);
  b.layer.sendRequest(ownRequest('OPTIONS'), tcpAt('127.4.43.2'), b.tcp, two, true);
  await until(() => one.heard.length + two.heard.length === 2);
  const took = performance.now() - start;
  t.comment(`failed after ${took.toFixed(2)} ms`);
  t.same([one.heard, two.heard], [['refused'], ['refused']]);
  t.ok(took < 100);
  t.equal(b.tcp.connections, 0);
  const { tcp, refused } = await open(t, '127.4.43.3');
  tcp.send('OPTIONS', tcpAt('127.4.43.2', 0));
  tcp.send('OPTIONS', tcpAt('127.4.43.2', 70_000));
  tcp.send('SIP/2.0 200 OK', tcpAt('127.4.43.2', 9), tcpAt('127.4.43.4'));
  t.same(refused, []);
  await until(() => refused.length === 3);
});

t.test('a connection that takes a request and dies fails it; one in progress stays', async (t) => {
  const b = await openLayer(t, '127.4.44.1');
  const ends = await listener(t, '127.4.44.2');
  const [ringing, silent] = [hearing(), hearing()];
  const first = b.layer.sendInvite(ownRequest('INVITE'), tcpAt('127.4.44.2'), b.tcp, ringing);
  await until(() => ends[0]?.text === first.text);
  ends[0]?.socket.write(theirResponse(first.text, 180));
  await until(() => ringing.heard.length === 1);
  ends[0]?.socket.destroy();
  await until(() => b.tcp.connections === 0);
  const second = b.layer.sendInvite(ownRequest('INVITE'), tcpAt('127.4.44.2'), b.tcp, silent);
  await until(() => ends[1]?.text === second.text);
  ends[1]?.socket.destroy();
  await until(() => silent.heard.length > 0);
  t.same([ringing.heard, silent.heard], [[180], ['refused']]);
});

t.test('a request that meets the end of an old connection is sent once more', async (t) => {
  const b = await openLayer(t, '127.4.45.1');
  const ends = await listener(t, '127.4.45.2');
  const [probe, call] = [hearing(), hearing()];
  const options = b.layer.sendRequest(ownRequest('OPTIONS'), tcpAt('127.4.45.2'), b.tcp, probe, true);
  await until(() => ends[0]?.text === options.text);
  ends[0]?.socket.write(theirResponse(options.text, 200));
  await until(() => probe.heard.length === 1);
  ends[0]?.socket.destroy();
  const invite = b.layer.sendInvite(ownRequest('INVITE'), tcpAt('127.4.45.2'), b.tcp, call);
  await until(() => ends[1]?.text === invite.text);
  ends[1]?.socket.write(theirResponse(invite.text, 486));
  await until(() => call.heard.length === 1);
  t.same(call.heard, [486]);
});

t.test('an INVITE given up before its connection is there never leaves', async (t) => {
  const b = await openLayer(t, '127.4.46.1');
  const ends = await listener(t, '127.4.46.2');
  const user = hearing();
  const invite = b.layer.sendInvite(ownRequest('INVITE'), tcpAt('127.4.46.2'), b.tcp, user);
  const options = b.layer.sendRequest(ownRequest('OPTIONS'), tcpAt('127.4.46.2'), b.tcp, user, true);
  invite.stopResending();
  await until(() => (ends[0]?.text.length ?? 0) > 0);
  await sleep(20);
  t.equal(ends[0]?.text, options.text);
});

t.test('a connection that swallows requests: another one for the next, the end of it at 64*T1', async (t) => {
  const clock = new VirtualClock();
  const { tcp, refused } = await open(t, '127.4.47.1', { clock });
  const ends = await listener(t, '127.4.47.2');
  const peer = tcpAt('127.4.47.2');
  tcp.send('OPTIONS 1', peer);
  await until(() => ends[0]?.text === 'OPTIONS 1');
  clock.advance(10_000);
  tcp.send('OPTIONS 2', peer);
  await until(() => ends[0]?.text === 'OPTIONS 1OPTIONS 2');
  clock.advance(1);
  tcp.send('OPTIONS 3', peer);
  await until(() => ends[1]?.text === 'OPTIONS 3');
  clock.advance(25_000);
  await until(() => ends[0]?.closed === true);
  await until(() => tcp.connections === 1);
  t.same(refused, [], 'the peer has another connection');
  clock.advance(10_000);
  await until(() => refused.length === 1);
  t.same(refused, [peer]);
});

t.test('100 messages in one segment, then half a message and the end', async (t) => {
  const b = await openLayer(t, '127.4.48.1');
  const end = await caller(t, '127.4.48.1', '127.4.48.2');
  const texts = Array.from({ length: 100 }, (_, at) =>
    theirRequest('OPTIONS', { via: `SIP/2.0/TCP a;branch=z9hG4bK${at}`, callId: `call-${at}` }),
  );
  end.socket.write(texts.join(''));
  await until(() => b.requests.length === 100);
  for (const handle of b.requests) {
    answer(handle, 200);
  }
  await until(() => end.text.split('SIP/2.0 200').length === 101);
  end.socket.end(theirRequest('OPTIONS', { callId: 'half' }).slice(0, -10));
  await until(() => b.tcp.connections === 0);
  t.equal(b.requests.length, 100);
  t.same(Object.fromEntries(b.layer.discarded), {});
});

t.test('a double CRLF is answered by one (RFC 5626)', async (t) => {
  const { received } = await open(t, '127.4.49.1');
  const end = await caller(t, '127.4.49.1', '127.4.49.2');
  end.socket.write('\r\n\r\n');
  await until(() => end.text === '\r\n');
  end.socket.write('\r\n\r\n\r\n\r\n');
  await until(() => end.text === '\r\n\r\n\r\n');
  t.same(received, []);
});

t.test('every byte arrives as it was sent, both ways', async (t) => {
  const b = await openLayer(t, '127.4.56.1');
  const ends = await listener(t, '127.4.56.2');
  const body = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
  const user = hearing();
  const { text } = b.layer.sendRequest({ ...ownRequest('INFO'), body }, tcpAt('127.4.56.2'), b.tcp, user, false);
  await until(() => ends[0]?.text.length === text.length);
  t.equal(ends[0]?.text, text);
  ends[0]?.socket.write(theirRequest('MESSAGE').replace('Length: 0', 'Length: 256') + body, 'latin1');
  await until(() => b.requests.length === 1);
  t.equal(b.requests[0]?.incoming.message.body, body);
});

t.test('64 kB of headers pass; 600 kB, or a body of 2 MB, get 513 and the end', async (t) => {
  const b = await openLayer(t, '127.4.50.1');
  const big = (callId: string, size: number): string =>
    theirRequest('INVITE', { callId, via: viaTcp('127.4.50.2') }).replace(
      '\r\nContent',
      `\r\nX: ${'h'.repeat(size)}\r\nContent`,
    );
  const fine = await caller(t, '127.4.50.1', '127.4.50.2');
  fine.socket.write(big('fine', 65_536));
  await until(() => b.invites.length === 1);
  const requests = [
    big('head', 600_000),
    theirRequest('INVITE', { callId: 'body', via: viaTcp('127.4.50.2') }).replace('Length: 0', 'Length: 2000000'),
  ];
  for (const text of requests) {
    const end = await caller(t, '127.4.50.1', '127.4.50.2');
    end.socket.write(text + 'x'.repeat(500_000));
    await until(() => end.ended, '513 and the end');
    t.equal(startLine(end.text), '513 Message Too Large');
  }
  t.equal(b.invites.length, 1);
  t.equal(b.layer.discarded.get('too large'), 2);
});

t.test('what is no SIP ends its connection, after the answers that are due', async (t) => {
  const b = await openLayer(t, '127.4.51.1');
  for (const text of ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', '\x16\x03\x01\x02\x00', 'v=0\r\n']) {
    const end = await caller(t, '127.4.51.1', '127.4.51.2');
    end.socket.write(text, 'latin1');
    await until(() => end.ended);
    t.equal(end.text, '');
  }
  t.equal(b.layer.discarded.get('not SIP'), 3);
});

t.test('half a message for more than 30 s, or 120 s of nothing, end a connection', async (t) => {
  const clock = new VirtualClock();
  const { tcp, refused } = await open(t, '127.4.52.1', { clock });
  const [slow, idle, busy] = [
    await caller(t, '127.4.52.1', '127.4.52.2'),
    await caller(t, '127.4.52.1', '127.4.52.3'),
    await caller(t, '127.4.52.1', '127.4.52.4'),
  ];
  slow.socket.write(theirRequest('OPTIONS'));
  slow.socket.write('INVITE');
  await until(() => tcp.connections === 3);
  await sleep(20);
  clock.advance(30_000);
  slow.socket.write(' sip:');
  await sleep(20);
  t.notOk(slow.closed);
  clock.advance(5_000);
  await until(() => slow.closed);
  clock.advance(80_000);
  busy.socket.write('\r\n\r\n');
  await until(() => busy.text !== '');
  clock.advance(10_000);
  await until(() => idle.closed);
  await until(() => tcp.connections === 1);
  t.notOk(busy.ended);
  t.same(refused, [], 'we closed them: that says nothing about the peers');
});

t.test('one connection too many: who never spoke goes first, then who was idle longest', async (t) => {
  const clock = new VirtualClock();
  const { tcp, received } = await open(t, '127.4.53.1', { clock, limits: { inAll: 3, perSource: 9 } });
  const ends: End[] = [];
  const add = async (speaks: boolean): Promise<void> => {
    const end = await caller(t, '127.4.53.1', '127.4.53.2');
    ends.push(end);
    const before = received.length;
    end.socket.write(speaks ? theirRequest('OPTIONS') : '\r\n\r\n');
    await until(() => (speaks ? received.length > before : end.text !== ''));
    clock.advance(1);
  };
  await add(true);
  await add(false);
  await add(true);
  await add(true);
  await until(() => ends[1]?.closed === true);
  await add(true);
  await until(() => ends[0]?.closed === true);
  t.same(
    ends.map(({ closed }) => closed),
    [true, true, false, false, false],
  );
  await until(() => tcp.connections === 3);
  t.same(tcp.stats().closed, { 'too many': 2 });
});

t.test('too many connections of one address: its own give way, and nobody else hears of it', async (t) => {
  const { tcp } = await open(t, '127.4.60.1', { limits: { inAll: 100, perSource: 5 } });
  const other = await caller(t, '127.4.60.1', '127.4.60.2');
  const flood: End[] = [];
  for (let made = 0; made < 30; made += 1) {
    flood.push(await caller(t, '127.4.60.1', '127.4.60.3'));
  }
  await until(() => flood.filter(({ closed }) => closed).length === 25);
  t.same(
    flood.slice(-5).map(({ closed }) => closed),
    [false, false, false, false, false],
    'the newest stay',
  );
  t.notOk(other.closed);
  t.equal(tcp.connections, 6);
  t.same(tcp.stats().closed, { 'too many of one address': 25 });
});

t.test('a peer that does not read is given up: when too much waits, and when it waits too long', async (t) => {
  const clock = new VirtualClock();
  const { tcp, received } = await open(t, '127.4.61.1', { clock });
  const [greedy, lazy] = [await caller(t, '127.4.61.1', '127.4.61.2'), await caller(t, '127.4.61.1', '127.4.61.3')];
  for (const end of [greedy, lazy]) {
    end.socket.pause();
    end.socket.write(theirRequest('OPTIONS'));
  }
  await until(() => received.length === 2);
  const large = `SIP/2.0 200 OK\r\n\r\n${'x'.repeat(1024 * 1024)}`;
  const sendTo = (end: End, times: number): void => {
    const from = tcpAt(String(end.socket.localAddress), end.socket.localPort);
    for (let sent = 0; sent < times; sent += 1) {
      tcp.send(large, from, tcpAt('127.4.61.9', 0));
    }
  };
  sendTo(greedy, 40);
  await until(() => tcp.connections === 1);
  t.same(tcp.stats().closed, { 'reads too slowly': 1 });
  for (let sent = 0; sent < 12 && tcp.connections === 1; sent += 1) {
    sendTo(lazy, 1);
    await sleep(5);
  }
  clock.advance(15_000);
  await until(() => tcp.connections === 0);
  t.same(tcp.stats().closed, { 'reads too slowly': 2 });
});

t.test('halves of messages hold a bounded amount of memory, over all connections', async (t) => {
  const { tcp, received } = await open(t, '127.4.62.1');
  const half = `MESSAGE sip:a@b SIP/2.0\r\nContent-Length: 1000000\r\n\r\n${'x'.repeat(990_000)}`;
  const ends: End[] = [];
  for (let made = 0; made < 80; made += 1) {
    const end = await caller(t, '127.4.62.1', `127.4.62.${String(2 + (made % 20))}`);
    ends.push(end);
    end.socket.write(half);
  }
  await until(() => ends.some(({ closed }) => closed), 'one gives way');
  await until(() => ends.filter(({ closed }) => closed).length >= 12, 'all above 64 MB');
  t.ok(tcp.connections <= 70, `${String(tcp.connections)} connections of 80 are left`);
  t.ok((tcp.stats().closed['too much of half messages'] ?? 0) >= 12);
  t.equal(received.length, 0);
});

t.test('our own connections are pinged when idle; who answered pings and stops is dead', async (t) => {
  const clock = new VirtualClock();
  const { tcp, refused } = await open(t, '127.4.63.1', { clock });
  const [ends, silent] = [await listener(t, '127.4.63.2'), await listener(t, '127.4.63.3')];
  tcp.send(theirRequest('OPTIONS'), tcpAt('127.4.63.2'));
  tcp.send(theirRequest('OPTIONS'), tcpAt('127.4.63.3'));
  await until(() => ends[0]?.text !== undefined && ends[0].text !== '' && silent[0]?.text !== '');
  const [end, mute] = [ends[0], silent[0]];
  for (const each of [end, mute]) {
    each?.socket.write('SIP/2.0 200 OK\r\n\r\n');
    if (each) {
      each.text = '';
    }
  }
  await sleep(20);
  clock.advance(25_000);
  await until(() => end?.text === '\r\n\r\n' && mute?.text === '\r\n\r\n');
  end?.socket.write('\r\n');
  await sleep(20);
  if (end) {
    end.text = '';
  }
  clock.advance(15_000);
  await sleep(20);
  t.equal(tcp.connections, 2, 'who never answered a ping may not know what it is');
  clock.advance(10_000);
  await until(() => end?.text === '\r\n\r\n');
  clock.advance(15_000);
  await until(() => end?.closed === true);
  await until(() => refused.length === 1);
  t.same(refused, [tcpAt('127.4.63.2')]);
  t.same(tcp.stats().closed, { 'no pong': 1 });
  tcp.send(theirRequest('OPTIONS'), tcpAt('127.4.63.3'));
  await until(() => silent.length === 2, 'a request does not trust a connection that answered no ping');
});

t.test('a filter drops and delays messages, both ways', async (t) => {
  const clock = new VirtualClock();
  const fate = (text: string): 'drop' | number => (text.includes('drop') ? 'drop' : text.includes('late') ? 100 : 0);
  const { tcp, received } = await open(t, '127.4.54.1', { clock, filter: { incoming: fate, outgoing: fate } });
  const ends = await listener(t, '127.4.54.2');
  const texts = ['drop', 'late', 'now'].map((user) => `INFO sip:${user} SIP/2.0\r\n\r\n`);
  for (const text of texts) {
    tcp.send(text, tcpAt('127.4.54.2'));
  }
  await until(() => ends[0]?.text === texts[2]);
  ends[0]?.socket.write(texts.join(''));
  await until(() => received.length === 1);
  clock.advance(100);
  await until(() => ends[0]?.text === `${texts[2]}${texts[1]}`);
  t.same(
    received.map(({ text }) => text),
    [texts[2], texts[1]],
  );
});

t.test('a port in use gives EADDRINUSE; closing amid everything throws nothing', async (t) => {
  const { tcp, refused, received } = await open(t, '127.4.55.1');
  await t.rejects(open(t, '127.4.55.1'), { code: 'EADDRINUSE' });
  const end = await caller(t, '127.4.55.1', '127.4.55.2');
  await until(() => tcp.connections === 1);
  tcp.send('OPTIONS', tcpAt('127.4.55.3'));
  end.socket.write(theirRequest('OPTIONS'));
  const closing = tcp.close();
  tcp.send('OPTIONS', tcpAt('127.4.55.3'));
  await closing;
  await tcp.close();
  await until(() => end.closed);
  await sleep(20);
  t.equal(tcp.port, 0);
  t.same([refused, received], [[], []]);
});
