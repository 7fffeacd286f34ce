import { deepStrictEqual, strictEqual } from 'node:assert';
import * as fc from 'fast-check';
import t from 'tap';
import { cpuTimeOf } from '../../support/cpu-time.js';
import {
  canonicalName,
  cseq,
  header,
  headerValues,
  setHeader,
  splitList,
  withoutHeader,
  type Header,
} from '../../../src/sip/headers.js';
import { callerIdentities, callerIdentity } from '../../../src/sip/identity.js';
import { parseNameAddr, printNameAddr, tagOf, withTag } from '../../../src/sip/name-addr.js';
import { parseParams, printParams } from '../../../src/sip/params.js';
import { parseReasons, printReason } from '../../../src/sip/reason.js';
import { parseSdp, printSdp } from '../../../src/sip/sdp.js';
import { decodeUtf8, encodeUtf8 } from '../../../src/sip/text.js';
import { parseUri, printUri } from '../../../src/sip/uri.js';
import { parseVia, printVia } from '../../../src/sip/via.js';

function list(...lines: string[]): Header[] {
  return lines.map((line) => ({ name: line.slice(0, line.indexOf(':')), value: line.slice(line.indexOf(':') + 1) }));
}

function entries(text: string): (readonly [string, string | undefined])[] {
  return [...parseParams(text)];
}

t.test('header names', async (t) => {
  const rows = [
    ['v', 'Via'],
    ['V', 'Via'],
    ['l', 'Content-Length'],
    ['i', 'Call-ID'],
    ['x', 'Session-Expires'],
    ['call-id', 'Call-ID'],
    ['CSEQ', 'CSeq'],
    ['x-foo', 'X-Foo'],
    ['p-asserted-identity', 'P-Asserted-Identity'],
    ['www-authenticate', 'WWW-Authenticate'],
    ['rack', 'RAck'],
    ['min-se', 'Min-SE'],
    ['', ''],
    ['z', 'Z'],
    ['x-\xc9', 'X-\xc9'],
  ] as const;
  for (const [name, canonical] of rows) {
    t.equal(canonicalName(name), canonical, name);
  }
});

t.test('header lists', async (t) => {
  const headers = list('v:1', 'VIA:2,3', 'From:a,b', 'X-Foo:c,d', 'f:e');
  t.equal(header(headers, 'Via'), '1');
  t.equal(header(headers, 'v'), '1');
  t.equal(header(headers, 'F'), 'a,b');
  t.equal(header(headers, 'To'), undefined);
  t.same(headerValues(headers, 'via'), ['1', '2', '3']);
  t.same(headerValues(headers, 'from'), ['a,b', 'e'], 'no list header');
  t.same(headerValues(headers, 'x-foo'), ['c,d'], 'an unknown header is left whole');
  t.same(setHeader(headers, 'Via', '9'), list('Via:9', 'From:a,b', 'X-Foo:c,d', 'f:e'));
  t.same(setHeader(headers, 'To', '9'), [...headers, { name: 'To', value: '9' }]);
  t.same(withoutHeader(headers, 'Via', 'from'), list('X-Foo:c,d'));
});

t.test('comma lists', async (t) => {
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ['', []],
    [' , ,', []],
    ['a', ['a']],
    ['a, b ,c', ['a', 'b', 'c']],
    ['"a,b" <sip:c,d@h>;x="e,f", g', ['"a,b" <sip:c,d@h>;x="e,f"', 'g']],
    ['"a\\",b", c', ['"a\\",b"', 'c']],
    ['"never closed, b', ['"never closed, b']],
    ['<never closed, b', ['<never closed, b']],
    ['"<" <sip:a>, ">" <sip:b>', ['"<" <sip:a>', '">" <sip:b>']],
    ['<sip:a?x="b>, c', ['<sip:a?x="b>', 'c']],
    ['SIP;cause=200;text="a, b", Q.850;cause=16', ['SIP;cause=200;text="a, b"', 'Q.850;cause=16']],
  ];
  for (const [value, expected] of rows) {
    t.same(splitList(value), expected, value);
  }
});

