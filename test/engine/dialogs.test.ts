import { once } from 'node:events';
import { createServer, type Socket } from 'node:net';
import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawApp, textOf, tokensOf } from './raw-app.js';
import { RawCall, tagIn } from './raw-call.js';
import { isIdle, open, sdp, startRig, timersOf } from './rig.js';

// A dialog in the hands of peers, proxies and applications that do not behave.
const HOST = '127.5.7.1';
const CALLER = '127.5.7.2';
const CALLEE = '127.5.7.3';
const PROXY = '127.5.7.4';
const T1 = 24;
const CONTACT = `Contact: <sip:desk@${CALLEE}:5060>`;
const ANSWER: RawBehaviour = (invite, peer) => {
  peer.respond(invite, '200 OK', [CONTACT], sdp(2));
};

let engine: Engine;
let caller: RawPeer;
let callee: RawPeer;
let proxy: RawPeer;
let app: RawApp;
let onInvite: RawBehaviour = ANSWER;
let answersBye = true;
let users = 0;

const behave: RawBehaviour = (request, peer) => {
  if (request.startsWith('INVITE ')) {
    onInvite(request, peer);
  } else if (!request.startsWith('ACK ') && (answersBye || !request.startsWith('BYE '))) {
    peer.respond(request, '200 OK', [CONTACT]);
  }
};

/** A call of the application, at the callee. */
interface Placed {
  readonly call: RawCall;
  readonly txnId: string;
  readonly id: string;
  readonly order: (method: string, extra?: readonly string[], body?: string) => Promise<string>;
}

async function place(by: RawBehaviour): Promise<Placed> {
  onInvite = by;
  users += 1;
  const target = `sip:u${users}@${CALLEE}`;
  const reply = await app.ask(`sip||\r\nINVITE ${target} SIP/2.0\r\nSupported: 100rel\r\n\r\n${sdp(1)}`);
  const sent = (): string => callee.requests('INVITE').find((text) => text.startsWith(`INVITE ${target} `)) ?? '';
  await until(() => sent() !== '', 2_000);
  const call = Object.assign(RawCall.callee(callee, CALLEE, HOST, sent()), { inviteText: sent() });
  const id = `${call.callId};from-tag=${tagIn(sent(), 'From')}`;
  return {
    call,
    id,
    txnId: tokensOf(`x|response|y|${reply}`)[10] ?? '',
    order: async (method, extra = [], body = '') =>
      app.ask(`sip||${id}\r\n${[`${method} sip:placeholder SIP/2.0`, ...extra].join('\r\n')}\r\n\r\n${body}`),
  };
}

/** A call that the callee answered and the application acknowledged. */
async function placed(by: RawBehaviour = ANSWER): Promise<Placed> {
  const call = await place(by);
  await told(call.call.callId, /^SIP\/2.0 200/);
  await call.order('ACK');
  await call.call.requested('ACK');
  return call;
}

/** A call of the caller that the application answered. */
async function taken(headers: readonly string[] = []): Promise<{ call: RawCall; id: string; txnId: string }> {
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1), headers });
  const txnId = tokensOf(await told(call.callId, /^INVITE /))[8] ?? '';
  await app.ask(`sip|${txnId}|\r\nSIP/2.0 200 OK\r\n\r\n${sdp(2)}`);
  await call.response(200);
  call.ack();
  await told(call.callId, /^ACK /);
  return { call, txnId, id: `${call.callId};from-tag=${call.localTag}` };
}

/** What the application was told of a call. */
async function told(callId: string, startLine: RegExp, count = 1): Promise<string> {
  const found = (): readonly string[] => app.messages(startLine).filter((text) => textOf(text).includes(callId));
  await until(() => found().length >= count, 3_000);
  return found()[count - 1] ?? '';
}

async function answer(message: string, status: string, body = ''): Promise<string> {
  return app.ask(`sip|${tokensOf(message)[8]}|\r\nSIP/2.0 ${status}\r\n\r\n${body}`);
}

