import { readFileSync } from 'node:fs';
import t from 'tap';
import { loadConfig } from '../../src/config/load.js';
import type { CallReport } from '../../src/domain/call-report.js';
import type { HealthChange } from '../../src/domain/health.js';
import { id, type CarrierId, type ServiceId } from '../../src/domain/ids.js';
import { instant } from '../../src/domain/time.js';
import { dialledUri } from '../../src/lab/caller.js';
import { controlRoutes } from '../../src/lab/control.js';
import { OrderError } from '../../src/lab/fault-places.js';
import { readEvent } from '../../src/lab/events.js';
import { parseFault } from '../../src/lab/faults.js';
import { callKey } from '../../src/lab/headers.js';
import { callLine, changeLines, resultLine } from '../../src/lab/lines.js';
import { gatewayComplaint } from '../../src/lab/log-line.js';
import { MediaSession, sdpOf } from '../../src/lab/media.js';
import { isLoopback, labPlan, LabPlanError } from '../../src/lab/plan.js';
import type { CallResult } from '../../src/lab/results.js';
import { explainTaken } from '../../src/lab/ports.js';
import type { MediaTarget, RtpStream } from '../../src/lab/rtp.js';
import { encode, loadSpeech, readWav } from '../../src/lab/speech.js';
import type { LabState } from '../../src/lab/state.js';
import { parseSdp } from '../../src/sip/sdp.js';
import { smallNetwork } from '../support/network.js';

const RESULT: CallResult = {
  at: '2019-06-24T12:00:00.000Z',
  sipCallId: 'a@b',
  callId: 'c1',
  caller: '+31612345678',
  service: '112',
  outcome: 'open',
  attempts: [],
  connected: 0,
  legsMs: [],
};

t.test(
  'the lab of npm start: KPN, a second carrier, a mobile gateway, and two answering points behind them',
  async (t) => {
    const result = loadConfig('config/lab.yaml');
    if (!result.ok) {
      throw new Error('config/lab.yaml is broken');
    }
    const { carriers, points } = labPlan(result.config.network);
    t.match(points, [
      { id: 'meldkamer', address: '127.0.50.1', port: 5060 },
      { id: 'politie', address: '127.0.50.2', port: 5060 },
    ]);
    t.match(carriers, [
      {
        id: 'kpn',
        trunks: [
          { id: 'kpn-a', address: '127.0.20.1', channels: 120, hidesCaller: false },
          { id: 'kpn-b', address: '127.0.20.2', channels: 120 },
        ],
      },
      { id: 'second', trunks: [{ address: '127.0.30.1', channels: 120 }] },
      { id: 'mobile', trunks: [{ address: '127.0.40.1', channels: 8, hidesCaller: true }] },
    ]);
    const dialled = carriers.flatMap(({ trunks }) => trunks).map(({ numbers }) => numbers);
    t.match(dialled[0], [
      { number: '112', point: { id: 'meldkamer' } },
      { number: '09008844', point: { id: 'politie' } },
    ]);
    t.match(dialled[3], [
      { number: '0880000112', point: { id: 'meldkamer' } },
      { number: '0880008844', point: { id: 'politie' } },
    ]);
  },
);

t.test('a trunk that is not on this machine cannot be simulated', async (t) => {
  const network = smallNetwork([{ id: 'a', carrier: 'kpn' }]);
  const moved = [...network.trunks.values()].map((trunk) => ({
    ...trunk,
    address: { ...trunk.address, host: '192.0.2.1' },
  }));
  const outside = { ...network, trunks: new Map(moved.map((trunk) => [trunk.id, trunk])) };
  t.throws(() => labPlan(outside), new LabPlanError('trunk a is at 192.0.2.1: the lab uses loopback addresses only'));
  t.same(['127.0.0.1', '127.255.1.2', '128.0.0.1', '127.0.0.1.nl', 'localhost', '10.127.0.1'].map(isLoopback), [
    true,
    true,
    false,
    false,
    false,
    false,
  ]);
});

t.test('speech is encoded by ITU-T G.711', async (t) => {
  const samples = Int16Array.from([0, 1, -1, 8, -8, 100, -100, 1000, -1000, 32_767, -32_768]);
  t.same([...encode(samples, 'PCMA').subarray(0, 11)], [213, 213, 85, 213, 85, 211, 83, 250, 122, 170, 42]);
  t.same([...encode(samples, 'PCMU').subarray(0, 11)], [255, 255, 126, 254, 126, 242, 114, 206, 78, 128, 0]);
  const file = readFileSync('config/lab/speech.wav');
  const speech = loadSpeech('config/lab/speech.wav');
  t.ok(file.length < 120_000);
  t.equal(speech.PCMA.length % 160, 0);
  t.ok(readWav(file).length / 8_000 > 5, 'some seconds of speech');
  t.throws(() => readWav(Buffer.from('RIFF....WAVE')), /not a WAV file/);
});

/** A media session, and where it sends. */
function session() {
  const aims: (MediaTarget | undefined)[] = [];
  const stream = { address: '127.0.50.1', port: 20_000, aim: (target: MediaTarget | undefined) => aims.push(target) };
  return { media: new MediaSession(stream as unknown as RtpStream), aims };
}

