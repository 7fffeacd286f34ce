import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { dnsNames } from '../../src/engine/location/dns.js';
import { DnsServer, type DnsRecord } from '../support/dns-server.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { startTcpPeer } from './tcp-peer.js';
import { connected, failureOf, isIdle, newSrf, open, sdp, startRig, timersOf, type Dialog, type Srf } from './rig.js';

// How a request finds an address that answers: names, several addresses, large requests, lost packets.
const HOST = '127.31.20.1';
const [SECOND, THIRD] = ['127.31.20.3', '127.31.20.4'];
/** First servers, one for each test: who was lost is tried last for a while. */
const FIRST = { refusing: '127.31.20.10', silent: '127.31.20.11', late: '127.31.20.12', busy: '127.31.20.13' };
const NAME_SERVER = '127.31.20.53';
const T1 = 50;

let engine: Engine;
let srf: Srf;
let names: DnsServer;

const answer: RawBehaviour = (request, peer) => {
  const isInvite = request.startsWith('INVITE ');
  if (!request.startsWith('ACK ')) {
    peer.respond(request, '200 OK', isInvite ? [`Contact: <sip:desk@${SECOND}:5060>`] : []);
  }
};

/** A service of three servers, tried in this order. Each test has one of its own: what was lost is remembered. */
function service(domain: string, ...targets: readonly string[]): readonly DnsRecord[] {
  return targets.flatMap((address, at): readonly DnsRecord[] => [
    { name: `_sip._udp.${domain}`, type: 'SRV', priority: at, weight: 0, port: 5060, target: `s${at}.${domain}` },
    { name: `s${at}.${domain}`, type: 'A', address },
  ]);
}

async function call(to: string, headers: Record<string, string> = {}): Promise<{ dialog: Dialog; took: number }> {
  const started = performance.now();
  const dialog = await srf.createUAC(to, { localSdp: sdp(1), headers });
  return { dialog, took: performance.now() - started };
}

async function peerAt(address: string, behave: RawBehaviour): Promise<RawPeer> {
  return startRawPeer(address, 5060, behave);
}

t.before(async () => {
  names = await DnsServer.start(NAME_SERVER, [
    ...service('late.example', FIRST.late, SECOND),
    ...service('busy.example', FIRST.busy, SECOND),
    ...service('refused.example', FIRST.refusing, SECOND),
    ...service('silent.example', FIRST.silent, SECOND),
  ]);
  engine = await startRig(HOST, timersOf(T1), { names: dnsNames([NAME_SERVER], '/nowhere') });
  srf = await connected(newSrf(), HOST);
});

t.teardown(async () => {
  srf.disconnect();
  await engine.close();
  names.stop();
});

t.test('connection refused over UDP is reported in under 20 ms', async (t) => {
  await failureOf(srf.createUAC(`sip:a@${THIRD}`, { localSdp: sdp(1) }));
  const times: number[] = [];
  for (let tried = 0; tried < 20; tried += 1) {
    const started = performance.now();
    const failure = await failureOf(srf.createUAC(`sip:a@${THIRD}`, { localSdp: sdp(1) }));
    times.push(performance.now() - started);
    t.equal(failure?.status, 503);
    t.equal(failure?.res?.source_address, '', 'made here, and not by the far end');
    t.match(failure?.res?.get('Warning'), /refused/);
  }
  const median = times.toSorted((a, b) => a - b)[10] ?? Infinity;
  t.comment(`median ${median.toFixed(1)} ms, longest ${Math.max(...times).toFixed(1)} ms`);
  t.ok(median < 20, `${median.toFixed(1)} ms`);
});

t.test('a server that refuses: the next one has the call at once', async (t) => {
  const second = await peerAt(SECOND, answer);
  t.teardown(() => {
    second.close();
  });
  const { dialog, took } = await call('sip:a@refused.example');
  t.comment(`answered after ${took.toFixed(0)} ms`);
  t.ok(took < T1 * 4, 'without waiting for silence');
  t.equal(second.requests('INVITE').length, 1);
  await dialog.destroy();
  const again = await call('sip:a@refused.example');
  t.ok(again.took < T1 * 4);
  await again.dialog.destroy();
});

t.test('a server that is silent: the next one after 4 T1; what rings late is cancelled', async (t) => {
  const first = await peerAt(FIRST.silent, (request, peer) => {
    if (request.startsWith('CANCEL ')) {
      peer.respond(request, '200 OK');
      peer.respond(first.requests('INVITE')[0] ?? '', '487 Request Terminated');
    }
  });
  const second = await peerAt(SECOND, answer);
  t.teardown(() => {
    first.close();
    second.close();
  });
  const { dialog, took } = await call('sip:a@silent.example');
  t.ok(took >= T1 * 4 && took < T1 * 4 + 400, `${took.toFixed(0)} ms`);
  const [invite = ''] = first.requests('INVITE');
  const copies = first.received.length;
  t.ok(copies >= 2, 'it was resent');
  t.equal(valueOf(second.requests('INVITE')[0] ?? '', 'Call-ID'), valueOf(invite, 'Call-ID'), 'the same request');
  t.not(valueOf(second.requests('INVITE')[0] ?? '', 'Via'), valueOf(invite, 'Via'), 'in a transaction of its own');
  first.respond(invite, '180 Ringing');
  await until(() => first.requests('CANCEL').length === 1, 3_000);
  t.equal(first.requests('CANCEL').length, 1);
  await dialog.destroy();
  const again = await call('sip:a@silent.example');
  t.ok(again.took < T1 * 4, `who was silent is tried last for a while: ${again.took.toFixed(0)} ms`);
  await again.dialog.destroy();
  t.equal(first.requests('INVITE').length, 1);
});

