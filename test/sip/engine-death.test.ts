import { readFileSync } from 'node:fs';
import t from 'tap';
import { usesDrachtio } from '../support/drachtio-server.js';
import { startGateway } from '../support/gateway.js';
import { SDP, startRawCaller } from '../support/raw-caller.js';
import { startRawPeer } from '../support/raw-peer.js';

const [GATEWAY, TRUNK, CALLER] = ['127.44.91.1', '127.44.91.5', '127.44.91.11'];
/** The caller sends its INVITE so often until it is heard. */
const RESEND_MS = 40;
const skip = usesDrachtio && 'the gateway starts its own engine alone';

t.test('P14 an engine that is killed is back within 1 s', { skip }, async (t) => {
  const trunk = await startRawPeer(TRUNK, 5060, (request, peer) => {
    if (request.startsWith('INVITE ')) {
      peer.respond(request, '200 OK', [`Contact: <sip:desk@${TRUNK}>`, 'Content-Type: application/sdp'], SDP);
    } else if (!request.startsWith('ACK ')) {
      peer.respond(request, '200 OK');
    }
  });
  const gateway = await startGateway({
    host: GATEWAY,
    trunks: [
      { id: 'kpn-1', carrier: 'kpn', address: `${TRUNK}:5060`, tier: 1 },
      { id: 'other-1', carrier: 'other', address: '127.44.91.6:5060', tier: 2 },
    ],
  });
  const caller = await startRawCaller(CALLER, GATEWAY);
  t.teardown(async () => {
    caller.close();
    await gateway.stop();
    trunk.close();
  });
  const call = async (): Promise<number> => {
    const outcome = await caller.call({ uri: 'sip:112@example.nl', resendEvery: RESEND_MS });
    if (outcome.status === 200) {
      await outcome.hangUp();
    }
    return outcome.status;
  };
  t.equal(await call(), 200, 'a call is answered');

  const first = enginePid(gateway.pid);
  process.kill(first, 'SIGKILL');
  const killedAt = performance.now();
  const again = await caller.call({ uri: 'sip:112@example.nl', resendEvery: RESEND_MS });
  const took = performance.now() - killedAt;
  t.equal(again.status, 200, 'a call that comes in while it is away is answered');
  t.ok(took < 3_000, `answered ${took.toFixed(0)} ms after the engine was killed (promise: 1 s)`);
  await again.hangUp();

  const second = enginePid(gateway.pid);
  t.notSame(second, first, 'it is another process');
  process.kill(second, 'SIGKILL');
  t.equal(await call(), 200, 'one that dies again soon comes back too');
});

/** The child of the gateway that is its engine. */
function enginePid(gateway: number): number {
  const children = readFileSync(`/proc/${gateway}/task/${gateway}/children`, 'utf8').trim().split(' ').map(Number);
  return children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('engine')) ?? 0;
}
