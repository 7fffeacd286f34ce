import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
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
  type Dialog,
  type Offered,
  type Req,
  type Res,
  type Srf,
} from './rig.js';

// The numbers are those of the conformance list for drachtio's wire protocol: what goes out.
const HOST = '127.5.3.1';
const CALLEE = '127.5.3.2';
const T1 = 30;
const CONTACT = `Contact: <sip:desk@${CALLEE}:5060>`;

let engine: Engine;
let callee: RawPeer;
let srf: Srf;
/** What the callee does with an INVITE; BYE, CANCEL and the like it answers by itself. */
let onInvite: RawBehaviour = () => undefined;

/** A number of its own for each call, so that the requests of one are told from those of others. */
let users = 0;
function newTarget(): string {
  users += 1;
  return `sip:u${users}@${CALLEE}`;
}

/** The requests of a method that belong to the call to a target. */
function sentTo(target: string, method: string): readonly string[] {
  const callIds = callee
    .requests('INVITE')
    .filter((text) => text.includes(`INVITE ${target} `))
    .map(callIdOf);
  return callee.requests(method).filter((text) => callIds.includes(callIdOf(text)));
}

async function seen(target: string, method: string, count = 1, within = 3_000): Promise<readonly string[]> {
  await until(() => sentTo(target, method).length >= count, within);
  return sentTo(target, method);
}

function callIdOf(text: string): string {
  return valueOf(text, 'Call-ID');
}

/** An answered call. */
async function answered(): Promise<{ dialog: Dialog; call: RawCall; target: string }> {
  const target = newTarget();
  onInvite = (invite, peer) => {
    peer.respond(invite, '200 OK', [CONTACT, 'Content-Type: application/sdp'], sdp(2));
  };
  const dialog = await srf.createUAC(target, { localSdp: sdp(1) });
  const [invite = ''] = await seen(target, 'INVITE');
  await seen(target, 'ACK');
  return { dialog, target, call: RawCall.callee(callee, CALLEE, HOST, invite) };
}

t.before(async () => {
  engine = await startRig(HOST, timersOf(T1));
  callee = await startRawPeer(CALLEE, 5060, (request, peer) => {
    if (request.startsWith('INVITE ')) {
      onInvite(request, peer);
    } else if (!request.startsWith('ACK ')) {
      peer.respond(request, '200 OK', [CONTACT]);
    }
  });
  srf = newSrf();
  srf.invite(() => undefined);
  await connected(srf, HOST);
});

t.test('46 the reply comes before the responses; cbRequest has Call-ID and From tag', async (t) => {
  const target = newTarget();
  const order: string[] = [];
  let sent: Req | undefined;
  onInvite = (invite, peer) => {
    peer.respond(invite, '180 Ringing', [CONTACT]);
    peer.respond(invite, '200 OK', [CONTACT], sdp(2));
  };
  const dialog = await srf.createUAC(
    target,
    { localSdp: sdp(1) },
    {
      cbRequest: (_error, request) => {
        order.push('request');
        sent = request;
      },
      cbProvisional: (response) => order.push(String(response.status)),
    },
  );
  t.strictSame(order, ['request', '180']);
  const [invite = ''] = await seen(target, 'INVITE');
  t.equal(sent?.get('Call-ID'), callIdOf(invite));
  t.equal(sent?.getParsedHeader('From').params['tag'], tagIn(invite, 'From'));
  t.equal(dialog.id, `${callIdOf(invite)};from-tag=${tagIn(invite, 'From')}`);
  await dialog.destroy();
});

