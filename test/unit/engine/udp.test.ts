import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { realClock } from '../../../src/engine/clock.js';
import { STANDARD_TIMERS } from '../../../src/engine/timers.js';
import { TransactionLayer } from '../../../src/engine/transaction/layer.js';
import type { Peer, TransportEvents, TransportFilter } from '../../../src/engine/transport/transport.js';
import { UdpTransport } from '../../../src/engine/transport/udp.js';
import { VirtualClock } from '../../support/virtual-clock.js';
import { bench, hearing, ownRequest, peerAt, theirRequest, until } from './fakes.js';

interface Open {
  readonly udp: UdpTransport;
  readonly received: { readonly text: string; readonly from: Peer }[];
  readonly refused: Peer[];
}

async function open(t: Test, address: string, filter?: TransportFilter, clock = realClock): Promise<Open> {
  const received: { text: string; from: Peer }[] = [];
  const refused: Peer[] = [];
  const events: TransportEvents = {
    received: (text, from) => received.push({ text, from }),
    refused: (peer) => refused.push(peer),
  };
  const udp = await UdpTransport.open(
    { address, port: 5060, clock, ...(filter === undefined ? {} : { filter }) },
    events,
  );
  t.teardown(async () => udp.close());
  return { udp, received, refused };
}

async function peerSocket(t: Test, address: string, port = 5060): Promise<{ socket: Socket; texts: string[] }> {
  const socket = createSocket('udp4');
  const texts: string[] = [];
  socket.on('message', (bytes) => texts.push(bytes.toString('latin1')));
  socket.bind(port, address);
  await once(socket, 'listening');
  t.teardown(() => {
    socket.close();
  });
  return { socket, texts };
}

t.test('a refusal is seen at once while others still reach the listener', async (t) => {
  const { udp, received, refused } = await open(t, '127.4.1.1');
  const other = await peerSocket(t, '127.4.1.3');
  const nobody = peerAt('127.4.1.2');
  const start = performance.now();
  udp.send('INVITE sip:a SIP/2.0\r\n\r\n', nobody);
  other.socket.send('OPTIONS from another', 5060, '127.4.1.1');
  await until(() => refused.length > 0);
  const took = performance.now() - start;
  t.comment(`refused after ${took.toFixed(2)} ms`);
  t.same(refused, [nobody]);
  t.ok(took < 250, 'and not by a timer; how soon is measured on a whole engine');
  await until(() => received.length > 0);
  t.same(received, [{ text: 'OPTIONS from another', from: peerAt('127.4.1.3') }]);
});

t.test('each refusal is told, also when it meets the next message, and the socket stays of use', async (t) => {
  const { udp, received, refused } = await open(t, '127.4.2.1');
  const peer = peerAt('127.4.2.2');
  for (let round = 1; round <= 3; round += 1) {
    udp.send('OPTIONS sip:a SIP/2.0\r\n\r\n', peer);
    udp.send('OPTIONS sip:b SIP/2.0\r\n\r\n', peer);
    await until(() => refused.length >= round);
    await sleep(5);
    t.ok(refused.length >= round);
  }
  t.equal(udp.connections, 1);
  const back = await peerSocket(t, '127.4.2.2');
  udp.send('OPTIONS sip:c SIP/2.0\r\n\r\n', peer);
  await until(() => back.texts.length > 0);
  t.same(back.texts, ['OPTIONS sip:c SIP/2.0\r\n\r\n']);
  back.socket.send('SIP/2.0 200 OK', 5060, '127.4.2.1');
  await until(() => received.length > 0);
  t.equal(received[0]?.text, 'SIP/2.0 200 OK');
});

