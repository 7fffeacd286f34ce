import t from 'tap';
import type { Peer } from '../../../src/engine/transport/transport.js';
import { header, headerValues } from '../../../src/sip/headers.js';
import type { SipRequest } from '../../../src/sip/message.js';
import { newTag, responseTo, type ServerHandle } from '../../../src/engine/transaction/layer.js';
import {
  bench,
  hearing,
  ownRequest,
  parsed,
  peerAt,
  startLine,
  theirRequest,
  theirResponse,
  type Bench,
} from './fakes.js';

const NOTHING = { inviteClients: 0, inviteServers: 0, otherClients: 0, otherServers: 0, probes: 0 };

function answer(handle: ServerHandle, status: number): string | undefined {
  return handle.respond(
    responseTo(handle.incoming, { status, reason: 'Because', headers: [], body: '', toTag: newTag() }),
  );
}

function receive(b: Bench, ...texts: readonly string[]): void {
  for (const text of texts) {
    b.layer.received(text, peerAt(), b.transport);
  }
}

function firstOf<T>(values: readonly T[]): T {
  const [value] = values;
  if (value === undefined) {
    throw new Error('nothing came');
  }
  return value;
}

t.test('an INVITE of ours: Via in front, failure acknowledged on the same hop', async (t) => {
  const b = bench();
  const user = hearing();
  const invite = b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, user);
  const sent = parsed(invite.text);
  const via = header(sent.headers, 'Via') ?? '';
  t.match(via, /^SIP\/2\.0\/UDP 127\.4\.0\.1:5060;rport;branch=z9hG4bK[0-9a-f]{24}$/);
  receive(b, theirResponse(invite.text, 100), theirResponse(invite.text, 486), theirResponse(invite.text, 486));
  t.same(user.heard, [100, 486]);
  const [, ack, again] = b.transport.sent.map(({ text }) => text);
  t.equal(ack, again);
  const { uri, method, headers } = parsed(ack ?? '') as SipRequest;
  t.same([method, uri], ['ACK', 'sip:112@127.4.9.9']);
  t.same(headerValues(headers, 'Via'), [via]);
  t.same(headerValues(headers, 'Route'), ['<sip:a@127.4.9.9;lr>', '<sip:b@127.4.9.8;lr>']);
  t.equal(header(headers, 'To'), '<sip:112@127.4.9.9>;tag=peer');
  t.equal(header(headers, 'CSeq'), '7 ACK');
  t.equal(header(headers, 'From'), '<sip:us@127.4.0.1>;tag=ours');
  b.clock.advance(32_000);
  t.same(b.layer.counts(), NOTHING);
});

t.test('a response belongs to the transaction of its branch and CSeq method', async (t) => {
  const b = bench();
  const [one, two] = [hearing(), hearing()];
  const first = b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, one);
  const second = b.layer.sendRequest(ownRequest('OPTIONS'), peerAt(), b.transport, two, true);
  t.same(b.layer.counts(), { ...NOTHING, inviteClients: 1, otherClients: 1, probes: 1 });
  receive(b, theirResponse(first.text, 180).replace('7 INVITE', '7 OPTIONS'));
  receive(b, theirResponse(second.text, 200).replace('7 OPTIONS', '7 INFO'));
  receive(b, theirResponse(second.text, 200).replace('z9hG4bK', 'z9hG4bKx'));
  t.same([one.heard, two.heard], [[], []]);
  receive(b, theirResponse(first.text, 180), theirResponse(second.text, 200));
  t.same([one.heard, two.heard], [[180], [200]]);
  t.equal(b.strays.length, 0);
});

