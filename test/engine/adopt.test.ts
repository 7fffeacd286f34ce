import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import t, { type Test } from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawApp, textOf, tokensOf } from './raw-app.js';
import { RawCall } from './raw-call.js';
import { isIdle, open, sdp, startRig, timersOf } from './rig.js';

// An engine dies with calls in set-up; what its application knows of them is handed to the next one, here or elsewhere.
const HOST = '127.5.15.1';
const ELSEWHERE = '127.5.15.4';
const CALLER = '127.5.15.2';
const CALLEE = '127.5.15.3';
const TIMERS = timersOf(15);
const CONTACT = `Contact: <sip:desk@${CALLEE}:5060>`;
const ADOPTS = { adoptsFor: 3_000 };

let caller: RawPeer;
let callee: RawPeer;

t.before(async () => {
  caller = await startRawPeer(CALLER, 5060, (request, peer) => {
    if (request.startsWith('BYE ')) {
      peer.respond(request, '200 OK');
    }
  });
  callee = await startRawPeer(CALLEE, 5060, (request, peer) => {
    if (/^(?:CANCEL|BYE|PRACK) /.test(request)) {
      peer.respond(request, '200 OK', [CONTACT]);
    }
  });
});

t.teardown(() => {
  caller.close();
  callee.close();
});

/** What an application has of a call in set-up. */
interface Known {
  readonly call: RawCall;
  readonly invite: string;
  readonly txnId: string;
}

/** A call that an engine has taken, and that it rings unless told otherwise. Then that engine dies. */
async function orphan(ring = '180 Ringing', headers: readonly string[] = []): Promise<Known> {
  const dying = await startRig(HOST, TIMERS);
  const app = await RawApp.ready(HOST, 'invite');
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1), headers });
  const offered = await app.message(/^INVITE /);
  const txnId = tokensOf(offered)[8] ?? '';
  if (ring !== '') {
    await app.ask(`sip|${txnId}|\r\nSIP/2.0 ${ring}\r\n\r\n`);
    await call.response(180);
  } else {
    await call.response(100);
  }
  await dying.close();
  return { call, invite: textOf(offered), txnId };
}

function adoptOrder({ invite }: Known, params = '', source = `<sip:${CALLER}:5060;transport=udp>`): string {
  const headers = `X-Noodroute-Adopt: ${source}${params}\r\nContent-Type: message/sip`;
  return `sip||\r\nMESSAGE sip:adopt@localhost SIP/2.0\r\n${headers}\r\n\r\n${invite}`;
}

/** A new engine, and an application that is connected to it. */
async function next(t: Test, host = HOST): Promise<{ engine: Engine; app: RawApp }> {
  const engine = await startRig(host, TIMERS, ADOPTS);
  const app = await RawApp.ready(host);
  t.teardown(async () => {
    app.cut();
    await engine.close();
  });
  return { engine, app };
}

/** The same application, with the call taken up. */
async function adopted(t: Test, known: Known): Promise<{ engine: Engine; app: RawApp; txnId: string }> {
  const { engine, app } = await next(t);
  t.match(await app.ask(adoptOrder(known, `;tag=${tagOfRemote(known.call)}`)), /^OK\|/);
  return { engine, app, txnId: tokensOf(await app.message(/^INVITE /))[8] ?? '' };
}

function tagOfRemote({ remote }: RawCall): string {
  return /;tag=([^;\s]+)/.exec(remote)?.[1] ?? '';
}

