import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawApp, textOf, tokensOf } from './raw-app.js';
import { RawCall, tagIn } from './raw-call.js';
import {
  connected,
  failureOf,
  isIdle,
  newSrf,
  nextEvent,
  open,
  sdp,
  startRig,
  timersOf,
  type CallOptions,
  type Dialog,
  type Req,
  type Res,
  type Srf,
} from './rig.js';

// The numbers are those of the conformance list for drachtio's wire protocol: what comes in.
const HOST = '127.5.2.1';
const CALLER = '127.5.2.2';
const T1 = 24;

type Serve = (req: Req, res: Res) => void;

let engine: Engine;
let caller: RawPeer;
let srf: Srf;
let serve: Serve = () => undefined;

/** A call from the raw caller; the application does with it what `by` says. */
function ring(by: Serve, extra: { headers?: readonly string[]; body?: string } = {}): RawCall {
  serve = by;
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1), ...extra });
  return call;
}

/** A call that is answered and acknowledged, with the dialog that the application has. */
async function answered(options: CallOptions = { localSdp: sdp(2) }): Promise<{ call: RawCall; dialog: Dialog }> {
  let dialog: Promise<Dialog> | undefined;
  const call = ring((req, res) => {
    dialog = srf.createUAS(req, res, { ...options });
  });
  await call.response(200);
  call.ack();
  await until(() => dialog !== undefined, 1_000);
  if (dialog === undefined) {
    throw new Error('the application was given no call');
  }
  return { call, dialog: await dialog };
}

t.before(async () => {
  engine = await startRig(HOST, timersOf(T1));
  caller = await startRawPeer(CALLER, 5060, (request, peer) => {
    if (request.startsWith('BYE ')) {
      peer.respond(request, '200 OK');
    }
  });
  srf = newSrf();
  srf.invite((req, res) => {
    serve(req, res);
  });
  await connected(srf, HOST);
  await until(() => engine.stats().apps === 1, 2_000);
});

t.test('17 INVITE: 100 at once, and the application learns where it came in', async (t) => {
  let received: Req | undefined;
  const started = performance.now();
  const call = ring((req, res) => {
    received = req;
    res.send(486);
  });
  const trying = await call.response(100);
  const at = caller.arrivals[caller.received.indexOf(trying)] ?? Number.NaN;
  t.comment(`100 Trying after ${(at - started).toFixed(1)} ms`);
  t.ok(at - started < 10 + 100, 'with room for a busy machine');
  t.equal(tagIn(trying, 'To'), '');
  await call.response(486);
  call.ackFailure();
  t.equal(received?.receivedOn, `${HOST}:5060`);
  t.equal(received?.source_address, CALLER);
  t.equal(received?.stackDialogId, '');
});

t.test('18 without an application every request but INVITE gets 503 at once, with a To tag', async (t) => {
  const call = new RawCall(caller, CALLER, HOST);
  for (const method of ['OPTIONS', 'MESSAGE', 'REGISTER', 'SUBSCRIBE', 'REFER', 'PUBLISH', 'NOTIFY']) {
    call.request(method);
    t.not(tagIn(await call.response(503, method), 'To'), '', method);
  }
  for (const [method, status] of [
    ['BYE', 481],
    ['UPDATE', 481],
    ['INFO', 481],
    ['PRACK', 481],
    ['CANCEL', 481],
    ['FROBNICATE', 501],
  ] as const) {
    call.request(method);
    t.not(await call.response(status, method), '', `${method}: ${status}`);
  }
});

t.test('19 an application that says nothing: a final response in the end, and it is told', async (t) => {
  const cancelled = new Promise((resolve) => {
    serve = (req) => req.on('cancel', resolve);
  });
  const call = new RawCall(caller, CALLER, HOST);
  call.invite();
  t.not(await call.response(480, 'INVITE', 75 * T1 + 1_000), '');
  call.ackFailure();
  t.match(await cancelled, { method: 'CANCEL' });
  t.match(engine.stats(), { asked: 0, legs: 0 });
});