t.test('47 what the application does not say is filled in', async (t) => {
  const app = await RawApp.ready(HOST);
  onInvite = (invite, peer) => {
    peer.respond(invite, '486 Busy Here');
  };
  const bare = newTarget();
  t.match(await app.ask(`sip||\r\nINVITE ${bare} SIP/2.0\r\n\r\nv=0\r\n`), /^OK\|application\|\d+\|udp\|/);
  const [invite = ''] = await seen(bare, 'INVITE');
  t.match(valueOf(invite, 'Via'), new RegExp(`^SIP/2.0/UDP ${HOST}:5060;rport;branch=z9hG4bK`));
  t.equal(valueOf(invite, 'Max-Forwards'), '70');
  t.match(valueOf(invite, 'From'), new RegExp(`^<sip:${HOST}>;tag=\\S+$`));
  t.equal(valueOf(invite, 'To'), `<${bare}>`);
  t.match(valueOf(invite, 'Call-ID'), /\S{10,}/);
  t.match(valueOf(invite, 'CSeq'), /^\d+ INVITE$/);
  t.equal(valueOf(invite, 'Contact'), `<sip:${HOST}>`);
  t.equal(valueOf(invite, 'Content-Type'), 'application/sdp');
  t.equal(valueOf(invite, 'Content-Length'), '5');
  const full = newTarget();
  const headers = [
    'from: "A" <sip:a@localhost>;tag=own',
    'to: <sip:112@carrier>',
    'contact: <sip:me@localhost>',
    'call-id: own-id@x',
    'cseq: 77 INVITE',
    'max-forwards: 9',
    'via: SIP/2.0/UDP 9.9.9.9;branch=z9hG4bKx',
    'route: <sip:9.9.9.9;lr>',
    'record-route: <sip:9.9.9.9;lr>',
    'content-length: 9999',
    'X-Own: kept',
    'X-Noodroute-T1: 20',
  ];
  await app.ask(`sip||\r\nINVITE ${full} SIP/2.0\r\n${headers.join('\r\n')}\r\n\r\nv=0\r\n`);
  const [second = ''] = await seen(full, 'INVITE');
  t.equal(valueOf(second, 'From'), `"A" <sip:a@${HOST}:5060>;tag=own`);
  t.equal(valueOf(second, 'To'), '<sip:112@carrier>');
  t.equal(valueOf(second, 'Contact'), `<sip:me@${HOST}:5060>`);
  t.equal(valueOf(second, 'Call-ID'), 'own-id@x');
  t.equal(valueOf(second, 'CSeq'), '77 INVITE');
  t.equal(valueOf(second, 'Max-Forwards'), '9');
  t.equal(valueOf(second, 'X-Own'), 'kept');
  t.equal(valueOf(second, 'Content-Length'), '5');
  t.notMatch(second, /9\.9\.9\.9|x-noodroute/i);
  app.cut();
});

t.test('48 proxy changes the next hop, and nothing in the message', async (t) => {
  const target = 'sip:112@carrier.example;user=phone';
  onInvite = (invite, peer) => {
    peer.respond(invite, '486 Busy Here');
  };
  const error = await failureOf(srf.createUAC(target, { localSdp: sdp(1), proxy: `sip:${CALLEE}:5060` }));
  t.match(error, { status: 486 });
  const [invite = ''] = await seen(target, 'INVITE');
  t.match(invite, /^INVITE sip:112@carrier.example;user=phone SIP\/2.0/);
  t.equal(valueOf(invite, 'Route'), '');
  t.equal(valueOf(invite, 'To'), `<${target}>`);
});

t.test('49 486: acknowledged by the server, and the promise rejects', async (t) => {
  const target = newTarget();
  onInvite = (invite, peer) => {
    peer.respond(invite, '486 Busy Here', ['Reason: Q.850;cause=17']);
  };
  const error = await failureOf(srf.createUAC(target, { localSdp: sdp(1) }));
  t.equal(error?.status, 486);
  t.equal(error?.res?.get('Reason'), 'Q.850;cause=17');
  t.equal(error?.res?.source_address, CALLEE);
  const [ack = ''] = await seen(target, 'ACK');
  const [invite = ''] = sentTo(target, 'INVITE');
  t.equal(valueOf(ack, 'Via'), valueOf(invite, 'Via'), 'in the transaction of the INVITE');
  t.equal(tagIn(ack, 'To'), 'raw');
});

t.test('50 no answer at all: 408 after 64 T1, from nowhere; 52 resent at T1, 2 T1, 4 T1', async (t) => {
  const target = newTarget();
  onInvite = () => undefined;
  const started = performance.now();
  const error = await failureOf(srf.createUAC(target, { localSdp: sdp(1) }));
  const took = performance.now() - started;
  t.equal(error?.status, 408);
  t.equal(error?.res?.source_address, '');
  t.equal(error?.res?.source_port, 0);
  t.equal(error?.res?.get('Warning'), '399 noodroute "timeout"');
  t.ok(took > 64 * T1 - 20 && took < 64 * T1 + 500, `${took.toFixed(0)} ms`);
  const times = callee.arrivals.filter((_, at) => callee.received[at]?.startsWith(`INVITE ${target} `));
  const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0));
  t.comment(`gaps ${gaps.map((gap) => gap.toFixed(0)).join(', ')} ms at T1 = ${T1} ms`);
  t.equal(times.length, 7);
  for (const [at, gap] of gaps.entries()) {
    t.ok(gap > T1 * 2 ** at - 15 && gap < T1 * 2 ** at + 200, `gap ${at} is ${gap.toFixed(0)} ms`);
  }
});

