import t from 'tap';
import { Agent } from '../../src/engine/agent/agent.js';
import type { AgentDialog } from '../../src/engine/agent/dialog.js';
import { realClock } from '../../src/engine/clock.js';
import { AnsweringPoint } from '../../src/lab/answering-point.js';
import { Carrier } from '../../src/lab/carrier.js';
import { SDP_TYPE } from '../../src/lab/media.js';
import type { MobileTraits } from '../../src/lab/plan.js';
import { Pacer } from '../../src/lab/rtp.js';
import { loadSpeech } from '../../src/lab/speech.js';
import { header, type Header } from '../../src/sip/headers.js';
import { OFFER } from '../support/fake-sip-server.js';
import { until } from '../support/until.js';

const SIM = '127.120.40.1';
const SET_UP_MS = 700;
const RELEASE_MS = 600;

async function startMobile(mobile: MobileTraits) {
  const point = { id: 'meldkamer', name: '112 control room', address: '127.120.50.1', port: 5060 };
  const numbers = [{ number: '0880000112', service: '112', point }];
  const trunk = { id: 'sim', address: SIM, port: 5060, transport: 'udp' as const, channels: 1, numbers };
  const trunks = [{ ...trunk, hidesCaller: true, simNumber: '0600000112', mobile }];
  const speech = loadSpeech('config/lab/speech.wav');
  const psap = await AnsweringPoint.open(point, { speech, pacer: new Pacer(realClock), answered: () => undefined });
  const carrier = await Carrier.open({ id: 'mobile', name: 'Mobile', trunks });
  const caller = await Agent.open(
    { contacts: [{ address: '127.120.1.1', port: 0 }] },
    { invite: () => undefined, request: () => undefined },
  );
  return {
    psap,
    carrier,
    caller,
    close: async () => {
      await Promise.all([caller.close(), carrier.close(), psap.close()]);
    },
  };
}

interface Heard {
  readonly status: number;
  readonly afterMs: number;
  readonly body: string;
  readonly headers: readonly Header[];
}

function dial(agent: Agent) {
  const heard: Heard[] = [];
  const startedAt = performance.now();
  let dialog: AgentDialog | undefined;
  const hear = ({ message }: { message: { status: number; body: string; headers: readonly Header[] } }): void => {
    const { status, body, headers } = message;
    // With a short T1 the INVITE is soon sent again, and its last response comes again.
    if (status === heard.at(-1)?.status) {
      return;
    }
    heard.push({ status, body, headers, afterMs: performance.now() - startedAt });
  };
  const identity = { name: 'P-Asserted-Identity', value: '<sip:+31612345678@kpn>' };
  const headers = [{ name: 'From', value: '<sip:0612345678@phone>' }, identity, SDP_TYPE];
  const request = { method: 'INVITE', uri: `sip:0880000112@${SIM}`, headers, body: OFFER };
  const client = agent.invite(request, undefined, {
    provisional: hear,
    answered: (response, made) => {
      hear(response);
      dialog = made;
      made.acknowledge();
    },
    failed: (ending) => {
      if ('response' in ending) {
        hear(ending.response);
      }
    },
    dialog: { acknowledged: () => undefined, request: () => undefined, ended: () => undefined },
  });
  const final = async (): Promise<Heard | undefined> => {
    await until(() => heard.some(({ status }) => status >= 200), 5_000);
    return heard.at(-1);
  };
  return { heard, client, final, bye: () => dialog?.bye() };
}

t.test('a mobile gateway pretends progress, hides the caller, and keeps its channel for a while', async (t) => {
  const lab = await startMobile({ fakeProgress: true, setUpMs: SET_UP_MS, releaseMs: RELEASE_MS });
  t.teardown(lab.close);
  const first = dial(lab.caller);
  await first.final();
  t.same(
    first.heard.map(({ status }) => status),
    [100, 183, 180, 200],
  );
  const [, fake, real] = first.heard;
  t.match(fake?.body, /^v=0\r\n[^]*m=audio /, 'the 183 has a session description');
  t.ok((fake?.afterMs ?? 0) < SET_UP_MS && (real?.afterMs ?? 0) >= SET_UP_MS, 'long before the far end rings');
  t.match(lab.psap.state().recent, [{ what: 'rings', caller: '0600000112' }], 'the answering point sees the SIM');

  first.bye();
  await until(() => lab.psap.state().openCalls === 0, 2_000);
  const overAt = performance.now();
  t.match(lab.carrier.state().trunks, [{ channelsInUse: 1, channels: 1 }]);
  const busy = await dial(lab.caller).final();
  t.equal(busy?.status, 503);
  t.match(header(busy?.headers ?? [], 'Reason'), /^Q\.850;cause=34;/);
  await until(() => lab.carrier.state().trunks[0]?.channelsInUse === 0, 3_000);
  const tookMs = performance.now() - overAt;
  t.ok(tookMs >= RELEASE_MS - 150 && tookMs < 3 * RELEASE_MS, `free again after ${Math.round(tookMs)} ms`);

  const given = dial(lab.caller);
  await until(() => given.heard.some(({ status }) => status === 183), 2_000);
  given.client.cancel();
  t.equal((await given.final())?.status, 487, 'a caller may give up while it dials');
  await until(() => lab.carrier.state().trunks[0]?.channelsInUse === 0, 3_000);
  t.equal(lab.psap.state().rings, 1, 'and no answering point rings for it');
});

t.test('each of these can be turned off', async (t) => {
  const lab = await startMobile({ fakeProgress: false, setUpMs: 0, releaseMs: 0 });
  t.teardown(lab.close);
  for (let calls = 0; calls < 2; calls += 1) {
    const { heard, final, bye } = dial(lab.caller);
    await final();
    t.same(
      heard.map(({ status }) => status),
      [100, 180, 200],
    );
    bye();
    await until(() => lab.carrier.state().trunks[0]?.channelsInUse === 0, 2_000);
  }
});
