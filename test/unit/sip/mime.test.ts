import { strictEqual } from 'node:assert';
import * as fc from 'fast-check';
import t from 'tap';
import { cpuTimeOf } from '../../support/cpu-time.js';
import { header } from '../../../src/sip/headers.js';
import { parseMultipart, printMultipart, type Multipart } from '../../../src/sip/mime.js';

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n';
const PIDF = '<?xml version="1.0"?>\r\n<presence>\r\n\r\n--b1x\r\n <pos>52.1 5.2</pos>\r\n</presence>\r\n';
const BINARY = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('');
const TWO = [
  '--b1',
  'Content-Type: application/sdp',
  '',
  SDP,
  '--b1',
  'Content-Type: application/pidf+xml',
  'Content-ID: <loc@h>',
  '',
  PIDF,
  '--b1--',
].join('\r\n');

interface Shape {
  readonly name: string;
  readonly type: string;
  readonly body: string;
  readonly bodies: readonly string[];
  readonly preamble?: string;
  readonly epilogue?: string;
}

const mixed = 'multipart/mixed;boundary=b1';

const SHAPES: readonly Shape[] = [
  { name: 'boundary bare', type: mixed, body: TWO, bodies: [SDP, PIDF] },
  { name: 'boundary quoted', type: 'multipart/mixed; boundary="b1"', body: TWO, bodies: [SDP, PIDF] },
  {
    name: 'boundary not last, odd case',
    type: 'Multipart/Related ; Type="application/sdp"; BOUNDARY = b1 ; start="<loc@h>"',
    body: TWO,
    bodies: [SDP, PIDF],
  },
  {
    name: 'boundary with odd characters',
    type: 'multipart/mixed;boundary="=_;a b,\'()+/:?"',
    body: TWO.replaceAll(/--b1(?!x)/g, "--=_;a b,'()+/:?"),
    bodies: [SDP, PIDF],
  },
  {
    name: 'boundary with equals signs, bare',
    type: 'multipart/mixed;boundary=----=_Part_0_1.2',
    body: TWO.replaceAll(/--b1(?!x)/g, '------=_Part_0_1.2'),
    bodies: [SDP, PIDF],
  },
  { name: 'line end behind', type: mixed, body: `${TWO}\r\n`, bodies: [SDP, PIDF], epilogue: '\r\n' },
  {
    name: 'preamble and epilogue',
    type: mixed,
    body: `This is --b1 a preamble\r\n\r\n${TWO}\r\nepilogue\r\n--b1\r\nnot a part\r\n--b1--`,
    bodies: [SDP, PIDF],
    preamble: 'This is --b1 a preamble\r\n',
    epilogue: '\r\nepilogue\r\n--b1\r\nnot a part\r\n--b1--',
  },
  { name: 'line end in front', type: mixed, body: `\r\n${TWO}`, bodies: [SDP, PIDF], preamble: '' },
  {
    name: 'LF alone',
    type: mixed,
    body: TWO.replaceAll('\r\n', '\n'),
    bodies: [SDP, PIDF].map((b) => b.replaceAll('\r\n', '\n')),
  },
  {
    name: 'blanks behind the boundary',
    type: mixed,
    body: TWO.replaceAll(/--b1(--)?\r\n/g, '--b1$1 \t\r\n').replace(/--b1--$/, '--b1--  '),
    bodies: [SDP, PIDF],
  },
  { name: 'no closing line', type: mixed, body: '--b1\r\nA: b\r\n\r\nlast', bodies: ['last'] },
  { name: 'no closing line, line end kept', type: mixed, body: '--b1\r\nA: b\r\n\r\nlast\r\n', bodies: ['last\r\n'] },
  { name: 'part without headers', type: mixed, body: '--b1\r\n\r\nplain\r\n--b1--', bodies: ['plain'] },
  {
    name: 'part without headers or empty line',
    type: mixed,
    body: '--b1\r\nplain text\r\nmore\r\n--b1--',
    bodies: ['plain text\r\nmore'],
  },
  { name: 'part without body', type: mixed, body: '--b1\r\nA: b\r\n--b1\r\nA: b\r\n\r\n\r\n--b1--', bodies: ['', ''] },
  { name: 'empty parts', type: mixed, body: '--b1\r\n--b1\r\n\r\n--b1\r\n\r\n\r\n--b1--', bodies: ['', '', ''] },
  { name: 'no part', type: mixed, body: '--b1--\r\n', bodies: [], epilogue: '\r\n' },
  {
    name: 'blank lines inside',
    type: mixed,
    body: '--b1\r\nA: b\r\n\r\n\r\n\r\na\r\n\r\n\r\nb\r\n\r\n\r\n--b1--',
    bodies: ['\r\n\r\na\r\n\r\n\r\nb\r\n\r\n'],
  },
  {
    name: 'binary',
    type: mixed,
    body: `--b1\r\nContent-Type: application/EmergencyCallData.eCall.MSD\r\nContent-Transfer-Encoding: binary\r\n\r\n${BINARY}\r\n--b1--`,
    bodies: [BINARY],
  },
  {
    name: 'text that looks like the boundary',
    type: mixed,
    body: '--b1\r\n\r\nx--b1\r\n --b1\r\n--b1x\r\n--b1 x\r\n--b1-\r\n--b1--x\r\n-- b1\r\n--b1--',
    bodies: ['x--b1\r\n --b1\r\n--b1x\r\n--b1 x\r\n--b1-\r\n--b1--x\r\n-- b1'],
  },
  { name: 'folded part header', type: mixed, body: '--b1\r\nA: b;\r\n\tc\r\n\r\nx\r\n--b1--', bodies: ['x'] },
  {
    name: 'nested, inner boundary starts like the outer',
    type: mixed,
    body: `--b1\r\nContent-Type: multipart/related;boundary=b12\r\n\r\n--b12\r\n\r\ninner\r\n--b12--\r\n\r\n--b1\r\n\r\nouter\r\n--b1--`,
    bodies: ['--b12\r\n\r\ninner\r\n--b12--\r\n', 'outer'],
  },
];