t.test('51 a closed port: 503 at once, from nowhere', async (t) => {
  const started = performance.now();
  const error = await failureOf(srf.createUAC(`sip:x@${CALLEE}:5999`, { localSdp: sdp(1) }));
  const took = performance.now() - started;
  t.comment(`503 after ${took.toFixed(1)} ms`);
  t.ok(took < 50 + 200, 'with room for a busy machine');
  t.match(error, { status: 503, res: { source_address: '', source_port: 0 } });
  t.equal(error?.res?.get('Warning'), '399 noodroute "refused"');
});

t.test('51 a host name that means nothing: 503, from nowhere', async (t) => {
  const error = await failureOf(srf.createUAC('sip:x@no-such-host.invalid', { localSdp: sdp(1) }));
  t.match(error, { status: 503, res: { source_address: '' } });
  t.equal(error?.res?.get('Warning'), '399 noodroute "unresolvable"');
});

t.test('52 the first resend comes when the application says', async (t) => {
  const target = newTarget();
  onInvite = (_invite, peer) => {
    const copies = peer.received.filter((text) => text.startsWith(`INVITE ${target} `));
    if (copies.length === 2) {
      peer.respond(copies[0] ?? '', '486 Busy Here');
    }
  };
  await failureOf(srf.createUAC(target, { localSdp: sdp(1), headers: { 'X-Noodroute-T1': '300' } }));
  const [first = 0, second = 0] = callee.arrivals.filter((_, at) =>
    callee.received[at]?.startsWith(`INVITE ${target} `),
  );
  t.ok(second - first > 280 && second - first < 600, `after ${(second - first).toFixed(0)} ms`);
});

t.test(
  '52 an INVITE that got 100 alone is sent again when the application says: a lost 180 comes after all',
  async (t) => {
    const target = newTarget();
    const copies = (): readonly string[] => callee.received.filter((text) => text.startsWith(`INVITE ${target} `));
    onInvite = (invite, peer) => {
      peer.respond(invite, copies().length === 1 ? '100 Trying' : '180 Ringing', [CONTACT]);
    };
    const { error } = await cancelled(target, '180', { 'X-Noodroute-Ask': '200' });
    t.equal(error?.status, 487);
    t.equal(copies().length, 2);
    t.equal(copies()[0], copies()[1], 'byte for byte');
    t.notMatch(copies()[0], /x-noodroute/i);
  },
);

t.test('53 cancel after 180: CANCEL with Reason, and 487', async (t) => {
  const target = newTarget();
  onInvite = (invite, peer) => {
    peer.respond(invite, '180 Ringing', [CONTACT]);
  };
  const { error, sent } = await cancelled(target, '180');
  t.equal(error?.status, 487);
  t.equal(sent, 'CANCEL');
  const [cancel = ''] = sentTo(target, 'CANCEL');
  const [invite = ''] = sentTo(target, 'INVITE');
  t.equal(valueOf(cancel, 'Reason'), 'SIP;cause=200;text="elsewhere"');
  t.equal(valueOf(cancel, 'Via'), valueOf(invite, 'Via'));
  t.equal(valueOf(cancel, 'CSeq').split(' ')[0], valueOf(invite, 'CSeq').split(' ')[0]);
  t.match(cancel, new RegExp(`^CANCEL ${target} `));
  t.equal(tagIn(cancel, 'To'), '');
  t.equal((await seen(target, 'ACK')).length, 1);
});

t.test('54 cancel before any response: it waits for the first one', async (t) => {
  const target = newTarget();
  onInvite = () => undefined;
  const result = cancelled(target, 'request');
  const [invite = ''] = await seen(target, 'INVITE');
  await new Promise((resolve) => setTimeout(resolve, 3 * T1));
  t.equal(sentTo(target, 'CANCEL').length, 0);
  callee.respond(invite, '100 Trying');
  t.equal((await seen(target, 'CANCEL')).length, 1);
  t.equal((await result).error?.status, 487);
});