function offer(media: string, address = '127.0.0.1') {
  const sdp = parseSdp(`v=0\r\no=- 1 1 IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\n${media}`);
  if (sdp === undefined) {
    throw new Error('no SDP');
  }
  return sdp;
}

t.test('an answering point speaks A-law or mu-law, whichever comes first in the offer', async (t) => {
  for (const [formats, codec, map] of [
    ['0', 'PCMU', 'a=rtpmap:0 PCMU/8000'],
    ['8', 'PCMA', 'a=rtpmap:8 PCMA/8000'],
    ['101 8 0', 'PCMA', 'a=rtpmap:8 PCMA/8000'],
    ['9 0 8', 'PCMU', 'a=rtpmap:0 PCMU/8000'],
  ] as const) {
    const { media, aims } = session();
    const answer = media.answer(offer(`m=audio 4000 RTP/AVP ${formats}\r\n`)) ?? '';
    t.match(answer, 'm=audio 20000 RTP/AVP');
    t.match(answer, map);
    t.same(aims, [{ address: '127.0.0.1', port: 4_000, codec }]);
  }
});

t.test('other media is refused, hold stops the speech, and what cannot be spoken has no answer', async (t) => {
  const { media, aims } = session();
  const answer = media.answer(offer('m=audio 4000 RTP/AVP 8\r\na=sendonly\r\nm=video 4002 RTP/AVP 96\r\n')) ?? '';
  t.match(answer, 'a=recvonly');
  t.match(answer, 'm=video 0 RTP/AVP 96');
  t.same(aims, [undefined]);
  t.equal(media.answer(offer('m=audio 4000 RTP/SAVP 8\r\n')), undefined);
  t.equal(media.answer(offer('m=audio 4000 RTP/AVP 111\r\n')), undefined);
  t.match(media.offer(), /m=audio 20000 RTP\/AVP 8 0/);
});

t.test('a session description is found among other parts of a body', async (t) => {
  const type = { name: 'Content-Type', value: 'multipart/mixed;boundary=b' };
  const body =
    '--b\r\nContent-Type: application/pidf+xml\r\n\r\n<x/>\r\n--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--\r\n';
  t.ok(sdpOf([type], body));
  t.equal(sdpOf([{ name: 'Content-Type', value: 'text/plain' }], 'v=0\r\n'), undefined);
  t.equal(sdpOf([], ''), undefined);
});

t.test('a call is known by its NENA identifier, or by its Call-ID', async (t) => {
  const info = { name: 'Call-Info', value: '<urn:emergency:uid:callid:abc:noodroute>;purpose=emergency-CallId' };
  t.equal(callKey([{ name: 'Call-ID', value: 'x' }, info]), 'abc');
  t.equal(callKey([{ name: 'Call-ID', value: 'x' }]), 'x');
});

t.test('what is dialled becomes a Request-URI', async (t) => {
  const gateway = { address: '127.0.0.1', port: 5060 };
  t.equal(dialledUri('112', gateway), 'sip:112@127.0.0.1');
  t.equal(dialledUri('0900-8844', gateway), 'sip:09008844@127.0.0.1');
  t.equal(dialledUri('+31 112', { ...gateway, port: 5080 }), 'sip:+31112@127.0.0.1:5080');
  t.equal(dialledUri('urn:service:sos', gateway), 'urn:service:sos');
});

const report: CallReport = {
  callId: 'abc',
  service: '112',
  caller: '0612345678',
  identities: [],
  ingress: 'local',
  startedAt: '2019-06-24T13:34:00.000Z',
  outcome: 'answered',
  answeredBy: { trunk: 'second-a' },
  ringingAfterMs: 611.4,
  answeredAfterMs: 812.2,
  phantomRings: 0,
  attempts: [
    {
      trunk: 'kpn-a',
      carrier: 'kpn',
      number: '112',
      role: 'normal',
      startedAfterMs: 0,
      endedAfterMs: 611,
      outcome: 'given up',
      reason: 'nothing came back',
    },
    {
      trunk: 'second-a',
      carrier: 'second',
      number: '112',
      role: 'normal',
      startedAfterMs: 601,
      outcome: 'answered',
      reason: 'answered',
    },
  ],
};

t.test('a call is one line', async (t) => {
  t.equal(
    callLine(report, 'meldkamer (112 control room)'),
    'call 112 from 0612345678: answered by meldkamer (112 control room) over second-a after 812 ms, rang after 611 ms ' +
      '[kpn-a at 0 ms: nothing came back (given up at 611 ms); second-a at 601 ms: answered]',
  );
  t.match(callLine({ ...report, outcome: 'failed' }, undefined), /NOT ANSWERED, 2 tried/);
  t.match(callLine({ ...report, outcome: 'cancelled' }, undefined), /the caller hung up before an answer/);
  t.equal(
    resultLine('112', { number: 1, answered: false, failure: '503', rtp: { sent: 0, received: 0, receivedBytes: 0 } }),
    'call 1 to 112: NOT ANSWERED: 503 after 0 ms',
  );
});

