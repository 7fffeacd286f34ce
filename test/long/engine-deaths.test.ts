import t from 'tap';
import { usesDrachtio } from '../support/drachtio-server.js';
import { enginePid } from '../support/engine-pid.js';
import { startGateway } from '../support/gateway.js';
import { callIdsOf, startSipp } from '../support/sipp.js';

const [HOST, KPN, CALLER] = ['127.44.95.1', '127.44.95.5', '127.44.95.11'];
const CALLS = 500;
const RATE = 50;
const DEATHS = 4;
const EVERY_MS = 2_000;
const skip = usesDrachtio && 'the gateway starts its own engine alone';

t.test('calls come and go while the engine is killed again and again: each is answered', { skip }, async (t) => {
  const far = await startSipp({ scenario: 'answer.xml', address: KPN });
  const gateway = await startGateway({
    host: HOST,
    trunks: [
      { id: 'kpn-1', carrier: 'kpn', address: `${KPN}:5060`, tier: 1 },
      { id: 'other-1', carrier: 'other', address: '127.44.95.6:5060', tier: 2 },
    ],
  });
  t.teardown(async () => gateway.stop());
  const load = { calls: CALLS, rate: RATE, duration: 1, target: gateway.sip, service: '112' };
  const callers = await startSipp({ scenario: 'caller.xml', address: CALLER, ...load });
  for (let death = 0; death < DEATHS; death += 1) {
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    process.kill(enginePid(gateway.pid), 'SIGKILL');
  }
  const { messages, successful, failed } = await callers.done;
  await far.stop();
  const answered = callIdsOf(messages, /message received[\s\S]*SIP\/2\.0 200[\s\S]*CSeq: 1 INVITE/);
  t.equal(answered.size, CALLS);
  t.comment(
    `${successful} of ${CALLS} calls ended as they should; ${failed} were answered when their engine was killed`,
  );
  const reports = await gateway.calls();
  t.same(new Set(reports.map(({ outcome }) => outcome)), new Set(['answered']));
  t.match(await gateway.stats(), { openCalls: 0, engine: { dialogs: 0, legs: 0, invites: 0 } });
});