t.test('55 an answer after the cancel: ACK and BYE by the server, and a destroy event', async (t) => {
  const target = newTarget();
  onInvite = (invite, peer) => {
    peer.respond(invite, '180 Ringing', [CONTACT]);
  };
  let request: Req | undefined;
  const dialog = srf.createUAC(
    target,
    { localSdp: sdp(1) },
    {
      cbRequest: (_error, sent) => {
        request = sent;
      },
      cbProvisional: () => request?.cancel({ headers: {} }),
    },
  );
  const [cancel = ''] = await seen(target, 'CANCEL');
  const [invite = ''] = sentTo(target, 'INVITE');
  callee.respond(invite, '200 OK', [CONTACT], sdp(2));
  const reason = new Promise((resolve) => {
    dialog.then((late) =>
      late.once('destroy', (_bye: Req, why: string) => {
        resolve(why);
      }),
    );
  });
  t.equal(await reason, 'ACK-BYE due to cancel race condition');
  t.not(cancel, '');
  t.equal((await seen(target, 'ACK')).length, 1);
  const [bye = ''] = await seen(target, 'BYE');
  t.equal(valueOf(bye, 'Reason'), 'SIP;cause=200;text="ACK-BYE due to cancel race condition"');
  t.match(await failureOf((await dialog).destroy()), { code: 'ENODIALOG' });
});

t.test(
  '56 an answer that the cancel did not pass: an error for the cancel, and the call is ended by BYE',
  async (t) => {
    const target = newTarget();
    onInvite = (invite, peer) => {
      peer.respond(invite, '200 OK', [CONTACT], sdp(2));
    };
    let request: Req | undefined;
    const dialog = await srf.createUAC(
      target,
      { localSdp: sdp(1) },
      {
        cbRequest: (_error, sent) => {
          request = sent;
        },
      },
    );
    const refused = await new Promise<unknown>((resolve) => {
      request?.cancel({ headers: {} }, resolve);
    });
    t.match(refused, { message: /^unable to cancel unknown transaction id/ });
    await dialog.destroy();
    t.equal(sentTo(target, 'BYE').length, 1);
  },
);

t.test('57 a repeated 200 gets its ACK again', async (t) => {
  const { dialog, target } = await answered();
  const [invite = ''] = sentTo(target, 'INVITE');
  const [first = ''] = sentTo(target, 'ACK');
  callee.respond(invite, '200 OK', [CONTACT], sdp(2));
  const [, again = ''] = await seen(target, 'ACK', 2);
  t.equal(withoutVia(again), withoutVia(first));
  await dialog.destroy();
  callee.respond(invite, '200 OK', [CONTACT], sdp(2));
  t.equal((await seen(target, 'ACK', 3)).length, 3, 'after the BYE too: its sender may not have seen it');
  t.equal(sentTo(target, 'BYE').length, 1);
});

t.test('58 of a fork that answers twice the second is acknowledged and ended', async (t) => {
  const target = newTarget();
  onInvite = (invite, peer) => {
    peer.respond(invite, '183 Session Progress', [CONTACT], sdp(3), 'a');
    peer.respond(invite, '180 Ringing', [CONTACT], '', 'b');
    peer.respond(invite, '200 OK', [CONTACT], sdp(2), 'b');
    peer.respond(invite, '200 OK', [CONTACT], sdp(3), 'a');
  };
  const dialog = await srf.createUAC(target, { localSdp: sdp(1) });
  t.equal(dialog.sip.remoteTag, 'b');
  const acks = await seen(target, 'ACK', 2);
  t.strictSame(acks.map((ack) => tagIn(ack, 'To')).toSorted(), ['a', 'b']);
  const byes = await seen(target, 'BYE');
  t.strictSame(
    byes.map((bye) => tagIn(bye, 'To')),
    ['a'],
  );
  const [invite = ''] = sentTo(target, 'INVITE');
  callee.respond(invite, '200 OK', [CONTACT], sdp(3), 'a');
  t.equal((await seen(target, 'ACK', 3)).length, 3, 'a repeated one is acknowledged again');
  callee.respond(invite, '200 OK', [CONTACT], sdp(4), 'c');
  await until(() => sentTo(target, 'BYE').length === 2, 1_000);
  t.strictSame(
    sentTo(target, 'BYE').map((bye) => tagIn(bye, 'To')),
    ['a', 'c'],
    'and gets no second BYE',
  );
  t.equal(dialog.connected, true);
  await dialog.destroy();
  t.strictSame(
    sentTo(target, 'BYE').map((bye) => tagIn(bye, 'To')),
    ['a', 'c', 'b'],
  );
});

