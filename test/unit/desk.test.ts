import t from 'tap';
import { headerValues, header } from '../../src/sip/headers.js';
import { FakeCaller, ANSWER, OFFER, inDialog } from '../support/fake-sip-server.js';
import { smallNetwork } from '../support/network.js';
import { KPN_AND_SECOND, office, reports, settle } from '../support/office.js';

t.test('a 112 call: INVITE to the trunk, ringing and answer to the caller, BYE both ways', async (t) => {
  const { server, records, desk } = office();
  const caller = new FakeCaller('sip:112@127.0.0.1');
  server.incoming(caller);
  const kpn = server.callee(0);
  t.match(kpn.request, { uri: 'sip:112@127.0.99.1;user=phone', body: OFFER });
  kpn.provisional(180);
  kpn.answer();
  await settle();
  t.same(caller.statuses(), [180, 200]);
  t.equal(caller.heard[1]?.body, ANSWER);
  t.same(kpn.acknowledgements, [undefined], 'the trunk got its ACK');
  t.equal(desk.openCalls, 1);
  caller.events?.ended({ by: 'peer', reasons: [] });
  t.same(kpn.dialog.released, [], 'a BYE without a reason goes on without one');
  t.equal(desk.openCalls, 0);
  t.match(reports(records), [
    { service: '112', caller: '0612345678', outcome: 'answered', answeredBy: { trunk: 'kpn-a' } },
  ]);
});

t.test('the answering point hangs up: the caller is released', async (t) => {
  const { server, desk, clock } = office();
  const caller = new FakeCaller('urn:service:sos');
  server.incoming(caller);
  server.callee(0).answer();
  await settle();
  clock.advance(2_001);
  server.callee(0).events.ended({ by: 'peer', reasons: [] });
  t.same(caller.dialog.released, []);
  t.equal(desk.openCalls, 0);
});

t.test('every attempt of a call carries the same call identifier, and what the caller said', async (t) => {
  const { server, clock } = office();
  const said = [
    { name: 'P-Asserted-Identity', value: '"J. Jansen" <sip:+31612345678@kpn.example>' },
    { name: 'Geolocation', value: '<cid:target123@kpn.example>' },
    { name: 'Privacy', value: 'id' },
    { name: 'Require', value: '100rel' },
    { name: 'Max-Forwards', value: '3' },
  ];
  server.incoming(new FakeCaller('sip:112@127.0.0.1', said));
  clock.advance(600);
  const [first, second] = [server.callee(0).request.headers, server.callee(1).request.headers];
  const identifier = headerValues(first, 'Call-Info').find((value) => value.includes('purpose=emergency-CallId'));
  t.match(identifier, /^<urn:emergency:uid:callid:[0-9a-f]{32}:noodroute>/);
  t.same(headerValues(second, 'Call-Info'), headerValues(first, 'Call-Info'));
  t.equal(header(first, 'P-Asserted-Identity'), '"J. Jansen" <sip:+31612345678@kpn.example>');
  t.equal(header(first, 'Geolocation'), '<cid:target123@kpn.example>');
  t.equal(header(first, 'Privacy'), undefined, 'on 112 the caller is shown to the PSAP');
  t.equal(header(first, 'Require'), undefined, 'what belongs to a leg is not copied');
  t.equal(header(first, 'Max-Forwards'), '10', 'a 112 call has at least ten hops left');
});

t.test('0900-8844 keeps the privacy that the caller asked for', async (t) => {
  const { server } = office();
  server.incoming(new FakeCaller('sip:09008844@127.0.0.1', [{ name: 'Privacy', value: 'id' }]));
  t.equal(header(server.callee(0).request.headers, 'Privacy'), 'id');
});

t.test('silence counts against the trunk at once, and the next call avoids it', async (t) => {
  const { server, clock } = office();
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  clock.advance(600);
  t.equal(server.callees.length, 2);
  server.callee(1).provisional(180);
  t.same(server.callee(0).cancelled, ['SIP;cause=200;text="rings elsewhere"']);
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  t.match(server.callee(2).request.nextHop, { host: '127.0.99.2' }, 'a suspect trunk goes behind the healthy one');
});

t.test('the caller hears ringing after 2 s when no trunk rings (P20), and again every 50 s', async (t) => {
  const { server, clock } = office();
  const caller = new FakeCaller('sip:112@127.0.0.1');
  server.incoming(caller);
  server.callee(0).provisional(100);
  clock.advance(1_999);
  t.same(caller.statuses(), []);
  clock.advance(1);
  t.same(caller.statuses(), [180]);
  server.callee(0).provisional(180);
  clock.advance(50_000);
  t.same(caller.statuses(), [180, 180]);
});