t.test(
  'a call that rings is taken up by the next engine on the address, and answered in the same dialog',
  async (t) => {
    const known = await orphan();
    const { engine, app, txnId } = await adopted(t, known);
    t.not(txnId, known.txnId);
    t.match(await app.message(/^SIP\/2.0 200/), /CSeq: \d+ MESSAGE|Call-ID|200/, 'the order has a final response');
    await app.ask(`sip|${txnId}|\r\nSIP/2.0 180 Ringing\r\n\r\n`);
    await until(() => known.call.responses(180).length === 2, 2_000);
    const [first = '', again = ''] = known.call.responses(180);
    t.equal(valueOf(again, 'To'), valueOf(first, 'To'), 'with the same tag');
    t.equal(valueOf(again, 'Via'), valueOf(first, 'Via'), 'and the same Via');
    known.call.again(known.call.inviteText);
    await until(() => known.call.responses(180).length === 3, 2_000);
    t.equal(known.call.responses(180).length, 3, 'a copy of the INVITE is no new call');
    t.equal(app.messages(/^INVITE /).length, 1);
    await app.ask(`sip|${txnId}|\r\nSIP/2.0 200 OK\r\n\r\n${sdp(2)}`);
    t.match(valueOf(await known.call.response(200), 'To'), tagOfRemote(known.call));
    known.call.ack();
    t.match(await app.message(/^ACK /), known.call.callId);
    known.call.request('BYE');
    const bye = tokensOf(await app.message(/^BYE /));
    await app.ask(`sip|${bye[8]}|\r\nSIP/2.0 200 OK\r\n\r\n`);
    t.not(await known.call.response(200, 'BYE'), '');
    t.ok(await isIdle(engine), open(engine));
  },
);

t.test('what is known is not taken up twice, and what cannot be answered is not at all', async (t) => {
  const known = await orphan();
  const { app, txnId } = await adopted(t, known);
  t.match(await app.ask(adoptOrder(known)), /^NOK\|the call is known here/);
  t.match(await app.ask(adoptOrder(known, '', '<tel:112>')), /^NOK\|no address/);
  t.match(await app.ask(adoptOrder({ ...known, invite: 'INVITE' })), /^NOK\|/);
  t.match(await app.ask(adoptOrder({ ...known, invite: known.invite.replaceAll('INVITE', 'OPTIONS') })), /^NOK\|/);
  t.match(await app.ask(adoptOrder(known, '', `<sip:${CALLER};transport=tls>`)), /^NOK\|/);
  await app.ask(`sip|${txnId}|\r\nSIP/2.0 486 Busy Here\r\n\r\n`);
  t.not(await known.call.response(486), '');
  known.call.ackFailure();
});

t.test(
  'a caller who gave up meanwhile: the CANCEL that came first ends the call as soon as it is taken up',
  async (t) => {
    const known = await orphan();
    const { engine, app } = await next(t);
    known.call.cancel();
    await until(() => engine.stats().otherServers === 1, 2_000);
    known.call.cancel();
    t.equal(known.call.responses(481, 'CANCEL').length, 0, 'it is not refused');
    await app.ask(adoptOrder(known, `;tag=${tagOfRemote(known.call)}`));
    t.not(await known.call.response(200, 'CANCEL'), '');
    t.not(await known.call.response(487), '');
    known.call.ackFailure();
    t.match(await app.message(/^CANCEL /), known.call.callId, 'the application hears of it');
    t.ok(await isIdle(engine), open(engine));
  },
);

t.test('a CANCEL of a call that nobody hands over is refused in the end, and later ones at once', async (t) => {
  const engine = await startRig(HOST, TIMERS, { adoptsFor: 300 });
  t.teardown(async () => engine.close());
  for (const atLeast of [150, 0]) {
    const call = new RawCall(caller, CALLER, HOST);
    call.branch = `z9hG4bKnever${atLeast}`;
    const from = performance.now();
    call.cancel();
    t.not(await call.response(481, 'CANCEL'), '');
    const took = performance.now() - from;
    t.ok(took >= atLeast, `${took.toFixed(0)} ms`);
  }
});