t.test('59 a 202, and a 200 without Contact, are answers like any other: acknowledged, and ended by BYE', async (t) => {
  for (const [status, headers] of [
    ['202 Accepted', [CONTACT]],
    ['200 OK', []],
  ] as const) {
    const target = newTarget();
    onInvite = (invite, peer) => {
      peer.respond(invite, status, headers, sdp(2));
    };
    const dialog = await srf.createUAC(target, { localSdp: sdp(1) });
    const uri = headers.length > 0 ? `sip:desk@${CALLEE}:5060` : `sip:${CALLEE}:5060`;
    const [ack = ''] = await seen(target, 'ACK');
    t.ok(ack.startsWith(`ACK ${uri} `), status);
    await dialog.destroy();
    const [bye = ''] = sentTo(target, 'BYE');
    t.ok(bye.startsWith(`BYE ${uri} `), status);
  }
});

t.test('62 a reliable 183, its PRACK, and 200', async (t) => {
  const target = newTarget();
  onInvite = (invite, peer) => {
    const reliable = [CONTACT, 'Require: 100rel'];
    peer.respond(invite, '183 Session Progress', [...reliable, 'RSeq: 7001'], sdp(2));
    peer.respond(invite, '183 Session Progress', [...reliable, 'RSeq: 7001'], sdp(2));
    peer.respond(invite, '183 Session Progress', [...reliable, 'RSeq: 7003'], sdp(2));
    peer.respond(invite, '180 Ringing', [...reliable, 'RSeq: 7002']);
  };
  const progress: number[] = [];
  const dialog = srf.createUAC(
    target,
    { localSdp: sdp(1), headers: { Supported: '100rel' } },
    {
      cbProvisional: (response) => progress.push(response.status),
    },
  );
  const pracks = await seen(target, 'PRACK', 2);
  const [invite = ''] = sentTo(target, 'INVITE');
  const number = valueOf(invite, 'CSeq');
  t.strictSame(
    pracks.map((prack) => valueOf(prack, 'RAck')),
    [`7001 ${number}`, `7002 ${number}`],
  );
  t.strictSame(progress, [183, 180], 'a repeated one and one out of order are dropped (RFC 3262 4)');
  t.equal(tagIn(pracks[0] ?? '', 'To'), 'raw');
  callee.respond(invite, '200 OK', [CONTACT], sdp(2));
  await (await dialog).destroy();
});

t.test('63 no offer in the INVITE: the answer goes with the ACK', async (t) => {
  const target = newTarget();
  onInvite = (invite, peer) => {
    peer.respond(invite, '200 OK', [CONTACT, 'Content-Type: application/sdp'], sdp(2));
  };
  const offered = (await srf.createUAC(target, { noAck: true })) as unknown as Offered;
  t.equal(offered.sdp, sdp(2));
  t.equal(sentTo(target, 'ACK').length, 0);
  const dialog = await offered.ack(sdp(5));
  const [ack = ''] = await seen(target, 'ACK');
  t.ok(ack.endsWith(sdp(5)));
  t.equal(valueOf(ack, 'Content-Type'), 'application/sdp');
  const [invite = ''] = sentTo(target, 'INVITE');
  t.equal(valueOf(ack, 'CSeq').split(' ')[0], valueOf(invite, 'CSeq').split(' ')[0]);
  await dialog.destroy();
});

t.test('64 re-INVITE by request and by modify; 491 rejects', async (t) => {
  const { dialog, target } = await answered();
  onInvite = (invite, peer) => {
    peer.respond(invite, '200 OK', [CONTACT, 'Content-Type: application/sdp'], sdp(6));
  };
  t.equal((await dialog.request({ method: 'INVITE', body: sdp(5) })).status, 200);
  t.equal(await dialog.modify(sdp(7)), sdp(6));
  const invites = callee.requests('INVITE').filter((text) => callIdOf(text) === dialog.sip.callId);
  t.ok(invites[1]?.endsWith(sdp(5)) && invites[2]?.endsWith(sdp(7)));
  t.match(invites[1], /^INVITE sip:desk@/, 'to the target of the dialog');
  t.not(valueOf(invites[1] ?? '', 'Contact'), '');
  t.equal((await seen(target, 'ACK', 3)).length, 3);
  onInvite = (invite, peer) => {
    peer.respond(invite, '491 Request Pending');
  };
  t.match(await failureOf(dialog.modify(sdp(8))), { status: 491 });
  t.equal((await dialog.request({ method: 'INVITE', body: sdp(8) })).status, 491);
  await dialog.destroy();
});