t.before(async () => {
  engine = await startRig(HOST, timersOf(T1));
  caller = await startRawPeer(CALLER, 5060, behave);
  callee = await startRawPeer(CALLEE, 5060, behave);
  proxy = await startRawPeer(PROXY, 5060, behave);
  app = await RawApp.ready(HOST, 'invite');
});

t.test('loose routers: ACK, re-INVITE and BYE go through them, in the reverse order of Record-Route', async (t) => {
  const routes = [`<sip:far@${CALLEE}:5999;lr>`, `<sip:near@${PROXY};lr>`];
  const { call, order } = await place((invite, peer) => {
    peer.respond(invite, '200 OK', [CONTACT, `Record-Route: ${routes.join(', ')}`], sdp(2));
  });
  await told(call.callId, /^SIP\/2.0 200/);
  onInvite = (invite, peer) => {
    peer.respond(invite, '488 Not Acceptable Here');
  };
  await order('ACK');
  await order('INVITE', [], sdp(3));
  await order('INFO');
  await order('BYE');
  const at = (method: string): string =>
    proxy.requests(method).find((text) => valueOf(text, 'Call-ID') === call.callId) ?? '';
  for (const method of ['ACK', 'INVITE', 'INFO', 'BYE']) {
    await until(() => at(method) !== '', 2_000);
    t.match(at(method), new RegExp(`^${method} sip:desk@${CALLEE}:5060 `), method);
    t.match(at(method), new RegExp(`Route: <sip:near@${PROXY};lr>\r\nRoute: <sip:far@${CALLEE}:5999;lr>`), method);
  }
});

t.test('a strict router gets its own URI, and the target as the last Route', async (t) => {
  const { call, order } = await place((invite, peer) => {
    peer.respond(invite, '200 OK', [CONTACT, `Record-Route: <sip:far@${CALLEE}:5999>, <sip:near@${PROXY}>`], sdp(2));
  });
  await told(call.callId, /^SIP\/2.0 200/);
  await order('ACK');
  await order('BYE');
  for (const method of ['ACK', 'BYE']) {
    const at = (): string => proxy.requests(method).find((text) => valueOf(text, 'Call-ID') === call.callId) ?? '';
    await until(() => at() !== '', 2_000);
    t.match(at(), new RegExp(`^${method} sip:near@${PROXY} `));
    t.match(at(), new RegExp(`Route: <sip:far@${CALLEE}:5999>\r\nRoute: <sip:desk@${CALLEE}:5060>`));
  }
});

t.test('the 2xx says anew which way requests go (RFC 3261 13.2.2.4)', async (t) => {
  const { call, order } = await place((invite, peer) => {
    peer.respond(invite, '180 Ringing', [CONTACT, `Record-Route: <sip:old@${CALLEE}:5999;lr>`]);
    peer.respond(invite, '200 OK', [CONTACT, `Record-Route: <sip:new@${PROXY};lr>`], sdp(2));
  });
  await told(call.callId, /^SIP\/2.0 200/);
  await order('ACK');
  await order('BYE');
  const at = (): string => proxy.requests('BYE').find((text) => valueOf(text, 'Call-ID') === call.callId) ?? '';
  await until(() => at() !== '', 2_000);
  t.equal(valueOf(at(), 'Route'), `<sip:new@${PROXY};lr>`);
});