t.test('an INVITE of the layer fails within 50 ms when its peer refuses', async (t) => {
  const { user } = bench();
  const layer = new TransactionLayer(realClock, STANDARD_TIMERS, user);
  const udp = await UdpTransport.open({ address: '127.4.3.1', port: 5060, clock: realClock }, layer);
  t.teardown(async () => udp.close());
  const hears = hearing();
  const start = performance.now();
  layer.sendInvite(ownRequest('INVITE'), peerAt('127.4.3.2'), udp, hears);
  await until(() => hears.heard.length > 0);
  const took = performance.now() - start;
  t.comment(`failed after ${took.toFixed(2)} ms`);
  t.same(hears.heard, ['refused']);
  t.ok(took < 50);
  t.equal(layer.counts().inviteClients, 0);
});

t.test('a port in use gives EADDRINUSE, whoever uses it', async (t) => {
  await open(t, '127.4.4.1');
  await t.rejects(open(t, '127.4.4.1'), { code: 'EADDRINUSE' });
  await peerSocket(t, '127.4.4.2');
  await t.rejects(open(t, '127.4.4.2'), { code: 'EADDRINUSE' });
  await t.rejects(open(t, '192.0.2.1'), { code: 'EADDRNOTAVAIL' });
});

t.test('messages sent before the connected socket is ready leave in order', async (t) => {
  const { udp } = await open(t, '127.4.5.1');
  const peer = await peerSocket(t, '127.4.5.2');
  const texts = Array.from({ length: 20 }, (_, at) => `INFO ${at}`);
  for (const text of texts) {
    udp.send(text, peerAt('127.4.5.2'));
  }
  await until(() => peer.texts.length === texts.length);
  t.same(peer.texts, texts);
});

t.test('responses leave through the listener, to however many callers', async (t) => {
  const { udp, refused } = await open(t, '127.4.6.1');
  const caller = await peerSocket(t, '127.4.6.2');
  for (let port = 20_000; port < 22_000; port += 1) {
    udp.send('SIP/2.0 100 Trying\r\n\r\n', peerAt('127.4.6.3', port));
  }
  udp.send('SIP/2.0 200 OK\r\n\r\n', peerAt('127.4.6.2'));
  await until(() => caller.texts.length > 0);
  t.same(caller.texts, ['SIP/2.0 200 OK\r\n\r\n']);
  t.equal(udp.connections, 0);
  t.same(refused, []);
});

t.test('more next hops than there are sockets: the listener helps out, the oldest gives way', async (t) => {
  const clock = new VirtualClock();
  const { udp } = await open(t, '127.4.7.1', undefined, clock);
  const last = await peerSocket(t, '127.4.7.3');
  for (let port = 21_000; port < 21_300; port += 1) {
    udp.send('OPTIONS', peerAt('127.4.7.2', port));
  }
  udp.send('OPTIONS by the listener', peerAt('127.4.7.3'));
  await until(() => last.texts.length === 1);
  t.equal(udp.connections, 256);
  clock.advance(5_000);
  udp.send('OPTIONS by its own', peerAt('127.4.7.3'));
  await until(() => last.texts.length === 2);
  t.same(last.texts, ['OPTIONS by the listener', 'OPTIONS by its own']);
  t.equal(udp.connections, 256);
  clock.advance(200_000);
  t.equal(udp.connections, 0, 'idle ones are closed');
});

t.test('closing amid everything throws nothing, and nothing comes after it', async (t) => {
  const { udp, received, refused } = await open(t, '127.4.8.1');
  const peer = await peerSocket(t, '127.4.8.3');
  udp.send('OPTIONS early', peerAt('127.4.8.2'));
  await udp.close();
  udp.send('OPTIONS late', peerAt('127.4.8.2'));
  await udp.close();
  t.equal(udp.port, 0);
  const again = await open(t, '127.4.8.1');
  again.udp.send('OPTIONS early', peerAt('127.4.8.2'));
  again.udp.send('OPTIONS early', peerAt('0.0.0.0', 0));
  again.udp.send('OPTIONS early', peerAt('::1'));
  peer.socket.send('OPTIONS', 5060, '127.4.8.1');
  const closing = again.udp.close();
  await closing;
  await sleep(50);
  t.same([received, refused, again.received, again.refused], [[], [], [], []]);
});