t.test('66 an unknown dialog: ENODIALOG', async (t) => {
  const bye = { method: 'BYE', stackDialogId: 'no;from-tag=such' };
  t.match(await failureOf(srf.request('sip:placeholder', bye)), { code: 'ENODIALOG' });
  const { dialog } = await answered();
  await dialog.destroy();
  t.match(await failureOf(dialog.destroy()), { code: 'ENODIALOG' });
});

t.test('67 what cannot be a Request-URI gets NOK', async (t) => {
  const app = await RawApp.ready(HOST);
  for (const uri of ['tel:112', 'urn:service:sos', 'sip:', 'sip:a@', 'sip:a b@h', 'http://x', '<sip:a@h>', 'x']) {
    t.match(await app.ask(`sip||\r\nINVITE ${uri} SIP/2.0\r\n\r\n`), /^NOK\|invalid request-uri: /, uri);
  }
  t.match(await app.ask('sip||\r\nFROBNICATE sip:x@y SIP/2.0\r\n\r\n'), /^NOK\|invalid request-uri: /);
  t.equal(
    await app.ask(`sip||\r\nINVITE sips:a@${CALLEE} SIP/2.0\r\n\r\n`),
    'NOK|requested protocol/transport not available',
  );
  t.equal(await app.ask('ping'), 'OK|pong');
  app.cut();
});

t.test('67 tel: and urn: leave where the application names the next hop', async (t) => {
  const app = await RawApp.ready(HOST);
  onInvite = (invite, peer) => {
    peer.respond(invite, '486 Busy Here');
  };
  for (const uri of ['tel:+31201234567', 'urn:service:sos.police']) {
    t.match(await app.ask(`sip|||sip:${CALLEE}\r\nINVITE ${uri} SIP/2.0\r\n\r\n`), /^OK\|/);
    const [invite = ''] = await seen(uri, 'INVITE');
    t.equal(valueOf(invite, 'To'), `<${uri}>`);
  }
  app.cut();
});

t.test('68 a request to the own address gets NOK', async (t) => {
  const app = await RawApp.ready(HOST);
  t.equal(await app.ask(`sip||\r\nOPTIONS sip:${HOST} SIP/2.0\r\n\r\n`), 'NOK|can not send request to myself');
  t.equal(
    await app.ask(`sip|||sip:${HOST}:5060\r\nOPTIONS sip:x SIP/2.0\r\n\r\n`),
    'NOK|can not send request to myself',
  );
  app.cut();
});

t.test('69 a body without Content-Type gets NOK', async (t) => {
  const app = await RawApp.ready(HOST);
  t.equal(await app.ask(`sip||\r\nMESSAGE sip:x@${CALLEE} SIP/2.0\r\n\r\nhello`), 'NOK|missing content-type');
  app.cut();
});

t.test('70 CANCEL of an unknown transaction gets NOK', async (t) => {
  const app = await RawApp.ready(HOST);
  t.equal(
    await app.ask(`sip|no-such|\r\nCANCEL sip:x@${CALLEE} SIP/2.0\r\n\r\n`),
    'NOK|unable to cancel unknown transaction id: no-such',
  );
  t.match(await app.ask(`sip|no-such|\r\nINVITE sip:x@${CALLEE} SIP/2.0\r\n\r\n`), /^NOK\|/);
  app.cut();
});

t.test('70 what cannot be understood is refused with its name, and nothing of it is dropped in silence', async (t) => {
  const app = await RawApp.ready(HOST);
  for (const [line, why] of [
    ['Max-Forwards: abc', /Max-Forwards/],
    ['From: ', /From/],
    ['bad name: x', /bad name/],
    ['CSeq: x INVITE', /CSeq/],
    ['Subject: a\nX-Injected: b', /line end/],
    ['Subject: a\rX-Injected: b', /line end/],
    ['no colon', /bad header line/],
  ] as const) {
    const reply = await app.ask(`sip||\r\nINVITE sip:x@${CALLEE} SIP/2.0\r\n${line}\r\nX-After: y\r\n\r\n`);
    t.match(reply, /^NOK\|/, JSON.stringify(line));
    t.match(reply, why);
  }
  app.cut();
});

