import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawApp, textOf, tokensOf } from './raw-app.js';
import { RawCall } from './raw-call.js';
import { connected, failureOf, isIdle, newSrf, open, sdp, startRig, timersOf, type Req, type Srf } from './rig.js';

// The numbers are those of the conformance list for drachtio's wire protocol: requests outside dialogs, how headers arrive,
// and challenges.
const HOST = '127.5.12.1';
const CALLER = '127.5.12.2';
const CALLEE = '127.5.12.3';
const CHALLENGE = 'Proxy-Authenticate: Digest realm="local", nonce="n1"';

let engine: Engine;
let caller: RawPeer;
let callee: RawPeer;
let srf: Srf;
let onInvite: RawBehaviour = () => undefined;

t.before(async () => {
  engine = await startRig(HOST, timersOf(40));
  caller = await startRawPeer(CALLER);
  callee = await startRawPeer(CALLEE, 5060, (request, peer) => {
    if (request.startsWith('INVITE ')) {
      onInvite(request, peer);
    } else if (!request.startsWith('ACK ')) {
      peer.respond(request, '200 OK');
    }
  });
  srf = await connected(newSrf(), HOST);
});

t.test('40 requests outside dialogs go to an application that wants them, and its answer goes back', async (t) => {
  const methods = ['OPTIONS', 'REGISTER', 'SUBSCRIBE', 'MESSAGE', 'REFER', 'PUBLISH', 'NOTIFY', 'INFO'];
  const app = await RawApp.ready(HOST, ...methods.map((method) => method.toLowerCase()));
  for (const method of methods) {
    const call = new RawCall(caller, CALLER, HOST);
    call.request(method, { headers: ['X-Test: 40'] });
    const told = await app.message(new RegExp(`^${method} `));
    const [, type, source, , protocol, address, port, time, txnId = '', dialogId, ownHost, ownPort] = tokensOf(told);
    t.strictSame([type, source, protocol, address, port, dialogId], ['sip', 'network', 'udp', CALLER, '5060', '']);
    t.strictSame([ownHost, ownPort], [HOST, '5060'], 'where it came in');
    t.match(time, /^\d\d:\d\d:\d\d\.\d{6}$/);
    t.equal(valueOf(textOf(told), 'X-Test'), '40');
    t.match(
      await app.ask(`sip|${txnId}|\r\nSIP/2.0 202 Accepted\r\nX-Answer: ${method}\r\n\r\n`),
      /^OK\|application\|/,
    );
    t.equal(valueOf(await call.response(202, method), 'X-Answer'), method);
  }
  app.cut();
});

t.test('41 headers as drachtio-srf reads them: extensions, P-headers, repeated, folded and compact ones', async (t) => {
  const received = new Promise<Req>((resolve) => {
    srf.message((req, res) => {
      res.send(200);
      resolve(req);
    });
  });
  const call = new RawCall(caller, CALLER, HOST);
  call.request('MESSAGE', {
    headers: [
      'X-Foo: Bar',
      'x-lower: case',
      'P-Asserted-Identity: <sip:1@x>',
      'P-Charging-Vector: icid-value=1',
      'Diversion: <sip:2@x>;reason=unknown',
      'Subject: a long\r\n one',
      'k: timer, 100rel',
      'Call-Info: <urn:a>;purpose=x',
      'Call-Info: <urn:b>;purpose=y',
      'Content-Type: text/plain',
    ],
    body: 'hello',
  });
  const req = await received;
  t.not(await call.response(200, 'MESSAGE'), '');
  for (const [name, value] of [
    ['X-Foo', 'Bar'],
    ['x-lower', 'case'],
    ['P-Asserted-Identity', '<sip:1@x>'],
    ['P-Charging-Vector', 'icid-value=1'],
    ['Diversion', '<sip:2@x>;reason=unknown'],
    ['Supported', 'timer, 100rel'],
    ['Call-Info', '<urn:a>;purpose=x,<urn:b>;purpose=y'],
    ['Content-Type', 'text/plain'],
  ] as const) {
    t.equal(req.get(name).replaceAll(/, /g, ','), value.replaceAll(/, /g, ','), name);
  }
  t.equal(req.get('Subject').replaceAll(/\s+/g, ' '), 'a long one');
  t.equal(req.body, 'hello');
});

t.test(
  '60 cancel while the call is being challenged: the INVITE with credentials is the one that is cancelled',
  async (t) => {
    onInvite = (request, peer) => {
      if (valueOf(request, 'Proxy-Authorization') === '') {
        peer.respond(request, '407 Proxy Authentication Required', [CHALLENGE]);
      } else {
        peer.respond(request, '180 Ringing', [`Contact: <sip:x@${CALLEE}>`]);
      }
    };
    let request: Req | undefined;
    const options = { localSdp: sdp(1), auth: { username: 'foo', password: 'bar' } };
    const call = srf.createUAC(`sip:x@${CALLEE}`, options, {
      cbRequest: (_error, sent) => {
        request = sent;
        sent.once('authenticate', () => {
          sent.cancel({ headers: { Reason: 'Q.850;cause=16' } });
        });
      },
    });
    const outcome = failureOf(call);
    await until(() => callee.requests('CANCEL').length > 0, 3_000);
    const [cancel = ''] = callee.requests('CANCEL');
    const invites = callee.requests('INVITE');
    const [first = '', second = ''] = invites;
    t.equal(invites.length, 2);
    t.equal(valueOf(cancel, 'Via'), valueOf(second, 'Via'));
    t.equal(valueOf(second, 'Call-ID'), valueOf(first, 'Call-ID'));
    t.equal(Number.parseInt(valueOf(second, 'CSeq'), 10), Number.parseInt(valueOf(first, 'CSeq'), 10) + 1);
    callee.respond(second, '487 Request Terminated');
    t.equal((await outcome)?.status, 487);
    t.ok(request);
  },
);

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  srf.disconnect();
  caller.close();
  callee.close();
  await engine.close();
});
