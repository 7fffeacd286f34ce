import t from 'tap';
import { examine, isOfACall, mended } from '../../../src/sip/faults.js';
import { header } from '../../../src/sip/headers.js';
import { parseMessage, printMessage, type SipMessage } from '../../../src/sip/message.js';

const SOUND = [
  'INVITE sip:112@127.0.0.1 SIP/2.0',
  'Via: SIP/2.0/UDP 127.0.0.2;branch=z9hG4bK1',
  'From: <sip:a@b>;tag=1',
  'To: <sip:112@b>',
  'Call-ID: id',
  'CSeq: 1 INVITE',
  'Content-Length: 0',
];
const ANSWER = ['SIP/2.0 200 OK', ...SOUND.slice(1)];

function faultOf(lines: readonly string[]): object | undefined {
  return examine(parseMessage([...lines, '', ''].join('\r\n'))).fault;
}

/** The sound lines with some of them replaced; an empty one is left out. */
function changed(changes: Readonly<Record<string, string>>, lines: readonly string[] = SOUND): readonly string[] {
  const result = lines.map((line) => changes[line.split(/[: ]/)[0] ?? ''] ?? line);
  return [...result, changes['+'] ?? ''].filter((line) => line !== '');
}

t.test('sound messages have no fault', async (t) => {
  t.equal(faultOf(SOUND), undefined);
  t.equal(faultOf(ANSWER), undefined);
  for (const uri of ['sip:h', 'sips:a@[::1]:5061', 'tel:112;phone-context=+31', 'urn:service:sos', 'SIP:112@h?x']) {
    t.equal(faultOf(changed({ INVITE: `INVITE ${uri} SIP/2.0` })), undefined, uri);
  }
  t.equal(faultOf(changed({ '+': 'Require: 100rel, TIMER' })), undefined, 'known extensions');
  t.equal(faultOf(changed({ '+': 'l: 0' })), undefined, 'the same Content-Length twice');
  t.equal(faultOf(changed({ 'Content-Length': '' })), undefined, 'no Content-Length');
});

t.test('faults of requests, and whether they are clear all the same', async (t) => {
  const rows: readonly (readonly [Readonly<Record<string, string>>, string, number, boolean])[] = [
    [{ Via: '' }, 'no Via', 400, false],
    [{ 'Call-ID': 'i:' }, 'no Call-ID', 400, false],
    [{ CSeq: '' }, 'no CSeq', 400, false],
    [{ CSeq: 'CSeq: x INVITE' }, 'bad CSeq', 400, false],
    [{ CSeq: 'CSeq: 4294967296 INVITE' }, 'bad CSeq', 400, false],
    [{ From: '' }, 'no From', 400, true],
    [{ To: 'To:' }, 'no To', 400, true],
    [{ From: '', CSeq: 'CSeq: ' }, 'no CSeq', 400, false],
    [{ CSeq: 'CSeq: 1 OPTIONS' }, 'the method in CSeq is another', 400, true],
    [{ '+': 't: <sip:x@y>' }, 'more than one To', 400, true],
    [{ Via: 'Via: SIP/2.0/UDP h;;branch=x' }, 'bad Via', 400, true],
    [{ Via: 'Via: SIP/2.0/UDP h;branch=x ,' }, 'bad Via', 400, true],
    [{ INVITE: 'INVITE http://h SIP/2.0' }, 'unsupported URI scheme', 416, false],
    [{ INVITE: 'INVITE sip:1 1 2@h SIP/2.0' }, 'a blank in the Request-URI', 400, true],
    [{ INVITE: 'INVITE sip:112@::1 SIP/2.0' }, 'bad host in the Request-URI', 400, true],
    [{ INVITE: 'INVITE sip:112@ SIP/2.0' }, 'bad host in the Request-URI', 400, true],
    [{ 'Content-Length': 'Content-Length: -1' }, 'bad Content-Length', 400, true],
    [{ '+': 'l: 1' }, 'more than one Content-Length', 400, true],
    [{ '+': 'no header' }, 'bad header line', 400, true],
    [{ INVITE: 'INVITE sip:112@h SIP/3.0' }, 'unsupported version', 505, false],
  ];
  for (const [changes, kind, status, isClear] of rows) {
    t.same(faultOf(changed(changes)), { kind, status, isClear }, JSON.stringify(changes));
  }
  t.match(faultOf(changed({ '+': 'Require: 100rel, x-mine, yours' })), {
    status: 420,
    unsupported: ['x-mine', 'yours'],
  });
  const ack = changed({ INVITE: 'ACK sip:112@h SIP/2.0', CSeq: 'CSeq: 1 ACK', '+': 'Require: x-mine' });
  t.equal(faultOf(ack), undefined, 'an ACK is not refused for an extension');
});

t.test('faults of responses', async (t) => {
  t.match(faultOf(changed({ '+': 'Via: SIP/2.0/UDP h' }, ANSWER)), { kind: 'more than one Via in a response' });
  t.match(faultOf(changed({ CSeq: 'CSeq: 99999999999 INVITE' }, ANSWER)), { kind: 'bad CSeq', isClear: false });
  t.match(faultOf(changed({ 'Content-Length': 'l: 9' }, ANSWER)), { kind: 'truncated', isClear: true });
});

t.test('no more headers, and none longer, than can be looked through quickly', async (t) => {
  const many = changed({ '+': Array.from({ length: 1_000 }, () => 'X: y').join('\r\n') });
  t.match(faultOf(many), { kind: 'too many headers', isClear: true });
  t.match(faultOf(changed({ '+': `X: ${'y'.repeat(131_073)}` })), { kind: 'header too long', isClear: true });
  t.equal(faultOf(changed({ '+': `X: ${'y'.repeat(131_072)}` })), undefined);
  const { message } = examine(parseMessage([...many, '', ''].join('\r\n')));
  t.equal(message?.headers.length, 1_000);
});

t.test('what is clear is put right', async (t) => {
  const put = (lines: readonly string[]): SipMessage => {
    const { message } = examine(parseMessage([...lines, '', ''].join('\r\n')));
    if (message === undefined) {
      throw new Error('not read');
    }
    return mended(message);
  };
  t.equal(printMessage(put(SOUND)), [...SOUND, '', ''].join('\r\n'), 'sound ones stay what they are');
  t.equal(header(put(changed({ From: '' })).headers, 'From'), '"Anonymous" <sip:anonymous@anonymous.invalid>');
  t.equal(header(put(changed({ To: 'To:' })).headers, 'To'), '<sip:112@127.0.0.1>');
  const twice = put(changed({ '+': 'f: <sip:second@b>\r\nMax-Forwards: 1\r\nMax-Forwards: 2\r\nX: 1\r\nX: 2' }));
  t.same(
    twice.headers.map(({ name, value }) => `${name} ${value}`).filter((each) => /^(?:f|From|Max|X)/.test(each)),
    ['From <sip:a@b>;tag=1', 'Max-Forwards 1', 'X 1', 'X 2'],
  );
});

t.test('what belongs to a call', async (t) => {
  const is = (lines: readonly string[]): boolean => {
    const parsed = parseMessage([...lines, '', ''].join('\r\n'));
    return parsed.ok && isOfACall(parsed.message);
  };
  t.ok(is(SOUND));
  t.ok(is(ANSWER));
  t.notOk(is(changed({ INVITE: 'OPTIONS sip:h SIP/2.0', CSeq: 'CSeq: 1 OPTIONS' })));
  t.notOk(is(changed({ CSeq: 'CSeq: 1 REGISTER' }, ANSWER)));
});