t.test('reliable ringing goes on: the next number, and the PRACK of the last one is taken', async (t) => {
  const known = await orphan('', ['Supported: 100rel']);
  await t.test('the first engine rings reliably', async (t) => {
    const dying = await startRig(HOST, TIMERS, ADOPTS);
    const app = await RawApp.ready(HOST);
    await app.ask(adoptOrder(known));
    const txnId = tokensOf(await app.message(/^INVITE /))[8];
    await app.ask(`sip|${txnId}|\r\nSIP/2.0 180 Ringing\r\nRequire: 100rel\r\n\r\n`);
    t.not(valueOf(await known.call.response(180), 'RSeq'), '');
    await dying.close();
  });
  const rung = known.call.responses(180).length;
  const rseq = Number(valueOf(known.call.responses(180)[0] ?? '', 'RSeq'));
  const { app } = await next(t);
  const prack = { headers: [`RAck: ${rseq} ${known.call.cseq} INVITE`] };
  known.call.request('PRACK', prack);
  await app.ask(adoptOrder(known, `;tag=${tagOfRemote(known.call)};rseq=${rseq}`));
  const txnId = tokensOf(await app.message(/^INVITE /))[8];
  const asked = tokensOf(await app.message(/^PRACK /))[8];
  await app.ask(`sip|${asked}|\r\nSIP/2.0 200 OK\r\n\r\n`);
  t.not(await known.call.response(200, 'PRACK'), '', 'of the engine that is gone');
  known.call.cseq -= 1;
  await app.ask(`sip|${txnId}|\r\nSIP/2.0 180 Ringing\r\nRequire: 100rel\r\n\r\n`);
  await until(() => known.call.responses(180).length > rung, 2_000);
  t.equal(Number(valueOf(known.call.responses(180).at(-1) ?? '', 'RSeq')), rseq + 1);
  await app.ask(`sip|${txnId}|\r\nSIP/2.0 503 Service Unavailable\r\n\r\n`);
  await known.call.response(503);
  known.call.ackFailure();
});

