import { deepStrictEqual, strictEqual } from 'node:assert';
import * as fc from 'fast-check';
import t from 'tap';
import { cpuTimeOf } from '../../support/cpu-time.js';
import { parseMessage, printMessage, type ParseResult, type SipMessage } from '../../../src/sip/message.js';

function good(bytes: string): SipMessage {
  const result = parseMessage(bytes);
  if (!result.ok) {
    throw new Error(`${result.error}: ${bytes.slice(0, 200)}`);
  }
  return result.message;
}

function bad(bytes: string): ParseResult & { ok: false } {
  const result = parseMessage(bytes);
  if (result.ok) {
    throw new Error(`understood: ${bytes.slice(0, 200)}`);
  }
  return result;
}

function invite(lines: readonly string[], body = '', end = '\r\n'): string {
  return ['INVITE sip:112@127.0.0.1 SIP/2.0', ...lines, '', body].join(end);
}

t.test('a request, every byte kept', async (t) => {
  const wire = invite(
    [
      'Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1',
      'fRoM: "A" <sip:a@b>;tag=1',
      'X-Odd: caf\xc3\xa0',
      'Content-Length: 5',
    ],
    '\x00\xff\r\n\x80',
  );
  const message = good(wire);
  t.same(message, {
    kind: 'request',
    method: 'INVITE',
    uri: 'sip:112@127.0.0.1',
    headers: [
      { name: 'Via', value: 'SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1' },
      { name: 'fRoM', value: '"A" <sip:a@b>;tag=1' },
      { name: 'X-Odd', value: 'caf\xc3\xa0' },
      { name: 'Content-Length', value: '5' },
    ],
    body: '\x00\xff\r\n\x80',
  });
  t.equal(printMessage(message), wire);
});

t.test('responses', async (t) => {
  const rows: readonly (readonly [string, number, string])[] = [
    ['SIP/2.0 200 OK', 200, 'OK'],
    ['SIP/2.0 200', 200, ''],
    ['SIP/2.0 200 ', 200, ''],
    ['sip/2.0  486   Busy Here  ', 486, 'Busy Here'],
    ['SIP/2.0\t100\tTrying', 100, 'Trying'],
    ['SIP/2.0 699 Is: this; a "reason"?', 699, 'Is: this; a "reason"?'],
    ['SIP/2.0 603 \xd0\x9e\xd1\x82', 603, '\xd0\x9e\xd1\x82'],
  ];
  for (const [line, status, reason] of rows) {
    t.match(good(`${line}\r\nCSeq: 1 INVITE\r\n\r\n`), { kind: 'response', status, reason }, line);
  }
  for (const line of [
    'SIP/2.0',
    'SIP/2.0 ',
    'SIP/2.0 OK',
    'SIP/2.0 99 Low',
    'SIP/2.0 700 High',
    'SIP/2.0 -1 x',
    'SIP/2.0 4294967301 x',
  ]) {
    t.match(
      bad(`${line}\r\nCSeq: 1 INVITE\r\n\r\n`),
      { error: 'bad status', partial: { headers: [{ name: 'CSeq' }] } },
      line,
    );
  }
});

t.test('start lines that can be understood', async (t) => {
  const rows = [
    ['INVITE sip:112@h SIP/2.0', 'INVITE', 'sip:112@h'],
    ['INVITE   sip:112@h   SIP/2.0', 'INVITE', 'sip:112@h'],
    ['INVITE\tsip:112@h\tSIP/2.0  ', 'INVITE', 'sip:112@h'],
    ['  INVITE sip:112@h SIP/2.0', 'INVITE', 'sip:112@h'],
    ['INVITE sip:a b@h SIP/2.0', 'INVITE', 'sip:a b@h'],
    ['INVITE "x y" <sip:a@h> ;z  SIP/2.0', 'INVITE', '"x y" <sip:a@h> ;z'],
    ['INVITE sip:112@h sip/2.0', 'INVITE', 'sip:112@h'],
    ['invite urn:service:sos SIP/2.0', 'invite', 'urn:service:sos'],
    [
      "!interesting-Method0123456789_*+`.%indeed'~ sip:a@h SIP/2.0",
      "!interesting-Method0123456789_*+`.%indeed'~",
      'sip:a@h',
    ],
    ['INVITE nobodyKnowsThisScheme:totallyopaque SIP/2.0', 'INVITE', 'nobodyKnowsThisScheme:totallyopaque'],
  ] as const;
  for (const [line, method, uri] of rows) {
    t.match(good(`${line}\r\n\r\n`), { kind: 'request', method, uri }, line);
  }
});