t.test('CANCEL of ours: branch, Request-URI, Route and CSeq number of its INVITE', async (t) => {
  const b = bench();
  const user = hearing();
  const invite = b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, user);
  receive(b, theirResponse(invite.text, 180));
  b.transport.takeLines();
  invite.cancel([{ name: 'Reason', value: 'SIP;cause=200' }]);
  invite.cancel([]);
  t.equal(b.transport.sent.length, 1);
  const cancel = b.transport.sent[0]?.text ?? '';
  const { method, uri, headers } = parsed(cancel) as SipRequest;
  t.same([method, uri], ['CANCEL', 'sip:112@127.4.9.9']);
  t.same(headerValues(headers, 'Via'), headerValues(invite.request.headers, 'Via'));
  t.equal(header(headers, 'CSeq'), '7 CANCEL');
  t.equal(header(headers, 'To'), '<sip:112@127.4.9.9>');
  t.equal(header(headers, 'Reason'), 'SIP;cause=200');
  t.equal(headerValues(headers, 'Route').length, 2);
  receive(b, theirResponse(cancel, 200), theirResponse(invite.text, 487));
  t.same(user.heard, [180, 487]);
  b.clock.advance(32_000);
  t.same(b.layer.counts(), NOTHING);
});

t.test('an INVITE given up: a late provisional response gets its CANCEL, a late 2xx goes up', async (t) => {
  for (const late of [180, 200]) {
    const b = bench();
    const user = hearing();
    const invite = b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, user);
    b.clock.advance(600);
    invite.stopResending();
    invite.cancel([]);
    b.clock.advance(31_000);
    t.same(b.transport.takeLines(), ['INVITE sip:112@127.4.9.9', 'INVITE sip:112@127.4.9.9']);
    receive(b, theirResponse(invite.text, late));
    t.same(b.transport.takeLines(), late === 180 ? ['CANCEL sip:112@127.4.9.9'] : []);
    t.same(user.heard, [late]);
    b.clock.advance(64_000);
    t.same(b.layer.counts(), NOTHING);
  }
});

t.test('a 2xx without a transaction goes up: after the end, after a failure, a fork', async (t) => {
  const b = bench();
  const user = hearing();
  const { text } = b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, user);
  receive(b, theirResponse(text, 486), theirResponse(text, 200, 'other'));
  t.same(user.heard, [486]);
  t.same(
    b.strays.map(({ toTag }) => toTag),
    ['other'],
  );
  b.clock.advance(32_000);
  receive(b, theirResponse(text, 200, 'late'), theirResponse(text, 180, 'late'));
  t.same(
    b.strays.map(({ toTag }) => toTag),
    ['other', 'late'],
  );
  const forked = b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, user);
  receive(b, theirResponse(forked.text, 200, 'a'), theirResponse(forked.text, 200, 'b'));
  t.same(user.heard, [486, 200, 200]);
});

t.test('a refusal ends what has no response yet, at that peer only', async (t) => {
  const b = bench();
  const [ringing, silent, elsewhere, probe] = [hearing(), hearing(), hearing(), hearing()];
  const first = b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, ringing);
  receive(b, theirResponse(first.text, 100));
  b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, silent);
  b.layer.sendInvite(ownRequest('INVITE'), peerAt('127.4.9.8'), b.transport, elsewhere);
  b.layer.sendRequest(ownRequest('OPTIONS'), peerAt(), b.transport, probe, true);
  b.layer.refused(peerAt());
  b.layer.refused(peerAt());
  t.same(
    [ringing, silent, elsewhere, probe].map(({ heard }) => heard),
    [[100], ['refused'], [], ['refused']],
  );
  t.same(b.layer.counts(), { ...NOTHING, inviteClients: 2 });
  b.transport.takeLines();
  b.clock.advance(500);
  t.same(b.transport.takeLines(), ['INVITE sip:112@127.4.9.9'], 'only the silent one elsewhere is resent');
});

t.test('who tries the same peer again on its refusal is not refused in the same breath', async (t) => {
  const b = bench();
  let tries = 0;
  const again = (): void => {
    tries += 1;
    b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, { response: () => undefined, failed: again });
  };
  again();
  b.layer.refused(peerAt());
  t.equal(tries, 2);
});

