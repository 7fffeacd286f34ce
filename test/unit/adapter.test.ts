import t, { type Test } from 'tap';
import { DrachtioServer } from '../../src/adapters/drachtio/server.js';
import { Provisionals } from '../../src/adapters/drachtio/provisionals.js';
import { id, type TrunkId } from '../../src/domain/ids.js';
import { ms } from '../../src/domain/time.js';
import type { Clock } from '../../src/ports/clock.js';
import { systemClock } from '../../src/adapters/system/clock.js';
import type {
  CalleeEvents,
  CallerEvents,
  Dialog,
  IncomingCall,
  InDialogRequest,
  InviteFailure,
  LegEnd,
  ReceivedResponse,
} from '../../src/ports/sip-server.js';
import type { Header } from '../../src/sip/message.js';
import { VirtualClock } from '../support/virtual-clock.js';
import { FakeControl } from '../support/fake-control.js';
import { ANSWER, OFFER } from '../support/fake-sip-server.js';
import { until } from '../support/until.js';

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const BYTES = 'caf\xc3\xa9 \x00\x01\xff\xfe\r\n\r\n#|';

/** The adapter with real drachtio-srf, on a SIP server that the test plays. */
async function connected(t: Test, clock: Clock = systemClock, version?: string) {
  const control = await FakeControl.listen(version);
  const server = new DrachtioServer(clock, log);
  t.teardown(() => {
    server.close();
    control.close();
  });
  await new Promise<void>((resolve) => {
    server.onConnection((isUp) => {
      if (isUp) {
        resolve();
      }
    });
    server.connect({ host: '127.0.0.1', port: control.port, secret: 'x' });
  });
  return { control, server };
}

/** What an outgoing INVITE reported. */
function calleeEvents() {
  const seen = {
    progressed: [] as ReceivedResponse[],
    answered: [] as ReceivedResponse[],
    failed: [] as InviteFailure[],
    ended: [] as LegEnd[],
    requested: [] as InDialogRequest[],
    over: 0,
  };
  const events: CalleeEvents = {
    progressed: (response) => seen.progressed.push(response),
    answered: (response) => seen.answered.push(response),
    failed: (failure) => seen.failed.push(failure),
    ended: (end) => seen.ended.push(end),
    requested: (request) => seen.requested.push(request),
    over: () => {
      seen.over += 1;
    },
  };
  return { seen, events };
}

const nextHop = { host: '127.0.0.2', port: 5060, transport: 'udp' as const };

function invite(headers: readonly Header[] = [], body = OFFER) {
  const all = [{ name: 'From', value: '<sip:1@x>' }, { name: 'Content-Type', value: 'application/sdp' }, ...headers];
  return { trunk: id<TrunkId>('kpn-a'), uri: 'sip:112@127.0.0.2', nextHop, headers: all, body };
}

