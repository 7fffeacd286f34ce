import t from 'tap';
import { sdp, type CallOptions, type Dialog, type Req, type Res } from '../engine/rig.js';
import { until } from '../support/until.js';
import {
  ack,
  answered,
  ackFailure,
  call,
  cancel,
  hangUp,
  hungUp,
  inDialog,
  inEarlyDialog,
  invite,
  newRequest,
  pause,
  received,
  respond,
  response,
  type Step,
  verdict,
} from './scenario.js';
import { all, first, lossyNetwork } from './lossy.js';
import { startSite, type Site } from './site.js';

// SIPp calls an application on unmodified drachtio-srf. The verdicts are SIPp's own, and what the application saw.
// On the embedded engine, or on the drachtio-server that NOODROUTE_DRACHTIO names.
let site: Site;

type Application = (req: Req, res: Res, saw: string[]) => Promise<unknown>;

interface Behaviour {
  readonly name: string;
  readonly application: Application;
  /** What SIPp does and expects. */
  readonly steps: readonly Step[];
  /** What the application sees, in order. */
  readonly sees: readonly string[];
  /** What the network between them loses. */
  readonly loses?: (text: string, before: number) => boolean;
}

const begin = [invite(), response(100)];
const connected = [...begin, answered(), ack()];
/** The library tells of the ACK in a later turn: what SIPp sends at once would be seen before it. */
const settled = [...connected, pause(250)];

/** The application answers, and tells what becomes of the call. */
async function accept(req: Req, res: Res, saw: string[], options: CallOptions = { localSdp: sdp(2) }): Promise<Dialog> {
  const dialog = await site.srf.createUAS(req, res, options);
  saw.push('answered');
  dialog.on('ack', (acknowledged: Req) => saw.push(acknowledged.body === '' ? 'ack' : 'ack with an answer'));
  dialog.on('destroy', (bye: Req, reason?: string) => saw.push(`ended: ${reason ?? bye.get('Reason') ?? ''}`));
  return dialog;
}

/** The application rings first, or not, and waits. */
function waiting(...rings: readonly number[]): Application {
  return async (req, res, saw) => {
    rings.forEach((status) => {
      res.send(status);
    });
    req.on('cancel', (withdrawn: Req) => {
      saw.push(`cancel: ${withdrawn.get('Reason')}`);
      res.send(487, {}, (error) => saw.push(error === null || error === undefined ? 'sent' : 'not sent'));
    });
    return Promise.resolve();
  };
}

const REASON = 'Reason: SIP;cause=200;text="Call completed elsewhere"';
const cancelled = [cancel({ headers: [REASON] }), response(200), response(487), ackFailure()];