t.test('19 an application that says nothing to another request: 500, before its sender gives up', async (t) => {
  const { call, dialog } = await answered();
  dialog.on('info', () => undefined);
  call.request('INFO');
  t.not(await call.response(500, 'INFO', 64 * T1), '');
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
});

t.test('20 an INVITE that is sent again reaches the application once, and gets the last response again', async (t) => {
  let times = 0;
  let response: Res | undefined;
  const call = ring((_req, res) => {
    times += 1;
    response = res;
  });
  for (const [status, action] of [
    [100, () => undefined],
    [180, () => response?.send(180)],
    [404, () => response?.send(404)],
  ] as const) {
    action();
    await call.response(status);
    const before = call.responses(status).length;
    call.again(call.inviteText);
    await until(() => call.responses(status).length > before, 1_000);
    t.ok(call.responses(status).length > before, String(status));
  }
  call.ackFailure();
  t.equal(times, 1);
});

t.test('21 180 and 200 have the same To tag, and the reply has the dialog id', async (t) => {
  let ids: readonly string[] = [];
  const call = ring((req, res) => {
    res.send(180, {}, () => {
      const early = res.stackDialogId;
      srf.createUAS(req, res, { localSdp: sdp(2) }).then((dialog) => {
        ids = [early, dialog.id];
      });
    });
  });
  const ringing = await call.response(180);
  const ok = await call.response(200);
  call.ack();
  t.not(tagIn(ringing, 'To'), '');
  t.equal(tagIn(ok, 'To'), tagIn(ringing, 'To'));
  await until(() => ids.length > 0, 1_000);
  const id = `${call.callId};from-tag=${call.localTag}`;
  t.strictSame(ids, [id, id]);
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
});

t.test('22 the To tag of the application is used, from its first response on', async (t) => {
  const call = ring((_req, res) => {
    res.send(180, { headers: { To: '<sip:x@y>;tag=mine' } });
    setTimeout(() => {
      res.send(486);
    }, 5);
  });
  t.equal(tagIn(await call.response(180), 'To'), 'mine');
  t.equal(tagIn(await call.response(486), 'To'), 'mine');
  call.ackFailure();
});

t.test('23 localhost in Contact stands for our address', async (t) => {
  const { call, dialog } = await answered({ localSdp: sdp(2), headers: { Contact: '<sip:desk@localhost>' } });
  t.match(valueOf(await call.response(200), 'Contact'), `<sip:desk@${HOST}:5060>`);
  await dialog.destroy();
  const plain = await answered();
  t.equal(valueOf(await plain.call.response(200), 'Contact'), `<sip:${HOST}>`);
  await plain.dialog.destroy();
});

t.test('24 200 is repeated at T1, 2 T1, 4 T1 ... over UDP, and stops at the ACK', async (t) => {
  const call = ring((req, res) => {
    srf.createUAS(req, res, { localSdp: sdp(2) });
  });
  await until(() => call.responses(200).length === 5, 4_000);
  await call.response(200);
  const at = call.responses(200).length;
  call.ack();
  const times = caller.arrivals.filter((_, index) => call.responses(200).includes(caller.received[index] ?? ''));
  const gaps = times.slice(1).map((time, index) => time - (times[index] ?? 0));
  t.comment(`gaps ${gaps.map((gap) => gap.toFixed(0)).join(', ')} ms at T1 = ${T1} ms, T2 = ${8 * T1} ms`);
  for (const [index, gap] of gaps.entries()) {
    t.ok(gap > T1 * 2 ** index - 15 && gap < T1 * 2 ** index + 200, `gap ${index} is ${gap.toFixed(0)} ms`);
  }
  await new Promise((resolve) => setTimeout(resolve, 9 * T1));
  t.ok(call.responses(200).length <= at + 1, 'none after the ACK');
  call.request('BYE');
  await call.response(200, 'BYE');
});

