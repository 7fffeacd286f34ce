import { deepStrictEqual, strictEqual } from 'node:assert';
import * as fc from 'fast-check';
import t from 'tap';
import { StreamFramer, type Frame } from '../../../src/engine/transport/framing.js';

function frames(...pieces: readonly string[]): readonly Frame[] {
  const framer = new StreamFramer();
  return pieces.flatMap((piece) => framer.push(piece));
}

function invite(headers: readonly string[], body = ''): string {
  return ['INVITE sip:112@127.0.0.1 SIP/2.0', 'Via: SIP/2.0/TCP a;branch=z9hG4bK1', ...headers, '', body].join('\r\n');
}

const message = (text: string): Frame => ({ kind: 'message', text });
const PING: Frame = { kind: 'ping' };
const BODY = 'v=0\r\n\r\no=\xff\0\r\n';

/** Messages of all kinds one after the other, and what they are. */
const STREAM = [
  invite([`Content-Length: ${BODY.length}`], BODY),
  invite([`l: ${BODY.length}`], BODY),
  invite([`CONTENT-length \t:  \r\n\t ${BODY.length} `, 'Content-Length: 99'], BODY),
  invite(['Subject: no length, no body']),
  invite(['Subject: folded', ' Content-Length: 99', 'Length: 7', 'X-l: 8', 'Content-Length: -1']),
  invite(['Content-Length: two', 'Content-Length: 5']),
  'SIP/2.0 200 OK\r\nl:0\r\n\r\n',
  'SIP/2.0 200 OK\r\nl: 00000000000003\r\n\r\nabc',
  'OPTIONS sip:bare-line-ends SIP/2.0\nl: 3\n\na\n\n',
  'OPTIONS sip:no-headers SIP/2.0\r\n\r\n',
];

t.test('messages end where their Content-Length says', async (t) => {
  for (const text of STREAM) {
    t.same(frames(text), [message(text)], JSON.stringify(text));
  }
  t.same(frames(STREAM.join('')), STREAM.map(message));
});

t.test('cut at every byte, they are the same', async () => {
  const stream = STREAM.join('');
  for (let at = 0; at <= stream.length; at += 1) {
    deepStrictEqual(frames(stream.slice(0, at), stream.slice(at)), STREAM.map(message), `cut at ${at}`);
  }
  deepStrictEqual(frames(...stream.split('')), STREAM.map(message), 'one byte at a time');
});

t.test('100 messages in one segment', async (t) => {
  const texts = Array.from({ length: 100 }, (_, at) => invite([`CSeq: ${at} INVITE`, `l: ${at}`], 'x'.repeat(at)));
  t.same(frames(texts.join('')), texts.map(message));
});

t.test('line ends between messages; CRLFCRLF is a ping', async (t) => {
  const text = invite([]);
  const rows: readonly (readonly [string, readonly Frame[]])[] = [
    ['\r\n\r\n', [PING]],
    [`\r\n${text}`, [message(text)]],
    [`\r\n\r\n${text}\r\n\r\n`, [PING, message(text), PING]],
    [`${text}\r\n${text}\r\n${text}`, [message(text), message(text), message(text)]],
    ['\r\n\r\n\r\n\r\n', [PING, PING]],
    ['\r\n\r\n\r\n', [PING]],
    ['\r\r\n\r\n', [PING]],
    ['\n\n\n\n', []],
    ['\r\n\n\r\n', []],
  ];
  for (const [stream, expected] of rows) {
    t.same(frames(stream), expected, JSON.stringify(stream));
    t.same(frames(...stream.split('')), expected, `${JSON.stringify(stream)} byte by byte`);
  }
});