function response(status: number, headers: readonly string[], body = '', tag = 'a'): string {
  const lines = [
    `SIP/2.0 ${status} Phrase`,
    'Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1',
    'From: <sip:1@x>;tag=us',
    `To: <sip:112@127.0.0.2>;tag=${tag}`,
    'Call-ID: out',
    'CSeq: 1 INVITE',
    ...headers,
    `Content-Length: ${body.length}`,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

const SDP = 'Content-Type: application/sdp';
const OUT = 'out;from-tag=us';
const EMBEDDED = 'v0.9.10-noodroute-0.1.0';

t.test('headers and body leave through drachtio-srf byte for byte', async (t) => {
  const { control, server } = await connected(t);
  const headers = [
    { name: 'P-Asserted-Identity', value: '"Jans\xc3\xa9n, J" <sip:1@x>' },
    { name: 'Call-Info', value: '<urn:a>;purpose=x' },
    { name: 'X-Odd', value: '\xff\x80 100% "quoted, still" ;a=b' },
    { name: 'Call-Info', value: '<cid:b>;purpose=y' },
    { name: 'P-Asserted-Identity', value: '<tel:+31612345678>' },
    { name: 'constructor', value: 'a name that JavaScript objects have already' },
  ];
  server.invite(invite(headers, BYTES), calleeEvents().events);
  const { text, route } = await control.handed('INVITE');
  const [head, ...rest] = text.split('\r\n\r\n');
  t.equal(rest.join('\r\n\r\n'), BYTES);
  t.equal(route, 'sip:127.0.0.2:5060;transport=udp');
  t.same(head?.split('\r\n'), [
    'INVITE sip:112@127.0.0.2 SIP/2.0',
    'From: <sip:1@x>',
    'Content-Type: application/sdp',
    'P-Asserted-Identity: "Jans\xc3\xa9n, J" <sip:1@x>',
    'P-Asserted-Identity: <tel:+31612345678>',
    'Call-Info: <urn:a>;purpose=x',
    'Call-Info: <cid:b>;purpose=y',
    'X-Odd: \xff\x80 100% "quoted, still" ;a=b',
    `Content-Length: ${BYTES.length}`,
  ]);
});

t.test('each reliable provisional response gets its PRACK exactly once', async (t) => {
  const { control, server } = await connected(t);
  const { seen, events } = calleeEvents();
  server.invite(invite(), events);
  await control.handed('INVITE');
  const network = (text: string): void => control.network(text, { txnId: 't1', dialogId: OUT });
  network(response(180, []));
  network(response(183, ['Require: 100rel', 'RSeq: 4294967001', SDP], ANSWER));
  network(response(183, ['Require: 100rel', 'RSeq: 4294967001', SDP], ANSWER));
  network(response(180, ['Require: 100rel', 'RSeq: 4294967002']));
  network(response(180, ['Require: 100rel', 'RSeq: 4294967001'], '', 'another-fork'));
  await until(() => seen.progressed.length === 4, 5_000);
  await control.handed('PRACK', 2);
  const acks = control.all.filter(({ text }) => text.startsWith('PRACK'));
  t.same(
    acks.map(({ text, dialogId }) => [/rack: (.*)/i.exec(text)?.[1], dialogId]),
    [
      ['4294967001 1 INVITE', OUT],
      ['4294967002 1 INVITE', OUT],
      ['4294967001 1 INVITE', OUT],
    ],
  );
  t.same(
    seen.progressed.map(({ status }) => status),
    [180, 183, 180, 180],
    'a copy is not worked on again',
  );
});

t.test('a 200 without SDP is given the answer that came earlier in the same dialog', async (t) => {
  const { control, server } = await connected(t);
  const { seen, events } = calleeEvents();
  const leg = server.invite(invite(), events);
  await control.handed('INVITE');
  const network = (text: string): void => control.network(text, { txnId: 't1', dialogId: OUT });
  network(response(183, ['Require: 100rel', 'RSeq: 1', SDP], ANSWER, 'a'));
  network(response(183, ['Require: 100rel', 'RSeq: 1', SDP], OFFER, 'b'));
  network(response(200, ['Contact: <sip:b@127.0.0.2>'], '', 'a'));
  await until(() => seen.answered.length === 1, 5_000);
  t.equal(seen.answered[0]?.body, ANSWER);
  t.match(
    seen.answered[0]?.headers.find(({ name }) => name === 'Content-Type'),
    { value: 'application/sdp' },
  );
  t.equal(control.all.filter(({ text }) => text.startsWith('ACK')).length, 0, 'no ACK leaves by itself');
  leg.acknowledge();
  leg.acknowledge();
  await control.handed('ACK');
  t.equal(control.all.filter(({ text }) => text.startsWith('ACK')).length, 1);
});

t.test('which answer belongs to a bodyless 200', async (t) => {
  const received = (headers: readonly (readonly [string, string])[], body = ''): ReceivedResponse => ({
    status: 200,
    reason: '',
    headers: headers.map(([name, value]) => ({ name, value })),
    body,
  });
  const sdp = ['Content-Type', 'application/sdp'] as const;
  const of = (tag: string) => ['To', `<sip:112@x>;tag=${tag}`] as const;
  const provisionals = new Provisionals();
  provisionals.take(received([of('a'), sdp, ['RSeq', '1']], ANSWER));
  provisionals.take(received([of('a'), sdp], OFFER));
  t.equal(provisionals.complete(received([of('a')])).body, ANSWER, 'the reliable one counts');
  t.equal(provisionals.complete(received([of('other')])).body, ANSWER, 'the only one that is known');
  t.equal(provisionals.complete(received([of('a'), sdp], OFFER)).body, OFFER, 'its own');
  provisionals.take(received([of('b'), sdp], OFFER));
  t.equal(provisionals.complete(received([of('b')])).body, OFFER);
  t.equal(provisionals.complete(received([of('other')])).body, '', 'two are known, and neither is its own');
});

t.test('UPDATE in an early dialog of a trunk reaches the call, and can be answered', async (t) => {
  const { control, server } = await connected(t);
  const { seen, events } = calleeEvents();
  server.invite(invite(), events);
  await control.handed('INVITE');
  control.network(response(183, ['Require: 100rel', 'RSeq: 1', SDP], ANSWER), { txnId: 't1', dialogId: OUT });
  await until(() => seen.progressed.length === 1, 5_000);
  const update = `UPDATE sip:us@127.0.0.1 SIP/2.0\r\nFrom: <sip:112@x>;tag=a\r\nTo: <sip:1@x>;tag=us\r\nCall-ID: out\r\nCSeq: 5 UPDATE\r\n${SDP}\r\nContent-Length: ${OFFER.length}\r\n\r\n${OFFER}`;
  control.network(update, { txnId: 'u1', dialogId: OUT });
  await until(() => seen.requested.length === 1, 5_000);
  t.match(seen.requested[0]?.request, { method: 'UPDATE', body: OFFER });
  seen.requested[0]?.respond({ status: 500, headers: [{ name: 'Retry-After', value: '3' }] });
  t.equal((await control.handed('SIP/2.0 500')).txnId, 'u1');
});

/** A caller's INVITE that came in, with what its call reports. */
async function incoming(t: Test, headers: readonly string[] = [], body = OFFER, version?: string) {
  const { control, server } = await connected(t, systemClock, version);
  const seen = { cancelled: [] as (readonly string[])[], ended: [] as LegEnd[], requested: [] as InDialogRequest[] };
  const acknowledged: string[] = [];
  const events: CallerEvents = {
    cancelled: (reasons) => seen.cancelled.push(reasons),
    lost: () => undefined,
    acknowledged: (ack) => acknowledged.push(ack),
    ended: (end) => seen.ended.push(end),
    requested: (request) => seen.requested.push(request),
  };
  const call = new Promise<IncomingCall>((resolve) => {
    server.onInvite((each) => {
      each.attach(events);
      resolve(each);
    });
  });
  const lines = ['Via: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK2', 'Call-ID: in', 'CSeq: 1 INVITE', 'To: <sip:112@x>'];
  const all = [...lines, 'From: "Jans\xc3\xa9n" <sip:06@x>;tag=x', ...headers, `Content-Length: ${body.length}`];
  control.network(`INVITE sip:112@127.0.0.1 SIP/2.0\r\n${all.join('\r\n')}\r\n\r\n${body}`, { txnId: 'i1' });
  const inDialog = (method: string, more: readonly string[] = [], content = ''): void => {
    const head = [`${method} sip:us@127.0.0.1 SIP/2.0`, 'Call-ID: in', `CSeq: 2 ${method}`, 'From: <sip:06@x>;tag=x'];
    const rest = ['To: <sip:112@x>;tag=us', ...more, `Content-Length: ${content.length}`];
    control.network(`${[...head, ...rest].join('\r\n')}\r\n\r\n${content}`, {
      txnId: `d-${method}`,
      dialogId: 'in;from-tag=x',
    });
  };
  return { control, server, call: await call, seen, acknowledged, inDialog };
}

t.test('a SIP server that does not say that it sent anything is no evidence against a trunk', async (t) => {
  const clock = new VirtualClock();
  const { control, server } = await connected(t, clock);
  control.mute = true;
  const { seen, events } = calleeEvents();
  server.invite(invite(), events);
  const probe = server.probe(nextHop, ms(500));
  await control.handed('OPTIONS');
  clock.advance(2_000);
  t.match(seen.failed, [{ origin: 'local', cause: 'unsendable' }]);
  t.match(await probe, { kind: 'unsent' });
  control.mute = false;
  const silent = server.probe(nextHop, ms(500));
  await control.handed('OPTIONS', 1);
  await new Promise<void>((resolve) => {
    server.onRequest(() => {
      resolve();
    });
    control.network('OPTIONS sip:x SIP/2.0\r\nCall-ID: after\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n');
  });
  clock.advance(500);
  t.match(await silent, { kind: 'silent' }, 'one that was sent is');
});

t.test('what drachtio-server would cut is not handed over: the attempt fails as too large', async (t) => {
  const { control, server } = await connected(t);
  const { seen, events } = calleeEvents();
  server.invite(invite([], `v=0\r\n${'a=x\r\n'.repeat(3_000)}`), events);
  server.invite(invite([{ name: 'X-Long', value: 'x'.repeat(8_000) }]), events);
  await until(() => seen.failed.length === 2, 5_000);
  t.match(seen.failed, [{ cause: 'too-large' }, { cause: 'too-large' }]);
  t.same(control.all, []);
});

t.test('a stranger that is ignored gets nothing, and the next one is served', async (t) => {
  const { call, control, server } = await incoming(t);
  call.ignore();
  t.equal(server.dialogs, 0);
  const next = new Promise<IncomingCall>((resolve) => {
    server.onInvite(resolve);
  });
  control.network('INVITE sip:112@x SIP/2.0\r\nCall-ID: in\r\nTo: <sip:112@x>\r\nContent-Length: 0\r\n\r\n');
  (await next).reject({ status: 403 });
  await control.handed('SIP/2.0 403');
  t.equal(control.all.length, 1);
});

t.test('the embedded engine is told to drop a stranger, and no other server hears of it', async (t) => {
  const { call, control, server } = await incoming(t, [], OFFER, EMBEDDED);
  call.ignore();
  t.match((await control.handed('SIP/2.0 480')).text, /^x-noodroute-drop: yes\r$/im);
  server.onRequest((request) => {
    request.ignore();
  });
  control.network('OPTIONS sip:x SIP/2.0\r\nCall-ID: o\r\nTo: <sip:x>\r\nContent-Length: 0\r\n\r\n', { txnId: 'o1' });
  t.match(await control.handed('SIP/2.0 480', 1), { txnId: 'o1', text: /x-noodroute-drop: yes/i });
});

t.test('P14 the embedded engine is told which two dialogs make a call', async (t) => {
  for (const [version, pair] of [
    [EMBEDDED, OUT],
    ['v0.9.10', undefined],
  ] as const) {
    const { call, control, server } = await incoming(t, [], OFFER, version);
    const callee = new Promise<Dialog>((resolve) => {
      server.invite(invite(), { ...calleeEvents().events, answered: (_response, dialog) => resolve(dialog) });
    });
    await control.handed('INVITE');
    control.network(response(200, [SDP], ANSWER), { txnId: 't1', dialogId: OUT });
    await call.answer({ status: 200, body: ANSWER }, await callee);
    t.equal(/^x-noodroute-pair: (.*)\r$/im.exec((await control.handed('SIP/2.0 200')).text)?.[1], pair);
  }
});

t.test('a caller arrives byte for byte', async (t) => {
  const { call } = await incoming(
    t,
    ['Content-Type: multipart/mixed;boundary=b', 'P-Asserted-Identity: <sip:1@x>'],
    BYTES,
  );
  t.equal(call.request.body, BYTES);
  t.match(
    call.request.headers.find(({ name }) => name === 'From'),
    { value: '"Jans\xc3\xa9n" <sip:06@x>;tag=x' },
  );
});

t.test('a message that drachtio-srf cannot read, though it can be understood, reaches the call', async (t) => {
  const odd = ['this is no header', 'Bad Name: x', ' folded behind it', 'Subject: one', '  two', 'X-Last: y'];
  const { call } = await incoming(t, odd, BYTES);
  t.same(
    call.request.headers.slice(-3).map(({ name, value }) => `${name}: ${value}`),
    ['Subject: one two', 'X-Last: y', `Content-Length: ${BYTES.length}`],
  );
  t.equal(call.request.body, BYTES);
  const { control, server } = await connected(t);
  const next = new Promise<IncomingCall>((resolve) => {
    server.onInvite(resolve);
  });
  control.network('INVITE  sip:1 12@x  SIP/2.0\r\nCall-ID: in\r\nTo: <sip:112@x>\r\n\r\n');
  t.equal((await next).request.uri, 'sip:1%2012@x');
});

t.test('messages made to be slow are read in no time', async (t) => {
  const { control, server } = await connected(t);
  const started = performance.now();
  const blanks = ' '.repeat(60_000);
  control.network(`INVITE ${blanks}x${blanks}SIP/2.0\r\nCall-ID: a\r\n\r\n`);
  control.network(`INVITE sip:112@x SIP/2.0\r\n${`${'a'.repeat(30)}\r\n ${blanks.slice(0, 300)}\r\n`.repeat(200)}\r\n`);
  control.network(`INVITE sip:112@x SIP/2.0\r\na${blanks}b\r\n\r\n`);
  const last = new Promise<void>((resolve) => {
    server.onInvite((call) => {
      if (call.request.uri === 'sip:last') {
        resolve();
      }
    });
  });
  control.network('INVITE sip:last SIP/2.0\r\nCall-ID: b\r\n\r\n');
  await last;
  const took = performance.now() - started;
  t.ok(took < 2_000, `${Math.round(took)} ms`);
});

t.test('an answer leaves through drachtio-srf byte for byte', async (t) => {
  const { call, control } = await incoming(t);
  const headers = [
    { name: 'Content-Type', value: 'multipart/mixed; boundary="b 1"' },
    { name: 'P-Asserted-Identity', value: '"Meldkamer \xc3\xa9\xff" <sip:1@x>' },
    { name: 'Call-Info', value: '<urn:a>;purpose=x' },
    { name: 'Call-Info', value: '<urn:b>;purpose=y, <urn:c>' },
  ];
  await call.answer({ status: 200, headers, body: BYTES });
  const { text } = await control.handed('SIP/2.0 200');
  const [head = '', ...rest] = text.split('\r\n\r\n');
  t.equal(rest.join('\r\n\r\n'), BYTES);
  t.same(head.split('\r\n').slice(6), [
    'content-type: multipart/mixed; boundary="b 1"',
    'p-asserted-identity: "Meldkamer \xc3\xa9\xff" <sip:1@x>',
    'call-info: <urn:a>;purpose=x',
    'Call-Info: <urn:b>;purpose=y, <urn:c>',
  ]);
  t.match(head, `\r\nContent-Length: ${BYTES.length}\r\n`);
});

t.test('reliable ringing: PRACK is answered; a server that cannot send it reliably sends it plainly', async (t) => {
  const { call, control, inDialog } = await incoming(t, ['Require: 100rel']);
  call.progress({ status: 180, headers: [{ name: 'Require', value: '100rel' }] });
  t.match(await control.handed('SIP/2.0 180'), { txnId: 'i1', text: /\r\nrequire: 100rel\r\n/i });
  inDialog('PRACK', ['RAck: 1 1 INVITE']);
  t.equal((await control.handed('SIP/2.0 200')).txnId, 'd-PRACK');
  control.refuse = ({ text }) => (/100rel/.test(text) ? 'Remote endpoint does not support 100rel' : undefined);
  call.progress({ status: 180, headers: [{ name: 'Require', value: '100rel' }] });
  t.notMatch((await control.handed('SIP/2.0 180', 2)).text, /100rel/);
});

t.test('before the answer: UPDATE and INFO reach the call, BYE ends it with its reason', async (t) => {
  const { call, control, seen, inDialog, server } = await incoming(t);
  call.progress({ status: 180 });
  inDialog('UPDATE', [SDP], OFFER);
  inDialog('INFO', ['Content-Type: application/dtmf-relay'], 'Signal=1');
  await until(() => seen.requested.length === 2, 5_000);
  t.same(
    seen.requested.map(({ request }) => [request.method, request.body]),
    [
      ['UPDATE', OFFER],
      ['INFO', 'Signal=1'],
    ],
  );
  inDialog('BYE', ['Reason: Q.850;cause=16;text="a, b"']);
  await until(() => seen.cancelled.length === 1, 5_000);
  t.same(seen.cancelled, [['Q.850;cause=16;text="a, b"']]);
  t.equal((await control.handed('SIP/2.0 200')).txnId, 'd-BYE');
  t.equal((await control.handed('SIP/2.0 487')).txnId, 'i1');
  t.equal(server.dialogs, 0);
});

t.test('CANCEL brings its reasons', async (t) => {
  const { seen, inDialog, server } = await incoming(t);
  inDialog('CANCEL', ['Reason: SIP;cause=200;text="elsewhere"', 'Reason: Q.850;cause=26']);
  await until(() => seen.cancelled.length === 1, 5_000);
  t.same(seen.cancelled, [['SIP;cause=200;text="elsewhere"', 'Q.850;cause=26']]);
  t.equal(server.dialogs, 0);
});

t.test('answered: ACK with its body, INFO both ways, BYE with its reason both ways', async (t) => {
  const { call, control, seen, acknowledged, inDialog, server } = await incoming(t, [], '');
  const dialog = await call.answer({
    status: 200,
    headers: [{ name: 'Content-Type', value: 'application/sdp' }],
    body: OFFER,
  });
  inDialog('ACK', [SDP], ANSWER);
  await until(() => acknowledged.length === 1, 5_000);
  t.same(acknowledged, [ANSWER]);
  inDialog('INFO', ['Info-Package: dtmf', 'Content-Type: application/dtmf-relay'], 'Signal=2');
  await until(() => seen.requested.length === 1, 5_000);
  t.match(seen.requested[0]?.request, { method: 'INFO', body: 'Signal=2' });
  dialog.release(['Q.850;cause=16', 'SIP;cause=200;text="x, y"']);
  const bye = await control.handed('BYE');
  t.equal(bye.dialogId, 'in;from-tag=x');
  t.match(bye.text, /\r\nReason: Q\.850;cause=16\r\nReason: SIP;cause=200;text="x, y"\r\n/);
  t.equal(server.dialogs, 0);
});

/** Hands an INVITE out, and what came of it. */
async function called(t: Test, clock?: Clock) {
  const { control, server } = await connected(t, clock);
  const { seen, events } = calleeEvents();
  const answered: Dialog[] = [];
  const leg = server.invite(invite(), {
    ...events,
    answered: (given, dialog) => {
      answered.push(dialog);
      events.answered(given, dialog);
    },
  });
  await control.handed('INVITE');
  const network = (text: string, txnId = 't1'): void => control.network(text, { txnId, dialogId: OUT });
  return { control, server, leg, seen, network, answered };
}

t.test('a leg that was given up is over when its final response comes, and only then', async (t) => {
  const { control, leg, seen, network } = await called(t);
  network(response(180, []));
  await until(() => seen.progressed.length === 1, 5_000);
  leg.cancel([]);
  await control.handed('CANCEL');
  network(response(180, []));
  t.equal(seen.over, 0, 'the far end has not let go yet');
  network(response(487, []));
  await until(() => seen.over > 0, 5_000);
  t.same([seen.failed, seen.over], [[], 1]);
});

t.test(
  'a leg that was given up is over in 70 s, though nothing is heard of it; its late answer is released',
  async (t) => {
    const clock = new VirtualClock();
    const { control, server, leg, seen, network } = await called(t, clock);
    network(response(180, []));
    await until(() => seen.progressed.length === 1, 5_000);
    t.equal(server.dialogs, 1, 'an early one');
    leg.cancel([]);
    await control.handed('CANCEL');
    clock.advance(70_000);
    t.same([server.dialogs, seen.over], [0, 1]);
    network(response(200, ['Contact: <sip:far@127.0.0.2>'], ANSWER));
    await control.handed('BYE');
    t.equal(seen.over, 1);
  },
);

t.test('a leg that failed is over', async (t) => {
  const { seen, network } = await called(t);
  network(response(503, []));
  network(response(503, []));
  await until(() => seen.over > 0, 5_000);
  t.match([seen.failed.length, seen.over], [1, 1]);
});

t.test('a late answer is over when its BYE was answered', async (t) => {
  const { control, leg, seen, network } = await called(t);
  leg.cancel([]);
  network(response(200, [SDP], ANSWER));
  await control.handed('BYE');
  t.equal(seen.over, 0);
  network(response(200, []).replace('CSeq: 1 INVITE', 'CSeq: 2 BYE'), 't4');
  await until(() => seen.over > 0, 5_000);
  t.same([seen.answered, seen.over], [[], 1]);
});

t.test('an answered leg is over with the BYE of the far end', async (t) => {
  const { seen, network } = await called(t);
  network(response(200, [SDP], ANSWER));
  await until(() => seen.answered.length === 1, 5_000);
  network(
    'BYE sip:us@x SIP/2.0\r\nFrom: <sip:112@x>;tag=a\r\nTo: <sip:1@x>;tag=us\r\nCall-ID: out\r\nCSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n',
    'b1',
  );
  await until(() => seen.over > 0, 5_000);
  t.match([seen.ended, seen.over], [[{ by: 'peer' }], 1]);
});

t.test('the control connection drops: what was not answered is lost, what was answered stays', async (t) => {
  const { control, server, seen, network } = await called(t);
  const second = calleeEvents();
  server.invite(invite(), second.events);
  await control.handed('INVITE', 1);
  network(response(200, [SDP], ANSWER));
  await until(() => seen.answered.length === 1, 5_000);
  control.drop();
  await until(() => second.seen.over > 0, 5_000);
  t.match(second.seen.failed, [{ origin: 'local', cause: 'server-gone' }]);
  const asked = await control.handed('OPTIONS');
  t.equal(asked.dialogId, OUT, 'a server that is back is asked whether it still has the dialog');
  t.same([seen.ended, seen.over], [[], 0]);
});

t.test('a SIP server that was started anew knows no dialog: they end here too', async (t) => {
  const { control, server, seen, network } = await called(t);
  network(response(200, [SDP], ANSWER));
  await until(() => seen.answered.length === 1, 5_000);
  control.refuse = ({ text }) =>
    text.startsWith('OPTIONS') ? 'Server error: unable to find dialog for dialog id provided' : undefined;
  control.drop();
  await until(() => seen.over > 0, 5_000);
  t.same([seen.ended, seen.over], [[{ by: 'server', reasons: [] }], 1]);
  t.equal(server.dialogs, 0);
});

t.test('a SIP server that does not come back: its dialogs are given up after half an hour, not sooner', async (t) => {
  const clock = new VirtualClock();
  const { control, server, seen, network } = await called(t, clock);
  network(response(200, [SDP], ANSWER));
  await until(() => seen.answered.length === 1, 5_000);
  const gone = new Promise<void>((resolve) => {
    server.onConnection(() => {
      resolve();
    });
  });
  control.closed = true;
  control.drop();
  await gone;
  clock.advance(1_799_000);
  t.same([seen.ended, seen.over, server.dialogs], [[], 0, 1], 'its channel is in use as far as anybody knows');
  clock.advance(2_000);
  t.same([seen.ended, seen.over, server.dialogs], [[{ by: 'lost', reasons: [] }], 1, 0]);
});

t.test('a SIP server that comes back in time is asked for its dialogs, and keeps them', async (t) => {
  const clock = new VirtualClock();
  const { control, server, seen, network } = await called(t, clock);
  network(response(200, [SDP], ANSWER));
  await until(() => seen.answered.length === 1, 5_000);
  control.drop();
  await control.handed('OPTIONS');
  clock.advance(3_600_000);
  t.same([seen.ended, seen.over, server.dialogs], [[], 0, 1]);
});