t.test('25 no ACK: BYE after 64 T1, and the dialog ends with "ACK timeout"', async (t) => {
  let ended: Promise<unknown> | undefined;
  const call = ring((req, res) => {
    srf.createUAS(req, res, { localSdp: sdp(2) }).then((dialog) => {
      ended = new Promise((resolve) => {
        dialog.on('destroy', (_bye: Req, reason: string) => {
          resolve(reason);
        });
      });
    });
  });
  const bye = await call.requested('BYE', 64 * T1 + 1_500);
  t.equal(valueOf(bye, 'Reason'), 'SIP;cause=200;text="ACK timeout"');
  t.equal(await ended, 'ACK timeout');
});

t.test('26 the ACK is an event, with the answer to a delayed offer', async (t) => {
  let acknowledged: Promise<Req> | undefined;
  const call = ring(
    (req, res) => {
      srf.createUAS(req, res, { localSdp: sdp(2) }).then((dialog) => {
        acknowledged = nextEvent<Req>(dialog, 'ack');
      });
    },
    { body: '' },
  );
  await call.response(200);
  await until(() => acknowledged !== undefined, 1_000);
  call.ack({ body: sdp(9) });
  t.equal((await acknowledged)?.body, sdp(9));
  call.request('BYE');
  await call.response(200, 'BYE');
});

t.test('27 CANCEL before any answer: 200 to it, 487 to the INVITE, a cancel event', async (t) => {
  let cancelled: Promise<Req> | undefined;
  const call = ring((req) => {
    cancelled = nextEvent<Req>(req, 'cancel');
  });
  await until(() => cancelled !== undefined, 1_000);
  call.cancel({ headers: ['Reason: Q.850;cause=16'] });
  t.not(await call.response(200, 'CANCEL'), '');
  t.not(await call.response(487), '');
  call.ackFailure();
  t.equal((await cancelled)?.get('Reason'), 'Q.850;cause=16');
});

t.test('28 CANCEL after 180: the same; 30 what the application sends then gets NOK', async (t) => {
  let late: unknown;
  const call = ring((req, res) => {
    res.send(180);
    req.on('cancel', () => {
      res.send(487, {}, (error) => {
        late = error;
      });
    });
  });
  await call.response(180);
  call.cancel();
  t.not(await call.response(200, 'CANCEL'), '');
  const gone = await call.response(487);
  t.equal(tagIn(gone, 'To'), tagIn(await call.response(180), 'To'));
  call.ackFailure();
  await until(() => late !== undefined, 1_000);
  t.equal(late, 'Response not sent due to unknown transaction');
  t.equal(new Set(call.responses(487)).size, 1);
});

t.test('28 BYE instead of CANCEL in the early dialog ends the call as well', async (t) => {
  let cancelled: Promise<Req> | undefined;
  const call = ring((req, res) => {
    cancelled = nextEvent<Req>(req, 'cancel');
    res.send(180);
  });
  await call.response(180);
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
  call.cseq -= 1;
  t.not(await call.response(487), '');
  call.ackFailure();
  t.match(await cancelled, { method: 'CANCEL' });
});

t.test('29 CANCEL after 200: the call ends as soon as the ACK is there', async (t) => {
  let reason: unknown;
  const call = ring((req, res) => {
    srf.createUAS(req, res, { localSdp: sdp(2) }).then((dialog) => {
      dialog.on('destroy', (_bye: Req, why: string) => {
        reason = why;
      });
    });
  });
  await call.response(200);
  call.cancel();
  t.not(await call.response(200, 'CANCEL'), '');
  t.equal(call.requests('BYE').length, 0, 'no BYE before the ACK (RFC 3261 15)');
  call.ack();
  const bye = await call.requested('BYE');
  t.equal(valueOf(bye, 'Reason'), 'SIP;cause=200;text="CANCEL after 200 OK"');
  await until(() => reason !== undefined, 1_000);
  t.equal(reason, 'CANCEL after 200 OK');
});

