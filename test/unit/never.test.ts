import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { header, headerValues } from '../../src/sip/headers.js';
import { FakeCaller, OFFER } from '../support/fake-sip-server.js';
import { smallNetwork } from '../support/network.js';
import { KPN_AND_SECOND, office, reports, settle } from '../support/office.js';

const FROM = 'From: <sip:0612345678@x>;tag=1';
const TO = 'To: <sip:112@gw>';

/** An INVITE of these lines, with CRLF between them unless told otherwise. */
function invite(uri: string, lines: readonly string[], body = OFFER, end = '\r\n'): string {
  return [`INVITE ${uri} SIP/2.0`, ...lines, '', body].join(end);
}

/** Everything that must not keep a 112 call of a connected ingress from going out, and being answered. */
const NEVER_A_REASON: readonly (readonly [what: string, bytes: string])[] = [
  ['no From', invite('sip:112@gw', [TO])],
  ['anonymous From', invite('sip:112@gw', ['From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', TO])],
  ['a From that names no address', invite('sip:112@gw', ['From: nobody at all', TO])],
  ['an empty From', invite('sip:112@gw', ['From: ', TO])],
  ['no P-Asserted-Identity', invite('sip:112@gw', [FROM, TO])],
  ['no To', invite('sip:112@gw', [FROM])],
  ['no SDP', invite('sip:112@gw', [FROM, TO, 'Content-Length: 0'], '')],
  ['an unknown body', invite('sip:112@gw', [FROM, TO, 'Content-Type: application/x-unheard-of'], '\x00\x01\xff')],
  ['a body without a type', invite('sip:112@gw', [FROM, TO], 'hello')],
  ['a multipart body without its boundary', invite('sip:112@gw', [FROM, 'Content-Type: multipart/mixed'], '--x\r\n')],
  [
    'an encoded body',
    invite('sip:112@gw', [FROM, 'Content-Type: application/sdp', 'Content-Encoding: gzip'], '\x1f\x8b'),
  ],
  ['an unknown Require', invite('sip:112@gw', [FROM, TO, 'Require: x-unheard-of, 100rel'])],
  ['an unknown Proxy-Require', invite('sip:112@gw', [FROM, TO, 'Proxy-Require: x-unheard-of'])],
  ['an unknown Supported', invite('sip:112@gw', [FROM, TO, 'Supported: x-unheard-of'])],
  [
    'an odd charset',
    invite('sip:112@gw', ['From: "\xff\xfe\x80" <sip:06@x>', 'Content-Type: application/sdp;charset=utf-7']),
  ],
  ['a long header', invite('sip:112@gw', [FROM, TO, `X-Long: ${'x'.repeat(64_000)}`])],
  ['many headers', invite('sip:112@gw', [FROM, TO, ...Array.from({ length: 500 }, (_, n) => `X-${n}: y`)])],
  ['a long URI', invite(`sip:112@gw;x=${'y'.repeat(9_000)}`, [FROM, TO])],
  [
    'a long multipart body',
    invite('sip:112@gw', [FROM, TO, 'Content-Type: multipart/mixed;boundary=b'], 'x'.repeat(70_000)),
  ],
  ['urn:service:sos', invite('urn:service:sos', [FROM, TO])],
  ['urn:service:sos.police', invite('URN:service:SOS.police', [FROM, TO])],
  ['tel:112', invite('tel:112;phone-context=+31', [FROM, TO])],
  ['112 in To alone', invite('sip:192.0.2.1', [FROM, 'To: <sip:+31112@gw>'])],
  ['line ends of LF alone', invite('sip:112@gw', [FROM, TO], OFFER, '\n')],
  ['folded lines and blanks', invite('sip:112@gw', ['From :  "A\r\n  B"\r\n <sip:06@x>;tag=1', TO])],
  ['a header line without a colon', invite('sip:112@gw', [FROM, 'this is no header', TO])],
  ['a header name that is none', invite('sip:112@gw', [FROM, 'Bad Name\x01: x', TO])],
  ['another SIP version', invite('sip:112@gw', [FROM, TO]).replace('SIP/2.0', 'SIP/3.1')],
  ['a wrong Content-Length', invite('sip:112@gw', [FROM, TO, 'Content-Length: 99999'])],
  ['a Content-Length that is no number', invite('sip:112@gw', [FROM, TO, 'Content-Length: many'])],
  ['nothing but the request line', 'INVITE sip:112@gw SIP/2.0\r\n\r\n'],
  ['brackets around the URI', invite('<sip:112@gw>', [FROM, TO])],
  ['no hops left', invite('sip:112@gw', [FROM, TO, 'Max-Forwards: 0'])],
  ['a Max-Forwards that is no number', invite('sip:112@gw', [FROM, TO, 'Max-Forwards: x'])],
  ['a session timer that is too short', invite('sip:112@gw', [FROM, TO, 'Session-Expires: 1', 'Min-SE: 1'])],
  ['an INVITE that expires at once', invite('sip:112@gw', [FROM, TO, 'Expires: 0'])],
  ['credentials that are wrong', invite('sip:112@gw', [FROM, TO, 'Authorization: Digest x', 'Proxy-Authorization: y'])],
  [
    'a signature that nobody can check',
    invite('sip:112@gw', [FROM, TO, 'Identity: x;info=<https://nowhere>;alg=none']),
  ],
  ['a name that scanners use', invite('sip:112@gw', [FROM, TO, 'User-Agent: friendly-scanner'])],
  [
    'a caller who is abroad',
    invite('sip:112@gw', ['From: <tel:+4915112345678>', 'P-Asserted-Identity: <tel:+4915112345678>']),
  ],
];

