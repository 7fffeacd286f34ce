import t from 'tap';
import { fromOf } from '../../src/calls/caller.js';
import { hasSdp, sdpIn } from '../../src/sip/sdp-in-body.js';
import { withoutTag } from '../../src/sip/name-addr.js';
import { header, headerValues } from '../../src/sip/headers.js';
import type { Header } from '../../src/sip/message.js';
import { FakeCaller, OFFER } from '../support/fake-sip-server.js';
import { smallNetwork } from '../support/network.js';
import { office, settle } from '../support/office.js';

const PIDF = '<?xml version="1.0"?><presence entity="pres:06@x"><tuple id="a">\r\n\r\n\xc3\xa9</tuple></presence>';
const MULTIPART =
  'preamble\r\n--b 1?\r\nContent-Type: application/sdp\r\nContent-Disposition: session\r\n\r\n' +
  `${OFFER}\r\n--b 1?\r\nContent-Type: application/pidf+xml\r\nContent-ID: <here@kpn>\r\n\r\n${PIDF}\r\n--b 1?--\r\nepilogue`;
const MULTIPART_TYPE = 'multipart/mixed; boundary="b 1?";x=y';

/** What the caller said: each of these goes on to the trunk as it is, in this order. */
const SAID: readonly (readonly [string, string])[] = [
  ['Content-Type', MULTIPART_TYPE],
  ['P-Asserted-Identity', '"Jans\xc3\xa9n, J." <sip:+31612345678@kpn.nl>'],
  ['P-Asserted-Identity', '<tel:+31612345678;ext=5>'],
  ['Remote-Party-ID', '"J" <sip:0612345678@kpn.nl>;party=calling;screen=yes;privacy=full'],
  ['Geolocation', '<cid:here@kpn>, <https://lis.kpn.nl/x?a=1>;inserted-by="lis"'],
  ['Geolocation-Routing', 'yes'],
  ['Call-Info', '<https://adr.kpn.nl/1>;purpose=EmergencyCallData.ProviderInfo'],
  ['Call-Info', '<cid:sub@kpn>;purpose=EmergencyCallData.SubscriberInfo'],
  ['Resource-Priority', 'esnet.0'],
  ['Additional-Data', 'x;y="z, 1"'],
  ['Reason', 'SIP;cause=302;text="Moved", Q.850;cause=31'],
  ['History-Info', '<sip:112@kpn.nl>;index=1, <sip:112@psap.nl?Reason=SIP%3Bcause%3D302>;index=1.1'],
  ['User-to-User', '56a390f3d2b7310023a2;encoding=hex'],
  ['Accept-Contact', '*;audio;require'],
  ['Accept-Language', 'nl, fy;q=0.5'],
  ['P-Access-Network-Info', '3GPP-E-UTRAN-FDD; utran-cell-id-3gpp=204080001'],
  ['Priority', 'emergency'],
  ['MIME-Version', '1.0'],
  ['Content-Disposition', 'session;handling=optional'],
  ['Content-ID', '<body@kpn>'],
  ['Recv-Info', 'dtmf'],
  ['Identity', 'eyJ.x.y;info=<https://cert>;alg=ES256'],
  ['X-Carrier-Thing', '  kept   as it is'],
  ['s', 'a subject in its compact form'],
];

