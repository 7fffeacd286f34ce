import t from 'tap';
import { failureOf, sdp, type CallOptions, type Dialog, type Offered, type Req, type Res } from '../engine/rig.js';
import { until } from '../support/until.js';
import {
  answer,
  answered,
  fromCallee,
  hungUp,
  pause,
  received,
  respond,
  response,
  verdict,
  type Step,
} from './scenario.js';
import { startSite, type Site } from './site.js';

// An application on unmodified drachtio-srf calls SIPp. The verdicts are SIPp's own, and what the application saw.
// On the embedded engine, or on the drachtio-server that NOODROUTE_DRACHTIO names.
let site: Site;

interface Behaviour {
  readonly name: string;
  /** @param target where SIPp is, as a SIP URI. */
  readonly application: (target: string, saw: string[]) => Promise<unknown>;
  /** What SIPp does and expects; where drachtio-server does something else, `drachtio` says what. */
  readonly steps: readonly Step[];
  readonly drachtio?: readonly Step[];
  /** What the application sees, in order. */
  readonly sees: readonly string[];
}

const auth = { username: 'foo', password: 'bar' };
const CHALLENGE = 'Digest realm="local", nonce="4cdbb733645816512687270b83d2ae5d"';
const CREDENTIALS =
  'Digest username="foo".*realm="local".*nonce="4cdbb733645816512687270b83d2ae5d".*response="[0-9a-f]{32}"';

const ring = [received('INVITE'), respond('100 Trying', { tag: '' }), respond('180 Ringing')];
const pickUp = [respond('200 OK', { sdp: true, retrans: true }), received('ACK')];
const accepted = [...ring, ...pickUp];
const refusal = [received('INVITE'), respond('488 Not Acceptable Here', { tag: '', retrans: true }), received('ACK')];
/** @param contact whether the server says where it is, as RFC 3311 5.1 asks. */
const updates = (contact: readonly (readonly [string, string])[]): readonly Step[] => [
  ...accepted,
  received('UPDATE', { check: [['Content-Type', 'application/sdp'], ...contact] }),
  respond('200 OK', { tag: '', sdp: true }),
  pause(100),
  fromCallee('UPDATE', { cseq: 1, sdp: true }),
  response(200, { check: [['Content-Type', 'application/sdp'], ...contact] }),
  fromCallee('BYE', { cseq: 2 }),
  response(200),
];
const challenged = (status: string, header: string): readonly Step[] => [
  received('INVITE', { check: [['CSeq', '[0-9]+ INVITE']] }),
  respond(status, { headers: [`${header}: ${CHALLENGE}`], retrans: true }),
  received('ACK'),
];

/** The application calls, and tells what becomes of it. */
async function dial(target: string, saw: string[], options: CallOptions = {}): Promise<Dialog> {
  const cbProvisional = (progress: Res): void => {
    if (progress.status > 100) {
      saw.push(String(progress.status));
    }
  };
  const dialog = await site.srf.createUAC(target, { localSdp: sdp(1), ...options }, { cbProvisional });
  saw.push('answered');
  dialog.on('destroy', (bye: Req, reason?: string) => saw.push(`ended: ${reason ?? bye.get('Reason') ?? ''}`));
  return dialog;
}

/** The application calls, and hangs up when it is answered. */
async function dialAndHangUp(target: string, saw: string[], options: CallOptions = {}): Promise<void> {
  const dialog = await dial(target, saw, options);
  const bye = await dialog.destroy();
  saw.push(bye.method);
}

async function failing(target: string, saw: string[], options: CallOptions = {}): Promise<void> {
  const error = await failureOf(dial(target, saw, options));
  saw.push(`failed: ${String(error?.status)}`);
}

/** The application sends a request outside any dialog, and tells its final response. */
async function ask(target: string, saw: string[], method: string, options: Asked): Promise<void> {
  // With the promise the response can be missed: it may come in the same segment as the confirmation.
  site.srf.request(target, { method, auth, ...options }, (_error, request) => {
    request.on('response', ({ status }: Res) => saw.push(`${method} ${status}`));
  });
  return Promise.resolve();
}