t.test('a request of a peer is shown once; its copies get the last response', async (t) => {
  const b = bench();
  receive(b, theirRequest('OPTIONS'), theirRequest('OPTIONS'));
  t.equal(b.requests.length, 1);
  t.same(b.transport.takeLines(), []);
  const handle = firstOf(b.requests);
  t.type(answer(handle, 200), 'string');
  t.equal(answer(handle, 500), undefined);
  receive(b, theirRequest('OPTIONS'));
  t.same(b.transport.takeLines(), ['200 Because', '200 Because']);
  t.same(b.layer.counts(), { ...NOTHING, otherServers: 1, probes: 1 });
  b.clock.advance(32_000);
  t.same(b.layer.counts(), NOTHING);
  receive(b, theirRequest('OPTIONS'));
  t.equal(b.requests.length, 2);
});

t.test('an INVITE of a peer, refused: ACK within the transaction stays here', async (t) => {
  const b = bench();
  receive(b, theirRequest('INVITE'), theirRequest('INVITE'));
  t.equal(b.invites.length, 1);
  const invite = firstOf(b.invites);
  t.notOk(invite.answered);
  answer(invite, 100);
  receive(b, theirRequest('INVITE'));
  answer(invite, 486);
  t.ok(invite.answered);
  b.clock.advance(500);
  receive(b, theirRequest('ACK', { cseq: '1 ACK' }), theirRequest('ACK', { cseq: '1 ACK' }), theirRequest('INVITE'));
  b.clock.advance(4_999);
  t.same(b.transport.takeLines(), ['100 Because', '100 Because', '486 Because', '486 Because']);
  t.equal(b.acks.length, 0);
  b.clock.advance(1);
  t.same(b.layer.counts(), NOTHING);
});

t.test(
  'an INVITE of a peer, answered: ACK goes up whatever its branch, copies of the INVITE are absorbed',
  async (t) => {
    const b = bench();
    receive(b, theirRequest('INVITE'));
    const invite = firstOf(b.invites);
    answer(invite, 200);
    receive(b, theirRequest('INVITE'), theirRequest('ACK', { cseq: '1 ACK' }));
    receive(b, theirRequest('ACK', { cseq: '1 ACK', branch: 'z9hG4bKack' }));
    t.equal(b.acks.length, 2);
    b.clock.advance(500);
    invite.acknowledged();
    b.clock.advance(31_499);
    receive(b, theirRequest('INVITE'));
    t.same(b.transport.takeLines(), ['200 Because', '200 Because']);
    t.equal(b.invites.length, 1);
    b.clock.advance(1);
    t.same(b.layer.counts(), NOTHING);
    t.equal(b.notAcknowledged.length, 0);
  },
);

t.test('an answer that is never acknowledged is told after 64*T1', async (t) => {
  const b = bench();
  receive(b, theirRequest('INVITE'));
  answer(firstOf(b.invites), 200);
  b.clock.advance(31_999);
  t.equal(b.notAcknowledged.length, 0);
  b.clock.advance(1);
  t.same(b.notAcknowledged, b.invites);
});

t.test('CANCEL of a peer finds the INVITE of its branch; any other gets 481', async (t) => {
  const b = bench();
  receive(b, theirRequest('INVITE'), theirRequest('CANCEL', { branch: 'z9hG4bKother' }));
  t.same(b.transport.takeLines(), ['481 Call/Transaction Does Not Exist']);
  receive(b, theirRequest('CANCEL'), theirRequest('CANCEL'));
  t.equal(b.cancels.length, 1);
  const { handle, invite } = firstOf(b.cancels);
  t.equal(invite, b.invites[0]);
  answer(handle, 200);
  answer(invite, 487);
  receive(b, theirRequest('CANCEL'));
  t.same(b.transport.takeLines(), ['200 Because', '487 Because', '200 Because']);
  b.clock.advance(32_000);
  t.same(b.layer.counts(), NOTHING);
});

t.test(
  'CANCEL and ACK of an old peer without the magic cookie are matched by Call-ID, CSeq and From tag',
  async (t) => {
    const b = bench();
    const old = { branch: '1', callId: 'old' };
    receive(b, theirRequest('INVITE', old), theirRequest('INVITE', { ...old, callId: 'other' }));
    t.equal(b.invites.length, 2);
    receive(b, theirRequest('CANCEL', { ...old, cseq: '1 CANCEL' }));
    t.equal(b.cancels[0]?.invite, b.invites[0]);
    answer(firstOf(b.invites), 487);
    receive(b, theirRequest('ACK', { ...old, cseq: '1 ACK' }));
    b.transport.takeLines();
    b.clock.advance(5_000);
    t.same(b.transport.takeLines(), []);
  },
);