t.test('31 of two final responses the second gets NOK', async (t) => {
  const app = await RawApp.ready(HOST, 'message');
  const call = new RawCall(caller, CALLER, HOST);
  call.request('MESSAGE', { headers: ['Content-Type: text/plain'], body: 'hello' });
  const txnId = tokensOf(await app.message(/^MESSAGE /))[8] ?? '';
  const large = `sip|${txnId}|\r\nSIP/2.0 200 OK\r\nContent-Type: text/plain\r\n\r\n${'x'.repeat(65_000)}`;
  t.equal(await app.ask(large), 'NOK|too large', 'what no datagram holds is refused, and may be said in fewer words');
  t.match(await app.ask(`sip|${txnId}|\r\nSIP/2.0 200 OK\r\n\r\n`), /^OK\|application\|/);
  t.equal(
    await app.ask(`sip|${txnId}|\r\nSIP/2.0 500 Oops\r\n\r\n`),
    'NOK|Response not sent due to unknown transaction',
  );
  t.not(await call.response(200, 'MESSAGE'), '');
  app.cut();
});

t.test('32 BYE: 200 on the wire, and a destroy event', async (t) => {
  const { call, dialog } = await answered();
  const destroyed = nextEvent<Req>(dialog, 'destroy');
  const bye = call.request('BYE', { headers: ['Reason: Q.850;cause=16'] });
  t.not(await call.response(200, 'BYE'), '');
  t.equal((await destroyed).get('Reason'), 'Q.850;cause=16');
  const times = call.responses(200, 'BYE').length;
  call.again(bye);
  await until(() => call.responses(200, 'BYE').length > times, 1_000);
  t.equal(call.responses(200, 'BYE').length, times + 1, 'a repeated BYE gets the same answer again');
});

t.test('33 INFO, OPTIONS, MESSAGE, REFER, NOTIFY, UPDATE in the dialog are answered', async (t) => {
  const { call, dialog } = await answered();
  for (const method of ['INFO', 'OPTIONS', 'MESSAGE', 'REFER', 'NOTIFY', 'UPDATE']) {
    call.request(method);
    const ok = await call.response(200, method);
    t.not(ok, '', method);
    t.equal(tagIn(ok, 'To'), dialog.sip.localTag);
  }
  await dialog.destroy();
});

t.test('34 re-INVITE: 100, a modify event, and 200 until the ACK', async (t) => {
  const { call, dialog } = await answered();
  dialog.on('modify', (_req: Req, res: Res) => {
    res.send(200, { body: sdp(3) });
  });
  call.request('INVITE', { body: sdp(4) });
  t.not(await call.response(100), '');
  const ok = await call.response(200);
  t.ok(ok.endsWith(sdp(3)));
  t.not(valueOf(ok, 'Contact'), '', 'a 2xx to a re-INVITE refreshes the target');
  await until(() => call.responses(200).length >= 3, 1_000);
  t.ok(call.responses(200).length >= 3, 'it is repeated');
  const acknowledged = nextEvent<Req>(dialog, 'ack');
  call.ack();
  t.equal((await acknowledged).method, 'ACK');
  await dialog.destroy();
});