/** What belongs to the caller's leg: never on the trunk's. */
const LEG: readonly (readonly [string, string])[] = [
  ['Via', 'SIP/2.0/UDP 192.0.2.9;branch=z9hG4bKx'],
  ['v', 'SIP/2.0/UDP 192.0.2.8;branch=z9hG4bKy'],
  ['Route', '<sip:192.0.2.1;lr>'],
  ['Record-Route', '<sip:192.0.2.2;lr>'],
  ['m', '<sip:0612345678@192.0.2.9>'],
  ['i', 'caller-call-id@kpn'],
  ['CSeq', '7 INVITE'],
  ['Require', '100rel, x-unheard-of'],
  ['Proxy-Require', 'x-unheard-of'],
  ['k', 'timer, 100rel, replaces'],
  ['Allow', 'INVITE'],
  ['u', 'presence'],
  ['x', '1800;refresher=uac'],
  ['Min-SE', '90'],
  ['RSeq', '1'],
  ['RAck', '1 1 INVITE'],
  ['Replaces', 'a;to-tag=1;from-tag=2'],
  ['Join', 'a;to-tag=1;from-tag=2'],
  ['Authorization', 'Digest username="a"'],
  ['Proxy-Authorization', 'Digest username="a"'],
  ['Proxy-Something', 'x'],
  ['Date', 'Mon, 24 Jun 2019 13:34:00 GMT'],
  ['l', '3'],
  ['Expires', '20'],
  ['User-Agent', 'friendly-scanner'],
  ['X-Noodroute-Give-Up', 'yes'],
  ['Bad Name', 'would make the carrier refuse the message'],
];

function headersOf(lines: readonly (readonly [string, string])[]): readonly Header[] {
  return lines.map(([name, value]) => ({ name, value }));
}

/** Sends a call in and gives the headers and the body of its first attempts. */
function sentFor(uri: string, headers: readonly Header[], body = OFFER, trunks = smallNetwork(TRUNKS)) {
  const { server, clock } = office(trunks);
  const caller = new FakeCaller(uri, headers, body);
  server.incoming(caller);
  return { server, clock, caller, first: server.callee(0).request };
}

const TRUNKS = [
  { id: 'kpn-a', carrier: 'kpn', tier: 1, ownNumber: '+31880000112' },
  { id: 'second-a', carrier: 'second', tier: 2 },
];