t.test('what cannot be sent is told as a refusal', async (t) => {
  const { udp, refused } = await open(t, '127.4.9.1');
  udp.send('OPTIONS', peerAt('198.51.100.1'));
  udp.send('OPTIONS', peerAt('::1'));
  udp.send('OPTIONS', peerAt('127.4.9.2', 0));
  udp.send('OPTIONS', peerAt('127.4.9.3', 70_000));
  t.same(refused, [], 'not before the caller goes on');
  await until(() => refused.length === 4);
  t.same(refused.map(({ address }) => address).toSorted(), ['127.4.9.2', '127.4.9.3', '198.51.100.1', '::1']);
});

t.test('a filter drops and delays, both ways', async (t) => {
  const clock = new VirtualClock();
  const fate = (text: string): 'drop' | number => (text.includes('drop') ? 'drop' : text.includes('late') ? 100 : 0);
  const { udp, received } = await open(t, '127.4.10.1', { incoming: fate, outgoing: fate }, clock);
  const peer = await peerSocket(t, '127.4.10.2');
  for (const text of ['INFO drop', 'INFO late', 'INFO now', '\r\n\r\n', '\0\0\0\0']) {
    udp.send(text, peerAt('127.4.10.2'));
    peer.socket.send(text, 5060, '127.4.10.1');
  }
  await until(() => received.length > 0 && peer.texts.length > 2);
  await sleep(20);
  t.same(
    received.map(({ text }) => text),
    ['INFO now'],
  );
  clock.advance(100);
  await until(() => peer.texts.includes('INFO late'));
  t.same(
    received.map(({ text }) => text),
    ['INFO now', 'INFO late'],
  );
  t.same(peer.texts.toSorted(), ['\0\0\0\0', '\r\n\r\n', 'INFO late', 'INFO now']);
});

t.test('a message of 65,507 bytes goes, a longer one is told to be too large', async (t) => {
  const b = bench();
  const udp = await UdpTransport.open({ address: '127.4.11.1', port: 5060, clock: realClock }, b.layer);
  t.teardown(async () => udp.close());
  const peer = await peerSocket(t, '127.4.11.2');
  const [fits, big, probe] = [hearing(), hearing(), hearing()];
  const short = b.layer.sendRequest(ownRequest('INFO'), peerAt('127.4.11.2'), udp, fits, false);
  const room = 65_507 - short.text.length - 'Content-Length: 65000'.length + 'Content-Length: 0'.length;
  const ofSize = (method: string, size: number) => ({ ...ownRequest(method), body: 'x'.repeat(size) });
  const full = b.layer.sendRequest(ofSize('INFO', room), peerAt('127.4.11.2'), udp, fits, false);
  t.equal(full.text.length, 65_507);
  const invite = b.layer.sendInvite(ofSize('INVITE', 66_000), peerAt('127.4.11.2'), udp, big);
  b.layer.sendRequest(ofSize('INFO', room + 1), peerAt('127.4.11.2'), udp, probe, false);
  invite.stopResending();
  invite.cancel([]);
  t.same([big.heard, probe.heard], [[], []], 'not before the caller has its handle');
  b.clock.advance(0);
  t.same([big.heard, probe.heard], [['too large'], ['too large']]);
  await until(() => peer.texts.length === 2);
  t.same(peer.texts, [short.text, full.text]);
  b.layer.received(theirRequest('OPTIONS'), peerAt('127.4.11.2'), udp);
  const [handle] = b.requests;
  const headers = handle?.incoming.message.headers ?? [];
  handle?.respond({ kind: 'response', status: 200, reason: 'OK', headers, body: 'y'.repeat(66_000) });
  t.same(Object.fromEntries(b.layer.discarded), { 'too large': 1 });
  b.clock.advance(32_000);
  t.equal(b.clock.waiting, 0);
});
