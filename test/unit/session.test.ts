import t from 'tap';
import { header } from '../../src/sip/headers.js';
import type { Header } from '../../src/sip/message.js';
import { ANSWER, FakeCaller, inDialog, OFFER, type FakeDialog } from '../support/fake-sip-server.js';
import { smallNetwork } from '../support/network.js';
import { office, settle } from '../support/office.js';

const SDP: Header = { name: 'Content-Type', value: 'application/sdp' };
const TWO = [
  { id: 'kpn-a', carrier: 'kpn', tier: 1, reliableProvisionals: true },
  { id: 'second-a', carrier: 'second', tier: 2 },
];

/** A call to 112 that has come in. */
function called(headers: readonly Header[] = [], body = OFFER) {
  const { server, clock, desk } = office(smallNetwork(TWO));
  const caller = new FakeCaller('sip:112@127.0.0.1', headers, body);
  server.incoming(caller);
  return { server, clock, desk, caller, kpn: server.callee(0) };
}

/** The same, answered over the first trunk. */
async function connected(headers: readonly Header[] = [], body = OFFER) {
  const call = called(headers, body);
  call.kpn.answer();
  await settle();
  return call;
}

/** Answers the nth request that was made of a dialog. */
async function answerTo(dialog: FakeDialog, nth: number, status: number, body = '', headers: readonly Header[] = []) {
  dialog.requests[nth]?.answer({ status, reason: '', headers, body });
  await settle();
}

t.test('SDP before the answer stays here: the caller gets one session description, from the winner', async (t) => {
  const { server, clock, caller, kpn } = called();
  kpn.events.progressed({ status: 183, reason: '', headers: [SDP], body: OFFER });
  clock.advance(2_500);
  server.callee(1).events.progressed({ status: 180, reason: '', headers: [SDP], body: OFFER });
  server.callee(1).answer(ANSWER);
  await settle();
  t.same(
    caller.heard.map(({ status, body }) => [status, body]),
    [
      [180, undefined],
      [200, ANSWER],
    ],
  );
});

t.test('silence on a UDP request over 1,300 bytes: the next attempt carries what is essential', async (t) => {
  const headers = [
    { name: 'P-Asserted-Identity', value: '<sip:+31612345678@carrier.example>' },
    { name: 'X-Long', value: 'x'.repeat(1_200) },
    SDP,
  ];
  const { server, clock, kpn } = called(headers);
  t.ok(header(kpn.request.headers, 'X-Long'), 'the first attempt carries everything');
  clock.advance(600);
  t.equal(header(server.callee(1).request.headers, 'X-Long'), undefined);
  t.equal(header(server.callee(1).request.headers, 'P-Asserted-Identity'), headers[0]?.value);
  t.equal(server.callee(1).request.body, OFFER);
});

t.test('100rel is offered only on a trunk that asks for it, and only with an offer', async (t) => {
  const offered = (index: number, body = OFFER): string | undefined => {
    const { server, clock } = called([], body);
    clock.advance(600);
    return header(server.callee(index).request.headers, 'Supported');
  };
  t.equal(offered(0), '100rel');
  t.equal(offered(1), undefined);
  t.equal(offered(0, ''), undefined, 'its PRACK would need the answer of the caller');
});

t.test('a caller who requires 100rel is rung reliably, each time', async (t) => {
  const require = { name: 'Require', value: 'precondition, 100rel' };
  const { caller, kpn, clock } = called([require]);
  kpn.provisional(180);
  clock.advance(50_000);
  const reliable = { status: 180, headers: [{ name: 'Require', value: '100rel' }] };
  t.same(caller.heard, [reliable, reliable]);
  const offerless = called([require], '');
  offerless.kpn.provisional(180);
  t.same(offerless.caller.heard, [{ status: 180, headers: [] }], 'there is no offer yet that it could bring');
  const supporting = called([{ name: 'Supported', value: '100rel' }]);
  supporting.kpn.provisional(180);
  t.same(supporting.caller.heard, [{ status: 180, headers: [] }]);
});

