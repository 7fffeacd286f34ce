import t from 'tap';
import { startGateway } from '../support/gateway.js';
import { startRawPeer } from '../support/raw-peer.js';
import { runSipp, startSipp } from '../support/sipp.js';

const HOST = '127.211.0.1';
const FAR = '127.211.20.1';
const SECOND = '127.211.30.1';
const SDP = `v=0\r\no=- 1 1 IN IP4 ${FAR}\r\ns=-\r\nc=IN IP4 ${FAR}\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\n`;

t.test('P3 a trunk that knows numbers in another form only is dialled in that form before the next one', async (t) => {
  const dialled: string[] = [];
  const far = await startRawPeer(FAR, 5060, (request, peer) => {
    const [method = '', uri = ''] = request.split(' ');
    if (method === 'INVITE') {
      const number = /^sip:([^@]*)@/.exec(uri)?.[1] ?? '';
      dialled.push(number);
      if (!number.startsWith('+31')) {
        return peer.respond(request, '404 Not Found');
      }
      peer.respond(request, '180 Ringing');
      peer.respond(request, '200 OK', [`Contact: <sip:${FAR}>`, 'Content-Type: application/sdp'], SDP);
    } else if (method !== 'ACK') {
      peer.respond(request, '200 OK');
    }
  });
  const second = await startSipp({ scenario: 'answer.xml', address: SECOND });
  const gateway = await startGateway({
    host: HOST,
    trunks: [
      { id: 'lte-a', carrier: 'mobile', address: `${FAR}:5060`, tier: 1, kind: 'mobile' },
      { id: 'second-a', carrier: 'second', address: `${SECOND}:5060`, tier: 2 },
    ],
    edit: (file, text) =>
      file === 'inventory' ? text.replace(`${FAR}:5060,`, `${FAR}:5060, secondForm: e164,`) : text,
  });
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    await second.stop();
    far.close();
  });
  const call = { scenario: 'caller.xml', address: '127.211.1.1', target: gateway.sip, calls: 1, duration: 200 };
  t.match(await runSipp({ ...call, service: '112' }), { exitCode: 0, successful: 1, failed: 0 });
  const [report] = await gateway.calls();
  t.same(
    report?.attempts.map(({ trunk, number, status }) => [trunk, number, status]),
    [
      ['lte-a', '0880000112', 404],
      ['lte-a', '+31880000112', 200],
    ],
  );
  t.same(dialled, ['0880000112', '+31880000112']);
  const [first, again] = report?.attempts ?? [];
  const gap = (again?.startedAfterMs ?? Number.NaN) - (first?.endedAfterMs ?? Number.NaN);
  t.ok(gap < 15, `the next INVITE left ${gap.toFixed(2)} ms after the 404 (promise: 5 ms)`);
});