t.test('a caller behind proxies: Record-Route comes back in the answer, and BYE goes their way', async (t) => {
  const { call, id } = await taken([
    `Record-Route: <sip:near@${PROXY};lr>`,
    `Record-Route: <sip:far@${CALLER}:5999;lr>`,
  ]);
  const ok = await call.response(200);
  t.match(ok, new RegExp(`Record-Route: <sip:near@${PROXY};lr>\r\nRecord-Route: <sip:far@`));
  await app.ask(`sip||${id}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
  const at = (): string => proxy.requests('BYE').find((text) => valueOf(text, 'Call-ID') === call.callId) ?? '';
  await until(() => at() !== '', 2_000);
  t.match(at(), new RegExp(`^BYE sip:caller@${CALLER}:5060 `));
  t.match(at(), new RegExp(`Route: <sip:near@${PROXY};lr>\r\nRoute: <sip:far@`));
});

t.test('a new Contact in a re-INVITE or UPDATE is where the next requests go; in INFO it is not', async (t) => {
  const { call, id } = await taken();
  for (const [method, user, expected] of [
    ['INVITE', 'one', 'one'],
    ['UPDATE', 'two', 'two'],
    ['INFO', 'three', 'two'],
  ] as const) {
    call.request(method, { headers: [`Contact: <sip:${user}@${PROXY}>`] });
    await answer(await told(call.callId, new RegExp(`^${method} `), method === 'INVITE' ? 2 : 1), '200 OK');
    await call.response(200, method);
    if (method === 'INVITE') {
      call.ack();
    }
    await app.ask(`sip||${id}\r\nOPTIONS sip:placeholder SIP/2.0\r\n\r\n`);
    const at = (): string =>
      proxy
        .requests('OPTIONS')
        .filter((text) => valueOf(text, 'Call-ID') === call.callId)
        .at(-1) ?? '';
    await until(() => at().startsWith(`OPTIONS sip:${expected}@`), 2_000);
    t.match(at(), new RegExp(`^OPTIONS sip:${expected}@${PROXY} `), method);
  }
  call.request('BYE');
  await answer(await told(call.callId, /^BYE /), '200 OK');
});

t.test('a peer that names another transport is asked there', async (t) => {
  const server = createServer();
  server.listen(5071, CALLEE);
  await once(server, 'listening');
  const { call, order } = await place((invite, peer) => {
    peer.respond(invite, '200 OK', [`Contact: <sip:desk@${CALLEE}:5071;transport=tcp>`], sdp(2));
  });
  await told(call.callId, /^SIP\/2.0 200/);
  const connection = once(server, 'connection');
  await order('ACK');
  const [socket] = (await connection) as [Socket];
  const [ack] = (await once(socket, 'data')) as [Buffer];
  t.match(ack.toString('latin1'), /^ACK sip:desk@[^\r]+\r\nVia: SIP\/2.0\/TCP /);
  await order('BYE');
  socket.end();
  server.close();
});

t.test('a callee that makes up tag after tag gets a bounded number of dialogs', async (t) => {
  const { call, txnId } = await place((invite, peer) => {
    for (let n = 0; n < 100; n += 1) {
      peer.respond(invite, '180 Ringing', [CONTACT], '', `tag${n}`);
    }
  });
  await told(call.callId, /^SIP\/2.0 180/, 100);
  t.ok(engine.stats().dialogs < 50, `${engine.stats().dialogs} dialogs`);
  await app.ask(`sip|${txnId}|\r\nCANCEL sip:x SIP/2.0\r\n\r\n`);
  await call.requested('CANCEL');
  callee.respond(call.inviteText, '487 Request Terminated');
  await told(call.callId, /^SIP\/2.0 487/);
});

t.test('a request with a lower CSeq than the last is out of order: 500', async (t) => {
  const { call } = await taken();
  call.cseq = 10;
  call.request('INFO');
  await answer(await told(call.callId, /^INFO /), '200 OK');
  call.cseq = 4;
  call.request('INFO');
  t.not(await call.response(500, 'INFO'), '');
  call.request('INVITE', { body: sdp(3) });
  t.not(await call.response(500), '');
  call.ackFailure();
  call.cseq = 11;
  call.request('BYE');
  await answer(await told(call.callId, /^BYE /), '200 OK');
  t.not(await call.response(200, 'BYE'), '');
});

t.test(
  'an answer to our re-INVITE that the application never acknowledges is acknowledged, and the call goes on',
  async (t) => {
    const { call, order } = await placed();
    await order('INVITE', [], sdp(3));
    await told(call.callId, /^SIP\/2.0 200/, 2);
    call.request('INVITE', { body: sdp(4) });
    t.not(await call.response(491), '', 'until then the peer has to wait');
    call.ackFailure();
    const acks = (): number => call.requests('ACK').filter((ack) => !/ 491/.test(ack)).length;
    await until(() => acks() >= 2, 32 * T1 + 1_000);
    t.equal(acks(), 2, 'before the peer gives up');
    t.equal(call.requests('BYE').length, 0);
    call.request('INVITE', { body: sdp(5) });
    await answer(await told(call.callId, /^INVITE /), '200 OK', sdp(6));
    t.not(await call.response(200), '', 'the peer may change the session again');
    call.ack();
    await order('BYE');
  },
);

t.test('an answer to our re-INVITE after our BYE is acknowledged all the same', async (t) => {
  const { call, order } = await placed();
  onInvite = () => undefined;
  await order('INVITE', [], sdp(3));
  await until(() => call.requests('INVITE').length === 2, 1_000);
  await order('BYE');
  const [, again = ''] = call.requests('INVITE');
  callee.respond(again, '200 OK', [CONTACT], sdp(4));
  await until(() => call.requests('ACK').length === 2, 1_000);
  t.equal(valueOf(call.requests('ACK')[1] ?? '', 'CSeq').split(' ')[0], valueOf(again, 'CSeq').split(' ')[0]);
});

t.test('a late copy of an older answer does not disturb the newer one', async (t) => {
  const { call, order } = await placed();
  await order('INVITE', [], sdp(3));
  await told(call.callId, /^SIP\/2.0 200/, 2);
  callee.respond(call.inviteText, '200 OK', [CONTACT], sdp(2));
  await until(() => call.requests('ACK').length === 2, 1_000);
  t.match(await order('ACK'), /^OK\|/, 'the newer one is still owed');
  t.match(await order('ACK'), /^NOK\|/, 'and once only');
  await order('BYE');
});

t.test('a re-INVITE of the peer that is open when the call ends gets 487', async (t) => {
  for (const side of ['peer', 'application']) {
    const { call, id } = await taken();
    call.request('INVITE', { body: sdp(3) });
    const open = await told(call.callId, /^INVITE /, 2);
    const { cseq, branch } = call;
    if (side === 'peer') {
      call.request('BYE');
      await answer(await told(call.callId, /^BYE /), '200 OK');
    } else {
      await app.ask(`sip||${id}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
    }
    Object.assign(call, { cseq, branch });
    t.not(await call.response(487), '', side);
    call.ackFailure();
    t.match(await answer(open, '200 OK', sdp(4)), /^NOK\|/, 'the application is too late');
  }
});