t.test('... and what answers late is acknowledged and ended', async (t) => {
  const first = await peerAt(FIRST.late, (request, peer) => {
    if (request.startsWith('BYE ')) {
      peer.respond(request, '200 OK');
    }
  });
  const second = await peerAt(SECOND, answer);
  t.teardown(() => {
    first.close();
    second.close();
  });
  const { dialog } = await call('sip:a@late.example');
  const contact = [`Contact: <sip:late@${FIRST.late}:5060>`];
  first.respond(first.requests('INVITE')[0] ?? '', '200 OK', contact, '', 'late');
  await until(() => first.requests('BYE').length === 1, 3_000);
  t.equal(first.requests('ACK').length, 1);
  t.equal(first.requests('BYE').length, 1);
  t.ok(dialog.connected);
  await dialog.destroy();
});

t.test('503 is passed on to the next server; the last one decides', async (t) => {
  const first = await peerAt(FIRST.busy, (request, peer) => {
    if (request.startsWith('INVITE ')) {
      peer.respond(request, '503 Service Unavailable');
    }
  });
  const second = await peerAt(SECOND, (request, peer) => {
    if (request.startsWith('INVITE ')) {
      peer.respond(request, '486 Busy Here');
    }
  });
  t.teardown(() => {
    first.close();
    second.close();
  });
  const failure = await failureOf(srf.createUAC('sip:a@busy.example', { localSdp: sdp(1) }));
  t.equal(failure?.status, 486);
  t.equal(first.requests('INVITE').length, 1);
  t.equal(second.requests('INVITE').length, 1);
});

t.test('a name without a server is said at once; DNS that is gone costs nobody a call', async (t) => {
  const unknown = await failureOf(srf.createUAC('sip:a@unknown.example', { localSdp: sdp(1) }));
  t.equal(unknown?.status, 503);
  t.match(unknown?.res?.get('Warning'), /unresolvable/);
  const second = await peerAt(SECOND, answer);
  t.teardown(() => {
    second.close();
    names.state = 'well';
  });
  names.state = 'silent';
  const { dialog, took } = await call('sip:a@refused.example');
  t.ok(took < 500, `from what is known: ${took.toFixed(0)} ms`);
  await dialog.destroy();
});

t.test('a lost first INVITE costs under 200 ms where the round trip is known to be 5 ms', async (t) => {
  let dropped = 0;
  const trunk = await peerAt(SECOND, (request, peer) => {
    if (request.startsWith('INVITE ') && dropped === 0) {
      dropped += 1;
      return;
    }
    setTimeout(() => {
      answer(request, peer);
    }, 5);
  });
  t.teardown(() => {
    trunk.close();
  });
  const own = await startRig('127.31.20.9');
  const app = await connected(newSrf(), '127.31.20.9');
  const started = performance.now();
  const dialog = await app.createUAC(`sip:a@${SECOND}`, { localSdp: sdp(1), headers: { 'X-Noodroute-T1': '20' } });
  const took = performance.now() - started;
  t.comment(`answered after ${took.toFixed(0)} ms, with one packet lost`);
  t.equal(dropped, 1);
  t.ok(took < 200, `${took.toFixed(0)} ms`);
  t.notMatch(trunk.received.join(''), /noodroute/i, 'nobody is told how');
  await dialog.destroy();
  app.disconnect();
  await own.close();
});

t.test('a large request goes over TCP where nobody chose, and over UDP where TCP is refused', async (t) => {
  const large = { 'X-Padding': 'x'.repeat(1_400) };
  const udp = await peerAt(SECOND, answer);
  t.teardown(() => {
    udp.close();
  });
  const refused = await call(`sip:a@${SECOND}`, large);
  t.comment(`TCP refused, answered over UDP after ${refused.took.toFixed(0)} ms`);
  t.ok(refused.took < 250, `${refused.took.toFixed(0)} ms`);
  t.match(valueOf(udp.requests('INVITE')[0] ?? '', 'Via'), /^SIP\/2.0\/UDP /);
  await refused.dialog.destroy();
  const tcp = await startTcpPeer(SECOND);
  t.teardown(() => {
    tcp.close();
  });
  const remembered = await call(`sip:a@${SECOND}`, large);
  await remembered.dialog.destroy();
  t.equal(tcp.received.length, 0, 'who refused TCP is not asked for it with each call');

  const other = await startTcpPeer(THIRD);
  t.teardown(() => {
    other.close();
  });
  const switched = await call(`sip:a@${THIRD}`, large);
  const [invite = ''] = other.received;
  t.match(valueOf(invite, 'Via'), /^SIP\/2.0\/TCP /);
  t.match(valueOf(invite, 'Contact'), new RegExp(HOST));
  t.ok(switched.dialog.connected);
  await switched.dialog.destroy();
  t.equal(other.received.length >= 3, true, 'ACK and BYE take the same way');
  const chosen = await failureOf(srf.createUAC(`sip:a@${THIRD};transport=udp`, { localSdp: sdp(1), headers: large }));
  t.equal(chosen?.status, 503, 'who chose UDP gets it');
});

t.test('all of this leaves nothing open', async (t) => {
  t.ok(await isIdle(engine, 10_000), open(engine));
});