t.test('start lines that cannot', async (t) => {
  const rows = [
    ['INVITE sip:112@h SIP/7.0', 'unsupported version SIP/7.0'],
    ['INVITE sip:112@h SIP/2.0.1', 'unsupported version SIP/2.0.1'],
    ['INVITE SIP/2.0', 'no Request-URI'],
    ['SIP/3.0 200 OK', 'unsupported version SIP/3.0'],
  ] as const;
  for (const [line, error] of rows) {
    t.match(bad(`${line}\r\nVia: x\r\n\r\n`), { error, partial: { headers: [{ name: 'Via' }] } }, line);
  }
  for (const line of ['GET / HTTP/1.1', 'INVITE sip:112@h', 'INVITE', ':', ' ', 'SIP', '\x00\x01\x02', 'Via: x']) {
    t.same(bad(`${line}\r\nVia: x\r\n\r\n`), { ok: false, error: 'not SIP', partial: undefined }, line);
  }
  for (const bytes of ['', '\r\n', '\r\n\r\n', '\n\n\r\r']) {
    t.same(bad(bytes), { ok: false, error: 'empty', partial: undefined });
  }
});

t.test('headers that can be understood', async (t) => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['Subject: x', 'Subject', 'x'],
    ['Subject:x', 'Subject', 'x'],
    ['SUBJECT \t : \t x \t ', 'SUBJECT', 'x'],
    ['s: x', 's', 'x'],
    ['Subject:', 'Subject', ''],
    ['Subject: a:b', 'Subject', 'a:b'],
    ['Subject: a\r\n b', 'Subject', 'a b'],
    ['Subject: a  \r\n\t  b\r\n  \r\n c', 'Subject', 'a b c'],
    ['Subject:\r\n x', 'Subject', 'x'],
    [
      'TO :\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n',
      'TO',
      'sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n',
    ],
    ['Subject: caf\xc3\xa0', 'Subject', 'caf\xc3\xa0'],
    ['Subject: \xa0x\xa0', 'Subject', '\xa0x\xa0'],
    ['Subject: a\x00b', 'Subject', 'a\x00b'],
    ['Odd Name: x', 'Odd Name', 'x'],
    ["extensionHeader.z!%*_+`': x", "extensionHeader.z!%*_+`'", 'x'],
  ];
  for (const end of ['\r\n', '\n', '\r']) {
    for (const [line, name, value] of rows) {
      const message = good(invite([line.replaceAll(/\r?\n/g, end), 'Via: v'], 'body', end));
      t.same(
        message.headers,
        [
          { name, value },
          { name: 'Via', value: 'v' },
        ],
        JSON.stringify([line, end]),
      );
      t.equal(message.body, 'body');
    }
  }
});

t.test('headers that cannot: named, and the rest is there', async (t) => {
  for (const line of ['no colon here', ': no name', '\x00']) {
    const result = bad(invite(['Via: v', line, 'To: t'], 'body'));
    t.equal(result.error, `bad header line: ${line}`);
    t.match(result.partial, { headers: [{ name: 'Via' }, { name: 'To' }], body: 'body' });
  }
  t.match(bad('INVITE sip:112@h SIP/2.0\r\n folded: at once\r\nTo: t\r\n\r\n'), {
    error: 'bad header line:  folded: at once',
    partial: { headers: [{ name: 'To', value: 't' }] },
  });
  t.equal(bad(invite(['x'.repeat(5000)])).error.length, 'bad header line: '.length + 60);
});