t.test('the same request over a second path gets 482 while the first is open', async (t) => {
  const b = bench();
  const other = { branch: 'z9hG4bKother' };
  receive(b, theirRequest('INVITE'), theirRequest('INVITE', other), theirRequest('INVITE', other));
  t.same(b.transport.takeLines(), ['482 Loop Detected', '482 Loop Detected']);
  receive(b, theirRequest('CANCEL', other));
  t.same(b.transport.takeLines(), ['200 OK'], 'a CANCEL of it ends here too');
  receive(b, theirRequest('ACK', { ...other, cseq: '1 ACK' }));
  b.clock.advance(5_000);
  t.same(b.transport.takeLines(), []);
  const invite = firstOf(b.invites);
  answer(invite, 200);
  invite.acknowledged();
  receive(b, theirRequest('INVITE', other));
  t.same(b.transport.takeLines(), ['200 Because', '482 Loop Detected'], 'an answered call is open');
  t.equal(b.invites.length, 1);
  t.equal(b.cancels.length, 0);
  b.clock.advance(32_000);
  t.same(b.layer.counts(), NOTHING);
});

t.test('what only looks like a second path is served', async (t) => {
  const b = bench();
  receive(b, theirRequest('INVITE'));
  receive(b, theirRequest('INVITE', { branch: 'z9hG4bK2', callId: 'in-2' }));
  receive(b, theirRequest('INVITE', { branch: 'z9hG4bK3', cseq: '2 INVITE' }));
  receive(b, theirRequest('INVITE', { branch: 'z9hG4bK4', fromTag: 'x' }));
  receive(b, theirRequest('INVITE', { branch: 'z9hG4bK5', toTag: 'dialog' }));
  receive(b, theirRequest('OPTIONS', { branch: 'z9hG4bK6' }));
  t.equal(b.invites.length, 5);
  t.equal(b.requests.length, 1);
  answer(firstOf(b.invites), 503);
  receive(b, theirRequest('INVITE', { branch: 'z9hG4bK7' }));
  t.equal(b.invites.length, 6, 'the upstream tries again after our 503');
  for (const branch of ['z9hG4bK8', 'z9hG4bK9']) {
    receive(b, theirRequest('INVITE', { branch, callId: 'untagged', fromTag: '' }));
  }
  t.equal(b.invites.length, 8, 'without a From tag nobody can tell');
});

t.test('responses go to the source of the request: rport, else the port of the Via', async (t) => {
  const b = bench();
  const vias = [
    'SIP/2.0/UDP 10.0.0.1:5099;branch=z9hG4bK1;rport',
    'SIP/2.0/UDP 10.0.0.1:5099;branch=z9hG4bK2',
    'SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK3;maddr=10.9.9.9',
    'SIP/2.0/UDP 10.0.0.1;received=10.8.8.8;rport=1;branch=z9hG4bK4',
  ];
  for (const via of vias) {
    b.layer.received(theirRequest('OPTIONS', { via, callId: via }), peerAt('127.4.9.7', 4321), b.transport);
  }
  for (const handle of b.requests) {
    answer(handle, 200);
  }
  t.same(
    b.transport.sent.map(({ to }) => `${to.address}:${to.port}`),
    ['127.4.9.7:4321', '127.4.9.7:5099', '127.4.9.7:5060', '127.4.9.7:4321'],
  );
  t.same(
    b.transport.sent.map(({ text }) => header(parsed(text).headers, 'Via')),
    [
      'SIP/2.0/UDP 10.0.0.1:5099;branch=z9hG4bK1;rport=4321;received=127.4.9.7',
      'SIP/2.0/UDP 10.0.0.1:5099;branch=z9hG4bK2;received=127.4.9.7',
      'SIP/2.0/UDP 10.0.0.1;branch=z9hG4bK3;maddr=10.9.9.9;received=127.4.9.7',
      'SIP/2.0/UDP 10.0.0.1;rport=4321;branch=z9hG4bK4;received=127.4.9.7',
    ],
  );
});