t.test('what the caller said travels on byte for byte; what belongs to the leg does not', async (t) => {
  const { first } = sentFor('sip:112@127.0.0.1', headersOf([...LEG, ...SAID]), MULTIPART);
  t.equal(first.body, MULTIPART);
  const travelled = first.headers.filter(({ name }) => SAID.some(([said]) => said === name || name === 'Subject'));
  const ours = travelled.filter(({ value }) => !value.includes('emergency-CallId'));
  t.same(
    ours.map(({ name, value }) => [name, value]),
    SAID.map(([name, value]) => [name === 's' ? 'Subject' : name, value]),
  );
  const names = first.headers.map(({ name }) => name);
  t.same(
    names.filter((name) => !SAID.some(([said]) => said === name)),
    ['From', 'To', 'Max-Forwards', 'Allow', 'Subject', 'X-Passed-Through'],
    'nothing of the leg is left: only our own',
  );
  t.equal(header(first.headers, 'Allow'), 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK');
});

t.test('From goes on as it was sent, without its tag', async (t) => {
  const cases: readonly (readonly [string, string])[] = [
    [
      '"J. \\"Jan\\" Jans\xc3\xa9n" <sip:0612@x;cpc=payphone>;tag=1;epid=9',
      '"J. \\"Jan\\" Jans\xc3\xa9n" <sip:0612@x;cpc=payphone>;epid=9',
    ],
    ['Jan Jansen<sip:0612@x>;tag=1', 'Jan Jansen<sip:0612@x>'],
    ['sip:0612@x;tag=1', 'sip:0612@x'],
    ['<tel:+31612345678>;TAG=a', '<tel:+31612345678>'],
    ['"a;tag=b" <sip:1@x>', '"a;tag=b" <sip:1@x>'],
    // Broken, but it can be understood: the same bytes, in a form that every parser reads.
    ['Jans\xc3\xa9n <sip:0612@x>;tag=1', '"Jans\xc3\xa9n" <sip:0612@x>'],
    ['"Jan <sip:0612@x>;tag=1', '"Jan" <sip:0612@x>'],
    ['"Jan" <sip:0612@x', '"Jan" <sip:0612@x>'],
  ];
  for (const [sent, expected] of cases) {
    t.equal(fromOf([{ name: 'f', value: sent }], undefined), expected, sent);
  }
});

t.test('without an address in From: P-Asserted-Identity, Remote-Party-ID, the trunk, nobody', async (t) => {
  const asserted = { name: 'P-Asserted-Identity', value: '"A" <sip:1@x>' };
  const remote = { name: 'Remote-Party-ID', value: '<sip:2@x>;party=calling' };
  const from = { name: 'From', value: '<nonsense>' };
  t.equal(fromOf([from, remote, asserted], '+3188'), '"A" <sip:1@x>');
  t.equal(fromOf([from, remote], '+3188'), '<sip:2@x>');
  t.equal(fromOf([from], '+3188'), '<sip:+3188@localhost;user=phone>');
  t.equal(fromOf([], undefined), '<sip:anonymous@anonymous.invalid>');
});

t.test('the tag is taken out of a From without touching the rest', async (t) => {
  t.equal(withoutTag('<sip:a@b>;x=1 ; tag = 2 ;y'), '<sip:a@b>;x=1 ;y');
  t.equal(withoutTag('<sip:a@b> ;x="tag=1"'), '<sip:a@b> ;x="tag=1"');
});

t.test('the call identifier that the caller brought is kept on every attempt, and none is added', async (t) => {
  const brought = '<urn:emergency:uid:callid:abc:esrp.example>;purpose=emergency-CallId';
  const { server, clock } = sentFor('sip:112@127.0.0.1', [{ name: 'Call-Info', value: brought }]);
  clock.advance(600);
  for (const index of [0, 1]) {
    t.same(headerValues(server.callee(index).request.headers, 'Call-Info'), [brought]);
  }
});

t.test('each attempt carries a marker of its own, behind those of other gateways', async (t) => {
  const other = { name: 'X-Passed-Through', value: 'noodroute;site=north;attempt=7-1' };
  const { server, clock } = sentFor('sip:112@127.0.0.1', [other]);
  clock.advance(600);
  const marks = [0, 1].map((index) => headerValues(server.callee(index).request.headers, 'X-Passed-Through'));
  t.match(marks, [
    [other.value, 'noodroute;site=west;attempt=00000001-1'],
    [other.value, 'noodroute;site=west;attempt=00000001-2'],
  ]);
});

t.test('Max-Forwards goes on, less one; an emergency call has at least ten hops left', async (t) => {
  const forwards = (uri: string, given?: string): string | undefined =>
    header(
      sentFor(uri, given === undefined ? [] : [{ name: 'Max-Forwards', value: given }]).first.headers,
      'Max-Forwards',
    );
  t.equal(forwards('sip:112@127.0.0.1', '70'), '69');
  t.equal(forwards('sip:112@127.0.0.1', '0'), '10');
  t.equal(forwards('sip:112@127.0.0.1'), '70');
  t.equal(forwards('sip:112@127.0.0.1', 'abc'), '70');
  t.equal(forwards('sip:112@127.0.0.1', '99999'), '255');
  t.equal(forwards('sip:09008844@127.0.0.1', '5'), '4');
});

t.test('plain: the session description alone, found inside a multipart body, under 1,300 bytes', async (t) => {
  const long = { name: 'X-Long', value: 'x'.repeat(2_000) };
  const short = { name: 'X-Short', value: 'kept while there is room' };
  const { server } = sentFor('sip:112@127.0.0.1', [long, short, ...headersOf(SAID)], MULTIPART);
  server.callee(0).fail(415);
  const { headers, body, nextHop } = server.callee(1).request;
  t.equal(nextHop.host, '127.0.99.1', 'the same trunk');
  t.equal(body, OFFER);
  t.equal(header(headers, 'Content-Type'), 'application/sdp');
  t.same(headerValues(headers, 'P-Asserted-Identity'), [
    '"Jans\xc3\xa9n, J." <sip:+31612345678@kpn.nl>',
    '<tel:+31612345678;ext=5>',
  ]);
  t.ok(header(headers, 'Remote-Party-ID'));
  t.ok(headerValues(headers, 'Call-Info').some((value) => value.includes('emergency-CallId')));
  t.equal(header(headers, 'X-Short'), short.value);
  t.equal(header(headers, 'Geolocation'), '<https://lis.kpn.nl/x?a=1>;inserted-by="lis"', 'no reference into the body');
  for (const gone of ['X-Long', 'MIME-Version', 'Content-ID', 'Content-Disposition', 'Identity', 'Resource-Priority']) {
    t.equal(header(headers, gone), undefined, gone);
  }
  const bytes = headers.reduce((sum, { name, value }) => sum + name.length + value.length + 4, body.length);
  t.ok(bytes < 1_300, `${bytes} bytes`);
});

t.test('plain: a body without a session description is left out, an encoded one stays', async (t) => {
  const unknown = sentFor('sip:112@127.0.0.1', [{ name: 'Content-Type', value: 'application/x-msd' }], '\x00\xff');
  unknown.server.callee(0).fail(415);
  t.equal(unknown.server.callee(1).request.body, '');
  t.equal(header(unknown.server.callee(1).request.headers, 'Content-Type'), undefined);
  const encoded = [
    { name: 'Content-Type', value: 'application/sdp' },
    { name: 'Content-Encoding', value: 'gzip' },
  ];
  const packed = sentFor('sip:112@127.0.0.1', encoded, '\x1f\x8b');
  packed.server.callee(0).fail(415);
  t.equal(packed.server.callee(1).request.body, '\x1f\x8b');
  t.equal(header(packed.server.callee(1).request.headers, 'Content-Encoding'), 'gzip');
});

t.test('a message that our own SIP server cannot send goes out plain', async (t) => {
  const { server } = sentFor('sip:112@127.0.0.1', [{ name: 'X-Long', value: 'x'.repeat(9_000) }]);
  server.callee(0).events.failed({ origin: 'local', cause: 'too-large', status: 513 });
  t.equal(server.callee(1).request.nextHop.host, '127.0.99.1', 'the same trunk');
  t.equal(header(server.callee(1).request.headers, 'X-Long'), undefined);
});

t.test('own-number: a trunk that refuses the caller is shown the number that it knows', async (t) => {
  const said = [
    { name: 'P-Asserted-Identity', value: '<sip:+31612345678@kpn.nl>' },
    { name: 'Geolocation', value: '<https://lis/x>' },
  ];
  const { server } = sentFor('sip:112@127.0.0.1', said);
  server.callee(0).fail(403);
  const { headers, nextHop, body } = server.callee(1).request;
  t.equal(nextHop.host, '127.0.99.1', 'the same trunk');
  t.equal(header(headers, 'From'), '"+31612345678" <sip:+31880000112@localhost;user=phone>');
  t.same(headerValues(headers, 'P-Asserted-Identity'), ['<sip:+31880000112@localhost;user=phone>']);
  t.equal(header(headers, 'Geolocation'), '<https://lis/x>');
  t.equal(body, OFFER);
  server.callee(1).fail(403);
  t.equal(server.callee(2).request.nextHop.host, '127.0.99.2', 'once, then the next trunk');
  server.callee(2).fail(403);
  t.equal(server.callees.length, 3, 'a trunk without a number of its own is not asked again');
});

t.test(
  'min-se: a trunk that wants longer session intervals is told so, and still asked for no session timer',
  async (t) => {
    const { server } = sentFor('sip:112@127.0.0.1', []);
    server.callee(0).fail(422, [{ name: 'Min-SE', value: '1800;x=y' }]);
    const { headers, nextHop } = server.callee(1).request;
    t.equal(nextHop.host, '127.0.99.1', 'the same trunk');
    t.equal(header(headers, 'Min-SE'), '1800');
    t.equal(header(headers, 'Session-Expires'), undefined);
  },
);

t.test('a destination that is reached by URN gets it in To', async (t) => {
  const network = smallNetwork(TRUNKS);
  const routes = network.routes.map((route) => ({ ...route, number: 'urn:service:sos' }));
  const { first } = sentFor('sip:112@127.0.0.1', [], OFFER, { ...network, routes });
  t.equal(first.uri, 'sip:112@127.0.99.1;user=phone');
  t.equal(header(first.headers, 'To'), '<urn:service:sos>');
});

t.test('a destination with a SIP address of its own is asked for there, over the trunk', async (t) => {
  const network = smallNetwork(TRUNKS);
  const domain = { host: '127.0.98.5', port: 5070, transport: 'udp' } as const;
  const routes = network.routes.map((route) => ({ ...route, number: 'desk', domain }));
  const { first } = sentFor('sip:112@127.0.0.1', [], OFFER, { ...network, routes });
  t.equal(first.uri, 'sip:desk@127.0.98.5:5070;user=phone');
  t.equal(first.nextHop.host, '127.0.99.1');
});

t.test('the answer of the far end travels back: its body and what it says of itself', async (t) => {
  const { server, caller } = sentFor('sip:112@127.0.0.1', []);
  const back = [
    { name: 'Content-Type', value: MULTIPART_TYPE },
    { name: 'P-Asserted-Identity', value: '"Meldkamer" <sip:+31880000112@psap>' },
    { name: 'Call-Info', value: '<https://psap/desk>;purpose=info' },
    { name: 'User-to-User', value: '00;encoding=hex' },
    { name: 'Geolocation-Error', value: '100;code="Cannot Process Location"' },
  ];
  const leg = [
    { name: 'Record-Route', value: '<sip:p;lr>' },
    { name: 'Contact', value: '<sip:desk@psap>' },
    { name: 'Session-Expires', value: '1800;refresher=uas' },
    { name: 'Require', value: 'timer' },
    { name: 'Server', value: 'psap' },
    { name: 'Allow', value: 'INVITE' },
  ];
  server
    .callee(0)
    .events.answered({ status: 202, reason: '', headers: [...leg, ...back], body: MULTIPART }, server.callee(0).dialog);
  await settle();
  const [answer] = caller.heard;
  t.equal(answer?.status, 200);
  t.equal(answer?.body, MULTIPART);
  t.same(
    answer?.headers?.filter(({ name }) => name !== 'Allow'),
    back,
  );
  t.equal(
    headerValues(answer?.headers ?? [], 'Allow').join(', '),
    'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK',
  );
});

t.test('ringing travels back with what the far end says, but without SDP', async (t) => {
  const { server, caller } = sentFor('sip:112@127.0.0.1', []);
  const said = [
    { name: 'P-Asserted-Identity', value: '"Meldkamer" <sip:+31880000112@psap>' },
    { name: 'Alert-Info', value: '<urn:alert:service:normal>' },
  ];
  const early = [
    { name: 'Content-Type', value: 'application/sdp' },
    { name: 'Require', value: '100rel' },
    { name: 'RSeq', value: '17' },
    { name: 'P-Early-Media', value: 'sendrecv' },
  ];
  server.callee(0).events.progressed({ status: 183, reason: '', headers: [...early, ...said], body: OFFER });
  t.same(caller.heard, [{ status: 180, headers: said }]);
});

t.test('a session description is found wherever it stands in a body', async (t) => {
  const typed = (value: string, body: string) => ({ headers: [{ name: 'c', value }], body });
  const nested = `--o\r\nContent-Type: multipart/related;boundary=i\r\n\r\n--i\r\nContent-Type: application/sdp\r\n\r\n${OFFER}\r\n--i--\r\n\r\n--o--`;
  t.equal(sdpIn(typed('Application/SDP; charset=utf-8', OFFER)), OFFER);
  t.equal(sdpIn({ headers: [], body: OFFER }), OFFER, 'no type, but it looks like one');
  t.equal(sdpIn(typed('multipart/mixed;boundary=o', nested)), OFFER);
  t.equal(sdpIn(typed('multipart/mixed;boundary=other', nested)), undefined);
  t.equal(sdpIn(typed('text/plain', OFFER)), undefined);
  t.equal(hasSdp(typed('application/sdp', '')), false);
  t.equal(hasSdp({ headers: [], body: 'hello' }), false);
});
