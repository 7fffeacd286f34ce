import t from 'tap';
import { startEngine, type Engine } from '../../src/engine/engine.js';
import { startRawPeer, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawCall } from './raw-call.js';
import { connected, isIdle, newSrf, open, sdp, SECRET, timersOf, type Headers, type Srf } from './rig.js';

// An application may leave a stranger without any sign that somebody is here: X-Noodroute-Drop, and a 100 that waits.
const HOST = '127.5.10.1';
const STRANGER = '127.5.10.2';
const T1 = 30;
/** Longer than an application needs to drop a request, on a busy machine too. */
const TRYING_AFTER = 400;
/** So long the order of the application needs at most to the engine. */
const ON_ITS_WAY = 100;

let engine: Engine;
let stranger: RawPeer;
let srf: Srf;
let headers: Headers | undefined;
/** Requests that the application was given. */
let given = 0;

async function pause(milliseconds: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** What the stranger heard in this call. */
function heard(call: RawCall): readonly string[] {
  return stranger.received.filter((text) => text.includes(call.callId));
}

t.before(async () => {
  engine = await startEngine({
    contacts: [{ address: HOST, port: 5060 }],
    control: { host: HOST, port: 9022 },
    secret: SECRET,
    timers: timersOf(T1),
    tryingAfter: TRYING_AFTER,
  });
  stranger = await startRawPeer(STRANGER);
  srf = newSrf();
  for (const answer of [srf.invite.bind(srf), srf.options.bind(srf)]) {
    answer((_req, res) => {
      given += 1;
      if (headers !== undefined) {
        res.send(480, { headers });
      }
    });
  }
  await connected(srf, HOST);
});

t.test('a request that the application drops gets nothing: not an answer, not a 100, not at a copy', async (t) => {
  headers = { 'X-Noodroute-Drop': 'yes' };
  const call = new RawCall(stranger, STRANGER, HOST);
  const invite = call.invite({ body: sdp(1) });
  await until(() => given === 1, 3_000);
  await pause(ON_ITS_WAY);
  call.again(invite);
  call.cancel();
  const probe = new RawCall(stranger, STRANGER, HOST);
  const options = probe.request('OPTIONS');
  await until(() => given === 2, 3_000);
  await pause(ON_ITS_WAY);
  probe.again(options);
  await pause(2 * TRYING_AFTER);
  t.equal(given, 2);
  t.strictSame([...heard(call), ...heard(probe)], []);
  t.match(engine.stats(), { legs: 0, asked: 0 });
});

t.test('a request that it thinks about gets its 100 soon, and an answer in time needs none', async (t) => {
  headers = undefined;
  const slow = new RawCall(stranger, STRANGER, HOST);
  const started = performance.now();
  slow.invite({ body: sdp(1) });
  t.not(await slow.response(100), '');
  t.ok(performance.now() - started < 3 * TRYING_AFTER);
  slow.cancel();
  await slow.response(487);
  slow.ackFailure();
  headers = { 'Retry-After': '1' };
  const quick = new RawCall(stranger, STRANGER, HOST);
  quick.invite({ body: sdp(1) });
  t.not(await quick.response(480), '');
  quick.ackFailure();
  await pause(2 * TRYING_AFTER);
  t.equal(quick.responses(100).length, 0);
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  srf.disconnect();
  stranger.close();
  await engine.close();
});