t.test('an engine on another address takes it up as well: the answer comes from there', async (t) => {
  const known = await orphan();
  const { engine, app } = await next(t, ELSEWHERE);
  t.match(await app.ask(adoptOrder(known, `;tag=${tagOfRemote(known.call)}`)), /^OK\|/);
  const txnId = tokensOf(await app.message(/^INVITE /))[8];
  await app.ask(`sip|${txnId}|\r\nSIP/2.0 200 OK\r\n\r\n${sdp(2)}`);
  const answer = await known.call.response(200);
  t.match(valueOf(answer, 'Contact'), ELSEWHERE, 'where the dialog goes on');
  caller.send(ackTo(answer, known.call), 5060, ELSEWHERE);
  t.match(await app.message(/^ACK /), known.call.callId);
  await app.ask(`sip||${known.call.callId};from-tag=${known.call.localTag}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
  t.not(await known.call.requested('BYE'), '');
  t.ok(await isIdle(engine), open(engine));
});

function ackTo(answer: string, { callId, local, cseq }: RawCall): string {
  const uri = /<([^>]+)>/.exec(valueOf(answer, 'Contact'))?.[1] ?? '';
  const via = `Via: SIP/2.0/UDP ${CALLER}:5060;branch=z9hG4bKack${callId.slice(0, 8)}`;
  const own = [via, `From: ${local}`, `To: ${valueOf(answer, 'To')}`, `Call-ID: ${callId}`, `CSeq: ${cseq} ACK`];
  return [`ACK ${uri} SIP/2.0`, ...own, 'Max-Forwards: 70', 'Content-Length: 0', '', ''].join('\r\n');
}

t.test('a caller over TCP is called back at the port of its Via', async (t) => {
  const dying = await startRig(HOST, TIMERS);
  const app = await RawApp.ready(HOST, 'invite');
  const heard: string[] = [];
  const listener = createServer((socket) => {
    socket.on('data', (data) => heard.push(data.toString('latin1')));
    t.teardown(() => socket.destroy());
  });
  listener.listen(5090, CALLER);
  await once(listener, 'listening');
  t.teardown(() => listener.close());
  const socket = connect({ host: HOST, port: 5060, localAddress: CALLER });
  socket.on('error', () => undefined);
  socket.write(
    [
      `INVITE sip:112@${HOST} SIP/2.0`,
      `Via: SIP/2.0/TCP ${CALLER}:5090;branch=z9hG4bKtcp1`,
      `From: <sip:a@${CALLER}>;tag=a`,
      `To: <sip:112@${HOST}>`,
      'Call-ID: tcp-1',
      'CSeq: 1 INVITE',
      `Contact: <sip:a@${CALLER}:5090;transport=tcp>`,
      'Max-Forwards: 70',
      'Content-Length: 0',
      '',
      '',
    ].join('\r\n'),
  );
  const offered = await app.message(/^INVITE /);
  const port = tokensOf(offered)[6];
  await dying.close();
  socket.destroy();
  const { app: heir } = await next(t);
  const source = `<sip:${CALLER}:${port};transport=tcp>`;
  t.match(
    await heir.ask(
      adoptOrder({ call: new RawCall(caller, CALLER, HOST), invite: textOf(offered), txnId: '' }, '', source),
    ),
    /^OK/,
  );
  const txnId = tokensOf(await heir.message(/^INVITE /))[8];
  await heir.ask(`sip|${txnId}|\r\nSIP/2.0 486 Busy Here\r\n\r\n`);
  await until(() => heard.some((text) => text.includes('SIP/2.0 486')), 2_000);
  t.match(heard.join(''), 'SIP/2.0 486');
});

t.test('an INVITE of ours goes on: what it is answered counts, and it can be cancelled', async (t) => {
  const rings = async (user: string, status: string | undefined): Promise<{ sent: string; call: RawCall }> => {
    const dying = await startRig(HOST, TIMERS);
    const app = await RawApp.ready(HOST);
    const reply = await app.ask(`sip||\r\nINVITE sip:${user}@${CALLEE} SIP/2.0\r\n\r\n${sdp(1)}`);
    const arrived = (): string =>
      callee.requests('INVITE').find((text) => text.startsWith(`INVITE sip:${user}@`)) ?? '';
    await until(() => arrived() !== '', 2_000);
    if (status !== undefined) {
      callee.respond(arrived(), status, [CONTACT]);
      await app.message(/^SIP\/2.0 18/);
    }
    await dying.close();
    return {
      sent: textOf(reply),
      call: Object.assign(RawCall.callee(callee, CALLEE, HOST, arrived()), { inviteText: arrived() }),
    };
  };
  const resume = async (app: RawApp, sent: string, how: string): Promise<string> =>
    app.ask(
      `sip|||sip:${CALLEE}:5060;transport=udp\r\nINVITE sip:resume@localhost SIP/2.0\r\nX-Noodroute-Resume: ${how}\r\nContent-Type: message/sip\r\n\r\n${sent}`,
    );

  const answered = await rings('answered', '183 Session Progress');
  await t.test('it is answered', async (t) => {
    const { engine, app } = await next(t);
    const reply = await resume(app, answered.sent, 'heard');
    t.match(reply, /^OK\|/);
    t.equal(textOf(reply), answered.sent);
    t.match(await resume(app, answered.sent, 'heard'), /^NOK\|/, 'not twice');
    callee.respond(answered.call.inviteText, '200 OK', [CONTACT], sdp(2));
    const answer = tokensOf(await app.message(/^SIP\/2.0 200/));
    t.equal(answer[8], tokensOf(reply)[7], 'under the new transaction id');
    await app.ask(`sip||${answer[9]}\r\nACK sip:placeholder SIP/2.0\r\n\r\n`);
    t.not(await answered.call.requested('ACK'), '');
    await app.ask(`sip||${answer[9]}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
    const bye = Number.parseInt(valueOf(await answered.call.requested('BYE'), 'CSeq'), 10);
    const invite = Number.parseInt(valueOf(answered.sent, 'CSeq'), 10);
    t.ok(bye > invite + 100, 'a PRACK before had a lower number');
    t.ok(await isIdle(engine), open(engine));
  });

  const early = await rings('early', '180 Ringing');
  await t.test('an answer that came before it was handed over counts too', async (t) => {
    const { engine, app } = await next(t);
    for (let copy = 0; copy < 2; copy += 1) {
      callee.respond(early.call.inviteText, '200 OK', [CONTACT], sdp(2));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    t.equal(early.call.requests('BYE').length, 0, 'it is not released');
    const txnId = tokensOf(await resume(app, early.sent, 'heard'))[7];
    const answer = tokensOf(await app.message(/^SIP\/2.0 200/));
    t.equal(answer[8], txnId);
    t.equal(app.messages(/^SIP\/2.0 200/).length, 1);
    await app.ask(`sip||${answer[9]}\r\nACK sip:placeholder SIP/2.0\r\n\r\n`);
    await app.ask(`sip||${answer[9]}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
    t.not(await early.call.requested('BYE'), '');
    t.ok(await isIdle(engine), open(engine));
  });

  await t.test('one that nobody waits for is released in the end', async (t) => {
    const engine = await startRig(HOST, TIMERS, { adoptsFor: 300 });
    t.teardown(async () => engine.close());
    const call = RawCall.callee(callee, CALLEE, HOST, early.call.inviteText, 'later');
    // Each once, however often it had to be sent.
    const byes = (): number => new Set(call.requests('BYE').map((bye) => valueOf(bye, 'Via'))).size;
    const before = byes();
    for (let copy = 0; copy < 2; copy += 1) {
      callee.respond(early.call.inviteText, '200 OK', [CONTACT], sdp(2), 'later');
    }
    await until(() => byes() > before, 3_000);
    t.equal(byes(), before + 1);
    t.ok(await isIdle(engine), open(engine));
  });

  const unwanted = await rings('unwanted', '180 Ringing');
  const silent = await rings('silent', undefined);
  await t.test('it is cancelled: at once where it rang, else as soon as it does', async (t) => {
    const { engine, app } = await next(t);
    for (const [{ sent, call }, how] of [
      [unwanted, 'heard'],
      [silent, 'unheard'],
    ] as const) {
      const txnId = tokensOf(await resume(app, sent, how))[7];
      await app.ask(`sip|${txnId}|\r\nCANCEL sip:x@${CALLEE} SIP/2.0\r\nX-Noodroute-Give-Up: yes\r\n\r\n`);
      if (how === 'unheard') {
        t.equal(call.requests('CANCEL').length, 0);
        callee.respond(call.inviteText, '180 Ringing', [CONTACT]);
      }
      const cancel = await call.requested('CANCEL');
      t.equal(valueOf(cancel, 'Via'), valueOf(call.inviteText, 'Via'), 'in the transaction of its INVITE');
      t.equal(valueOf(cancel, 'CSeq').split(' ')[0], valueOf(call.inviteText, 'CSeq').split(' ')[0]);
      callee.respond(call.inviteText, '487 Request Terminated');
      t.not(await call.requested('ACK'), '');
    }
    t.ok(await isIdle(engine), open(engine));
  });

  const foreign = await rings('foreign', '180 Ringing');
  await t.test('not from another address, whose responses would not come', async (t) => {
    const { app } = await next(t, ELSEWHERE);
    t.match(await resume(app, foreign.sent, 'heard'), /^NOK\|/);
    t.match(await resume(app, 'OPTIONS', 'heard'), /^NOK\|no INVITE/);
    const cancel = async (invite: string): Promise<string> =>
      app.ask(
        `sip|||sip:${CALLEE}:5060;transport=udp\r\nMESSAGE sip:cancel@localhost SIP/2.0\r\nX-Noodroute-Cancel: yes\r\nContent-Type: message/sip\r\n\r\n${invite}`,
      );
    t.match(await cancel('OPTIONS'), /^NOK\|no INVITE/);
    t.match(await cancel(foreign.sent), /^OK\|/);
    const cancelled = await foreign.call.requested('CANCEL');
    t.equal(valueOf(cancelled, 'Via'), valueOf(foreign.call.inviteText, 'Via'), 'but it can be cancelled from there');
    t.match(cancelled, /^CANCEL sip:foreign@/);
  });
});
