import { readFileSync } from 'node:fs';
import t from 'tap';
import { readWav } from '../../src/lab/speech.js';
import { softphoneCall } from '../support/baresip.js';
import { startGateway } from '../support/gateway.js';
import { startKamailio } from '../support/kamailio.js';
import { startLab } from '../support/lab.js';
import { runSipp, startSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

const SPEECH = 'config/lab/speech.wav';
const PACKET = 160;

t.test('a softphone calls 112 and hears the answering point: baresip', async (t) => {
  const lab = await startLab(12);
  t.teardown(async () => lab.stop());
  const call = await softphoneCall('127.12.1.1', `sip:112@${lab.sip}`, 4, SPEECH);
  t.match(call.output, /180 Ringing/);
  t.match(call.output, /Call established/);
  await until(async () => (await lab.state()).psaps[0]?.openCalls === 0, 2_000);
  const [psap] = (await lab.state()).psaps;
  t.match(psap, { rings: 1, answers: 1, openCalls: 0 });

  const [heard, said] = [call.heard.length / PACKET, call.said.length / PACKET];
  const sent = psap?.rtp.sent ?? 0;
  const received = psap?.rtp.received ?? 0;
  t.comment(
    `RTP packets: answering point sent ${sent}, softphone heard ${heard}; softphone said ${said}, answering point received ${received}`,
  );
  t.ok(heard > 100 && Math.abs(heard - sent) <= 25, 'what the answering point says is heard');
  t.ok(received > 100 && Math.abs(said - received) <= 25, 'and what the caller says');
  const likeness = bestLikeness(call.heard, readWav(readFileSync(SPEECH)));
  t.ok(likeness > 0.98, `the recording is the answering point's speech: correlation ${likeness.toFixed(4)}`);
});

t.test('a carrier that is a stateful proxy: Kamailio between us and a SIPp answering point', async (t) => {
  const psap = await startSipp({ scenario: 'answer.xml', address: '127.13.21.1' });
  const carrier = await startKamailio('127.13.20.1', '127.13.21.1:5060');
  const gateway = await startGateway({
    host: '127.13.0.1',
    trunks: [
      { id: 'kpn-a', carrier: 'kpn', address: '127.13.20.1:5060', tier: 1 },
      { id: 'second-a', carrier: 'second', address: '127.13.30.1:5060', tier: 2 },
    ],
  });
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    await carrier.stop();
    await psap.stop();
  });
  const callers = { scenario: 'caller.xml', address: '127.13.1.1', target: gateway.sip, service: '112' };
  const result = await runSipp({ ...callers, calls: 10, rate: 10, duration: 300 });
  t.match(result, { exitCode: 0, successful: 10, failed: 0 });
  await until(async () => (await gateway.stats()).dialogs === 0, 3_000);
  const { messages, received } = await psap.stop();
  t.equal(received('INVITE').size, 10);
  t.same(received('ACK'), received('INVITE'), 'each ACK took the route through the proxy');
  t.same(received('BYE'), received('INVITE'), 'and each BYE');
  t.match(messages, /Record-Route: <sip:127\.13\.20\.1;/);
  t.match(await gateway.stats(), { openCalls: 0, dialogs: 0 });
});

for (const { how, strips } of [
  { how: 'as it is', strips: [] },
  { how: 'without our marks', strips: ['X-Passed-Through', 'Call-Info'] },
]) {
  t.test(`a carrier sends our own call back to us ${how}: Kamailio, and the next trunk rings`, async (t) => {
    const psap = await startSipp({ scenario: 'answer.xml', address: '127.13.30.1' });
    const carrier = await startKamailio('127.13.20.1', '127.13.0.1:5060', { strips });
    const gateway = await startGateway({
      host: '127.13.0.1',
      trunks: [
        { id: 'kpn-a', carrier: 'kpn', address: '127.13.20.1:5060', tier: 1 },
        { id: 'second-a', carrier: 'second', address: '127.13.30.1:5060', tier: 2 },
      ],
    });
    t.comment(`SIP server: ${gateway.server}`);
    t.teardown(async () => {
      await gateway.stop();
      await carrier.stop();
      await psap.stop();
    });
    const call = { scenario: 'caller.xml', address: '127.13.1.1', target: gateway.sip, service: '112', calls: 1 };
    const result = await runSipp({ ...call, duration: 200 });
    t.match(result, { exitCode: 0, successful: 1 });
    t.comment(`answered after ${result.times['1']?.[0]} ms`);
    t.ok((result.times['1']?.[0] ?? Number.NaN) < 200 + 500, 'the loop is cut within one turn');
    t.match((await gateway.calls())[0]?.attempts, [
      { trunk: 'kpn-a', outcome: 'failed', reason: 'our own call came back to us' },
      { trunk: 'second-a', outcome: 'answered' },
    ]);
    t.equal((await gateway.calls()).length, 1, 'the call that came back is no call of its own');
    await until(() => gateway.log().includes('our own call came back to us'), 4_000);
    t.match(gateway.log(), /our own call came back to us/, 'and it is loud');
    t.equal((await psap.stop()).received('INVITE').size, 1, 'the answering point rings once');
  });
}

/** The highest correlation of a recording with the speech, played round and round, over where it may have begun. */
function bestLikeness(recording: Int16Array, speech: Int16Array): number {
  const starts = Math.floor(speech.length / PACKET);
  const from = 10 * PACKET;
  const part = recording.subarray(from, recording.length - 10 * PACKET);
  return Math.max(...Array.from({ length: starts }, (_, start) => likeness(part, speech, start * PACKET)));
}

function likeness(part: Int16Array, speech: Int16Array, start: number): number {
  let [both, ours, theirs] = [0, 0, 0];
  part.forEach((sample, index) => {
    const said = speech[(start + index) % speech.length] ?? 0;
    both += sample * said;
    ours += sample * sample;
    theirs += said * said;
  });
  return both / Math.sqrt(ours * theirs);
}
