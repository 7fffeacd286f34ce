import t from 'tap';
import { startGateway, type TestSite } from '../support/gateway.js';
import { startRawPeer } from '../support/raw-peer.js';
import { runSipp } from '../support/sipp.js';

// It needs the machine for itself: milliseconds are measured.
const HOST = '127.77.0.1';
const CALLER = '127.77.1.1';
const KPN = '127.77.20.1';
const SECOND = '127.77.30.1';

const site: TestSite = {
  host: HOST,
  trunks: [
    { id: 'kpn-a', carrier: 'kpn', address: `${KPN}:5060`, tier: 1 },
    { id: 'second-a', carrier: 'second', address: `${SECOND}:5060`, tier: 2 },
  ],
};

t.test('P3 from a final failure to the next INVITE, on the wire', async (t) => {
  const gaps: number[] = [];
  let failedAt = 0;
  const kpn = await startRawPeer(KPN, 5060, (text, peer) => {
    if (text.startsWith('INVITE ')) {
      failedAt = performance.now();
      // Full is no evidence: the trunk stays in its place.
      peer.respond(text, '503 Service Unavailable', ['Reason: Q.850;cause=34']);
    }
  });
  const second = await startRawPeer(SECOND, 5060, (text, peer) => {
    if (text.startsWith('INVITE ')) {
      gaps.push(performance.now() - failedAt);
      peer.respond(text, '200 OK', [`Contact: <sip:${SECOND}>`, 'Content-Type: application/sdp'], sdpOf(SECOND));
    } else if (text.startsWith('BYE ')) {
      peer.respond(text, '200 OK');
    }
  });
  const gateway = await startGateway(site);
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    kpn.close();
    second.close();
  });
  const callers = { scenario: 'caller.xml', address: CALLER, target: gateway.sip, service: '112' };
  const result = await runSipp({ ...callers, calls: 60, rate: 30, duration: 50 });
  t.match(result, { exitCode: 0, successful: 60 });
  const sorted = gaps.toSorted((a, b) => a - b);
  const [median = Number.NaN, p95 = Number.NaN] = [sorted[30], sorted[56]];
  t.equal(gaps.length, 60);
  t.ok(
    p95 < 3 * 5,
    `${median.toFixed(1)} ms in the median, p95 ${p95.toFixed(1)} ms, this process's own time included (promise: 5 ms)`,
  );
});

function sdpOf(host: string): string {
  return `v=0\r\no=- 1 1 IN IP4 ${host}\r\ns=-\r\nc=IN IP4 ${host}\r\nt=0 0\r\nm=audio 9000 RTP/AVP 8\r\n`;
}
