import t from 'tap';
import { usesDrachtio } from '../support/drachtio-server.js';
import { enginePid } from '../support/engine-pid.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { SDP, startRawCaller } from '../support/raw-caller.js';
import { RawCall } from '../engine/raw-call.js';
import { startRawPeer, valueOf } from '../support/raw-peer.js';
import { runSipp, startSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

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

const RINGING = 20;

t.test('P14 calls that ring when the engine is killed are answered', { skip }, async (t) => {
  const [host, kpn, caller] = ['127.44.92.1', '127.44.92.5', '127.44.92.11'];
  const far = await startSipp({ scenario: 'rings-long.xml', address: kpn });
  const gateway = await startGateway({
    host,
    trunks: [
      { id: 'kpn-1', carrier: 'kpn', address: `${kpn}:5060`, tier: 1 },
      { id: 'other-1', carrier: 'other', address: '127.44.92.6:5060', tier: 2 },
    ],
  });
  t.teardown(async () => gateway.stop());
  const calls = { calls: RINGING, rate: 200, duration: 300 };
  const result = runSipp({ scenario: 'caller.xml', address: caller, target: gateway.sip, service: '112', ...calls });
  await until(async () => (await gateway.stats()).engine?.dialogs === 2 * RINGING, 5_000);
  process.kill(enginePid(gateway.pid), 'SIGKILL');
  const killedAt = performance.now();
  const taken = (): number => gateway.log().split('was taken up').length - 1;
  await until(() => taken() === RINGING, 5_000);
  const took = performance.now() - killedAt;
  t.equal(taken(), RINGING);
  t.ok(took < 3_000, `all taken up ${took.toFixed(0)} ms after the engine was killed (promise: 1 s)`);
  const { successful, failed, times } = await result;
  const { received } = await far.stop();
  t.same({ successful, failed }, { successful: RINGING, failed: 0 }, 'all are answered, talk, and hang up');
  t.comment(`answered after ${Math.max(...(times['1'] ?? [])).toFixed(0)} ms at the latest; ringing takes up to 3 s`);
  t.equal(received('INVITE').size, RINGING, 'no answering point rings twice');
  t.equal(received('CANCEL').size, 0);
  t.equal((await gateway.stats()).openCalls, 0);
  t.match(await gateway.health(), { trunks: [{ trunk: 'kpn-1', health: { state: 'up' } }] }, 'nobody is blamed');
  const reports = await gateway.calls();
  t.same(new Set(reports.map(({ outcome }) => outcome)), new Set(['answered']));
});

t.test('calls whose engine dies at a bad moment', { skip }, async (t) => {
  const [host, kpn, other, address] = ['127.44.93.1', '127.44.93.5', '127.44.93.6', '127.44.93.11'];
  let first = '180 Ringing';
  const far = await startRawPeer(kpn, 5060, (request, peer) => {
    if (request.startsWith('INVITE ')) {
      peer.respond(request, first, [`Contact: <sip:desk@${kpn}>`]);
    } else if (!request.startsWith('ACK ')) {
      peer.respond(request, '200 OK');
    }
  });
  const caller = await startRawPeer(address);
  const gateway = await startGateway({
    host,
    trunks: [
      { id: 'kpn-1', carrier: 'kpn', address: `${kpn}:5060`, tier: 1 },
      { id: 'other-1', carrier: 'other', address: `${other}:5060`, tier: 2 },
    ],
  });
  t.teardown(async () => {
    await gateway.stop();
    caller.close();
    far.close();
  });
  /** A call that has come to the trunk, whose engine is killed then. */
  const killed = async (
    response: string,
    headers: readonly string[] = [],
  ): Promise<{ call: RawCall; invite: string }> => {
    const before = far.requests('INVITE').length;
    first = response;
    const call = new RawCall(caller, address, host);
    call.invite({ body: SDP, headers });
    await until(() => far.requests('INVITE').length > before, 3_000);
    const heard = response.startsWith('180') ? 180 : 100;
    await call.response(heard);
    // The gateway has seen what the trunk said.
    await until(async () => progressOf(await gateway.stats()) > 0, 3_000);
    process.kill(enginePid(gateway.pid), 'SIGKILL');
    return { call, invite: far.requests('INVITE').at(-1) ?? '' };
  };
  const answer = (invite: string): NodeJS.Timeout => {
    const send = (): void => {
      far.respond(invite, '200 OK', [`Contact: <sip:desk@${kpn}>`, 'Content-Type: application/sdp'], SDP);
    };
    send();
    return setInterval(send, 100);
  };
  const answered = async (call: RawCall): Promise<boolean> => {
    const text = await call.response(200, 'INVITE', 8_000);
    call.ack();
    call.request('BYE');
    return text !== '' && (await call.response(200, 'BYE')) !== '';
  };

  await t.test('it is answered while the engine is away', async (t) => {
    const { call, invite } = await killed('180 Ringing');
    const from = performance.now();
    const resends = answer(invite);
    t.ok(await answered(call));
    clearInterval(resends);
    t.comment(`answered ${(performance.now() - from).toFixed(0)} ms after the engine was killed`);
    t.equal(far.requests('INVITE').length, 1, 'the answering point has rung once');
  });

  await t.test(
    'it does not ring yet: it is tried again on the same trunk, and the old attempt is cancelled',
    async (t) => {
      const { call, invite } = await killed('100 Trying');
      first = '180 Ringing';
      await until(() => far.requests('INVITE').at(-1) !== invite, 3_000);
      const again = far.requests('INVITE').at(-1) ?? '';
      t.not(valueOf(again, 'Call-ID'), valueOf(invite, 'Call-ID'));
      await until(() => far.requests('CANCEL').length > 0, 3_000);
      t.equal(valueOf(far.requests('CANCEL')[0] ?? '', 'Call-ID'), valueOf(invite, 'Call-ID'));
      far.respond(invite, '487 Request Terminated');
      const resends = answer(again);
      t.ok(await answered(call));
      clearInterval(resends);
      const reports = await gateway.calls();
      t.match(
        reports.find(({ attempts }) => attempts.length === 2)?.attempts.map(({ trunk, reason }) => [trunk, reason]),
        [
          ['kpn-1', 'lost with our own SIP server'],
          ['kpn-1', 'answered'],
        ],
      );
    },
  );

  await t.test('the caller requires reliable ringing: it goes on with the next number', async (t) => {
    const { call, invite } = await killed('180 Ringing', ['Require: 100rel']);
    const numbers = (): readonly number[] => [
      ...new Set(call.responses(180).map((text) => Number(valueOf(text, 'RSeq')))),
    ];
    await until(() => numbers().length > 1, 10_000);
    const [first = 0, next = 0] = numbers();
    t.equal(next, first + 1);
    for (const number of [first, next]) {
      call.request('PRACK', { headers: [`RAck: ${number} 1 INVITE`] });
      t.not(await call.response(200, 'PRACK'), '', `PRACK of ${number}`);
    }
    const { cseq } = call;
    call.cseq = 1;
    const resends = answer(invite);
    t.not(await call.response(200), '');
    clearInterval(resends);
    call.ack();
    call.cseq = cseq;
    call.request('BYE');
    t.not(await call.response(200, 'BYE'), '');
  });

  await t.test('the caller gives up while the engine is away', async (t) => {
    const { call, invite } = await killed('180 Ringing');
    call.cancel();
    const again = setInterval(() => {
      call.cancel();
    }, 100);
    t.not(await call.response(487, 'INVITE', 5_000), '');
    clearInterval(again);
    call.ackFailure();
    t.equal(call.responses(481, 'CANCEL').length, 0);
    await until(
      () => far.requests('CANCEL').some((text) => valueOf(text, 'Call-ID') === valueOf(invite, 'Call-ID')),
      3_000,
    );
    far.respond(invite, '487 Request Terminated');
    await until(async () => (await gateway.stats()).openCalls === 0, 3_000);
    t.equal((await gateway.stats()).openCalls, 0);
  });
});

/** How many INVITEs have gone out and have no final response. */
function progressOf({ engine }: Awaited<ReturnType<TestGateway['stats']>>): number {
  return Number(engine?.['invites'] ?? 0);
}