t.test('35 a second re-INVITE is refused while the first is open; 491 while ours is', async (t) => {
  const { call, dialog } = await answered();
  let first: Res | undefined;
  dialog.on('modify', (_req: Req, res: Res) => {
    first = res;
  });
  call.request('INVITE', { body: sdp(4) });
  await until(() => first !== undefined, 1_000);
  call.request('INVITE', { body: sdp(5) });
  const refused = await call.response(500);
  call.ackFailure();
  t.match(valueOf(refused, 'Retry-After'), /^\d+$/);
  const overlap = await failureOf(dialog.request({ method: 'INVITE', body: sdp(6) }));
  t.match(overlap, { code: 'EDRACHTIO', message: 'Server error: another INVITE is open in the dialog' });
  first?.send(200, { body: sdp(3) });
  call.cseq -= 1;
  await call.response(200);
  call.ack();
  call.cseq += 1;
  const ours = dialog.request({ method: 'INVITE', body: sdp(7) });
  const invite = await call.requested('INVITE');
  call.request('INVITE', { body: sdp(8) });
  t.not(await call.response(491), '');
  call.ackFailure();
  caller.respond(invite, '200 OK', [`Contact: <sip:c@${CALLER}:5060>`]);
  t.equal((await ours).status, 200);
  t.not(await call.requested('ACK'), '');
  await dialog.destroy();
});

t.test('36 a request in an unknown dialog: 481', async (t) => {
  const call = new RawCall(caller, CALLER, HOST);
  call.remote = `<sip:112@${HOST}>;tag=nobody`;
  for (const method of ['BYE', 'INFO', 'INVITE', 'OPTIONS', 'UPDATE', 'MESSAGE', 'REFER', 'NOTIFY', 'PRACK']) {
    call.request(method);
    t.not(await call.response(481, method), '', method);
    if (method === 'INVITE') {
      call.ackFailure();
    }
  }
  const before = caller.received.length;
  call.ack();
  call.request('OPTIONS');
  await call.response(481, 'OPTIONS');
  t.equal(caller.received.length, before + 1, 'an ACK gets nothing');
});

t.test('37 a reliable 183, its PRACK, and 200', async (t) => {
  let acknowledged: Promise<Req> | undefined;
  let answer: Res | undefined;
  let invite: Req | undefined;
  const call = ring(
    (req, res) => {
      [invite, answer] = [req, res];
      acknowledged = new Promise((resolve) => {
        res.send(183, { headers: { Require: '100rel' }, body: sdp(2) }, undefined, resolve);
      });
    },
    { headers: ['Supported: 100rel'] },
  );
  const progress = await call.response(183);
  const rseq = valueOf(progress, 'RSeq');
  t.match(rseq, /^\d+$/);
  await until(() => call.responses(183).length >= 2, 1_000);
  t.ok(call.responses(183).length >= 2, 'it is repeated until the PRACK');
  call.request('PRACK', { headers: ['RAck: 1 1 INVITE'] });
  t.not(await call.response(481, 'PRACK'), '', 'a PRACK of nothing that was sent');
  const prack = call.request('PRACK', { headers: [`RAck: ${rseq} 1 INVITE`] });
  t.not(await call.response(200, 'PRACK'), '');
  t.equal((await acknowledged)?.method, 'PRACK');
  call.again(prack);
  await until(() => call.responses(200, 'PRACK').length >= 2, 1_000);
  t.equal(call.responses(200, 'PRACK').length, 2, 'a repeated PRACK gets its answer again');
  call.cseq = 1;
  const times = call.responses(183).length;
  if (invite !== undefined && answer !== undefined) {
    srf.createUAS(invite, answer, { localSdp: sdp(2) });
  }
  await call.response(200);
  call.ack();
  t.equal(call.responses(183).length, times, 'none after the PRACK');
  call.cseq = 3;
  call.request('BYE');
  await call.response(200, 'BYE');
});