t.test('what is no SIP ends the stream at once', async (t) => {
  const rows = [
    'GET / HTTP/1.1\r\n',
    '\x16\x03\x01\x02',
    '\0',
    ' INVITE sip:a SIP/2.0',
    'v=0\r\n',
    `INVITE ${'a'.repeat(70_000)}`,
    'INVITE sip:a\r\n',
  ];
  for (const stream of rows) {
    const framer = new StreamFramer();
    t.match(framer.push(stream), [{ kind: 'garbage' }], JSON.stringify(stream.slice(0, 30)));
    t.notOk(framer.isWithinMessage);
    t.same(framer.push(invite([])), [], 'nothing is read after it');
  }
  t.match(frames(invite(['l: 3'], 'too long\r\n')), [{ kind: 'message' }, { kind: 'garbage', text: ' long\r\n' }]);
});

t.test('half messages wait', async (t) => {
  const framer = new StreamFramer();
  const text = invite(['l: 4'], 'body');
  t.notOk(framer.isWithinMessage);
  for (const char of text.slice(0, -1)) {
    t.same(framer.push(char), []);
    t.ok(framer.isWithinMessage);
  }
  t.same(framer.push('y'), [message(text)]);
  t.notOk(framer.isWithinMessage);
  framer.push('\r\n');
  t.notOk(framer.isWithinMessage);
});

t.test('limits: 512 kB of headers, 1 MB of body', async (t) => {
  const kilobytes = (count: number): string => 'h'.repeat(count * 1024);
  const long = invite([`X: ${kilobytes(64)}`, `Y: ${kilobytes(440)}`, 'l: 2'], 'ok');
  t.same(frames(long), [message(long)]);
  const full = invite(['l: 1048576'], kilobytes(1024));
  t.same(frames(full), [message(full)]);
  const head = invite(['l: 1048577']);
  t.same(frames(`${head}more`), [{ kind: 'too large', text: head }]);
  t.match(frames(invite(['l: 99999999999999999999'])), [{ kind: 'too large' }]);
  const flood = frames(invite([`X: ${kilobytes(600)}`]).slice(0, -4));
  t.match(flood, [{ kind: 'too large', text: /^INVITE sip:112/ }]);
  const dripped = frames(invite(['A: 1']).slice(0, -2), ...Array.from({ length: 600 }, () => `X: ${kilobytes(1)}\r\n`));
  t.match(dripped, [{ kind: 'too large', text: /^INVITE sip:112/ }]);
});

t.test('time grows with the length alone', async (t) => {
  const stream = `${invite([`X: ${'h\r\n '.repeat(90_000)}`, `l: ${' '.repeat(100_000)}500000`])}${'b'.repeat(500_000)}`;
  const start = performance.now();
  const framer = new StreamFramer();
  const found = stream.split('').flatMap((byte) => framer.push(byte));
  const took = performance.now() - start;
  t.comment(`${stream.length} bytes, one at a time: ${took.toFixed(0)} ms`);
  t.same(found, [message(stream)]);
  t.ok(took < 2_000);
});

t.test('any bytes, cut anywhere, mean the same and never throw', async () => {
  const char = fc.oneof(
    fc.constantFrom('\r', '\n', ' ', 'l', ':', '3'),
    fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code)),
  );
  const anyPart = fc.oneof(
    fc.constantFrom(...STREAM, '\r\n', '\r\n\r\n', '\n'),
    fc.string({ unit: char, maxLength: 30 }),
  );
  fc.assert(
    fc.property(
      fc.array(anyPart, { maxLength: 6 }),
      fc.array(fc.nat({ max: 600 }), { maxLength: 6 }),
      (parts, cuts) => {
        const stream = parts.join('');
        const places = [0, ...cuts.filter((at) => at < stream.length).toSorted((a, b) => a - b), stream.length];
        const pieces = places.slice(1).map((end, at) => stream.slice(places[at], end));
        const kinds = (found: readonly Frame[]): readonly unknown[] =>
          found.map((frame) => (frame.kind === 'message' ? frame : frame.kind));
        deepStrictEqual(kinds(frames(...pieces)), kinds(frames(stream)));
        strictEqual(
          frames(stream)
            .map((frame) => (frame.kind === 'message' ? frame.text : ''))
            .join('').length <= stream.length,
          true,
        );
      },
    ),
    { numRuns: 1_000 },
  );
});
