import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import t, { type Test } from 'tap';
import { realClock } from '../../../src/engine/clock.js';
import { TcpTransport, type TcpOptions } from '../../../src/engine/transport/tcp.js';
import { TlsIdentity } from '../../../src/engine/transport/tls-identity.js';
import type { Peer, TransportEvents } from '../../../src/engine/transport/transport.js';
import { Authority, type Certificate } from '../../support/certificates.js';
import { theirRequest, until } from './fakes.js';

const authority = new Authority();
const stranger = new Authority();

interface Open {
  readonly tls: TcpTransport;
  readonly received: { readonly text: string; readonly from: Peer }[];
  readonly refused: Peer[];
}

async function open(t: Test, identity: TlsIdentity, options: Partial<TcpOptions> & { address: string }): Promise<Open> {
  const received: { text: string; from: Peer }[] = [];
  const refused: Peer[] = [];
  const events: TransportEvents = {
    received: (text, from) => received.push({ text, from }),
    refused: (peer) => refused.push(peer),
  };
  const tls = await TcpTransport.open({ port: 5061, clock: realClock, identity, ...options }, events);
  t.teardown(async () => tls.close());
  return { tls, received, refused };
}

/** @param ca who signs the certificates of both servers and callers. */
function identity({ cert, key }: Certificate, ca?: string): TlsIdentity {
  return new TlsIdentity({ cert, key, ...(ca === undefined ? {} : { ca, callerCa: ca }) });
}

function openssl(t: Test, ...options: readonly string[]): ChildProcess & { output: string } {
  const child = Object.assign(spawn('openssl', ['s_client', '-quiet', ...options]), { output: '' });
  child.stdout.on('data', (data: Buffer) => (child.output += data.toString('latin1')));
  child.stderr.on('data', (data: Buffer) => (child.output += data.toString('latin1')));
  t.teardown(() => child.kill('SIGKILL'));
  return child;
}

async function shownBy(
  t: Test,
  host: string,
  options: ConnectionOptions & { readonly localAddress?: string } = {},
): Promise<string> {
  const socket: TLSSocket = connect({ host, port: 5061, ca: authority.cert, ...options });
  t.teardown(() => socket.destroy());
  await once(socket, 'secureConnect');
  const serial = socket.getPeerCertificate().serialNumber;
  socket.destroy();
  return serial;
}

const tlsAt = (address: string, name?: string): Peer => ({
  address,
  port: 5061,
  transport: 'tls',
  ...(name === undefined ? {} : { name }),
});

t.test('openssl s_client talks to it, and both sides see the bytes', async (t) => {
  const host = '127.31.1.1';
  const b = await open(t, identity(authority.issue(`IP:${host}`)), { address: host });
  const client = openssl(t, '-connect', `${host}:5061`, '-CAfile', authority.certFile, '-verify_return_error');
  client.stdin?.write(theirRequest('OPTIONS', { via: `SIP/2.0/TLS 127.31.1.2:5061;branch=z9hG4bKssl` }));
  await until(() => b.received.length === 1);
  const from = b.received[0]?.from ?? tlsAt('nobody');
  t.equal(from.transport, 'tls');
  b.tls.send('SIP/2.0 200 OK\r\nX: caf\xe9\r\n\r\n', from);
  await until(() => client.output.includes('SIP/2.0 200 OK\r\nX: caf\xe9\r\n\r\n'));
  client.stdin?.write('\r\n\r\n');
  await until(() => client.output.endsWith('\r\n\r\n\r\n'), 'a ping over TLS is answered');
});

t.test(
  'two of them: a request and its response share a connection; domains are told apart by certificate',
  async (t) => {
    const [here, there] = ['127.31.2.1', '127.31.2.2'];
    const a = await open(t, identity(authority.issue(`IP:${here}`), authority.cert), { address: here });
    const names = [`IP:${there}`, 'DNS:kpn.example', 'DNS:also.example'];
    const b = await open(t, identity(authority.issue(...names), authority.cert), { address: there });
    a.tls.send(theirRequest('OPTIONS'), tlsAt(there, 'kpn.example'));
    await until(() => b.received.length === 1);
    a.tls.send(theirRequest('OPTIONS'), tlsAt(there, 'also.example'));
    a.tls.send(theirRequest('OPTIONS'), tlsAt(there));
    await until(() => b.received.length === 3);
    t.equal(a.tls.connections, 1, 'one certificate, one connection');
    t.same(a.refused, []);
    a.tls.send(theirRequest('OPTIONS'), tlsAt(there, 'psap.example'));
    await until(() => a.refused.length === 1);
    t.same(a.refused[0], tlsAt(there, 'psap.example'));
    t.equal(b.received.length, 3, 'who cannot show the name gets nothing');
  },
);