t.test("a peer's Via comes back byte for byte, odd as it may be", async (t) => {
  const b = bench();
  const via =
    'SIP / 2.0 / UDP  Host.Example;Branch=z9hG4bK{A}@"x";x="a,b;c";;ttl=1,SIP/2.0/UDP b;branch="q,1", SIP/2.0/TCP c';
  receive(b, theirRequest('OPTIONS', { via }));
  answer(firstOf(b.requests), 200);
  t.same(headerValues(parsed(b.transport.sent[0]?.text ?? '').headers, 'Via'), [
    'SIP / 2.0 / UDP  Host.Example;Branch=z9hG4bK{A}@"x";x="a,b;c";ttl=1;received=127.4.9.9',
    'SIP/2.0/UDP b;branch="q,1"',
    'SIP/2.0/TCP c',
  ]);
});

t.test('what cannot be read: 400 or 505 where it can be answered, and counted', async (t) => {
  const b = bench();
  receive(b, theirRequest('INVITE').replace('SIP/2.0\r\nVia', 'SIP/3.0\r\nVia'));
  receive(b, theirRequest('INVITE').replace('INVITE sip:112@127.4.0.1 SIP', 'INVITE  SIP'));
  receive(b, theirRequest('ACK').replace('ACK sip:112@127.4.0.1 SIP', 'ACK  SIP'));
  receive(b, 'INVITE sip:x SIP/3.0\r\n\r\n', '\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', 'SIP/2.0 1 x\r\n\r\n');
  receive(b, theirRequest('INVITE').replace(/Via.*\r\n/, ''), theirRequest('INVITE').replace(/CSeq.*\r\n/, ''));
  t.same(b.transport.takeLines(), ['505 Version Not Supported', '400 Bad Request', '400 Bad Request']);
  t.same([b.invites.length, b.requests.length], [0, 0]);
  t.same(Object.fromEntries(b.layer.discarded), {
    'unsupported version': 2,
    'no Request-URI': 2,
    empty: 1,
    'not SIP': 1,
    'bad status': 1,
    'no Via': 1,
    'no CSeq': 1,
  });
});

t.test('a message with one bad line, or a wrong length, is understood', async (t) => {
  const b = bench();
  const user = hearing();
  receive(b, theirRequest('INVITE').replace('\r\nTo', '\r\nthis is no header\r\nTo'));
  receive(b, theirRequest('INVITE', { callId: 'b', branch: 'z9hG4bKb' }).replace('Length: 0', 'Length: 9'));
  t.equal(b.invites.length, 2);
  const { text } = b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, user);
  receive(b, theirResponse(text, 200).replace('\r\nTo', '\r\n:\r\nTo'));
  t.same(user.heard, [200]);
  t.same(Object.fromEntries(b.layer.forgiven), { 'bad header line': 2, truncated: 1 });
  t.same(Object.fromEntries(b.layer.discarded), {});
});

t.test('a fault above costs one request, which is answered 500', async (t) => {
  const fault = (): never => {
    throw new Error('a bug');
  };
  const b = bench('udp', { invite: fault, request: fault, cancel: fault, ack: fault, notAcknowledged: fault });
  receive(
    b,
    theirRequest('INVITE'),
    theirRequest('OPTIONS'),
    theirRequest('CANCEL'),
    theirRequest('ACK', { branch: 'x' }),
  );
  const user = { response: fault, failed: fault };
  const { text } = b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, user);
  b.layer.sendRequest(ownRequest('INFO'), peerAt(), b.transport, user, false);
  receive(b, theirResponse(text, 180), theirResponse(text, 486));
  b.layer.sendRequest(ownRequest('INFO'), peerAt('127.4.9.8'), b.transport, user, false);
  b.layer.refused(peerAt('127.4.9.8'));
  t.equal(b.transport.takeLines().filter((line) => line.startsWith('500')).length, 3);
  b.clock.advance(64_000);
  t.same(b.layer.counts(), NOTHING);
  t.same(Object.fromEntries(b.layer.discarded), { 'fault: a bug': 8 });
});