t.test('a change that both services saw is one line', async (t) => {
  const carrier = id<CarrierId>('kpn');
  const change = { of: 'carrier', carrier, from: 'present', to: 'absent', at: instant(0), cause: 'silent' } as const;
  const changes: HealthChange[] = [
    { ...change, service: id<ServiceId>('112') },
    { ...change, service: id<ServiceId>('0900-8844') },
    { ...change, service: id<ServiceId>('112'), to: 'doubted' },
  ];
  t.same(changeLines(changes), [
    'carrier kpn present -> absent: silent (112, 0900-8844)',
    'carrier kpn present -> doubted: silent (112)',
  ]);
});

t.test('events are read as they are sent; only errors of the gateway are shown', async (t) => {
  t.same(readEvent('event: call\ndata: {"a":\ndata: 1}'), { event: 'call', data: '{"a":\n1}' });
  t.same(readEvent(': a comment'), { event: 'message', data: '' });
  t.equal(gatewayComplaint('{"level":50,"msg":"broken","err":"why"}'), 'broken: why');
  t.equal(gatewayComplaint('{"level":30,"msg":"fine"}'), undefined);
  t.equal(gatewayComplaint('{not json'), undefined);
});

t.test('an address that cannot be used: which, why, and what to do, in one line', async (t) => {
  const endpoint = {
    address: '127.0.0.1',
    port: 5060,
    protocol: 'UDP',
    what: 'SIP of the gateway',
    otherwise: 'use another lab file',
  } as const;
  t.equal(
    explainTaken(endpoint, 'EADDRINUSE'),
    '127.0.0.1:5060 UDP (SIP of the gateway) is in use by another program, perhaps another lab: ' +
      "end it (ss -lunp 'sport = :5060' shows it), or use another lab file",
  );
  t.match(explainTaken(endpoint, 'EADDRNOTAVAIL'), /ifconfig lo0 alias 127\.0\.0\.1/);
  t.match(explainTaken(endpoint, 'EACCES'), /port above 1023/);
});

t.test('control: faults are set by programs on this machine only', async (t) => {
  const orders: unknown[] = [];
  const app = controlRoutes({
    setFault: async (...order) => {
      orders.push(order);
      if (order[0] === 'nobody') {
        throw new OrderError('there is no carrier nobody, only kpn');
      }
    },
    clear: async () => {
      orders.push('clear');
    },
    state: async () => ({ sip: ['127.0.0.1:5060'] }) as unknown as LabState,
    faults: () => [{ carrier: 'kpn', trunk: 'kpn-a', fault: 'lie' }],
    results: (since) => [{ ...RESULT, at: since?.toISOString() ?? RESULT.at }],
  });
  const ask = async (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) => {
    const init = { method, headers: { host: '127.0.0.1:8081', ...headers } };
    const response = await app.request(path, body === undefined ? init : { ...init, body: JSON.stringify(body) });
    return { status: response.status, answer: await response.json() };
  };
  t.match(await ask('POST', '/faults', { carrier: 'kpn', fault: 'lie', trunk: 'kpn-a', service: '112' }), {
    status: 200,
  });
  t.match(await ask('DELETE', '/faults'), { status: 200 });
  t.match(await ask('GET', '/state'), { status: 200, answer: { sip: ['127.0.0.1:5060'] } });
  t.same((await ask('GET', '/faults')).answer, [{ carrier: 'kpn', trunk: 'kpn-a', fault: 'lie' }]);
  t.same((await ask('GET', '/results')).answer, [RESULT]);
  t.match((await ask('GET', '/results?since=2019-06-24T13:00:00%2B02:00')).answer, [
    { at: '2019-06-24T11:00:00.000Z' },
  ]);
  t.same(await ask('GET', '/results?since=yesterday'), {
    status: 400,
    answer: { error: 'since=yesterday is no time, expected one such as 2019-06-24T12:00:00Z' },
  });
  t.match(await ask('GET', '/results?format=xml'), { status: 400, answer: { error: /expected json or csv/ } });
  t.same(await ask('GET', '/fault'), { status: 404, answer: { error: 'there is no GET /fault' } });
  const csv = await app.request('/results?format=csv', { headers: { host: '127.0.0.1:8081' } });
  t.match(csv.headers.get('content-type'), /^text\/csv/);
  t.match((await csv.text()).split('\r\n')[0], /^at,sip_call_id,call_id,caller,/);
  t.same(orders, [['kpn', parseFault('lie'), { trunk: 'kpn-a', service: '112' }], 'clear']);
  t.match(await ask('POST', '/faults', { carrier: 'kpn', fault: 'nonsense' }), { status: 400 });
  t.match(await ask('POST', '/faults', 'nonsense'), { status: 400 });
  t.match(await ask('POST', '/faults', { carrier: 'nobody', fault: 'lie' }), {
    status: 404,
    answer: { error: 'there is no carrier nobody, only kpn' },
  });
  t.match(await ask('GET', '/state', undefined, { origin: 'http://example.nl' }), { status: 403 });
  t.match(await ask('GET', '/state', undefined, { host: 'example.nl' }), { status: 403 });
});