t.test('mutual TLS: who shows no certificate, or one of a stranger, gets no word in', async (t) => {
  const host = '127.31.3.1';
  const b = await open(t, identity(authority.issue(`IP:${host}`), authority.cert), { address: host });
  const theirs = stranger.issue('IP:127.31.3.2');
  const ours = authority.issue('IP:127.31.3.2');
  const base = ['-connect', `${host}:5061`, '-CAfile', authority.certFile];
  const clients = [
    openssl(t, ...base),
    openssl(t, ...base, '-cert', theirs.certFile, '-key', theirs.keyFile),
    openssl(t, ...base, '-cert', ours.certFile, '-key', ours.keyFile),
  ];
  for (const client of clients) {
    client.stdin?.on('error', () => undefined);
    client.stdin?.write(theirRequest('OPTIONS'));
  }
  await until(() => b.received.length === 1 && b.tls.stats().closed['handshake failed'] === 2);
  t.equal(b.tls.connections, 1);
});

t.test('who signs servers says nothing of callers: they need no certificate', async (t) => {
  const host = '127.31.6.1';
  const { cert, key } = authority.issue(`IP:${host}`);
  const b = await open(t, new TlsIdentity({ cert, key, ca: authority.cert }), { address: host });
  openssl(t, '-connect', `${host}:5061`, '-CAfile', authority.certFile).stdin?.write(theirRequest('OPTIONS'));
  await until(() => b.received.length === 1);
});

t.test('a server with the certificate of a stranger is refused', async (t) => {
  const [here, there] = ['127.31.4.1', '127.31.4.2'];
  const a = await open(t, identity(authority.issue(`IP:${here}`), authority.cert), { address: here });
  const b = await open(t, identity(stranger.issue(`IP:${there}`)), { address: there });
  a.tls.send(theirRequest('INVITE'), tlsAt(there));
  await until(() => a.refused.length === 1);
  t.equal(b.received.length, 0);
});

t.test('half a handshake is given up, counts as a connection, and keeps nobody out', async (t) => {
  const host = '127.31.5.1';
  const limits = { inAll: 10, perSource: 5 };
  const options = { address: host, handshakeAtMost: 150, limits };
  const b = await open(t, identity(authority.issue(`IP:${host}`)), options);
  const sockets = [];
  for (let made = 0; made < 30; made += 1) {
    const socket = connectTcp({ host, port: 5061, localAddress: '127.31.5.9' });
    socket.on('error', () => undefined);
    socket.write('\x16\x03\x01');
    t.teardown(() => socket.destroy());
    await once(socket, 'connect');
    sockets.push(socket);
  }
  await until(() => b.tls.stats().connections <= 5);
  const serial = await shownBy(t, host, { localAddress: '127.31.5.2' });
  t.ok(serial, 'another address gets in');
  await until(() => b.tls.stats().connections === 0, 'all are given up');
  const { closed } = b.tls.stats();
  t.equal(closed['too many of one address'], 25);
  t.ok((closed['handshake too slow'] ?? 0) >= 1);
  const plain = connectTcp({ host, port: 5061 });
  plain.on('error', () => undefined);
  plain.write(theirRequest('OPTIONS'));
  await once(plain, 'close');
  t.equal(b.received.length, 0, 'SIP in clear is no TLS');
});

t.test(
  'other certificates are used from now on; connections that are open stay; a wrong key changes nothing',
  async (t) => {
    const host = '127.31.6.1';
    const [first, second] = [authority.issue(`IP:${host}`), authority.issue(`IP:${host}`)];
    const own = identity(first);
    const b = await open(t, own, { address: host });
    const client = openssl(t, '-connect', `${host}:5061`, '-CAfile', authority.certFile);
    client.stdin?.write(theirRequest('OPTIONS'));
    await until(() => b.received.length === 1);
    const before = await shownBy(t, host);
    own.replace({ cert: second.cert, key: second.key });
    const after = await shownBy(t, host);
    t.not(after, before);
    t.throws(() => {
      own.replace({ cert: first.cert, key: second.key });
    });
    t.equal(await shownBy(t, host), after);
    client.stdin?.write(theirRequest('OPTIONS', { branch: 'z9hG4bKagain' }));
    await until(() => b.received.length === 2, 'the old connection carries on');
  },
);