interface Asked {
  readonly headers: Record<string, string>;
  readonly body?: string;
}

const BEHAVIOURS: readonly Behaviour[] = [
  { name: 'success', application: dialAndHangUp, steps: [...accepted, ...hungUp()], sees: ['180', 'answered', 'BYE'] },
  {
    name: 'success, ended by the callee',
    application: dial,
    steps: [
      ...accepted,
      pause(100),
      fromCallee('BYE', { cseq: 1, headers: ['Reason: Q.850;cause=16'] }),
      response(200),
    ],
    sees: ['180', 'answered', 'ended: normal release'],
  },
  {
    name: '404',
    application: failing,
    steps: [...ring, respond('404 Not Found', { retrans: true }), received('ACK')],
    sees: ['180', 'failed: 404'],
  },
  {
    name: '407 with auth: the same call again, with credentials and the next CSeq',
    application: async (target, saw) => dialAndHangUp(target, saw, { auth }),
    steps: [
      ...challenged('407 Proxy Authentication Required', 'Proxy-Authenticate'),
      received('INVITE', { check: [['Proxy-Authorization', CREDENTIALS]] }),
      ...pickUp,
      ...hungUp(),
    ],
    sees: ['answered', 'BYE'],
  },
  {
    name: '401 with auth',
    application: async (target, saw) => dialAndHangUp(target, saw, { auth }),
    steps: [
      ...challenged('401 Unauthorized', 'WWW-Authenticate'),
      received('INVITE', { check: [['Authorization', CREDENTIALS]] }),
      ...pickUp,
      ...hungUp(),
    ],
    sees: ['answered', 'BYE'],
  },
  {
    name: '407 without auth',
    application: failing,
    steps: challenged('407 Proxy Authentication Required', 'Proxy-Authenticate'),
    sees: ['failed: 407'],
  },
  {
    name: 'cancel after 180, with a reason',
    application: async (target, saw) => {
      let sent: Req | undefined;
      const call = site.srf.createUAC(
        target,
        { localSdp: sdp(1) },
        {
          cbRequest: (_error, request) => {
            sent = request;
          },
          cbProvisional: ({ status }) => {
            if (status === 180) {
              sent?.cancel({ headers: { Reason: 'SIP;cause=200;text="elsewhere"' } });
            }
          },
        },
      );
      saw.push(`failed: ${String((await failureOf(call))?.status)}`);
    },
    steps: [
      received('INVITE'),
      respond('180 Ringing'),
      received('CANCEL', { check: [['Reason', 'SIP;cause=200;text="elsewhere"']] }),
      respond('200 OK'),
      respond('487 Request Terminated', { ofInvite: true }),
      received('ACK'),
    ],
    sees: ['failed: 487'],
  },
  {
    name: 'PRACK: a reliable 183',
    application: async (target, saw) => dialAndHangUp(target, saw, { headers: { Supported: '100rel' } }),
    steps: [
      received('INVITE', { check: [['Supported', '100rel']] }),
      respond('183 Session Progress', { sdp: true, headers: ['Require: 100rel', 'RSeq: 717'] }),
      received('PRACK', { check: [['RAck', '717 [0-9]+ INVITE']] }),
      respond('200 OK', { tag: '' }),
      respond('200 OK', { ofInvite: true, tag: '', retrans: true }),
      received('ACK'),
      ...hungUp(),
    ],
    sees: ['183', 'answered', 'BYE'],
  },
  {
    name: 're-INVITE of the application',
    application: async (target, saw) => {
      const dialog = await dial(target, saw);
      saw.push((await dialog.modify(sdp(3))).startsWith('v=0') ? 'modified' : 'not modified');
      await dialog.destroy();
    },
    steps: [
      ...accepted,
      received('INVITE'),
      respond('100 Trying', { tag: '' }),
      respond('200 OK', { tag: '', sdp: true, retrans: true }),
      received('ACK'),
      ...hungUp(),
    ],
    sees: ['180', 'answered', 'modified'],
  },
  {
    name: 're-INVITE of the callee',
    application: async (target, saw) => {
      const dialog = await dial(target, saw);
      dialog.on('modify', (_offer: Req, response: Res) => {
        saw.push('modify');
        response.send(200, { body: sdp(4) });
      });
    },
    steps: [
      ...accepted,
      pause(100),
      fromCallee('INVITE', { cseq: 1, sdp: true }),
      response(100),
      answered(),
      fromCallee('ACK', { cseq: 1 }),
      pause(100),
      fromCallee('BYE', { cseq: 2 }),
      response(200),
    ],
    sees: ['180', 'answered', 'modify', 'ended: normal release'],
  },
  {
    name: 're-INVITE refused: the session stays',
    application: async (target, saw) => {
      const dialog = await dial(target, saw);
      const refused = await dialog.request({ method: 'INVITE', body: sdp(5) });
      saw.push(String(refused.status));
      await dialog.destroy();
    },
    steps: [...accepted, ...refusal, ...hungUp()],
    // drachtio-server acknowledges the failure itself, and passes on the ACK of the client library too.
    drachtio: [...accepted, ...refusal, received('ACK'), ...hungUp()],
    sees: ['180', 'answered', '488'],
  },
  {
    name: 'refer, and the NOTIFY about it',
    application: async (target, saw) => {
      const dialog = await dial(target, saw);
      dialog.on('notify', (request: Req, response: Res) => {
        saw.push(`notify: ${request.body.trim()}`);
        response.send(200);
      });
      const { status } = await dialog.request({ method: 'REFER', headers: { 'Refer-To': '<sip:other@127.0.0.1>' } });
      saw.push(`refer: ${status}`);
    },
    steps: [
      ...accepted,
      received('REFER', {
        check: [
          ['Refer-To', '<sip:other@127.0.0.1>'],
          ['Contact', 'sip:'],
        ],
      }),
      respond('202 Accepted', { tag: '' }),
      pause(100),
      fromCallee('NOTIFY', {
        cseq: 1,
        headers: ['Event: refer', 'Subscription-State: terminated', 'Content-Type: message/sipfrag'],
        body: 'SIP/2.0 200 OK',
      }),
      response(200),
      fromCallee('BYE', { cseq: 2 }),
      response(200),
    ],
    sees: ['180', 'answered', 'refer: 202', 'notify: SIP/2.0 200 OK', 'ended: normal release'],
  },
  {
    name: 'UPDATE with SDP, in both directions',
    application: async (target, saw) => {
      const dialog = await dial(target, saw);
      dialog.on('update', (request: Req, response: Res) => {
        saw.push(request.body.startsWith('v=0') ? 'update' : 'update without SDP');
        response.send(200, { body: sdp(6), headers: { 'Content-Type': 'application/sdp' } });
      });
      const { status } = await dialog.request({
        method: 'UPDATE',
        body: sdp(7),
        headers: { 'Content-Type': 'application/sdp' },
      });
      saw.push(String(status));
    },
    steps: updates([['Contact', 'sip:']]),
    drachtio: updates([]),
    sees: ['180', 'answered', '200', 'update', 'ended: normal release'],
  },
  {
    name: 'BYE with auth',
    application: async (target, saw) => dialAndHangUp(target, saw, { auth }),
    steps: [
      ...accepted,
      received('BYE'),
      respond('401 Unauthorized', { tag: '', headers: [`WWW-Authenticate: ${CHALLENGE}`] }),
      received('BYE', { check: [['Authorization', CREDENTIALS]] }),
      respond('200 OK', { tag: '' }),
    ],
    sees: ['180', 'answered', 'BYE'],
  },
  {
    name: 'forked answers: the first is the call, the second is acknowledged and ended',
    application: async (target, saw) => {
      const offered: unknown = await site.srf.createUAC(target, { noAck: true });
      await new Promise((resolve) => setTimeout(resolve, 600));
      const dialog = await (offered as Offered).ack(sdp(8));
      saw.push('answered');
      await dialog.destroy();
    },
    steps: [
      received('INVITE'),
      respond('200 OK', { sdp: true, tag: 'one' }),
      pause(100),
      respond('200 OK', { sdp: true, tag: 'two' }),
      received('ACK', { check: [['To', 'tag=[0-9]+two']] }),
      received('BYE', { check: [['To', 'tag=[0-9]+two']] }),
      respond('200 OK', { tag: '' }),
      received('ACK', { check: [['To', 'tag=[0-9]+one']] }),
      ...hungUp([['To', 'tag=[0-9]+one']]),
    ],
    drachtio: [
      received('INVITE'),
      respond('200 OK', { sdp: true, tag: 'one' }),
      pause(100),
      respond('200 OK', { sdp: true, tag: 'two' }),
      received('ACK', { check: [['To', 'tag=[0-9]+one']] }),
      ...hungUp([['To', 'tag=[0-9]+one']]),
    ],
    sees: ['answered'],
  },
  {
    name: 'registration with auth',
    application: async (target, saw) =>
      ask(target, saw, 'REGISTER', { headers: { Contact: '<sip:me@localhost>;expires=3600' } }),
    steps: [
      received('REGISTER', { check: [['Contact', '<sip:me@[0-9.:]+>;expires=3600']] }),
      respond('401 Unauthorized', { headers: [`WWW-Authenticate: ${CHALLENGE}`] }),
      received('REGISTER', { check: [['Authorization', CREDENTIALS]] }),
      respond('200 OK'),
    ],
    sees: ['REGISTER 200'],
  },
  ...(['OPTIONS', 'MESSAGE', 'INFO', 'NOTIFY', 'REFER', 'SUBSCRIBE', 'PUBLISH'] as const).map((method): Behaviour => ({
    name: `${method} outside a dialog`,
    application: async (target, saw) =>
      ask(target, saw, method, { headers: { 'Content-Type': 'text/plain', Event: 'x' }, body: 'hello' }),
    steps: [received(method, { check: [['Content-Type', 'text/plain']] }), respond('200 OK')],
    sees: [`${method} 200`],
  })),
];