t.test('37 the reply to a reliable response that waits has its text too', async (t) => {
  const app = await RawApp.ready(HOST);
  let txnId = '';
  const call = ring(
    (req) => {
      txnId = req.stackTxnId;
    },
    { headers: ['Supported: 100rel'] },
  );
  await until(() => txnId !== '', 1_000);
  const progress = `sip|${txnId}|\r\nSIP/2.0 183 Session Progress\r\nRequire: 100rel\r\n\r\n`;
  const [first, second] = [await app.ask(progress), await app.ask(progress)];
  t.match(textOf(second), /^SIP\/2.0 183 /);
  t.equal(Number(valueOf(textOf(second), 'RSeq')), Number(valueOf(textOf(first), 'RSeq')) + 1);
  const sent = await call.response(183);
  t.equal(valueOf(sent, 'RSeq'), valueOf(textOf(first), 'RSeq'));
  call.request('PRACK', { headers: [`RAck: ${valueOf(sent, 'RSeq')} 1 INVITE`] });
  await call.response(200, 'PRACK');
  call.cseq = 1;
  await until(
    () => call.responses(183).some((text) => valueOf(text, 'RSeq') === valueOf(textOf(second), 'RSeq')),
    1_000,
  );
  t.equal(valueOf(await call.response(183), 'RSeq'), valueOf(textOf(second), 'RSeq'));
  call.cancel();
  await call.response(487);
  call.ackFailure();
  app.cut();
});

t.test('37 no PRACK for 64 T1: the resends stop, and the call goes on', async (t) => {
  let answer: () => void = () => undefined;
  const call = ring(
    (_req, res) => {
      answer = () => {
        res.send(486);
      };
      res.send(183, { headers: { Require: '100rel' }, body: sdp(2) });
    },
    { headers: ['Supported: 100rel'] },
  );
  await call.response(183);
  t.equal(await call.response(504, 'INVITE', 65 * T1 + 100), '', 'the caller is not given up');
  t.equal(call.responses(183).length, 7, 'sent at once, and again after 1, 3, 7, 15, 31 and 63 T1');
  answer();
  t.not(await call.response(486), '');
  call.ackFailure();
});

t.test('38 a caller without 100rel: NOK', async (t) => {
  const app = await RawApp.ready(HOST);
  let txnId = '';
  const call = ring((req) => {
    txnId = req.stackTxnId;
  });
  await until(() => txnId !== '', 1_000);
  const reply = await app.ask(`sip|${txnId}|\r\nSIP/2.0 183 Session Progress\r\nRequire: 100rel\r\n\r\n`);
  t.equal(reply, 'NOK|Remote endpoint does not support 100rel');
  t.match(await app.ask(`sip|${txnId}|\r\nSIP/2.0 486 Busy Here\r\n\r\n`), /^OK\|/, 'the call is still open');
  await call.response(486);
  call.ackFailure();
  app.cut();
});

t.test('39 UPDATE before the answer: an update event', async (t) => {
  const call = ring((req, res) => {
    req.on('update', (_update: Req, updateResponse: Res) => {
      updateResponse.send(200, { body: sdp(5) });
    });
    res.send(183, { body: sdp(2) });
  });
  await call.response(183);
  call.request('UPDATE', { body: sdp(6) });
  t.ok((await call.response(200, 'UPDATE')).endsWith(sdp(5)));
  call.request('INVITE', { body: sdp(7) });
  const refused = await call.response(500);
  t.match(valueOf(refused, 'Retry-After'), /^\d+$/, 'a re-INVITE is too early (RFC 3261 14.2)');
  call.ackFailure();
  call.cseq = 1;
  call.branch = branchOf(call);
  call.cancel();
  await call.response(487);
  call.ackFailure();
});

t.test('42 a bad header line never reaches the application, and costs no call', async (t) => {
  let names: readonly string[] = [];
  const call = ring(
    (req, res) => {
      names = Object.keys(req.headers);
      res.send(486);
    },
    { headers: ['this is no header', 'Subject: a real one'] },
  );
  t.not(await call.response(486), '', 'a message that can be understood is taken');
  call.ackFailure();
  t.ok(names.includes('subject'));
  t.notOk(names.some((name) => name.includes('this')));
  const nonsense = new RawCall(caller, CALLER, HOST);
  caller.send(
    `INVITE sip:112@${HOST} SIP/3.0\r\nVia: SIP/2.0/UDP ${CALLER}:5060;rport;branch=z9hG4bKver\r\nFrom: ${nonsense.local}\r\nTo: ${nonsense.remote}\r\nCall-ID: ${nonsense.callId}\r\nCSeq: 1 INVITE\r\n\r\n`,
    5060,
    HOST,
  );
  t.not(await nonsense.response(505), '');
});