for (const [what, bytes] of NEVER_A_REASON) {
  t.test(`never a reason to refuse 112: ${what}`, async (t) => {
    const { server } = office();
    const caller = FakeCaller.from(bytes);
    server.incoming(caller);
    t.same(caller.heard, [], 'nothing is answered but by the far end');
    const { headers } = server.callee(0).request;
    t.ok(header(headers, 'From'));
    t.ok(Number(header(headers, 'Max-Forwards')) >= 10);
    for (const leg of ['Require', 'Proxy-Require', 'Authorization', 'Session-Expires', 'Expires']) {
      t.equal(header(headers, leg), undefined, leg);
    }
    server.callee(0).provisional(180);
    server.callee(0).answer();
    await settle();
    t.same(caller.statuses(), [180, 200]);
  });
}

t.test('never hidden: CLIR is lifted toward the PSAP on 112, and kept on 0900-8844', async (t) => {
  for (const privacy of ['id', 'user;id;critical', 'header;session']) {
    const sent = (uri: string) => {
      const { server } = office();
      const lines = [
        'From: "Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',
        'P-Asserted-Identity: "J" <sip:+31612345678@kpn>, <tel:+31612345678>',
        `Privacy: ${privacy}`,
      ];
      server.incoming(FakeCaller.from(invite(uri, lines)));
      return server.callee(0).request.headers;
    };
    t.equal(header(sent('sip:112@gw'), 'Privacy'), undefined);
    t.equal(header(sent('sip:09008844@gw'), 'Privacy'), privacy);
    for (const uri of ['sip:112@gw', 'sip:09008844@gw']) {
      t.equal(header(sent(uri), 'P-Asserted-Identity'), '"J" <sip:+31612345678@kpn>, <tel:+31612345678>');
    }
  }
});

t.test('never lost: P-Asserted-Identity before Remote-Party-ID before From, all in the report', async (t) => {
  const asserted = 'P-Asserted-Identity: "J. Jans\xc3\xa9n" <sip:+31611111111@kpn>';
  const remote = 'Remote-Party-ID: <sip:+31622222222@kpn>;party=calling';
  const anonymous = 'From: <sip:anonymous@anonymous.invalid>;tag=1';
  const cases: readonly (readonly [readonly string[], string, readonly string[]])[] = [
    [[FROM, remote, asserted], '+31611111111', ['P-Asserted-Identity', 'Remote-Party-ID', 'From']],
    [[FROM, remote], '+31622222222', ['Remote-Party-ID', 'From']],
    [[FROM], '0612345678', ['From']],
    [[anonymous, asserted], '+31611111111', ['P-Asserted-Identity', 'From']],
    [[anonymous], 'anonymous', ['From']],
    [[], 'anonymous', []],
  ];
  for (const [lines, caller, sources] of cases) {
    const { server, records } = office();
    server.incoming(FakeCaller.from(invite('sip:112@gw', lines)));
    server.callee(0).answer();
    await settle();
    const [report] = reports(records);
    t.equal(report?.caller, caller);
    t.same(
      report?.identities.map(({ source }) => source),
      sources,
    );
    if (lines.includes(asserted)) {
      t.match(report?.identities[0], { uri: 'sip:+31611111111@kpn', display: 'J. Jans\u00e9n' });
    }
  }
});

