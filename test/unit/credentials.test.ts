import { createHash } from 'node:crypto';
import { inspect } from 'node:util';
import t, { type Test } from 'tap';
import { DrachtioServer } from '../../src/adapters/drachtio/server.js';
import { systemClock } from '../../src/adapters/system/clock.js';
import { Secret } from '../../src/config/secret.js';
import { id, type TrunkId } from '../../src/domain/ids.js';
import { ms } from '../../src/domain/time.js';
import type { CalleeEvents, Dialog, InviteFailure, TrunkCredentials } from '../../src/ports/sip-server.js';
import { FakeControl, type Handed } from '../support/fake-control.js';
import { ANSWER, OFFER } from '../support/fake-sip-server.js';
import { until } from '../support/until.js';

// A trunk asks who we are. The unmodified drachtio-srf on one side, on the other a SIP server that the test plays.

const PASSWORD = 'hunter2-and-more';
const URI = 'sip:112@127.0.0.2';
const nextHop = { host: '127.0.0.2', port: 5060, transport: 'udp' as const };
const ours: TrunkCredentials = { user: 'noodroute', realm: undefined, password: new Secret(PASSWORD) };

/** The adapter, what it logged, and a call over the trunk `kpn-a`, which has these credentials. */
async function called(t: Test, credentials: TrunkCredentials | 'none' = ours, trunk = 'kpn-a') {
  const control = await FakeControl.listen();
  const logged: string[] = [];
  const write = (fields: unknown, text: string) => logged.push(`${text} ${inspect(fields, { depth: 9 })}`);
  const log = { debug: write, info: write, warn: write, error: write };
  const server = new DrachtioServer(systemClock, log, (name) =>
    name === 'kpn-a' && credentials !== 'none' ? credentials : undefined,
  );
  t.teardown(() => {
    server.close();
    control.close();
  });
  await new Promise<void>((resolve) => {
    server.onConnected(resolve);
    server.connect({ host: '127.0.0.1', port: control.port, secret: 'x' });
  });
  const failed: InviteFailure[] = [];
  const answered: Dialog[] = [];
  let over = 0;
  const events: CalleeEvents = {
    progressed: () => undefined,
    answered: (_, dialog) => answered.push(dialog),
    failed: (failure) => failed.push(failure),
    ended: () => undefined,
    requested: () => undefined,
    over: () => {
      over += 1;
    },
  };
  const headers = [
    { name: 'From', value: '<sip:1@x>;tag=us' },
    { name: 'Content-Type', value: 'application/sdp' },
  ];
  const leg = server.invite({ trunk: id<TrunkId>(trunk), uri: URI, nextHop, headers, body: OFFER }, events);
  return {
    control,
    leg,
    failed,
    answered,
    overs: () => over,
    logged,
    probe: async () => server.probe(nextHop, ms(2_000)),
  };
}

function response(request: Handed, status: number, lines: readonly string[] = [], body = ''): string {
  const head = [
    `SIP/2.0 ${status} Phrase`,
    'Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1',
    'From: <sip:1@x>;tag=us',
    `To: <${URI}>;tag=a`,
    'Call-ID: out',
    `CSeq: 1 ${request.text.slice(0, request.text.indexOf(' '))}`,
    ...lines,
    `Content-Length: ${body.length}`,
  ];
  return `${head.join('\r\n')}\r\n\r\n${body}`;
}

const OUT = 'out;from-tag=us';
const challenge = (more = '', nonce = 'n1', realm = 'kpn') =>
  `Proxy-Authenticate: Digest realm="${realm}", nonce="${nonce}", qop="auth"${more}`;

/** Whether the request shows the password, for this method and its own Request-URI. */
function shows({ text }: Handed, nonce = 'n1', name = 'Proxy-Authorization'): boolean {
  const value = new RegExp(`^${name}: (.*)$`, 'im').exec(text)?.[1] ?? '';
  const part = (key: string): string => new RegExp(`[ ,]${key}="?([^",]*)`).exec(value)?.[1] ?? '';
  const h = (plain: string): string =>
    createHash(part('algorithm') === 'SHA-256' ? 'sha256' : 'md5')
      .update(plain)
      .digest('hex');
  const [method = '', uri = ''] = text.split(' ');
  const a1 = h(`noodroute:${part('realm')}:${PASSWORD}`);
  const expected = h(`${a1}:${nonce}:${part('nc')}:${part('cnonce')}:auth:${h(`${method}:${uri}`)}`);
  return part('response') === expected && part('uri') === uri && part('username') === 'noodroute';
}