t.test('CANCEL of a re-INVITE: 487, and the session stays', async (t) => {
  const { call, id } = await taken();
  call.request('INVITE', { body: sdp(3) });
  await told(call.callId, /^INVITE /, 2);
  const tagged = call.remote;
  caller.send(
    call.inviteText
      .replace('INVITE ', 'CANCEL ')
      .replace(' INVITE\r\n', ' CANCEL\r\n')
      .replace(/Content-Length: \d+\r\n\r\n[^]*/, 'Content-Length: 0\r\n\r\n'),
    5060,
    HOST,
  );
  t.not(await call.response(200, 'CANCEL'), '');
  t.not(await call.response(487), '');
  t.equal(call.remote, tagged);
  call.ackFailure();
  t.match(await app.ask(`sip||${id}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`), /^OK\|/);
});

t.test('BYE crossing BYE: both get 200', async (t) => {
  answersBye = false;
  const { call, id } = await taken();
  await app.ask(`sip||${id}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`);
  const ours = await call.requested('BYE');
  call.request('BYE');
  t.not(await call.response(200, 'BYE'), '');
  caller.respond(ours, '200 OK');
  t.not(await told(call.callId, /^SIP\/2.0 200/), '');
  answersBye = true;
});

t.test('our BYE before the ACK of the caller waits for it (RFC 3261 15)', async (t) => {
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1) });
  await answer(await told(call.callId, /^INVITE /), '200 OK', sdp(2));
  const id = `${call.callId};from-tag=${call.localTag}`;
  t.match(await app.ask(`sip||${id}\r\nBYE sip:placeholder SIP/2.0\r\n\r\n`), /^OK\|application\|/);
  await call.response(200);
  await new Promise((resolve) => setTimeout(resolve, 3 * T1));
  t.equal(call.requests('BYE').length, 0);
  call.ack();
  t.not(await call.requested('BYE'), '');
});