t.test('a body without SDP is a call without an offer: the answer is in the ACK of the caller', async (t) => {
  const { caller, kpn } = await connected([{ name: 'Content-Type', value: 'application/pidf+xml' }], '<presence/>');
  t.same(kpn.acknowledgements, []);
  caller.events?.acknowledged(ANSWER);
  caller.events?.acknowledged('a copy');
  t.same(kpn.acknowledgements, [ANSWER]);
});

t.test(
  'an offer before the answer gets 500 with Retry-After, from either side; an empty UPDATE gets 200',
  async (t) => {
    const { caller, kpn } = called();
    for (const events of [caller.events, kpn.events]) {
      const offer = inDialog('UPDATE', OFFER, [SDP]);
      events?.requested(offer);
      t.match(offer.answers, [{ status: 500, headers: [{ name: 'Retry-After', value: '5' }] }]);
      const refresh = inDialog('UPDATE');
      events?.requested(refresh);
      t.match(refresh.answers, [{ status: 200 }]);
    }
  },
);

t.test('an attempt that lost cannot reach the caller', async (t) => {
  const { server, clock, caller, kpn } = called();
  clock.advance(600);
  server.callee(1).answer();
  await settle();
  const late = inDialog('UPDATE', OFFER, [SDP]);
  kpn.events.requested(late);
  t.match(late.answers, [{ status: 500 }]);
  t.same(caller.dialog.requests, []);
});

t.test('one offer is in flight over both legs: UPDATE and re-INVITE cross alike', async (t) => {
  const { caller, kpn } = await connected();
  const update = inDialog('UPDATE', OFFER, [SDP]);
  caller.events?.requested(update);
  const crossing = inDialog('INVITE', OFFER, [SDP]);
  kpn.events.requested(crossing);
  t.same(crossing.answers, [{ status: 491 }]);
  const refresh = inDialog('UPDATE', '', [{ name: 'P-Asserted-Identity', value: '<sip:desk2@psap>' }]);
  kpn.events.requested(refresh);
  t.match(caller.dialog.requests, [{ method: 'UPDATE', headers: [{ name: 'P-Asserted-Identity' }], body: '' }]);
  await answerTo(kpn.dialog, 0, 488);
  t.match(update.answers, [{ status: 488 }], 'refused: the session stays');
  const again = inDialog('INVITE', OFFER, [SDP]);
  kpn.events.requested(again);
  t.same(again.answers, [], 'and the way is free again');
});

t.test('a re-INVITE without SDP holds the offer until its ACK, which takes the answer along', async (t) => {
  const { caller, kpn, clock } = await connected();
  const asked = inDialog('INVITE');
  kpn.events.requested(asked);
  await answerTo(caller.dialog, 0, 200, OFFER, [SDP]);
  t.match(asked.answers, [{ status: 200, body: OFFER }]);
  const crossing = inDialog('INVITE', OFFER, [SDP]);
  caller.events?.requested(crossing);
  t.same(crossing.answers, [{ status: 491 }]);
  asked.acknowledged?.(ANSWER);
  t.same(caller.dialog.acknowledged, [ANSWER]);
  const next = inDialog('INVITE', '');
  kpn.events.requested(next);
  await answerTo(caller.dialog, 1, 200, OFFER, [SDP]);
  clock.advance(40_000);
  const afterLost = inDialog('INVITE', OFFER, [SDP]);
  caller.events?.requested(afterLost);
  t.same(afterLost.answers, [], 'an ACK that never came does not block the call for ever');
});