t.test('the same call goes out once more, with credentials', async (t) => {
  const { control, leg, failed, answered, overs } = await called(t);
  const first = await control.handed('INVITE');
  t.notMatch(first.text, /Authorization/i, 'nobody is shown anything unasked');
  control.network(response(first, 407, [challenge()]), { txnId: 't1' });
  const second = await control.handed('INVITE', 1);
  t.ok(shows(second));
  t.equal(second.route, first.route, 'to the trunk');
  t.match(second.text, /^Call-ID: out\r$/im);
  t.match(second.text, /^CSeq: 2 INVITE\r$/im);
  t.match(second.text, /^From: <sip:1@x>;tag=us\r$/im);
  t.equal(second.text.split('\r\n\r\n')[1], OFFER, 'and all that it said');
  t.same(failed, [], 'the call hears nothing of it');
  control.network(response(second, 200, ['Contact: <sip:far@127.0.0.2>', 'Content-Type: application/sdp'], ANSWER), {
    ...{ txnId: 't2', dialogId: OUT },
  });
  await until(() => answered.length === 1, 5_000);
  leg.acknowledge();
  const ack = await control.handed('ACK');
  const shown = ({ text }: Handed): string | undefined => /^Proxy-Authorization: (.*)$/im.exec(text)?.[1];
  t.equal(shown(ack), shown(second), 'RFC 3261 22.1');
  t.equal(overs(), 0);
});

t.test('SHA-256, and 401', async (t) => {
  const { control } = await called(t);
  const first = await control.handed('INVITE');
  const lines = [
    'WWW-Authenticate: Digest realm="kpn", nonce="n9", qop="auth", algorithm=SHA-256',
    'WWW-Authenticate: Digest realm="kpn", nonce="n9", qop="auth", algorithm=MD5',
  ];
  control.network(response(first, 401, lines), { txnId: 't1' });
  const second = await control.handed('INVITE', 1);
  t.match(second.text, /^Authorization: .*algorithm=SHA-256/im, 'what the far end likes best');
  t.ok(shows(second, 'n9', 'Authorization'));
});

t.test('wrong credentials are not shown twice', async (t) => {
  const { control, failed, overs, logged } = await called(t);
  control.network(response(await control.handed('INVITE'), 407, [challenge()]), { txnId: 't1' });
  const second = await control.handed('INVITE', 1);
  control.network(response(second, 407, [challenge(', stale=false', 'n2')]), { txnId: 't2' });
  await until(() => failed.length === 1, 5_000);
  t.match(failed, [{ origin: 'peer', known: true, response: { status: 407 } }]);
  t.equal(overs(), 1);
  t.equal(control.transactions, 2);
  t.notOk(logged.some((line) => line.includes(PASSWORD)));
  t.notMatch(JSON.stringify(failed), PASSWORD);
});

t.test('a nonce that is too old is answered once more, and no more', async (t) => {
  const { control, failed } = await called(t);
  control.network(response(await control.handed('INVITE'), 407, [challenge()]), { txnId: 't1' });
  control.network(response(await control.handed('INVITE', 1), 407, [challenge(', stale=true', 'n2')]), { txnId: 't2' });
  const third = await control.handed('INVITE', 2);
  t.ok(shows(third, 'n2'));
  t.match(third.text, /^Call-ID: out\r$/im);
  control.network(response(third, 407, [challenge(', stale=true', 'n3')]), { txnId: 't3' });
  await until(() => failed.length === 1, 5_000);
  t.equal(control.transactions, 3);
});

t.test('a proxy and the far end behind it may each ask', async (t) => {
  const { control, failed } = await called(t);
  control.network(response(await control.handed('INVITE'), 407, [challenge()]), { txnId: 't1' });
  const lines = ['WWW-Authenticate: Digest realm="far", nonce="w1", qop="auth"'];
  control.network(response(await control.handed('INVITE', 1), 401, lines), { txnId: 't2' });
  const third = await control.handed('INVITE', 2);
  t.ok(shows(third) && shows(third, 'w1', 'Authorization'), 'both see theirs');
  t.same(failed, []);
});