t.test('43 the same INVITE over two paths: one call, and 482 for the other path', async (t) => {
  let times = 0;
  const call = ring((req, res) => {
    times += 1;
    srf.createUAS(req, res, { localSdp: sdp(2) });
  });
  await call.response(200);
  const [branch, remote, target] = [call.branch, call.remote, call.target];
  Object.assign(call, { remote: `<sip:112@${HOST}>`, target: `sip:112@${HOST}` });
  call.invite({ body: sdp(1) });
  t.not(await call.response(482), '');
  call.ackFailure();
  Object.assign(call, { branch, remote, target });
  call.ack();
  t.equal(times, 1);
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '', 'the call of the first path stands');
});

t.test('43 a Call-ID and tag that come again make a call of their own', async (t) => {
  const dialogs: Dialog[] = [];
  const call = ring((req, res) => {
    srf.createUAS(req, res, { localSdp: sdp(2) }).then((dialog) => dialogs.push(dialog));
  });
  await call.response(200);
  call.ack();
  const [remote, target] = [call.remote, call.target];
  Object.assign(call, { cseq: 2, remote: `<sip:112@${HOST}>`, target: `sip:112@${HOST}` });
  call.invite({ body: sdp(1) });
  await call.response(200);
  call.ack();
  await until(() => dialogs.length === 2, 1_000);
  t.not(dialogs[0]?.id, dialogs[1]?.id);
  const second = nextEvent(dialogs[1] ?? srf, 'destroy');
  call.request('BYE');
  await second;
  t.equal(dialogs[0]?.connected, true, 'the end of one is not the end of the other');
  const first = nextEvent(dialogs[0] ?? srf, 'destroy');
  Object.assign(call, { remote, target });
  call.request('BYE');
  await first;
  t.pass('both ended');
});

t.test('44 a name in UTF-8, and an emoji in the body', async (t) => {
  const name = Buffer.from('"Jos\u00e9 \u{1f691}"').toString('latin1');
  const text = Buffer.from('help \u{1f691} \u20ac').toString('latin1');
  let received: Req | undefined;
  serve = (req, res) => {
    received = req;
    const headers = { Subject: 'caf\u00e9 \u{1f692}', 'Content-Type': 'text/plain' };
    srf.createUAS(req, res, { headers, localSdp: '\u{1f692} on its way' });
  };
  const call = new RawCall(caller, CALLER, HOST);
  call.local = `${name} <sip:0612@${CALLER}>;tag=${call.localTag}`;
  call.invite({ headers: ['Content-Type: text/plain'], body: text });
  const ok = await call.response(200);
  t.match(received?.get('From'), 'Jos\u00e9 \u{1f691}');
  t.equal(received?.body, 'help \u{1f691} \u20ac');
  const back = Buffer.from(ok, 'latin1').toString('utf8');
  t.match(valueOf(back, 'Subject'), 'caf\u00e9 \u{1f692}');
  t.ok(back.endsWith('\u{1f692} on its way'));
  t.equal(Number(valueOf(ok, 'Content-Length')), Buffer.byteLength('\u{1f692} on its way'));
  call.ack();
  call.request('BYE');
  await call.response(200, 'BYE');
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  srf.disconnect();
  caller.close();
  await engine.close();
});

/** The branch of the first INVITE of a call. */
function branchOf(call: RawCall): string {
  return /branch=([^;\s]+)/.exec(valueOf(call.responses(100)[0] ?? '', 'Via'))?.[1] ?? '';
}