t.before(async () => {
  site = await startSite('127.5.41.1');
  t.comment(`on ${site.version}`);
});

t.test('302: the application follows to another place', async (t) => {
  const [first, second] = [site.place(), site.place()];
  const elsewhere = await answer(second, 'second', [...accepted, ...hungUp()]);
  const contact = `Contact: <sip:second@${second.address}:${second.port}>`;
  const here = await answer(first, 'first', [
    received('INVITE'),
    respond('302 Moved Temporarily', { headers: [contact], contact: false, retrans: true }),
    received('ACK'),
  ]);
  const saw: string[] = [];
  await dialAndHangUp(`sip:first@${first.address}:${first.port}`, saw, { followRedirects: true });
  t.equal(verdict(await here.done), '');
  t.equal(verdict(await elsewhere.done), '');
  t.strictSame(saw, ['180', 'answered', 'BYE']);
});

t.test('behaviours', { jobs: 3 }, (t) => {
  for (const { name, application, steps, drachtio, sees } of BEHAVIOURS) {
    void t.test(name, { buffered: true }, async (t) => {
      const place = site.place();
      const sipp = await answer(place, 'called', site.isDrachtio ? (drachtio ?? steps) : steps);
      const saw: string[] = [];
      application(`sip:sipp@${place.address}:${place.port}`, saw).catch((error: unknown) => saw.push(String(error)));
      t.equal(verdict(await sipp.done), '');
      await until(() => saw.length >= sees.length, 2_000);
      t.strictSame(saw, sees);
    });
  }
  t.end();
});

t.test('nothing is left open', async (t) => {
  t.equal(await site.leftOpen(), '');
  await site.stop();
});
