import t from 'tap';
import { failureOf, sdp, type Req, type Res } from '../engine/rig.js';
import { until } from '../support/until.js';
import {
  ack,
  ackFailure,
  answer,
  answered,
  call,
  cancel,
  hangUp,
  hungUp,
  invite,
  pause,
  received,
  respond,
  response,
  verdict,
  type Step,
} from './scenario.js';
import { startSite, type Site } from './site.js';

// Call detail records for an application that asks for them: `srf.on('cdr:attempt', ...)`. SIPp calls it, and is called.
// On the embedded engine, or on the drachtio-server that NOODROUTE_DRACHTIO names.
let site: Site;

/** The records of each call, by its user part. */
const records = new Map<string, string[]>();

/** A record belongs to the call whose user part is in it, or that has its Call-ID. */
const users = new Map<string, string>();

function listen(): void {
  for (const record of ['attempt', 'start', 'stop']) {
    site.srf.on(`cdr:${record}`, (...told: readonly unknown[]) => {
      const [source, time] = told;
      const message = told.at(-1) as Req;
      const more = told.length > 3 ? ` ${String(told[2])}` : '';
      const callId = message.get('Call-ID');
      const user = users.get(callId) ?? /records-\w+/.exec(`${message.uri} ${message.get('To')}`)?.[0] ?? 'unknown';
      users.set(callId, user);
      const good = /^\d\d:\d\d:\d\d\.\d{6}$/.test(String(time)) ? '' : ` at ${String(time)}`;
      records.set(user, [...(records.get(user) ?? []), `${record} ${String(source)}${more}${good}`]);
    });
  }
}

const begin = [invite(), response(100)];
const ring = [received('INVITE'), respond('100 Trying', { tag: '' }), respond('180 Ringing')];
const pickUp = [respond('200 OK', { sdp: true, retrans: true }), received('ACK')];

const CALLED = [
  {
    name: 'answered, and ended by the caller',
    application: async (req: Req, res: Res) => site.srf.createUAS(req, res, { localSdp: sdp(2) }),
    steps: [...begin, answered(), ack(), pause(250), ...hangUp(2)],
    gives: ['attempt network', 'start application uas', 'stop network normal-release'],
  },
  {
    name: 'refused by the application',
    application: async (_req: Req, res: Res) => Promise.resolve(res.send(486)),
    steps: [...begin, response(486), ackFailure()],
    gives: ['attempt network', 'stop application call-rejected'],
  },
  {
    name: 'given up by the caller',
    application: async (_req: Req, res: Res) => Promise.resolve(res.send(180)),
    steps: [...begin, response(180), pause(100), cancel(), response(200), response(487), ackFailure()],
    gives: ['attempt network', 'stop network call-canceled'],
  },
] as const;

const CALLING: readonly {
  readonly name: string;
  readonly application: (target: string) => Promise<unknown>;
  readonly steps: readonly Step[];
  readonly gives: readonly string[];
}[] = [
  {
    name: 'answered, and ended by the application',
    application: async (target) => (await site.srf.createUAC(target, { localSdp: sdp(1) })).destroy(),
    steps: [...ring, ...pickUp, ...hungUp()],
    gives: ['attempt application', 'start network uac', 'stop application normal-release'],
  },
  {
    name: 'refused by the far end',
    application: async (target) => failureOf(site.srf.createUAC(target, { localSdp: sdp(1) })),
    steps: [...ring, respond('486 Busy Here', { retrans: true }), received('ACK')],
    gives: ['attempt application', 'stop network call-rejected'],
  },
];

t.before(async () => {
  site = await startSite('127.5.44.1');
  t.comment(`on ${site.version}`);
  listen();
  site.srf.invite((req, res) => {
    const at = Number(/records-in(\d+)/.exec(req.uri)?.[1]);
    void CALLED[at]?.application(req, res);
  });
});

async function gave(user: string, count: number): Promise<readonly string[]> {
  await until(() => (records.get(user)?.length ?? 0) >= count, 2_000);
  return records.get(user) ?? [];
}

for (const [at, { name, steps, gives }] of CALLED.entries()) {
  t.test(`called: ${name}`, async (t) => {
    t.equal(verdict(await call(site.place(), site.sip, `records-in${at}`, steps)), '');
    t.strictSame(await gave(`records-in${at}`, gives.length), gives);
  });
}

for (const [at, { name, application, steps, gives }] of CALLING.entries()) {
  t.test(`calling: ${name}`, async (t) => {
    const place = site.place();
    const sipp = await answer(place, `records-out${at}`, steps);
    await application(`sip:records-out${at}@${place.address}:${place.port}`);
    t.equal(verdict(await sipp.done), '');
    t.strictSame(await gave(`records-out${at}`, gives.length), gives);
  });
}

t.test('nothing is left open', async (t) => {
  t.equal(await site.leftOpen(), '');
  await site.stop();
});