t.test('closing ends everything without another message', async (t) => {
  const b = bench();
  receive(b, theirRequest('INVITE'), theirRequest('OPTIONS'));
  const user = hearing();
  b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, user);
  b.layer.sendRequest(ownRequest('INFO'), peerAt(), b.transport, user, false);
  b.transport.takeLines();
  b.layer.close();
  t.equal(b.clock.waiting, 0);
  t.same(b.layer.counts(), NOTHING);
  t.same(b.transport.takeLines(), []);
  t.same(user.heard, []);
});

t.test('an ACK of a 2xx is a request of its own', async (t) => {
  const b = bench();
  const text = b.layer.sendAck(ownRequest('ACK'), peerAt(), b.transport);
  t.equal(startLine(text), 'ACK sip:112@127.4.9.9');
  t.equal(b.transport.sent[0]?.text, text);
  t.same(b.layer.counts(), NOTHING);
});

t.test('an INVITE to a peer with a known round-trip time is resent early', async (t) => {
  const rows: readonly (readonly [number | undefined, readonly number[]])[] = [
    [undefined, [0, 500, 1_500]],
    [60, [0, 60, 180, 420, 900, 1_860]],
    [1, [0, 10, 30, 70, 150, 310, 630, 1_270]],
    [0, [0, 500, 1_500]],
    [Number.NaN, [0, 500, 1_500]],
  ];
  for (const [t1, expected] of rows) {
    const b = bench();
    const user = hearing();
    b.layer.sendInvite(ownRequest('INVITE'), peerAt(), b.transport, user, { t1 });
    b.clock.advance(2_000);
    t.same(
      b.transport.sent.map(({ at }) => at),
      expected,
      `T1 of ${t1} ms`,
    );
    b.clock.advance(29_999);
    t.same(user.heard, []);
    b.clock.advance(1);
    t.same(user.heard, ['timeout'], 'timer B stays');
  }
});

t.test('over TCP a response goes to the connection, with the address of its Via behind it', async (t) => {
  const targets: (string | undefined)[] = [];
  const b = bench('tcp');
  b.transport.send = (_text: string, to: Peer, otherwise?: Peer) => {
    targets.push(
      `${to.address}:${to.port}`,
      otherwise === undefined ? undefined : `${otherwise.address}:${otherwise.port}`,
    );
  };
  const via = 'SIP/2.0/TCP 10.0.0.1:5070;branch=z9hG4bK1';
  b.layer.received(theirRequest('INVITE', { via }), peerAt('127.4.9.7', 4321, 'tcp'), b.transport);
  answer(firstOf(b.invites), 200);
  t.same(targets, ['127.4.9.7:4321', '127.4.9.7:5070']);
  b.clock.advance(32_000);
  t.equal(targets.length, 2, 'not resent');
  t.equal(b.notAcknowledged.length, 1);
  const sent = b.layer.sendRequest(ownRequest('OPTIONS'), peerAt(), b.transport, hearing(), true);
  t.match(sent.text, /\r\nVia: SIP\/2\.0\/TCP /);
  t.equal(targets.at(-1), undefined);
});

t.test('a request too large for a stream gets 513', async (t) => {
  const b = bench('tcp');
  const head = theirRequest('INVITE', { callId: 'big' });
  for (const text of [head, head.slice(0, -10), theirRequest('ACK'), theirResponse(head, 200), 'INVITE', '']) {
    b.layer.tooLarge(text, peerAt('127.4.9.7', 4321, 'tcp'), b.transport);
  }
  t.same(b.transport.takeLines(), ['513 Message Too Large', '513 Message Too Large']);
  t.equal(b.layer.discarded.get('too large'), 6);
  t.equal(b.clock.waiting, 0);
});