t.test(
  'when everything fails, an upstream with other ways is told 503 without Retry-After, whatever the trunks said',
  async (t) => {
    const { server, records } = office(smallNetwork(KPN_AND_SECOND, 'wilt'));
    const caller = new FakeCaller('sip:112@127.0.0.1');
    server.incoming(caller);
    server.callee(0).fail(404);
    server.callee(1).fail(603);
    t.same(caller.statuses(), [503]);
    t.equal(header(caller.heard[0]?.headers ?? [], 'Retry-After'), undefined);
    t.match(reports(records), [{ outcome: 'failed', attempts: [{ status: 404 }, { status: 603 }] }]);
  },
);

t.test('a caller who hangs up ends every attempt', async (t) => {
  const { server, clock, desk } = office();
  const caller = new FakeCaller('sip:112@127.0.0.1');
  server.incoming(caller);
  clock.advance(600);
  caller.events?.cancelled([]);
  const gone = ['SIP;cause=487;text="caller gone"'];
  t.same([server.callee(0).cancelled, server.callee(1).cancelled], [gone, gone]);
  t.equal(desk.openCalls, 0);
});

t.test('the caller is gone when the answer comes: the trunk is released', async (t) => {
  const { server, desk } = office();
  const caller = new FakeCaller('sip:112@127.0.0.1');
  caller.gone = true;
  server.incoming(caller);
  server.callee(0).answer();
  await settle();
  t.same(server.callee(0).dialog.released, ['SIP;cause=487;text="caller gone"']);
  t.equal(desk.openCalls, 0);
});

t.test('re-INVITE and INFO pass both ways; a crossing offer gets 491; a refused one leaves the session', async (t) => {
  const { server } = office();
  const caller = new FakeCaller('sip:112@127.0.0.1');
  server.incoming(caller);
  const kpn = server.callee(0);
  kpn.answer();
  await settle();
  const hold = inDialog('INVITE', OFFER, [{ name: 'Content-Type', value: 'application/sdp' }]);
  kpn.events.requested(hold);
  const crossing = inDialog('INVITE', OFFER);
  caller.events?.requested(crossing);
  t.same(crossing.answers, [{ status: 491 }]);
  const again = inDialog('INVITE', OFFER);
  kpn.events.requested(again);
  t.match(again.answers, [{ status: 500, headers: [{ name: 'Retry-After' }] }], 'a second one of the same side');
  caller.dialog.requests[0]?.answer({ status: 488, reason: '', headers: [], body: '' });
  await settle();
  t.match(hold.answers, [{ status: 488 }]);
  const digit = inDialog('INFO', 'Signal=1', [{ name: 'Content-Type', value: 'application/dtmf-relay' }]);
  caller.events?.requested(digit);
  t.match(kpn.dialog.requests[0], { method: 'INFO', body: 'Signal=1', headers: [{ name: 'Content-Type' }] });
  kpn.dialog.requests[0]?.answer({ status: 200, reason: '', headers: [], body: '' });
  await settle();
  t.match(digit.answers, [{ status: 200 }]);
});

t.test('a refresh that times out on the far side does not end the call', async (t) => {
  const { server } = office();
  const caller = new FakeCaller('sip:112@127.0.0.1');
  server.incoming(caller);
  server.callee(0).answer();
  await settle();
  const refresh = inDialog('INVITE', OFFER);
  caller.events?.requested(refresh);
  server.callee(0).dialog.requests[0]?.answer({ status: 408, reason: '', headers: [], body: '' });
  await settle();
  t.match(refresh.answers, [{ status: 500 }]);
});

t.test(
  'a call without SDP: the offer of the trunk goes to the caller, the answer of the caller to the trunk',
  async (t) => {
    const { server } = office();
    const caller = new FakeCaller('sip:112@127.0.0.1', [], '');
    server.incoming(caller);
    const kpn = server.callee(0);
    kpn.answer(OFFER);
    await settle();
    t.same(kpn.acknowledgements, [], 'the ACK waits for the answer');
    t.equal(caller.heard[0]?.body, OFFER);
    caller.events?.acknowledged(ANSWER);
    t.same(kpn.acknowledgements, [ANSWER]);
  },
);

t.test('an unknown source is refused, an unknown number is not found', async (t) => {
  const { server } = office();
  const stranger = new FakeCaller('sip:112@127.0.0.1');
  Object.defineProperty(stranger, 'source', { value: { address: '192.0.2.1', port: 5060, transport: 'udp' } });
  server.incoming(stranger);
  t.same(stranger.statuses(), [403]);
  const wrongNumber = new FakeCaller('sip:0201234567@127.0.0.1');
  server.incoming(wrongNumber);
  t.same(wrongNumber.statuses(), [404]);
});