t.test('CSeq', async (t) => {
  t.same(cseq(list('CSeq:1 INVITE')), { number: 1, method: 'INVITE' });
  t.same(cseq(list('cseq:0009 \t ack')), { number: 9, method: 'ack' });
  t.same(cseq(list('CSeq:4294967295 INVITE')), { number: 4294967295, method: 'INVITE' });
  for (const value of [
    '',
    '1',
    'INVITE',
    '-1 INVITE',
    '4294967296 INVITE',
    '36893488147419103232 REGISTER',
    '1.5 X',
    '1INVITE',
  ]) {
    t.equal(cseq(list(`CSeq:${value}`)), undefined, value);
  }
  t.equal(cseq([]), undefined);
});

t.test('parameters', async (t) => {
  t.same(entries(';a=b;c;d="x"'), [
    ['a', 'b'],
    ['c', undefined],
    ['d', 'x'],
  ]);
  t.same(entries('a=b'), [['a', 'b']]);
  t.same(entries('; A = b ;; ;=x; C'), [
    ['a', 'b'],
    ['c', undefined],
  ]);
  t.same(entries(';a="x;y\\"z\\\\";b=1'), [
    ['a', 'x;y"z\\'],
    ['b', '1'],
  ]);
  t.same(entries(';a="";b=;c'), [
    ['a', ''],
    ['b', ''],
    ['c', undefined],
  ]);
  t.same(entries(';a=1;A=2'), [['a', '1']], 'the first counts');
  t.same(entries(';a="never;b=1'), [['a', 'never;b=1']]);
  t.same(entries(';a=b"c;d"'), [
    ['a', 'b"c'],
    ['d"', undefined],
  ]);
  t.equal(
    printParams(parseParams(';a=b;c;d="x y";e="";f="[::1]:5";g=z9hG4bK@x/=')),
    ';a=b;c;d="x y";e="";f=[::1]:5;g=z9hG4bK@x/=',
  );
});

t.test('addresses', async (t) => {
  const rows: readonly (readonly [string, string | undefined, string, string])[] = [
    ['<sip:a@h>', undefined, 'sip:a@h', ''],
    ['<sip:a@h;p=1>;tag=x', undefined, 'sip:a@h;p=1', ';tag=x'],
    ['sip:a@h;tag=x', undefined, 'sip:a@h', ';tag=x'],
    ['A. G. Bell <sip:a@h>;tag=x', 'A. G. Bell', 'sip:a@h', ';tag=x'],
    ['"A \\"B\\" <C>" <sip:a@h> ; tag = x', 'A "B" <C>', 'sip:a@h', ';tag=x'],
    ['"" <sip:a@h>', '', 'sip:a@h', ''],
    ['"caf\xc3\xa9"<sip:a@h>', 'caf\xc3\xa9', 'sip:a@h', ''],
    ['<tel:+31;phone-context=x>', undefined, 'tel:+31;phone-context=x', ''],
    ['tel:112;phone-context=+31', undefined, 'tel:112', ';phone-context=+31'],
    ['< sip:a@h >', undefined, 'sip:a@h', ''],
    ['<sip:a@h', undefined, 'sip:a@h', ''],
    ['"Bell" sip:a@h;tag=x', 'Bell', 'sip:a@h', ';tag=x'],
    ['"Bell <sip:a@h>;tag=x', 'Bell', 'sip:a@h', ';tag=x'],
    ['<>;tag=x', undefined, '', ';tag=x'],
    ['sip:a@h;x="<b>";tag=y', undefined, 'sip:a@h', ';x="<b>";tag=y'],
    ['*', undefined, '*', ''],
    ['<sip:a@h> junk;tag=x', undefined, 'sip:a@h', ';tag=x'],
  ];
  for (const [value, display, uri, params] of rows) {
    const address = parseNameAddr(value);
    t.same(address, { display, uri, params: parseParams(params) }, value);
    t.same(address && parseNameAddr(printNameAddr(address)), address, `${value} again`);
  }
  t.equal(parseNameAddr(''), undefined);
  t.equal(parseNameAddr(' ;tag=1'), undefined);
  t.equal(
    printNameAddr({ display: 'A "B"', uri: 'sip:a', params: parseParams(';tag=1') }),
    '"A \\"B\\"" <sip:a>;tag=1',
  );
});