t.test('a caller who hangs up without an ACK: no more copies of the answer', async (t) => {
  const call = new RawCall(caller, CALLER, HOST);
  call.invite({ body: sdp(1) });
  await answer(await told(call.callId, /^INVITE /), '200 OK', sdp(2));
  await call.response(200);
  const { cseq } = call;
  call.request('BYE');
  await answer(await told(call.callId, /^BYE /), '200 OK');
  t.not(await call.response(200, 'BYE'), '');
  call.cseq = cseq;
  const copies = call.responses(200).length;
  await new Promise((resolve) => setTimeout(resolve, 10 * T1));
  t.equal(call.responses(200).length, copies);
  t.equal(call.requests('BYE').length, 0);
});

t.test('a callee that sends BYE before it answered: 481, and its answer counts', async (t) => {
  const { call, order } = await place((invite, peer) => {
    peer.respond(invite, '180 Ringing', [CONTACT]);
  });
  await told(call.callId, /^SIP\/2.0 180/);
  call.request('BYE');
  t.not(await call.response(481, 'BYE'), '');
  callee.respond(call.inviteText, '200 OK', [CONTACT], sdp(2));
  await told(call.callId, /^SIP\/2.0 200/);
  t.match(await order('ACK'), /^OK\|/);
  t.match(await order('BYE'), /^OK\|/);
});

t.test('PRACK: resent when it is lost, and owed until the application sends it, after the answer too', async (t) => {
  const { call, order } = await place((invite, peer) => {
    peer.respond(invite, '183 Session Progress', [CONTACT, 'Require: 100rel', 'RSeq: 9'], sdp(2));
    peer.respond(invite, '200 OK', [CONTACT], sdp(2));
  });
  await told(call.callId, /^SIP\/2.0 200/);
  await order('ACK');
  t.match(await order('PRACK'), /^OK\|/);
  t.match(valueOf(await call.requested('PRACK'), 'RAck'), /^9 \d+ INVITE$/);
  t.match(await order('PRACK'), /^NOK\|/, 'nothing else is owed');
  await order('BYE');
});

t.test('a call that was given up: an answer long after the last resend is acknowledged and ended', async (t) => {
  for (const wait of [40 * T1, 70 * T1]) {
    const { call, txnId } = await place(() => undefined);
    t.match(
      await app.ask(
        `sip|${txnId}|\r\nCANCEL sip:x SIP/2.0\r\nX-Noodroute-Give-Up: yes\r\nReason: SIP;cause=200\r\n\r\n`,
      ),
      /^OK\|application\|0\|/,
    );
    await new Promise((resolve) => setTimeout(resolve, T1));
    const copies = callee.received.filter((text) => text === call.inviteText).length;
    await new Promise((resolve) => setTimeout(resolve, wait));
    t.equal(callee.received.filter((text) => text === call.inviteText).length, copies, 'no resend');
    for (const tag of ['a', 'b', 'a']) {
      callee.respond(call.inviteText, '200 OK', [CONTACT], sdp(2), tag);
    }
    await until(() => call.requests('BYE').length >= 2 && call.requests('ACK').length >= 3, 1_000);
    t.strictSame(
      call
        .requests('BYE')
        .map((bye) => tagIn(bye, 'To'))
        .toSorted(),
      ['a', 'b'],
      `after ${wait / T1} T1`,
    );
    const failed = await told(call.callId, /^SIP\/2.0 487/);
    t.equal(valueOf(textOf(failed), 'Warning'), '399 noodroute "given up"');
    t.equal(tokensOf(failed)[5], '');
    t.equal(
      app.messages(/^SIP\/2.0 200/).filter((text) => text.includes(call.callId) && / INVITE\r/.test(text)).length,
      0,
    );
  }
});

