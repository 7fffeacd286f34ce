import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { runSipp, startSipp, type SippResult } from '../support/sipp.js';
import { until } from '../support/until.js';

// Trunks that ask who calls. The gateway has the password of `kpn-a` from an environment variable.

const PASSWORD = 'zeer geheim, 1 "quote" é';
const PLAIN = 'hunter2';
const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\n';

interface Site {
  readonly gateway: TestGateway;
  readonly caller: string;
  /** Everything that the gateway wrote: its log and its journal. */
  readonly written: () => string;
}

/** @param far plays the first carrier at its address: it is there before the gateway. */
async function site<Far>(
  t: Test,
  { net, password, realm }: { readonly net: number; readonly password: string; readonly realm?: string },
  far: (address: string) => Promise<Far>,
): Promise<Site & { readonly far: Far }> {
  const address = (host: number): string => `127.${net}.${host}.1`;
  const [kpn, second] = [address(20), address(30)];
  const other = await startSipp({ scenario: 'answer.xml', address: second });
  const first = await far(kpn);
  const journal = mkdtempSync(join(tmpdir(), 'noodroute-journal-'));
  process.env['KPN_PASSWORD'] = password;
  const wanted = realm === undefined ? '' : `, realm: ${realm}`;
  const gateway = await startGateway({
    host: address(0),
    journal,
    trunks: [
      { id: 'kpn-a', carrier: 'kpn', address: `${kpn}:5060`, tier: 1 },
      { id: 'second-a', carrier: 'second', address: `${second}:5060`, tier: 2 },
    ],
    edit: (file, text) =>
      file === 'inventory'
        ? text.replace(
            `${kpn}:5060,`,
            `${kpn}:5060, credentials: { user: noodroute, secretVariable: KPN_PASSWORD${wanted} },`,
          )
        : text,
  });
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    await other.stop();
    rmSync(journal, { recursive: true, force: true });
  });
  const files = (): string =>
    readdirSync(journal, { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map(({ parentPath, name }) => readFileSync(join(parentPath, name), 'utf8'))
      .join('');
  return { gateway, caller: address(1), far: first, written: () => gateway.log() + files() };
}

async function call(
  { gateway, caller }: Site,
  calls = 1,
  scenario = 'caller.xml',
  duration = 300,
): Promise<SippResult> {
  return runSipp({ scenario, address: caller, target: gateway.sip, service: '112', calls, rate: 5, duration });
}

/** The trunks of the attempts of each call. */
async function attempts({ gateway }: Site): Promise<readonly (readonly string[])[]> {
  return (await gateway.calls()).map((report) =>
    report.attempts.map(({ trunk, status }) => `${trunk} ${status ?? '-'}`),
  );
}

t.test('a trunk that asks who calls is answered: MD5, for INVITE, ACK and BYE', async (t) => {
  const here = await site(t, { net: 206, password: PLAIN }, async (address) =>
    startSipp({ scenario: 'answer-known.xml', address, words: { password: PLAIN } }),
  );
  const { far } = here;
  t.match(await call(here, 10), { exitCode: 0, successful: 10, failed: 0 });
  const { messages, successful } = await far.stop();
  t.ok(successful >= 10, 'SIPp found the password in each INVITE and BYE');
  t.same(
    await attempts(here),
    Array.from({ length: 10 }, () => ['kpn-a 200']),
    'one attempt each',
  );
  const acks = messages.split(/^-{10}/m).filter((text) => /^ACK sip:/m.test(text) && text.includes('Authorization'));
  t.ok(acks.length >= 10, 'the ACK shows it too');
  t.notMatch(here.written(), PLAIN);
});

/** What a far end that knows the password makes of a request. */
function isKnown(request: string, password: string, nonce: string): boolean {
  const value = valueOf(request, 'Authorization');
  const part = (key: string): string => new RegExp(`[ ,]${key}="?([^",]*)`).exec(value)?.[1] ?? '';
  const h = (text: string): string => createHash('sha256').update(text, 'utf8').digest('hex');
  const [method = '', uri = ''] = request.split(' ');
  const middle = `${nonce}:${part('nc')}:${part('cnonce')}:auth`;
  const expected = h(`${h(`noodroute:zaal noord:${password}`)}:${middle}:${h(`${method}:${uri}`)}`);
  return part('response') === expected && part('uri') === uri && part('nonce') === nonce;
}

const CHALLENGE = (nonce: string): string =>
  `WWW-Authenticate: Digest realm="zaal noord", nonce="${nonce}", qop="auth,auth-int", algorithm=SHA-256`;

/** Asks with SHA-256, and answers only those who know. */
function asks(password: string, address: string): RawBehaviour {
  return (request, peer) => {
    if (request.startsWith('ACK') || request.startsWith('CANCEL')) {
      return;
    }
    if (!isKnown(request, password, 'n1')) {
      return peer.respond(request, '401 Unauthorized', [CHALLENGE('n1')]);
    }
    if (request.startsWith('INVITE')) {
      peer.respond(request, '180 Ringing');
      return peer.respond(request, '200 OK', [`Contact: <sip:${address}>`, 'Content-Type: application/sdp'], SDP);
    }
    peer.respond(request, '200 OK');
  };
}

/** A far end of the test's own. */
function playing(t: Test, behave: RawBehaviour) {
  return async (address: string): Promise<RawPeer> => {
    const peer = await startRawPeer(address, 5060, behave);
    t.teardown(() => {
      peer.close();
    });
    return peer;
  };
}

function asking(t: Test, password: string) {
  return async (address: string): Promise<RawPeer> => playing(t, asks(password, address))(address);
}

t.test('SHA-256, and a password with every kind of character', async (t) => {
  const here = await site(t, { net: 207, password: PASSWORD, realm: 'zaal noord' }, asking(t, PASSWORD));
  const { far } = here;
  const sipp = await call(here, 3);
  t.match(sipp, { exitCode: 0, successful: 3, failed: 0 });
  t.same(
    await attempts(here),
    Array.from({ length: 3 }, () => ['kpn-a 200']),
  );
  await until(() => far.requests('BYE').length === 6, 5_000);
  const invites = far.requests('INVITE');
  t.equal(invites.length, 6);
  const byCall = new Set(invites.map((text) => valueOf(text, 'Call-ID')));
  t.equal(byCall.size, 3, 'the second INVITE is the same call to the far end');
  t.notMatch(here.written(), PASSWORD);
  t.comment(`rang after ${Math.max(...(sipp.times['2'] ?? []))} ms`);
});

t.test('wrong credentials: the next trunk at once, and somebody is told', async (t) => {
  const here = await site(t, { net: 208, password: 'not-the-one' }, asking(t, PASSWORD));
  const { far } = here;
  const sipp = await call(here);
  t.match(sipp, { exitCode: 0, successful: 1, failed: 0 });
  t.same(await attempts(here), [['kpn-a 401', 'second-a 200']]);
  t.equal(far.requests('INVITE').length, 2, 'they were shown once');
  const [rang = Number.NaN] = sipp.times['2'] ?? [];
  t.ok(rang < 600, `rang elsewhere after ${rang} ms`);
  t.match(await here.gateway.alarms(), [{ kind: 'configuration', text: /kpn-a.*credentials/ }]);
  t.notMatch(here.written(), 'not-the-one');
});

t.test('another realm than the configured one is shown nothing', async (t) => {
  const here = await site(t, { net: 209, password: PASSWORD, realm: 'kpn' }, asking(t, PASSWORD));
  const { far } = here;
  t.match(await call(here), { exitCode: 0, successful: 1, failed: 0 });
  t.equal(far.requests('INVITE').length, 1);
  t.notOk(far.received.some((text) => text.includes('Authorization')));
});

t.test('the caller gives up just as the trunk asks', async (t) => {
  let known = 0;
  const behave: RawBehaviour = (request, peer) => {
    if (request.startsWith('INVITE') && !isKnown(request, PASSWORD, 'n1')) {
      peer.respond(request, '401 Unauthorized', [CHALLENGE('n1')]);
    } else if (request.startsWith('INVITE')) {
      known += 1;
      peer.respond(request, '180 Ringing');
    } else if (request.startsWith('CANCEL')) {
      const invite = peer.requests('INVITE').find((each) => valueOf(each, 'Via') === valueOf(request, 'Via'));
      peer.respond(request, '200 OK');
      peer.respond(invite ?? '', '487 Request Terminated');
    }
  };
  const here = await site(t, { net: 210, password: PASSWORD }, playing(t, behave));
  const { far } = here;
  const sipp = await call(here, 5, 'caller-gives-up.xml', 100);
  t.match(sipp, { exitCode: 0, successful: 5, failed: 0 });
  await until(() => far.requests('CANCEL').length === 5, 5_000);
  t.equal(known, 5);
  const challenged = far.requests('INVITE').filter((text) => isKnown(text, PASSWORD, 'n1'));
  t.same(
    far
      .requests('CANCEL')
      .map((text) => valueOf(text, 'Via'))
      .toSorted(),
    challenged.map((text) => valueOf(text, 'Via')).toSorted(),
    'what is cancelled is the INVITE that rings',
  );
  await until(async () => (await here.gateway.stats()).channels.every(({ used }) => used === 0), 5_000);
  t.same(
    (await here.gateway.stats()).channels.map(({ used }) => used),
    [0, 0],
    'every channel is free again',
  );
});