t.test('tags', async (t) => {
  const rows = [
    ['<sip:a@h>;tag=1', '1', '<sip:a@h>;tag=T'],
    ['<sip:a@h>', undefined, '<sip:a@h>;tag=T'],
    ['<sip:a@h;tag=no>', undefined, '<sip:a@h;tag=no>;tag=T'],
    ['sip:a@h', undefined, 'sip:a@h;tag=T'],
    ['"x;tag=no" <sip:a@h>;X=y;TAG=1;z', '1', '"x;tag=no" <sip:a@h>;tag=T;X=y;z'],
    ['<sip:a@h>;tag=', undefined, '<sip:a@h>;tag=T'],
    ['<sip:a@h', undefined, '<sip:a@h>;tag=T'],
    ['', undefined, ';tag=T'],
  ] as const;
  for (const [value, tag, tagged] of rows) {
    t.equal(tagOf(value), tag, value);
    t.equal(withTag(value, 'T'), tagged, value);
  }
});

t.test('SIP URIs', async (t) => {
  const sip = {
    scheme: 'sip',
    user: undefined,
    password: undefined,
    port: undefined,
    params: new Map(),
    headers: undefined,
  };
  const rows: readonly (readonly [string, object])[] = [
    ['sip:h', { ...sip, host: 'h' }],
    ['sip:a@h', { ...sip, user: 'a', host: 'h' }],
    ['sips:a:b@h:5061', { ...sip, scheme: 'sips', user: 'a', password: 'b', host: 'h', port: 5061 }],
    ['sip:@h', { ...sip, user: '', host: 'h' }],
    ['sip:a:@h', { ...sip, user: 'a', password: '', host: 'h' }],
    [
      'sip:a@[2001:db8::1]:5070;lr',
      { ...sip, user: 'a', host: '2001:db8::1', port: 5070, params: new Map([['lr', undefined]]) },
    ],
    ['sip:[::1]', { ...sip, host: '::1' }],
    [
      'sip:a;x=y@h;Z=W;e=',
      {
        ...sip,
        user: 'a;x=y',
        host: 'h',
        params: new Map([
          ['z', 'W'],
          ['e', ''],
        ]),
      },
    ],
    ['sip:h?a=b&c=d', { ...sip, host: 'h', headers: 'a=b&c=d' }],
    ['sip:a@h;x?y=z@w', { ...sip, user: 'a', host: 'h', params: new Map([['x', undefined]]), headers: 'y=z@w' }],
    ['sip:a?b@h', { ...sip, user: 'a?b', host: 'h' }],
    ['sip:a b@h', { ...sip, user: 'a b', host: 'h' }],
    ['sip:a@b@h;x=@', { ...sip, user: 'a@b', host: 'h', params: new Map([['x', '@']]) }],
    ['sip:%61;isub=1@h', { ...sip, user: '%61;isub=1', host: 'h' }],
    ['sip:a@', { ...sip, user: 'a', host: '' }],
    ['sip:a@h;q="b', { ...sip, user: 'a', host: 'h', params: new Map([['q', '"b']]) }],
  ];
  for (const [text, expected] of rows) {
    t.same(parseUri(text), expected, text);
    t.same(parseUri(printUri(parseUri(text))), expected, `${text} again`);
  }
  for (const text of ['sip:a@h:0', 'sip:a@h:65536', 'sip:a@h:x', 'sip:a@h:', ' SIP:a@h ', '<sip:a@h>']) {
    t.same(parseUri(text), { ...sip, user: 'a', host: 'h' }, text);
  }
});