function read(type: string, body: string): Multipart {
  const multipart = parseMultipart(type, body);
  if (multipart === undefined) {
    throw new Error(`not read: ${type}`);
  }
  return multipart;
}

t.test('body shapes: parts as they are, and the same bytes back', async (t) => {
  t.ok(SHAPES.length >= 20);
  for (const { name, type, body, bodies, preamble = '', epilogue = '' } of SHAPES) {
    const multipart = read(type, body);
    t.same(
      multipart.parts.map((part) => part.body),
      bodies,
      name,
    );
    t.equal(multipart.preamble, preamble, name);
    t.equal(multipart.epilogue, epilogue, name);
    t.equal(printMultipart(multipart), body, name);
    for (const part of multipart.parts) {
      t.ok(part.raw.endsWith(part.body), name);
    }
  }
});

t.test('part headers', async (t) => {
  const [sdp, location] = read(mixed, TWO).parts;
  t.same(sdp?.headers, [{ name: 'Content-Type', value: 'application/sdp' }]);
  t.equal(location && header(location.headers, 'content-id'), '<loc@h>');
  t.equal(read(mixed, '--b1\r\nA: b;\r\n\tc\r\n\r\nx\r\n--b1--').parts[0]?.headers[0]?.value, 'b; c');
});

t.test('nested', async (t) => {
  const outer = read(mixed, SHAPES.at(-1)?.body ?? '');
  const inner = outer.parts[0];
  t.equal(inner && read(header(inner.headers, 'Content-Type') ?? '', inner.body).parts[0]?.body, 'inner');
});

t.test('no multipart', async (t) => {
  const rows = [
    ['application/sdp', TWO],
    ['application/sdp;boundary=b1', TWO],
    ['multipart/mixed', TWO],
    ['multipart/mixed;boundary=', TWO],
    ['multipart/mixed;boundary=""', TWO],
    ['multipart/mixed;boundary=B1', TWO],
    ['multipart/mixed;boundary=b1', ''],
    ['multipart/mixed;boundary=b1', SDP],
    ['', TWO],
  ] as const;
  for (const [type, body] of rows) {
    t.equal(parseMultipart(type, body), undefined, type);
  }
});

t.test('properties: what is read is written', async () => {
  const piece = fc.constantFrom('--b', '--b--', '\r\n', '\n', '\r', ' ', 'A: b', ':', '-', 'b', '\xff\x00', 'x');
  const noise = fc.array(piece, { maxLength: 40 }).map((all) => all.join(''));
  fc.assert(
    fc.property(fc.oneof(noise, fc.string({ unit: 'binary' })), fc.string(), (body, type) => {
      const multipart = parseMultipart('multipart/mixed;boundary=b', body);
      strictEqual(multipart === undefined ? body : printMultipart(multipart), body);
      parseMultipart(type, body);
      parseMultipart(`multipart/${type}`, body);
    }),
    { numRuns: 5000 },
  );
});

t.test('big bodies take time in proportion', async (t) => {
  for (const part of ['--b1', '--b1\r\n', '\n--b1 ', '\r\n', '--b1 \t', '-', '--b1\r\n\r\n', ' ', '--b1\nA: b\n']) {
    const took = cpuTimeOf(() => {
      const body = `--b1\r\n${part.repeat(262144 / part.length)}`;
      const multipart = read(mixed, body);
      t.equal(printMultipart(multipart) === body, true);
    });
    t.ok(took < 600, `${JSON.stringify(part)} ${took}`);
  }
});
