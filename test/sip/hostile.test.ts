import { createSocket } from 'node:dgram';
import { connect, type Socket } from 'node:net';
import t from 'tap';
import { enginePid } from '../support/engine-pid.js';
import { usesDrachtio } from '../support/drachtio-server.js';
import { startLab, type TestLab } from '../support/lab.js';
import { startRawCaller, SDP } from '../support/raw-caller.js';
import { runSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

// Nothing on the network, and no process that dies, may stop the gateway.
const NET = 14;
const HOST = `127.${NET}.0.1`;
/** An address of KPN: its calls come in over KPN's ingress. */
const CALLER = `127.${NET}.20.9`;

async function isAnswered(lab: TestLab): Promise<boolean> {
  const result = await runSipp({
    scenario: 'caller.xml',
    address: `127.${NET}.1.2`,
    target: lab.sip,
    service: '112',
    calls: 1,
    duration: 100,
  });
  return result.successful === 1;
}

/** Sends bytes over one TCP connection, and gives what came back until `isDone` or the end of the wait. */
async function overTcp(bytes: string, isDone: (answer: string) => boolean, within = 8_000): Promise<[string, Socket]> {
  const socket = connect(5060, HOST);
  let answer = '';
  socket.on('data', (data: Buffer) => {
    answer += data.toString('latin1');
  });
  socket.on('error', () => undefined);
  socket.write(Buffer.from(bytes, 'latin1'));
  await until(() => isDone(answer) || socket.destroyed, within);
  return [answer, socket];
}

function invite(extra: readonly string[], callId: string, body = SDP): string {
  return [
    'INVITE sip:112@gateway.example SIP/2.0',
    `Via: SIP/2.0/TCP ${CALLER}:5062;branch=z9hG4bK-${callId}`,
    'From: <sip:+31612345678@carrier.example>;tag=tcp',
    'To: <sip:112@gateway.example>',
    `Call-ID: ${callId}`,
    'CSeq: 1 INVITE',
    `Contact: <sip:caller@${CALLER}:5062;transport=tcp>`,
    'Max-Forwards: 70',
    'Content-Type: application/sdp',
    ...extra,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

t.test('the gateway outlives what the network and dying processes do to it', { timeout: 110_000 }, async (t) => {
  const lab = await startLab(NET);
  t.teardown(async () => lab.stop());
  const { gateway } = await lab.state();
  const isTheSame = async (): Promise<boolean> => {
    const now = (await lab.state()).gateway;
    return now.pid === gateway.pid && now.restarts === 0 && now.running;
  };
  const caller = await startRawCaller(CALLER, lab.sip);
  t.teardown(() => {
    caller.close();
  });

  for (const uri of ['tel:112;phone-context=+31', 'urn:service:sos.police', 'urn:service:sos', 'tel:+31112']) {
    await t.test(`INVITE ${uri} rings the answering point`, async (t) => {
      const before = (await lab.state()).psaps[0]?.rings ?? 0;
      const { status, hangUp } = await caller.call({ uri });
      await hangUp();
      t.equal(status, 200);
      t.equal(((await lab.state()).psaps[0]?.rings ?? 0) - before, 1);
    });
  }

  await t.test('garbage datagrams', async (t) => {
    const socket = createSocket('udp4');
    const garbage = [
      '', '\0', '\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n', 'INVITE', 'INVITE sip:112@x SIP/2.0\r\n\r\n', 'SIP/2.0 200 OK\r\n\r\n',
      'SIP/2.0 99999999999 X\r\nVia: \r\n\r\n', `INVITE ${'x'.repeat(60_000)} SIP/2.0\r\n\r\n`, ':\r\n'.repeat(10_000),
      'INVITE sip:112@x SIP/2.0\r\nVia: SIP/2.0/UDP 0.0.0.0:0;branch=z9hG4bK;rport\r\nFrom: <\r\nTo: >\r\nCall-ID: 1\r\nCSeq: 9 INVITE\r\n\r\n',
      'BYE sip:x SIP/2.0\r\nVia: SIP/2.0/UDP [::1;branch=a\r\nFrom: a\r\nTo: b;tag=c\r\nCall-ID: d\r\nCSeq: 1 BYE\r\n\r\n',
    ]; // prettier-ignore
    for (let round = 0; round < 200; round++) {
      const length = (round * 37) % 1_500;
      const random = String.fromCharCode(...Array.from({ length }, (_, at) => (at * 151 + round * 73) % 256));
      for (const text of [garbage[round % garbage.length] ?? '', random]) {
        socket.send(Buffer.from(text, 'latin1'), 5060, HOST);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, 300));
    socket.close();
    t.ok(await isAnswered(lab), 'the next call is answered');
    t.ok(await isTheSame(), 'by the same process');
  });

  await t.test('half messages over TCP, and connections that say nothing', async (t) => {
    const whole = invite([], 'half');
    const open: Socket[] = [];
    for (let cut = 10; cut < whole.length; cut += 40) {
      const [, socket] = await overTcp(whole.slice(0, cut), () => true, 100);
      open.push(socket);
    }
    for (const socket of open.filter((_, index) => index % 2 === 0)) {
      socket.resetAndDestroy();
    }
    const [answer, last] = await overTcp(whole.slice(0, 100), () => true, 100);
    t.equal(answer, '');
    last.write(whole.slice(100));
    let later = '';
    last.on('data', (data: Buffer) => {
      later += data.toString('latin1');
    });
    await until(() => later.includes('SIP/2.0 200'), 8_000);
    t.match(later, /SIP\/2\.0 200/, 'a message in two halves is one message');
    for (const socket of [...open, last]) {
      socket.destroy();
    }
    t.ok(await isAnswered(lab), 'the next call is answered');
    t.ok(await isTheSame());
  });

  const tooLong = usesDrachtio && 'drachtio-server answers 400 to a line over 8 kB';
  await t.test(
    'a header of 64 kB over TCP: the call can be understood, so it is answered',
    { skip: tooLong },
    async (t) => {
      const [answer, socket] = await overTcp(
        invite([`X-Long: ${'long '.repeat(13_107)}`], 'long-header'),
        (text) => text.includes('SIP/2.0 200') || /SIP\/2\.0 [3-6]/.test(text),
      );
      socket.destroy();
      t.match(answer, /SIP\/2\.0 200/, answer.slice(0, 300));
      t.ok(await isAnswered(lab));
      t.ok(await isTheSame());
    },
  );

  await t.test('a header of 1 MB over TCP, and one that never ends', async (t) => {
    const [answer, socket] = await overTcp(invite([`X-Endless: ${'x'.repeat(1_048_576)}`], 'endless'), (text) =>
      text.includes('SIP/2.0 '),
    );
    socket.destroy();
    t.comment(answer.split('\r\n')[0] === '' ? 'closed without a word' : answer.split('\r\n')[0]);
    t.ok(await isAnswered(lab));
    t.ok(await isTheSame());
  });

  await t.test('any process around the gateway is killed', async (t) => {
    const { carriers, psaps } = await lab.state();
    const processes = [
      ...carriers.map(({ id, process: { pid } }) => ({ name: `carrier ${id}`, pid })),
      ...psaps.slice(0, 1).map(({ process: { pid } }) => ({ name: 'answering points', pid })),
    ];
    for (const { name, pid } of processes) {
      process.kill(pid ?? 0, 'SIGKILL');
      let answered = false;
      await until(async () => {
        answered = await isAnswered(lab);
        return answered;
      }, 12_000);
      t.ok(answered, `${name}: calls are answered again`);
      t.ok(await isTheSame(), `${name}: the gateway is the same process`);
    }
  });

  const notOurs = usesDrachtio && 'the gateway starts its own engine alone';
  await t.test('the SIP engine is killed: it is started again, and the gateway stays', { skip: notOurs }, async (t) => {
    const engine = enginePid(gateway.pid ?? 0);
    process.kill(engine, 'SIGKILL');
    const killedAt = Date.now();
    let answered = false;
    await until(async () => {
      answered = await isAnswered(lab);
      return answered;
    }, 12_000);
    t.ok(answered, `calls are answered ${Date.now() - killedAt} ms after the engine was killed`);
    t.ok(await isTheSame());
  });
});