t.test('other URIs', async (t) => {
  const rows: readonly (readonly [string, object])[] = [
    ['tel:+31-20-123', { scheme: 'tel', number: '+31-20-123', params: new Map() }],
    [
      'TEL:112;phone-context=+31;Ext=1',
      {
        scheme: 'tel',
        number: '112',
        params: new Map([
          ['phone-context', '+31'],
          ['ext', '1'],
        ]),
      },
    ],
    ['urn:service:sos.police', { scheme: 'urn', nid: 'service', nss: 'sos.police' }],
    ['URN:Service:SOS', { scheme: 'urn', nid: 'Service', nss: 'SOS' }],
    ['urn:a:b:c', { scheme: 'urn', nid: 'a', nss: 'b:c' }],
    ['urn:a', { scheme: 'other', text: 'urn:a' }],
    ['urn::a', { scheme: 'other', text: 'urn::a' }],
    ['', { scheme: 'other', text: '' }],
    ['sip:', { scheme: 'other', text: 'sip:' }],
    ['tel:', { scheme: 'other', text: 'tel:' }],
    ['112', { scheme: 'other', text: '112' }],
    ['http://x/', { scheme: 'other', text: 'http://x/' }],
  ];
  for (const [text, expected] of rows) {
    t.same(parseUri(text), expected, text);
    t.same(parseUri(printUri(parseUri(text))), expected, `${text} again`);
  }
});

t.test('Via', async (t) => {
  const rows: readonly (readonly [string, string, string, number | undefined, string, string])[] = [
    [
      'SIP/2.0/UDP h:5060;branch=z9hG4bKx;rport',
      'UDP',
      'h',
      5060,
      ';branch=z9hG4bKx;rport',
      'SIP/2.0/UDP h:5060;branch=z9hG4bKx;rport',
    ],
    ['SIP/2.0/udp h', 'UDP', 'h', undefined, '', 'SIP/2.0/UDP h'],
    [
      'SIP  / 2.0\t/  TCP   [2001:db8::9:1]:5060 ; received=::1',
      'TCP',
      '2001:db8::9:1',
      5060,
      ';received=::1',
      'SIP/2.0/TCP [2001:db8::9:1]:5060;received=::1',
    ],
    [
      'SIP/2.0/UDP first.example.com : 4000;ttl=16\t;branch=z9.1',
      'UDP',
      'first.example.com',
      4000,
      ';ttl=16;branch=z9.1',
      'SIP/2.0/UDP first.example.com:4000;ttl=16;branch=z9.1',
    ],
    ['SIP/2.0/UNKNOWN h;branch=a@b/c=', 'UNKNOWN', 'h', undefined, ';branch=a@b/c=', 'SIP/2.0/UNKNOWN h;branch=a@b/c='],
  ];
  for (const [value, transport, host, port, params, printed] of rows) {
    const via = parseVia(value);
    t.same(via, { transport, host, port, params: parseParams(params) }, value);
    t.equal(via && printVia(via), printed);
  }
  for (const value of [
    '',
    'SIP/2.0/UDP',
    'SIP/2.0/UDP ',
    'SIP/2.0/UDP ;branch=x',
    'h:5060',
    'SIP/2.0 h',
    '//',
    '/2.0/ h;x',
  ]) {
    t.equal(parseVia(value), undefined, value);
  }
});