t.test('Content-Length and what is there', async (t) => {
  const rows: readonly (readonly [string, string, string])[] = [
    ['X: y', 'abc', 'abc'],
    ['Content-Length: 3', 'abc', 'abc'],
    ['l: 3', 'abc', 'abc'],
    ['CONTENT-LENGTH :  3 ', 'abc', 'abc'],
    ['Content-Length: 2', 'abc', 'ab'],
    ['Content-Length: 0', 'abc', ''],
    ['Content-Length: 0003', 'abc', 'abc'],
    ['Content-Length:', 'abc', 'abc'],
    ['Content-Length: -3', 'abc', 'abc'],
    ['Content-Length: 3.0', 'abc', 'abc'],
    ['Content-Length: 0x3', 'abc', 'abc'],
    ['Content-Length: many', 'abc', 'abc'],
    ['Content-Length: 99999999999999999999', 'abc', 'abc'],
  ];
  for (const [line, body, expected] of rows) {
    t.equal(good(invite([line], body)).body, expected, line);
  }
  const short = bad(invite(['Via: v', 'Content-Length: 10'], 'abc'));
  t.match(short, { error: 'truncated', partial: { kind: 'request', body: 'abc' } });
  t.match(bad('INVITE sip:112@h SIP/2.0\r\nVia: v\r\nCSeq: 1 INV'), {
    error: 'truncated',
    partial: { method: 'INVITE' },
  });
  t.match(good('INVITE sip:112@h SIP/2.0\r\nVia: v\r\n'), { headers: [{ name: 'Via' }], body: '' });
  t.match(bad('INVITE sip:112@h SIP/2.0'), { error: 'truncated', partial: { headers: [], body: '' } });
});

t.test('empty lines in front, a pipelined message behind', async (t) => {
  const wire = invite(['Content-Length: 0']);
  t.equal(printMessage(good(`\r\n\r\n\n${wire}`)), wire);
  t.equal(printMessage(good(`${wire}OPTIONS sip:b@h SIP/2.0\r\n\r\n`)), wire);
});

