import t from 'tap';
import { RawCall } from '../engine/raw-call.js';
import { usesDrachtio } from '../support/drachtio-server.js';
import { enginePid } from '../support/engine-pid.js';
import { startGateway } from '../support/gateway.js';
import { SDP } from '../support/raw-caller.js';
import { startRawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';

const [GATEWAY, TRUNK, CALLER] = ['127.44.94.1', '127.44.94.5', '127.44.94.11'];
const skip = usesDrachtio && 'the gateway watches its own engine alone';

t.test('an engine that hangs is killed and started again; a call that rings is answered', { skip }, async (t) => {
  const trunk = await startRawPeer(TRUNK, 5060, (request, peer) => {
    if (request.startsWith('INVITE ')) {
      peer.respond(request, '180 Ringing', [`Contact: <sip:desk@${TRUNK}>`]);
    } else if (!request.startsWith('ACK ')) {
      peer.respond(request, '200 OK');
    }
  });
  const caller = await startRawPeer(CALLER);
  const gateway = await startGateway({
    host: GATEWAY,
    trunks: [
      { id: 'kpn-1', carrier: 'kpn', address: `${TRUNK}:5060`, tier: 1 },
      { id: 'other-1', carrier: 'other', address: '127.44.94.6:5060', tier: 2 },
    ],
  });
  t.teardown(async () => {
    await gateway.stop();
    caller.close();
    trunk.close();
  });
  const call = new RawCall(caller, CALLER, GATEWAY);
  call.invite({ body: SDP });
  t.not(await call.response(180), '');
  const hung = enginePid(gateway.pid);
  process.kill(hung, 'SIGSTOP');
  const from = performance.now();
  await until(() => gateway.log().includes('was taken up'), 20_000);
  const took = performance.now() - from;
  t.not(enginePid(gateway.pid), hung);
  t.ok(took < 15_000, `the call was taken up ${took.toFixed(0)} ms after its engine hung`);
  const invite = trunk.requests('INVITE')[0] ?? '';
  trunk.respond(invite, '200 OK', [`Contact: <sip:desk@${TRUNK}>`, 'Content-Type: application/sdp'], SDP);
  t.not(await call.response(200), '');
  call.ack();
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
});