t.test('Reason', async (t) => {
  const reasons = parseReasons(
    list(
      'reason:q.850 ;cause=16 ;text="Normal; call, clearing";location=ln, SIP;cause=200',
      'Reason:SIP ;cause=x',
      'Reason:Preemption',
    ),
  );
  t.same(reasons, [
    { protocol: 'Q.850', cause: 16, text: 'Normal; call, clearing', location: 'LN' },
    { protocol: 'SIP', cause: 200, text: undefined, location: undefined },
    { protocol: 'SIP', cause: undefined, text: undefined, location: undefined },
    { protocol: 'PREEMPTION', cause: undefined, text: undefined, location: undefined },
  ]);
  t.same(parseReasons(reasons.map((each) => ({ name: 'Reason', value: printReason(each) }))), reasons);
  t.equal(
    printReason({ protocol: 'SIP', cause: 200, text: 'answered "elsewhere"', location: undefined }),
    'SIP;cause=200;text="answered \\"elsewhere\\""',
  );
});

t.test('identities', async (t) => {
  const headers = list(
    'From:"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1',
    'Remote-Party-ID:<sip:+31202222222@h>;privacy=full',
    'P-Asserted-Identity:"Jan, de" <sip:+31201111111@h>, <tel:+31201111111>',
  );
  t.same(
    callerIdentities(headers).map(({ source, uri, display, anonymous }) => [source, uri, display, anonymous]),
    [
      ['P-Asserted-Identity', 'sip:+31201111111@h', 'Jan, de', false],
      ['P-Asserted-Identity', 'tel:+31201111111', undefined, false],
      ['Remote-Party-ID', 'sip:+31202222222@h', undefined, false],
      ['From', 'sip:anonymous@anonymous.invalid', 'Anonymous', true],
    ],
  );
  t.match(callerIdentity(headers), { source: 'P-Asserted-Identity', uri: 'sip:+31201111111@h' });
  t.match(callerIdentity(list('P-Asserted-Identity:<sip:anonymous@h>', 'f:sip:+3120@h;tag=1')), {
    source: 'From',
    uri: 'sip:+3120@h',
  });
  t.match(callerIdentity(list('From:<sip:Anonymous@h>')), { source: 'From', anonymous: true });
  for (const uri of ['sip:h', 'sip:@h', 'sip:unknown@h', 'sip:x@anonymous.invalid', 'tel:anonymous', '']) {
    t.equal(callerIdentity(list(`From:<${uri}>`)).anonymous, true, uri);
  }
  t.same(callerIdentity([]), { uri: '', display: undefined, source: 'none', anonymous: true });
});

t.test('session descriptions', async (t) => {
  const text = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=-',
    'c=IN IP4 192.0.2.1/127',
    't=0 0',
    'a=sendonly',
    'm=audio 4000/2 RTP/AVP 8 0 101',
    'a=rtpmap:8 PCMA/8000',
    'm=text 0 RTP/AVP 98',
    'c=IN IP6 2001:db8::1',
    'a=recvonly',
    'odd line',
    'm=video many',
    '',
  ];
  for (const end of ['\r\n', '\n', '\r']) {
    const sdp = parseSdp(text.join(end));
    t.equal(sdp && printSdp(sdp), text.join(end));
    t.match(sdp, {
      lines: [{ type: 'v', value: '0' }],
      media: [
        {
          kind: 'audio',
          port: 4000,
          protocol: 'RTP/AVP',
          formats: ['8', '0', '101'],
          direction: 'sendonly',
          connectionAddress: '192.0.2.1',
        },
        {
          kind: 'text',
          port: 0,
          direction: 'recvonly',
          connectionAddress: '2001:db8::1',
          lines: [{}, {}, {}, { type: '', value: 'odd line' }],
        },
        { kind: 'video', port: undefined, protocol: '', formats: [] },
      ],
    });
    t.equal(sdp?.media.length, 3);
  }
  t.equal(parseSdp('v=0\r\nm=audio 1 RTP/AVP 8')?.media[0]?.direction, 'sendrecv');
  t.equal(parseSdp('v=0\r\nm=audio 1 RTP/AVP 8')?.media[0]?.connectionAddress, undefined);
  t.equal(parseSdp(''), undefined);
  t.equal(parseSdp('--boundary'), undefined);
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (noise) => {
      const sdp = parseSdp(`v=${noise}`);
      strictEqual(sdp && printSdp(sdp), `v=${noise}`);
    }),
    { numRuns: 300 },
  );
});