t.test('printing', async (t) => {
  const base = { kind: 'request', method: 'INVITE', uri: 'sip:112@h', body: 'abc' } as const;
  const lengths = (names: readonly string[]): string =>
    printMessage({
      ...base,
      headers: names.map((line) => ({ name: line.split('=')[0] ?? '', value: line.split('=')[1] ?? '' })),
    });
  t.match(lengths([]), /\r\nContent-Length: 3\r\n\r\nabc$/);
  t.match(lengths(['A=1', 'l=9', 'B=2']), 'A: 1\r\nl: 3\r\nB: 2\r\n\r\nabc');
  t.match(lengths(['content-length=9', 'B=2', 'l=3']), 'content-length: 3\r\nB: 2\r\n\r\nabc');
  const split = printMessage({
    ...base,
    method: 'A\r\nB',
    uri: 'x\ny',
    headers: [{ name: 'C\nD', value: 'e\r\nVia: f\r\n\r\ng' }],
  });
  t.equal(split, 'A B x y SIP/2.0\r\nC D: e Via: f g\r\nContent-Length: 3\r\n\r\nabc');
  t.equal(
    printMessage({ kind: 'response', status: 200, reason: 'O\nK', headers: [], body: '' }),
    'SIP/2.0 200 O K\r\nContent-Length: 0\r\n\r\n',
  );
});

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code));
const bytes = fc.string({ unit: byte, maxLength: 300 });
const token = fc.stringMatching(/^[A-Za-z0-9.!%*_+`'~-]{1,20}$/);
const value = fc
  .string({ unit: byte, maxLength: 60 })
  .map((text) => text.replaceAll(/[\r\n]+/g, ' ').replaceAll(/^[ \t]+|[ \t]+$/g, ''));
const uri = value.filter((text) => text !== '');
const header = fc.record({ name: token, value }, { noNullPrototype: true });
const headers = fc
  .array(header, { maxLength: 12 })
  .map((all) => all.filter(({ name }) => !/^(l|content-length)$/i.test(name)));
const plain = { noNullPrototype: true };
const method = token.filter((name) => !/^sip/i.test(name));
const status = fc.integer({ min: 100, max: 699 });
const message: fc.Arbitrary<SipMessage> = fc.oneof(
  fc.record({ kind: fc.constant('request' as const), method, uri, headers, body: bytes }, plain),
  fc.record({ kind: fc.constant('response' as const), status, reason: value, headers, body: bytes }, plain),
);
/** Text that looks like SIP more often than noise does. */
const pieces = fc.array(
  fc.oneof(
    bytes,
    fc.constantFrom(
      'INVITE ',
      'sip:112@h',
      ' SIP/2.0',
      'SIP/2.0 200 OK',
      '\r\n',
      '\n',
      '\r',
      ' ',
      '\t',
      ':',
      'Via: x',
      'l: 3',
      'To',
      '"',
      '<',
    ),
  ),
  { maxLength: 40 },
);

t.test('properties', async () => {
  fc.assert(
    fc.property(message, (m) => {
      const length = { name: 'Content-Length', value: String(m.body.length) };
      const whole: SipMessage = { ...m, headers: [...m.headers, length] };
      deepStrictEqual(parseMessage(printMessage(m)), { ok: true, message: whole });
      deepStrictEqual(parseMessage(printMessage(whole)), { ok: true, message: whole });
    }),
    { numRuns: 500 },
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        bytes,
        pieces.map((all) => all.join('')),
      ),
      (text) => {
        const result = parseMessage(text);
        const seen = result.ok ? result.message : result.partial;
        if (seen !== undefined && (result.ok || !/^(bad status|no Req|unsupp)/.test(result.error))) {
          const printed = printMessage(seen);
          const again = parseMessage(printed);
          strictEqual(again.ok && printMessage(again.message), printed, 'print, parse, print');
        }
      },
    ),
    { numRuns: 3000 },
  );
});

t.test('a message cut or changed at any place', async (t) => {
  const wire = invite(['Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1', 'To: <sip:112@h>', 'l: 3'], 'abc');
  for (let at = 0; at < wire.length; at += 1) {
    parseMessage(wire.slice(0, at));
    parseMessage(wire.slice(at));
    for (const odd of ['\x00', '\r', '\n', ':', ' ', '"', '\xff']) {
      parseMessage(wire.slice(0, at) + odd + wire.slice(at + 1));
    }
  }
  t.pass('no exception');
});

t.test('big messages take time in proportion', async (t) => {
  const big = 65536;
  const fillers = ['a', '\r', '\n ', ' ', '\t', '"', '<', ',', ';', ':', '\\', '\xff', '\x00', 'a:\n', 'a:\r\n b\r\n'];
  parseMessage(invite(['X: y']));
  for (const filler of fillers) {
    const text = filler.repeat(big / filler.length);
    const took = cpuTimeOf(() => {
      parseMessage(invite([`X: ${text}`, 'Via: v']));
      parseMessage(text);
      parseMessage(`INVITE ${text} SIP/2.0\r\n\r\n`);
      const result = parseMessage(`INVITE sip:a@h SIP/2.0\r\n${text}`);
      printMessage(
        result.ok
          ? result.message
          : (result.partial ?? { kind: 'response', status: 200, reason: '', headers: [], body: '' }),
      );
    });
    t.ok(took < 250, `${JSON.stringify(filler)} ${took}`);
  }
});
