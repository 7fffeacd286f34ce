import { createConnection } from 'node:net';
import t from 'tap';
import { Agent } from '../../src/engine/agent/agent.js';
import type { AgentDialog } from '../../src/engine/agent/dialog.js';
import { realClock } from '../../src/engine/clock.js';
import { STANDARD_TIMERS } from '../../src/engine/timers.js';
import { AnsweringPoint } from '../../src/lab/answering-point.js';
import { Carrier } from '../../src/lab/carrier.js';
import { parseFault } from '../../src/lab/faults.js';
import { MediaSession, SDP_TYPE } from '../../src/lab/media.js';
import { Relay } from '../../src/lab/relay.js';
import { Pacer, RtpStream } from '../../src/lab/rtp.js';
import { loadSpeech } from '../../src/lab/speech.js';
import { header, type Header } from '../../src/sip/headers.js';
import { until } from '../support/until.js';

const FAST = { ...STANDARD_TIMERS, t1: 50, t2: 400, t4: 300, t1x64: 2_000, timerD: 2_000 };
const TRUNK = '127.71.20.1';
const TCP_TRUNK = '127.71.20.2';
const CALLER = '127.71.0.1';
const speech = loadSpeech('config/lab/speech.wav');
const pacer = new Pacer(realClock);

interface Heard {
  readonly statuses: number[];
  headers: readonly Header[];
  bodies: string[];
  dialog: AgentDialog | undefined;
  endedAfterMs: number | undefined;
}