const BEHAVIOURS: readonly Behaviour[] = [
  {
    name: 'success',
    application: accept,
    steps: [...connected, pause(100), inDialog('BYE', { cseq: 2, headers: ['Reason: Q.850;cause=16'] }), response(200)],
    sees: ['answered', 'ack', 'ended: normal release'],
  },
  {
    name: 'success, ended by the application',
    application: async (req, res, saw) => {
      const dialog = await accept(req, res, saw);
      dialog.once('ack', () => void dialog.destroy({ headers: { Reason: 'Q.850;cause=16' } }));
    },
    steps: [...connected, ...hungUp([['Reason', 'Q.850;cause=16']])],
    sees: ['answered', 'ack'],
  },
  {
    name: 'cancel before 180',
    application: waiting(),
    steps: [...begin, pause(100), ...cancelled],
    sees: [`cancel: ${REASON.slice(8)}`, 'not sent'],
  },
  {
    name: 'cancel after 180',
    application: waiting(180),
    steps: [...begin, response(180), pause(100), ...cancelled],
    sees: [`cancel: ${REASON.slice(8)}`, 'not sent'],
  },
  {
    name: 'delayed ACK',
    application: accept,
    steps: [...begin, answered(), pause(1_200), ack(), pause(300), ...hangUp(2)],
    sees: ['answered', 'ack', 'ended: normal release'],
  },
  {
    name: 'lost 200: the copy is acknowledged',
    application: accept,
    loses: first(200),
    steps: [...begin, answered(), ack(), pause(300), ...hangUp(2)],
    sees: ['answered', 'ack', 'ended: normal release'],
  },
  {
    name: 'all 200s lost: the call is ended',
    application: accept,
    loses: all(200),
    steps: [...begin, received('BYE', { check: [['Reason', 'ACK timeout']] }), respond('200 OK', { tag: '' })],
    sees: ['answered', 'ended: ACK timeout'],
  },
  {
    name: 'lost 503: the copy is acknowledged',
    application: async (_req, res) => {
      res.send(503, { headers: { 'Retry-After': '7' } });
      return Promise.resolve();
    },
    loses: first(503),
    steps: [...begin, response(503, { check: [['Retry-After', '7']] }), ackFailure()],
    sees: [],
  },
  {
    name: 'no SDP: the answer comes with the ACK',
    application: accept,
    steps: [
      invite({ sdp: false }),
      response(100),
      answered(200, { check: [['Content-Type', 'application/sdp']] }),
      ack({ sdp: true }),
      pause(100),
      ...hangUp(2),
    ],
    sees: ['answered', 'ack with an answer', 'ended: normal release'],
  },
  {
    name: 're-INVITE overlap: the application asks for three at once, and they go one after the other',
    application: async (req, res, saw) => {
      const dialog = await accept(req, res, saw);
      dialog.once('ack', () => {
        void Promise.all([4, 5, 6].map(async (id) => dialog.modify(sdp(id)))).then(async () => {
          saw.push('modified');
          return dialog.destroy();
        });
      });
    },
    steps: [
      ...connected,
      ...[4, 5, 6].flatMap(() => [
        received('INVITE'),
        respond('200 OK', { tag: '', sdp: true, retrans: true }),
        received('ACK'),
      ]),
      ...hungUp(),
    ],
    sees: ['answered', 'ack', 'modified'],
  },
  {
    name: 're-INVITE of the caller',
    application: async (req, res, saw) => {
      const dialog = await accept(req, res, saw);
      dialog.on('modify', (offer: Req, answer: Res) => {
        saw.push('modify');
        answer.send(200, { body: sdp(9) });
        saw.push(offer.method);
      });
    },
    steps: [
      ...settled,
      inDialog('INVITE', { cseq: 2, sdp: true }),
      response(100),
      answered(),
      ack({ cseq: 2 }),
      pause(100),
      ...hangUp(3),
    ],
    sees: ['answered', 'ack', 'modify', 'INVITE', 'ack', 'ended: normal release'],
  },
  {
    name: 'PRACK: a reliable 183, and the answer',
    application: async (req, res, saw) => {
      res.send(183, { headers: { Require: '100rel' }, body: sdp(2) }, undefined, () => {
        saw.push('prack');
        void accept(req, res, saw);
      });
      return Promise.resolve();
    },
    steps: [
      invite({ headers: ['Supported: 100rel'] }),
      response(100),
      response(183, {
        check: [
          ['RSeq', '[0-9]+'],
          ['Require', '100rel'],
        ],
      }),
      inEarlyDialog('PRACK', { cseq: 2, headers: ['RAck: [$1] 1 INVITE'] }),
      response(200),
      answered(),
      ack(),
      pause(100),
      ...hangUp(3),
    ],
    sees: ['prack', 'answered', 'ack', 'ended: normal release'],
  },
  {
    name: 'INFO, MESSAGE, OPTIONS, NOTIFY and REFER in the dialog',
    application: async (req, res, saw) => {
      const dialog = await accept(req, res, saw);
      for (const method of ['info', 'message', 'options', 'notify', 'refer']) {
        dialog.on(method, (_request: Req, answer: Res) => {
          saw.push(method);
          answer.send(method === 'refer' ? 202 : 200);
        });
      }
    },
    steps: [
      ...settled,
      ...['INFO', 'MESSAGE', 'OPTIONS'].flatMap((method, at) => [inDialog(method, { cseq: at + 2 }), response(200)]),
      inDialog('NOTIFY', { cseq: 5, headers: ['Event: refer', 'Subscription-State: terminated'] }),
      response(200),
      inDialog('REFER', { cseq: 6, headers: ['Refer-To: <sip:other@[local_ip]>'] }),
      response(202),
      ...hangUp(7),
    ],
    sees: ['answered', 'ack', 'info', 'message', 'options', 'notify', 'refer', 'ended: normal release'],
  },
  {
    name: 'registration: a challenge, and the contacts',
    application: async (req, res, saw) => {
      const isKnown = req.has('Authorization');
      saw.push(isKnown ? 'authorized' : 'challenged');
      res.send(isKnown ? 200 : 401, {
        headers: isKnown
          ? { Contact: `${req.get('Contact')};expires=60` }
          : { 'WWW-Authenticate': 'Digest realm="x", nonce="1"' },
      });
      return Promise.resolve();
    },
    steps: [
      newRequest('REGISTER', { cseq: 1, headers: ['Expires: 60'] }),
      response(401, { check: [['WWW-Authenticate', 'nonce="1"']] }),
      newRequest('REGISTER', {
        cseq: 2,
        headers: ['Expires: 60', 'Authorization: Digest username="u", realm="x", nonce="1", uri="sip:x", response="0"'],
      }),
      response(200, { check: [['Contact', 'expires=60']] }),
    ],
    sees: ['challenged', 'authorized'],
  },
  {
    name: 'OPTIONS and MESSAGE outside a dialog',
    application: async (req, res, saw) => {
      saw.push(`${req.method} ${req.body}`);
      res.send(200, { headers: { Allow: 'INVITE, BYE' } });
      return Promise.resolve();
    },
    steps: [
      newRequest('OPTIONS', { cseq: 1 }),
      response(200, { check: [['Allow', 'INVITE, BYE']] }),
      newRequest('MESSAGE', { cseq: 2, headers: ['Content-Type: text/plain'], body: 'hello' }),
      response(200),
    ],
    sees: ['OPTIONS ', 'MESSAGE hello\r\n'],
  },
];

const running = new Map<string, { readonly application: Application; readonly saw: string[] }>();

t.before(async () => {
  site = await startSite('127.5.40.1');
  t.comment(`on ${site.version}`);
  const route = (req: Req, res: Res): void => {
    const found = running.get(/sip:([^@]+)@/.exec(req.uri)?.[1] ?? '');
    found?.application(req, res, found.saw).catch((error: unknown) => found.saw.push(String(error)));
  };
  site.srf.invite(route);
  site.srf.options(route);
  site.srf.register(route);
  site.srf.message(route);
});

t.test('behaviours', { jobs: 3 }, (t) => {
  for (const [at, { name, application, steps, sees, loses }] of BEHAVIOURS.entries()) {
    void t.test(name, { buffered: true }, async (t) => {
      const user = `called-${at}`;
      const saw: string[] = [];
      running.set(user, { application, saw });
      const place = site.place();
      const network = loses === undefined ? undefined : await lossyNetwork(place.address, site.sip, loses);
      t.equal(verdict(await call(place, network?.target ?? site.sip, user, steps)), '');
      t.not(network?.lost(), 0);
      network?.close();
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