t.test('never ended by a trunk: 6xx and every other refusal only start the next attempt', async (t) => {
  for (const status of [
    300, 302, 380, 400, 401, 404, 407, 410, 480, 482, 486, 487, 500, 503, 580, 600, 603, 604, 606, 607, 699,
  ]) {
    const { server } = office();
    const caller = FakeCaller.from(invite('sip:112@gw', [FROM, TO]));
    server.incoming(caller);
    server.callee(0).fail(status, [{ name: 'Contact', value: '<sip:112@198.51.100.66>' }]);
    t.same(caller.heard, [], `${status}: the caller is told nothing`);
    const next = server.callees.at(-1);
    t.ok(server.callees.length >= 2, `${status}: another attempt`);
    t.ok(next?.request.nextHop.host.startsWith('127.0.99.'), `${status}: no redirect is followed`);
    next?.answer();
    await settle();
    t.same(caller.statuses(), [200]);
  }
});

t.test('never a Retry-After, and never the answer of a trunk, to an emergency caller', async (t) => {
  for (const status of [404, 486, 503, 600, 603]) {
    const { server } = office(smallNetwork(KPN_AND_SECOND, 'wilt'));
    const caller = FakeCaller.from(invite('sip:112@gw', [FROM, TO]));
    server.incoming(caller);
    for (let nth = 0; nth < server.callees.length; nth++) {
      server.callee(nth).fail(status, [{ name: 'Retry-After', value: '120' }]);
    }
    t.same(caller.statuses(), [503]);
    t.equal(header(caller.heard[0]?.headers ?? [], 'Retry-After'), undefined);
    t.ok(
      headerValues(caller.heard[0]?.headers ?? [], 'Reason').every((value) => !/cause=(1|17|21)\b/.test(value)),
      'nothing that ends the search of the upstream',
    );
  }
});

t.test('never delayed: a journal that throws changes nothing', async (t) => {
  const thrown = { record: () => { throw new Error('disk full'); } }; // prettier-ignore
  const { server, clock, desk, logged, keeper } = office(undefined, { journal: thrown });
  const caller = FakeCaller.from(invite('sip:112@gw', [FROM, TO]));
  server.incoming(caller);
  clock.advance(600);
  t.equal(server.callees.length, 2, 'the change of health that cannot be written still counts');
  t.match(keeper.snapshot().trunks[0], { health: { state: 'suspect' } });
  server.callee(1).answer();
  await settle();
  t.same(caller.statuses(), [200]);
  caller.events?.ended({ by: 'peer', reasons: [] });
  t.equal(desk.openCalls, 0);
  t.ok(
    logged.some(({ text }) => text.includes('the journal failed')),
    'and it is told',
  );
});

t.test('never limited: a thousand 112 calls in one second from one source, and of one caller', async (t) => {
  const { server } = office();
  const callers = Array.from({ length: 1_000 }, () => FakeCaller.from(invite('sip:112@gw', [FROM, TO])));
  for (const caller of callers) {
    server.incoming(caller);
  }
  t.equal(server.callees.length, 1_000);
  t.same(
    callers.filter(({ heard }) => heard.length > 0),
    [],
  );
});

t.test('never hung up on: a caller who says nothing stays connected', async (t) => {
  const { server, clock, desk } = office();
  const caller = FakeCaller.from(invite('sip:112@gw', [FROM, TO]));
  server.incoming(caller);
  server.callee(0).answer();
  await settle();
  clock.advance(24 * 3_600_000);
  t.equal(caller.dialog.released, undefined);
  t.equal(server.callee(0).dialog.released, undefined);
  t.equal(desk.openCalls, 1);
});

t.test('never without an attempt: when every trunk is down, all of them are tried', async (t) => {
  const { server, keeper } = office();
  for (const trunk of keeper.snapshot().trunks) {
    keeper.record(trunk.trunk, { type: 'line', state: 'down', cause: 'test' });
  }
  const caller = FakeCaller.from(invite('sip:112@gw', [FROM, TO]));
  server.incoming(caller);
  t.equal(server.callees.length, 2, 'two at once where nothing healthy is left');
  server.callee(0).fail(503);
  server.callee(1).answer();
  await settle();
  t.same(caller.statuses(), [200]);
});

t.test('a source that belongs to no ingress is not connected: 403, also for 112', async (t) => {
  const { server } = office(smallNetwork([{ id: 'kpn-a', carrier: 'kpn' }]));
  const stranger = FakeCaller.from(invite('sip:112@gw', [FROM, TO]), { address: '192.0.2.1' });
  server.incoming(stranger);
  t.same(stranger.heard, [{ status: 403 }], 'bare: nothing that a scanner could learn from');
});

t.test('never answered by a simulator: noodroute run refuses a site file with lab endpoints', async (t) => {
  const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'run', 'config/lab.yaml'], {
    encoding: 'utf8',
    timeout: 10_000,
  });
  t.equal(status, 1);
  t.equal(stdout, '');
  t.match(stderr, /^config\/lab\.yaml: it names lab endpoints, which could answer a real 112 call/);
});