t.test('text', async (t) => {
  for (const text of ['', 'abc', 'caf\u00e9', '\u4f60\u597d', '\ud83d\ude91 112', '\ufeffx']) {
    t.equal(decodeUtf8(encodeUtf8(text)), text);
  }
  t.equal(encodeUtf8('\u00e9'), '\xc3\xa9');
  t.equal(decodeUtf8('caf\xe9'), 'caf\u00e9', 'Latin-1 is forgiven');
  t.equal(encodeUtf8('\u20ac'.repeat(20000)).length, 60000);
});

t.test('properties: any input, no exception', async () => {
  const odd = fc.array(
    fc.constantFrom('"', '<', '>', ';', 'tag=', '=', '\\', ' ', 'sip:', 'a', ':', '@', '/', ',', '\xff'),
    { maxLength: 14 },
  );
  const text = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    odd.map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, (value) => {
      strictEqual(tagOf(withTag(value, 'T1')), 'T1', value);
      strictEqual(withTag(withTag(value, 'T1'), 'T2'), withTag(value, 'T2'), value);
      const address = parseNameAddr(value);
      const via = parseVia(`SIP/2.0/UDP ${value}`);
      printNameAddr(address ?? { display: value, uri: value, params: parseParams(value) });
      printVia(via ?? { transport: value, host: value, port: 1, params: parseParams(value) });
      printUri(parseUri(value));
      printUri(parseUri(`sip:${value}`));
      parseReasons([{ name: 'Reason', value }]).map(printReason);
      callerIdentities([{ name: 'From', value }]);
      cseq([{ name: 'CSeq', value }]);
      canonicalName(value);
      decodeUtf8(encodeUtf8(value));
    }),
    { numRuns: 3000 },
  );
  const params = fc.array(
    fc.tuple(fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/), fc.option(fc.string({ unit: 'binary' }), { nil: undefined })),
  );
  fc.assert(
    fc.property(params, (all) => {
      const map = new Map(all);
      deepStrictEqual(parseParams(printParams(map)), map);
    }),
    { numRuns: 1000 },
  );
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (display) => {
      const address = { display, uri: 'sip:a@h', params: new Map([['tag', 'x']]) };
      deepStrictEqual(parseNameAddr(printNameAddr(address)), address);
    }),
    { numRuns: 1000 },
  );
});

t.test('big values take time in proportion', async (t) => {
  for (const part of [
    'a',
    '"',
    '\\',
    '<',
    '>',
    ',',
    ';',
    '=',
    ';a=',
    '; ;',
    '= ',
    '@',
    ':',
    '/',
    ' ',
    ';tag=',
    '"a",',
    '\n',
    'm=\n',
    '\xff',
  ]) {
    const value = part.repeat(65536 / part.length);
    const took = cpuTimeOf(() => {
      splitList(value);
      tagOf(withTag(value, 'T'));
      parseNameAddr(`"${value}`);
      parseVia(`SIP/2.0/UDP ${value}`);
      printUri(parseUri(`sip:${value}`));
      parseReasons([{ name: 'Reason', value }]);
      callerIdentity([{ name: 'P-Asserted-Identity', value }]);
      parseSdp(`v=0\n${value}`);
      decodeUtf8(encodeUtf8(value));
    });
    t.ok(took < 400, `${JSON.stringify(part)} ${took}`);
  }
});

t.test('a session description of thousands of media takes no longer than its length asks for', async (t) => {
  const text = `v=0\r\n${'a=x\r\n'.repeat(20_000)}${'m=\r\n'.repeat(20_000)}`;
  const took = cpuTimeOf(() => {
    t.equal(parseSdp(text)?.media.length, 20_000);
  });
  t.ok(took < 1_000, `linear: ${took}`);
});