t.test('each fault of a carrier, as its caller sees it', async (t) => {
  const point = { id: 'meldkamer', name: '112 control room', address: '127.71.50.1', port: 5060 };
  const numbers = [
    { number: '112', service: '112', point },
    { number: '09008844', service: '0900-8844', point },
  ];
  const trunk = { port: 5060, channels: 500, hidesCaller: false, numbers };
  const psap = await AnsweringPoint.open(point, { speech, pacer, timers: FAST, answered: () => undefined });
  const wrong: string[] = [];
  const carrier = await Carrier.open(
    {
      id: 'kpn',
      name: 'KPN',
      trunks: [
        { ...trunk, id: 'a', address: TRUNK, transport: 'udp' },
        { ...trunk, id: 'tcp', address: TCP_TRUNK, transport: 'tcp' },
      ],
    },
    {
      timers: FAST,
      bystander: async (address) =>
        AnsweringPoint.open(
          { id: 'wrong', name: 'wrong', address, port: 0 },
          { speech, pacer, timers: FAST, answered: (callId) => wrong.push(callId) },
        ),
    },
  );
  const caller = await Agent.open(
    { contacts: [{ address: CALLER, port: 0 }], timers: FAST },
    { invite: () => undefined, request: () => undefined },
  );
  const stream = await RtpStream.open(CALLER, speech, pacer);
  const offer = new MediaSession(stream).offer();
  t.teardown(async () => {
    stream.close();
    await Promise.all([caller.close(), carrier.close(), psap.close()]);
  });

  const set = async (fault: string, service?: string) =>
    carrier.setFaults([{ trunk: 'a', fault: parseFault(fault), ...(service === undefined ? {} : { service }) }]);

  const dial = (number = '112') => {
    const heard: Heard = { statuses: [], headers: [], bodies: [], dialog: undefined, endedAfterMs: undefined };
    let answeredAt = 0;
    const request = {
      method: 'INVITE',
      uri: `sip:${number}@${TRUNK}`,
      headers: [{ name: 'From', value: '<sip:0612345678@phone>' }, SDP_TYPE],
      body: offer,
    };
    const client = caller.invite(request, undefined, {
      provisional: ({ message }) => {
        // With a T1 of 50 ms the INVITE is soon sent again, and its last response comes again.
        if (message.status !== heard.statuses.at(-1)) {
          heard.statuses.push(message.status);
          heard.bodies.push(message.body);
        }
      },
      answered: ({ message }, dialog) => {
        heard.statuses.push(message.status);
        answeredAt = performance.now();
        heard.dialog = dialog;
        dialog.acknowledge();
      },
      failed: (ending) => {
        heard.statuses.push('response' in ending ? ending.response.message.status : 0);
        heard.headers = 'response' in ending ? ending.response.message.headers : [];
      },
      dialog: {
        acknowledged: () => undefined,
        request: (inDialog) => {
          inDialog.respond(200);
        },
        ended: () => {
          heard.endedAfterMs = performance.now() - answeredAt;
        },
      },
    });
    const final = async () => until(() => heard.statuses.some((status) => status >= 200 || status === 0), 3_500);
    return { client, heard, final };
  };
  /** Dials, and waits for the end of the attempt; the answered are hung up. */
  const result = async (number?: string) => {
    const { heard, final } = dial(number);
    await final();
    heard.dialog?.bye();
    return heard;
  };

  await t.test('reject with any status and cause', async (t) => {
    await set('reject=404/34');
    const heard = await result();
    t.same(heard.statuses, [100, 404]);
    t.match(header(heard.headers, 'Reason'), /Q\.850;cause=34;text="No circuit/);
  });

  await t.test('tone: 183 with a session description and a tone, then nothing', async (t) => {
    await set('tone');
    const { client, heard, final } = dial();
    await until(() => stream.counts.received > 5, 2_000);
    t.same(heard.statuses, [100, 183]);
    t.match(heard.bodies[1], /m=audio/);
    client.cancel();
    await final();
    t.same(heard.statuses, [100, 183, 487]);
    t.equal(psap.state().rings, 0, 'nobody rang');
  });

  await t.test('ringing: 180, then nothing', async (t) => {
    await set('ringing');
    const { client, heard, final } = dial();
    await until(() => heard.statuses.includes(180), 1_000);
    await new Promise((resolve) => setTimeout(resolve, 400));
    t.same(heard.statuses, [100, 180]);
    client.cancel();
    await final();
    t.equal(psap.state().rings, 0, 'nobody rang');
    t.equal(carrier.state().open.legs, 0);
  });

  await t.test('drop: answered, and ended by the carrier', async (t) => {
    await set('drop=300ms');
    const { heard } = dial();
    await until(() => heard.endedAfterMs !== undefined, 3_000);
    t.same(heard.statuses, [100, 180, 200]);
    t.ok((heard.endedAfterMs ?? 0) >= 250 && (heard.endedAfterMs ?? 0) < 900, `after ${heard.endedAfterMs} ms`);
    await until(() => psap.state().openCalls === 0, 1_000);
    t.equal(psap.state().openCalls, 0, 'the answering point is released too');
  });

  await t.test('wrong: somebody else answers', async (t) => {
    await set('wrong');
    const { answers } = psap.state();
    const heard = await result();
    t.equal(heard.statuses.at(-1), 200);
    t.equal(psap.state().answers, answers, 'no answering point did');
    t.equal(wrong.length, 1);
  });

  await t.test('busy and half: about one call in two, the same ones for the same seed', async (t) => {
    for (const [fault, status, cause] of [
      ['busy', 486, 17],
      ['half', 500, 41],
    ] as const) {
      await set(fault);
      const all = await Promise.all(Array.from({ length: 40 }, async () => result()));
      const failed = all.filter(({ statuses }) => statuses.at(-1) === status);
      t.ok(failed.length > 8 && failed.length < 32, `${failed.length} of 40 ${status}`);
      t.equal(all.filter(({ statuses }) => statuses.at(-1) === 200).length, 40 - failed.length);
      t.match(header(failed[0]?.headers ?? [], 'Reason'), new RegExp(`cause=${cause};`));
    }
  });

  await t.test('one service alone', async (t) => {
    await set('clear');
    await set('reject=500', '112');
    t.same((await result('112')).statuses, [100, 500]);
    t.equal((await result('09008844')).statuses.at(-1), 200);
    await set('blackhole', '112');
    const { client, heard } = dial('112');
    t.equal((await result('09008844')).statuses.at(-1), 200);
    t.same(heard.statuses, []);
    t.equal(carrier.state().trunks[0]?.fault, 'clear, 112: blackhole');
    client.giveUp();
    await set('clear');
    t.equal((await result('112')).statuses.at(-1), 200, 'what clears the trunk clears its services');
  });

  await t.test('flap comes and goes', async (t) => {
    await set('reject flap=600ms');
    const statuses: (number | undefined)[] = [];
    const end = performance.now() + 2_300;
    while (performance.now() < end) {
      statuses.push((await result()).statuses.at(-1));
    }
    const changes = statuses.filter((status, index) => index > 0 && status !== statuses[index - 1]).length;
    t.ok(changes >= 2 && changes <= 4, `${changes} changes: ${statuses.join(' ')}`);
    await set('clear');
  });

  await t.test('reset: a TCP connection ends when something is said', async (t) => {
    await carrier.setFaults([{ trunk: 'tcp', fault: parseFault('reset') }]);
    const socket = createConnection(5060, TCP_TRUNK);
    const code = await new Promise<string | undefined>((resolve) => {
      socket.on('error', (error: NodeJS.ErrnoException) => {
        resolve(error.code);
      });
      socket.on('connect', () => socket.write('INVITE sip:112@x SIP/2.0\r\n'));
    });
    t.equal(code, 'ECONNRESET');
    await carrier.setFaults([{ trunk: 'tcp', fault: parseFault('clear') }]);
  });

  await t.test('a relay takes the address over, with what is open, and loses what it is told to', async (t) => {
    const { heard, final } = dial();
    await final();
    const relay = await Relay.open({ trunk: 'a', address: TRUNK, port: 5060, inner: 0 }, 1, realClock);
    t.teardown(() => {
      relay.close();
    });
    const through = async (order: Parameters<Relay['set']>[0], fault = 'clear') => {
      await relay.set(order);
      await carrier.setFaults([{ trunk: 'a', fault: parseFault(fault), relay: { address: TRUNK, port: relay.inner } }]);
    };
    await through({});
    await until(() => relay.counts.passed > 0 || carrier.state().open.legs > 0, 1_000);
    heard.dialog?.bye();
    await until(() => psap.state().openCalls === 0, 2_000);
    t.equal(psap.state().openCalls, 0, 'a call from before ends through the relay');
    t.ok(relay.counts.passed > 0);

    await through({ disturbance: { loss: 0, delayMs: 150, jitterMs: 0 } });
    const before = performance.now();
    const late = dial();
    await until(() => late.heard.statuses.length > 0, 2_000);
    const after = performance.now() - before;
    t.ok(after >= 290 && after < 1_200, `100 after ${Math.round(after)} ms, 150 ms each way`);
    await late.final();
    late.heard.dialog?.bye();

    await through({ disturbance: { loss: 0, delayMs: 0, jitterMs: 0, mtu: 500 } });
    t.same((await result()).statuses, [0], 'an INVITE longer than the path takes is lost, and so are its resends');
    t.ok(relay.counts.tooLong >= 3);

    await through({ disturbance: { loss: 0.3, delayMs: 0, jitterMs: 20 } });
    const calls = await Promise.all(Array.from({ length: 30 }, async () => result()));
    const good = calls.filter(({ statuses }) => statuses.at(-1) === 200).length;
    // Without resends half of them would; six copies of an INVITE are lost once in a thousand calls.
    t.ok(good >= 28, `resends get through: ${good} of 30 calls`);
    const share = relay.counts.lost / (relay.counts.lost + relay.counts.passed);
    t.ok(relay.counts.lost > 20, `${relay.counts.lost} lost, ${relay.counts.passed} passed (${share.toFixed(2)})`);

    await through({ closed: true }, 'refuse');
    t.same((await result()).statuses, [0]);
    await through({});
    t.equal((await result()).statuses.at(-1), 200);
  });
});