t.test('nobody else is shown anything', async (t) => {
  const realm: TrunkCredentials = { ...ours, realm: 'kpn' };
  for (const [what, credentials, trunk, line] of [
    ['another trunk', ours, 'second-a', challenge()],
    ['a trunk without credentials', 'none', 'kpn-a', challenge()],
    ['another realm', realm, 'kpn-a', challenge('', 'n1', 'phisher')],
    ['another scheme', ours, 'kpn-a', 'Proxy-Authenticate: Basic realm="kpn"'],
    ['no challenge', ours, 'kpn-a', 'X: y'],
    ['the wrong header', ours, 'kpn-a', 'WWW-Authenticate: Digest realm="kpn", nonce="1"'],
  ] as const) {
    const { control, failed } = await called(t, credentials, trunk);
    control.network(response(await control.handed('INVITE'), 407, [line]), { txnId: 't1' });
    await until(() => failed.length === 1, 5_000);
    t.equal(control.transactions, 1, what);
    t.notOk(failed.some((failure) => failure.origin === 'peer' && failure.known === true));
  }
  const { control } = await called(t, realm);
  const both = 'Proxy-Authenticate: Digest realm="phisher", nonce="1", Digest realm="kpn", nonce="n1", qop="auth"';
  control.network(response(await control.handed('INVITE'), 407, [both]), { txnId: 't1' });
  const second = await control.handed('INVITE', 1);
  t.ok(shows(second) && !second.text.includes('phisher'), 'of two realms ours');
});

t.test('a probe that is asked who it is has found somebody', async (t) => {
  const { control, probe } = await called(t);
  await control.handed('INVITE');
  const answer = probe();
  const options = await control.handed('OPTIONS');
  control.network(response(options, 401, ['WWW-Authenticate: Digest realm="kpn", nonce="1"']), { txnId: 't2' });
  t.match(await answer, { kind: 'answered', status: 401 });
  t.equal(control.transactions, 2, 'which is all that was asked');
});

t.test('the caller gives up while the trunk asks', async (t) => {
  const { control, leg, failed, overs } = await called(t);
  const first = await control.handed('INVITE');
  control.mute = true;
  control.network(response(first, 407, [challenge()]), { txnId: 't1' });
  await control.handed('INVITE', 1);
  control.mute = false;
  leg.cancel(['SIP;cause=200']);
  t.equal(control.all.filter(({ text }) => text.startsWith('CANCEL')).length, 0, 'the second one is on its way');
  t.same(failed, []);
  t.equal(overs(), 0, 'its channel is not free yet');

  const later = await called(t);
  control.mute = false;
  const invite = await later.control.handed('INVITE');
  later.leg.cancel([]);
  await later.control.handed('CANCEL');
  later.control.network(response(invite, 407, [challenge()]), { txnId: 't1' });
  await until(() => later.overs() === 1, 5_000);
  t.equal(
    later.control.all.filter(({ text }) => text.startsWith('INVITE')).length,
    1,
    'no second one after the CANCEL',
  );
});

t.test('what follows in the dialog is challenged too', async (t) => {
  const { control, leg, answered } = await called(t);
  const ok = (request: Handed, txnId: string) => {
    const lines = ['Contact: <sip:far@127.0.0.2>', 'Content-Type: application/sdp'];
    control.network(response(request, 200, lines, ANSWER), { txnId, dialogId: OUT });
  };
  ok(await control.handed('INVITE'), 't1');
  await until(() => answered.length === 1, 5_000);
  leg.acknowledge();
  await control.handed('ACK');
  const [dialog] = answered;
  if (dialog === undefined) {
    return;
  }
  let transaction = control.transactions;
  for (const method of ['INVITE', 'UPDATE', 'INFO']) {
    const before = control.all.filter(({ text }) => text.startsWith(`${method} `)).length;
    const asked = dialog.request(method, [{ name: 'Content-Type', value: 'application/sdp' }], OFFER);
    const first = await control.handed(`${method} `, before);
    transaction += 1;
    control.network(response(first, 401, ['WWW-Authenticate: Digest realm="kpn", nonce="d1", qop="auth"']), {
      txnId: `t${transaction}`,
      dialogId: OUT,
    });
    const second = await control.handed(`${method} `, before + 1);
    transaction += 1;
    t.ok(shows(second, 'd1', 'Authorization'), method);
    t.equal(second.dialogId, first.dialogId);
    ok(second, `t${transaction}`);
    const response2 = await asked;
    t.equal(response2.status, 200);
    if (method === 'INVITE') {
      response2.acknowledge();
      t.match((await control.handed('ACK', 1)).text, /^Authorization: /im);
      transaction += 1;
    }
  }
  dialog.release(['Q.850;cause=16']);
  const bye = await control.handed('BYE');
  transaction = control.transactions;
  control.network(response(bye, 401, ['WWW-Authenticate: Digest realm="kpn", nonce="d2", qop="auth"']), {
    txnId: `t${transaction}`,
    dialogId: OUT,
  });
  const again = await control.handed('BYE', 1);
  t.ok(shows(again, 'd2', 'Authorization'), 'BYE: else the far end goes on');
  t.match(again.text, /^Reason: Q\.850;cause=16\r$/im);
});