t.test('73 ten calls at once, one winner: nine are cancelled, and nothing is left', async (t) => {
  const targets = Array.from({ length: 10 }, newTarget);
  onInvite = (invite, peer) => {
    peer.respond(invite, '180 Ringing', [CONTACT]);
  };
  const requests: Req[] = [];
  let ringing = 0;
  const attempts = targets.map(async (target) =>
    srf.createUAC(
      target,
      { localSdp: sdp(1) },
      {
        cbRequest: (_error, request) => requests.push(request),
        cbProvisional: () => {
          ringing += 1;
        },
      },
    ),
  );
  const outcomes = Promise.allSettled(attempts);
  await until(() => ringing === 10, 3_000);
  const [invite = ''] = sentTo(targets[3] ?? '', 'INVITE');
  callee.respond(invite, '200 OK', [CONTACT], sdp(2));
  const winner = await Promise.any(attempts);
  for (const request of requests.filter((request) => request.get('Call-ID') !== winner.sip.callId)) {
    request.cancel({ headers: {} });
  }
  for (const target of targets.filter((target) => target !== targets[3])) {
    const [cancel = ''] = await seen(target, 'CANCEL');
    t.not(cancel, '');
    callee.respond(sentTo(target, 'INVITE')[0] ?? '', '487 Request Terminated');
  }
  const settled = await outcomes;
  t.equal(settled.filter(({ status }) => status === 'fulfilled').length, 1);
  t.ok(
    settled.every((outcome) => outcome.status === 'fulfilled' || (outcome.reason as { status: number }).status === 487),
  );
  await winner.destroy();
  t.match(engine.stats(), { invites: 0, legs: 0 });
});

t.test('a request of the callee waits until its answer was taken', async (t) => {
  const target = newTarget();
  onInvite = (invite, peer) => {
    peer.respond(invite, '200 OK', [CONTACT], sdp(2));
    const call = RawCall.callee(peer, CALLEE, HOST, invite);
    call.request('BYE');
  };
  const dialog = await srf.createUAC(target, { localSdp: sdp(1) });
  await nextEvent(dialog, 'destroy');
  t.pass('the BYE right behind the 200 is an event of the dialog');
});

t.test('a response keeps what the network said, and a 100 is told', async (t) => {
  const app = await RawApp.ready(HOST);
  const target = newTarget();
  onInvite = (invite, peer) => {
    peer.respond(invite, '100 Trying');
    peer.respond(invite, '404 Nowhere \u00e9', ['x-odd: a', 'X-ODD: b']);
  };
  const reply = await app.ask(`sip||\r\nINVITE ${target} SIP/2.0\r\n\r\n`);
  const txnId = tokensOf(`x|response|y|${reply}`)[10];
  const trying = await app.message(/^SIP\/2.0 100/);
  const gone = await app.message(/^SIP\/2.0 404/);
  t.equal(tokensOf(trying)[8], txnId);
  t.equal(tokensOf(gone)[8], txnId);
  t.match(textOf(gone), /^SIP\/2.0 404 Nowhere \u00e9\r\n/);
  t.match(textOf(gone), /\r\nx-odd: a\r\nX-ODD: b\r\n/);
  t.ok(app.received.findIndex((text) => text.includes('|response|')) < app.received.indexOf(trying));
  app.cut();
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  srf.disconnect();
  callee.close();
  await engine.close();
});

/** Starts a call and cancels it at the request or at a status; the callee ends it when the CANCEL is there. */
async function cancelled(target: string, at: string, headers: Readonly<Record<string, string>> = {}) {
  let sent: unknown;
  let request: Req | undefined;
  const cancel = (): void => {
    request?.cancel({ headers: { Reason: 'SIP;cause=200;text="elsewhere"' } }, (_error, message) => {
      sent = message?.method;
    });
  };
  const failure = failureOf(
    srf.createUAC(
      target,
      { localSdp: sdp(1), headers },
      {
        cbRequest: (_error, made) => {
          request = made;
          if (at === 'request') {
            cancel();
          }
        },
        cbProvisional: (response: Res) => {
          if (String(response.status) === at) {
            cancel();
          }
        },
      },
    ),
  );
  await seen(target, 'CANCEL');
  callee.respond(sentTo(target, 'INVITE')[0] ?? '', '487 Request Terminated');
  return { error: await failure, sent };
}

function withoutVia(text: string): string {
  return text.replace(/Via: [^\r]+\r\n/, '');
}