t.test(
  'a call that was given up while it rang: CANCEL at once with its reason, and a crossing answer is ended',
  async (t) => {
    const { call, txnId } = await place((invite, peer) => {
      peer.respond(invite, '180 Ringing', [CONTACT]);
    });
    await told(call.callId, /^SIP\/2.0 180/);
    await app.ask(`sip|${txnId}|\r\nCANCEL sip:x SIP/2.0\r\nX-Noodroute-Give-Up: yes\r\nReason: SIP;cause=200\r\n\r\n`);
    const cancel = await call.requested('CANCEL');
    t.equal(valueOf(cancel, 'Reason'), 'SIP;cause=200');
    t.notMatch(cancel, /x-noodroute/i);
    callee.respond(call.inviteText, '200 OK', [CONTACT], sdp(2));
    t.not(await call.requested('BYE'), '');
    t.equal(call.requests('ACK').length, 1);
    t.not(await told(call.callId, /^SIP\/2.0 487/), '');
  },
);

t.test('a Content-Length that lies, and line ends in odd places: nothing of it becomes a header', async (t) => {
  for (const length of ['99999', '-1', 'x', '0', '3']) {
    const call = new RawCall(caller, CALLER, HOST);
    call.invite({ headers: [`Content-Length: ${length}`, 'Content-Type: application/sdp'], body: sdp(1) });
    const offered = await told(call.callId, /^INVITE /);
    t.not(offered, '', length);
    const [, body = ''] = textOf(offered).split('\r\n\r\n');
    t.equal(
      Number(valueOf(textOf(offered), 'Content-Length')),
      textOf(offered).length - textOf(offered).indexOf('\r\n\r\n') - 4,
    );
    t.ok(sdp(1).startsWith(body) || body.startsWith('v=0'), length);
    await answer(offered, '486 Busy Here');
    await call.response(486);
    call.ackFailure();
  }
  const odd = new RawCall(caller, CALLER, HOST);
  odd.invite({ headers: ['Subject: a\r\n\tfolded\r\n more', 'X-Bare: b\rX-Cr: c\nX-Lf: d'] });
  const offered = textOf(await told(odd.callId, /^INVITE /));
  t.equal(valueOf(offered, 'Subject'), 'a folded more');
  t.notMatch(offered.replaceAll('\r\n', ''), /[\r\n]/, 'every line end is CR LF');
  await answer(`x|x|x|x|x|x|x|x|${tokensOf(await told(odd.callId, /^INVITE /))[8]}`, '486 Busy Here');
  await odd.response(486);
  odd.ackFailure();
});

t.test('garbage of every kind from the network leaves nothing behind', async (t) => {
  const before = engine.stats();
  for (const text of [
    'x'.repeat(100),
    '\u0000'.repeat(50),
    'SIP/2.0 200 OK\r\n\r\n',
    'INVITE\r\n\r\n',
    'SIP/2.0 999 \r\nVia: x\r\n\r\n',
  ]) {
    caller.send(text, 5060, HOST);
  }
  const stray = [
    'SIP/2.0 200 OK',
    `Via: SIP/2.0/UDP 9.9.9.9:5060;branch=z9hG4bKstray`,
    'From: <sip:a@b>;tag=a',
    'To: <sip:c@d>;tag=b',
    'Call-ID: stray@x',
    'CSeq: 1 INVITE',
    `Contact: <sip:x@${CALLER}>`,
    '',
    '',
  ].join('\r\n');
  caller.send(stray, 5060, HOST);
  const call = new RawCall(caller, CALLER, HOST);
  call.remote = `${call.remote};tag=x`;
  call.request('INFO');
  t.not(await call.response(481, 'INFO'), '');
  t.equal(
    caller.requests('ACK').filter((ack) => ack.includes('stray@x')).length,
    0,
    'an answer to an INVITE that was not ours',
  );
  t.equal(engine.stats().dialogs, before.dialogs);
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  t.strictSame(
    Object.keys(engine.stats().discarded).filter((kind) => kind.startsWith('fault')),
    [],
  );
  app.cut();
  caller.close();
  callee.close();
  proxy.close();
  await engine.close();
});