t.test('INFO passes both ways with its package, its type and its bytes', async (t) => {
  const { caller, kpn } = await connected();
  const headers = [
    { name: 'Info-Package', value: 'dtmf' },
    { name: 'c', value: 'application/dtmf-relay' },
    { name: 'Content-Disposition', value: 'Info-Package' },
  ];
  for (const [events, dialog] of [
    [caller.events, kpn.dialog],
    [kpn.events, caller.dialog],
  ] as const) {
    const digit = inDialog('INFO', 'Signal=1\xff', [{ name: 'Contact', value: '<sip:x>' }, ...headers]);
    events?.requested(digit);
    t.same(
      dialog.requests.map(({ method, headers: sent, body }) => ({ method, sent, body })),
      [
        {
          method: 'INFO',
          sent: headers.map((each) => (each.name === 'c' ? { ...each, name: 'Content-Type' } : each)),
          body: 'Signal=1\xff',
        },
      ],
    );
    await answerTo(dialog, 0, 415, '', [{ name: 'Accept', value: 'application/dtmf' }]);
    t.match(digit.answers, [{ status: 415, headers: [{ name: 'Accept' }] }]);
  }
});

t.test('BYE goes on with the reasons that it came with, both ways', async (t) => {
  const reasons = ['Q.850;cause=16;text="Normal, clearing"', 'SIP;cause=200'];
  const first = await connected();
  first.caller.events?.ended({ by: 'peer', reasons });
  t.same(first.kpn.dialog.released, reasons);
  const second = await connected();
  second.kpn.events.ended({ by: 'peer', reasons });
  t.same(second.caller.dialog.released, reasons);
});

t.test('CANCEL goes on with its reasons; without one, nobody is told that another has the call', async (t) => {
  const told = called();
  told.caller.events?.cancelled(['SIP;cause=200;text="Call completed elsewhere"']);
  t.same(told.kpn.cancelled, ['SIP;cause=200;text="Call completed elsewhere"']);
  const silent = called();
  silent.caller.events?.cancelled([]);
  t.same(silent.kpn.cancelled, ['SIP;cause=487;text="caller gone"']);
});

t.test('requests after the end get 481; those that waited for the caller too', async (t) => {
  const { caller, kpn } = called();
  caller.gone = true;
  kpn.answer();
  const waiting = inDialog('INVITE', OFFER, [SDP]);
  kpn.events.requested(waiting);
  await settle();
  t.same(waiting.answers, [{ status: 481 }]);
  const late = inDialog('INFO');
  caller.events?.requested(late);
  t.same(late.answers, [{ status: 481 }]);
});

t.test(
  "our SIP server is lost with the winner before the caller was answered: the next answer is the caller's",
  async (t) => {
    const { server, caller, kpn } = called();
    caller.lostWithServer = true;
    kpn.answer('lost');
    await settle();
    t.same(caller.heard, [], 'nothing left');
    t.equal(server.callees.length, 2);
    server.callee(1).answer(ANSWER);
    await settle();
    t.match(caller.heard, [{ status: 200, body: ANSWER }]);
    t.same(server.callee(1).acknowledgements, [undefined]);
    caller.events?.ended({ by: 'peer', reasons: [] });
    t.same(server.callee(1).dialog.released, []);
  },
);

t.test('calls wait for a SIP server, and go on as soon as one is there', async (t) => {
  const { server, caller, kpn, desk, clock } = called();
  server.connect(false);
  kpn.events.failed({ origin: 'local', cause: 'server-gone', status: 503 });
  kpn.events.over();
  clock.advance(1_999);
  t.equal(server.callees.length, 1);
  clock.advance(1);
  t.match(caller.heard, [{ status: 180 }], 'the caller is to hear ringing all the same');
  server.connect(true);
  t.equal(server.callee(1).request.uri, kpn.request.uri, 'the same route');
  server.callee(1).answer();
  await settle();
  t.same(caller.statuses(), [180, 200]);
  t.equal(desk.openCalls, 1);
});

t.test('the journal says that a caller was lost with our SIP server', (t) => {
  const { server, desk, records } = office(smallNetwork(TWO));
  const caller = new FakeCaller('sip:112@127.0.0.1');
  server.incoming(caller);
  caller.events?.lost();
  t.equal(desk.openCalls, 0);
  t.match(
    records.find(({ type }) => type === 'call-ended'),
    { outcome: 'cancelled', by: 'server', cause: /our SIP server died/ },
  );
  t.not(server.callee(0).cancelled, undefined);
  t.end();
});
