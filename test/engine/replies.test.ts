import fc from 'fast-check';
import t from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { startRawPeer, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawApp, tokensOf } from './raw-app.js';
import { RawCall } from './raw-call.js';
import { isIdle, open, SECRET, sdp, startRig, timersOf } from './rig.js';

// Number 87 of the conformance list for drachtio's wire protocol.
const HOST = '127.5.6.1';
const CALLER = '127.5.6.2';
const CALLEE = '127.5.6.3';
const METHODS = [
  'INVITE',
  'ACK',
  'PRACK',
  'CANCEL',
  'BYE',
  'OPTIONS',
  'INFO',
  'UPDATE',
  'MESSAGE',
  'REFER',
  'NONSENSE',
];
const STATUSES = [100, 180, 183, 200, 202, 302, 486, 503, 603, 99, 700];
const ANSWERS = ['', '100 Trying', '180 Ringing', '200 OK', '486 Busy Here', '183 Session Progress'];
const HEADERS = [
  [],
  ['Require: 100rel'],
  ['X-Noodroute-Give-Up: yes'],
  ['X-Noodroute-T1: 20'],
  ['Max-Forwards: x'],
  ['To: <sip:x@y>;tag=own'],
  ['nonsense'],
  ['From: <sip:a@localhost>', 'Contact: *'],
];

let engine: Engine;
let caller: RawPeer;
let callee: RawPeer;

t.before(async () => {
  engine = await startRig(HOST, timersOf(20));
  caller = await startRawPeer(CALLER, 5060, (request, peer) => {
    peer.respond(request, '200 OK');
  });
  callee = await startRawPeer(CALLEE, 5060, (request, peer) => {
    const number = Number(/^\S+ sip:(\d+)@/.exec(request)?.[1] ?? '3');
    const answer = ANSWERS[number % ANSWERS.length] ?? '';
    if (!request.startsWith('ACK ') && answer !== '') {
      const reliable = answer.startsWith('183') ? ['Require: 100rel', 'RSeq: 1'] : [];
      peer.respond(request, answer, [`Contact: <sip:${number}@${CALLEE}>`, ...reliable], '', `t${number % 2}`);
    }
  });
});

/** A step of an application, or of the network around it. */
const step = fc.record({
  what: fc.constantFrom(
    'new',
    'new',
    'new',
    'respond',
    'respond',
    'dialog',
    'dialog',
    'cancel',
    'cancel',
    'meta',
    'call',
    'wait',
  ),
  n: fc.nat(1_000),
  method: fc.constantFrom(...METHODS),
  status: fc.constantFrom(...STATUSES),
  headers: fc.constantFrom(...HEADERS),
  body: fc.constantFrom('', sdp(1), 'text', '\u0000\u00ff'),
});

type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

const URIS = [
  `@${CALLEE}`,
  `@${CALLEE}`,
  `@${CALLEE}`,
  `@${CALLEE}:5998`,
  `@${HOST}`,
  '@nowhere.invalid',
  '@',
  ` @${CALLEE}`,
];

/** The message of a step; `undefined` where it is not the application's. */
function messageOf(app: RawApp, { what, n, method, status, headers, body }: Step): string | undefined {
  const text = (start: string): string => `${[start, ...headers].join('\r\n')}\r\n\r\n${body}`;
  const told = app.received.filter((each) => /^[^|]+\|sip\|/.test(each)).map(tokensOf);
  const replied = app.received.filter((each) => /\|response\|[^|]+\|OK\|application/.test(each)).map(tokensOf);
  const pick = (values: readonly (string | undefined)[]): string => values[n % Math.max(values.length, 1)] ?? 'unknown';
  switch (what) {
    case 'new':
      return `sip||\r\n${text(`${method} sip:${n}${URIS[n % URIS.length]} SIP/2.0`)}`;
    case 'respond':
      return `sip|${pick(told.map((tokens) => tokens[8]))}|\r\n${text(`SIP/2.0 ${status} Whatever`)}`;
    case 'dialog':
      return `sip||${pick([...told.map((tokens) => tokens[9]), 'unknown'])}\r\n${text(`${method} sip:placeholder SIP/2.0`)}`;
    case 'cancel':
      return `sip|${pick(replied.map((tokens) => tokens[10]))}|\r\n${text(`CANCEL sip:${n}@${CALLEE} SIP/2.0`)}`;
    case 'meta':
      return ['ping', 'route|invite', 'route|bye', 'remove_route|bye', `authenticate|${SECRET}|`, 'proxy|x|y'][n % 6];
    case 'call':
    case 'wait':
      return undefined;
  }
}

async function play(app: RawApp, each: Step): Promise<string | undefined> {
  if (each.what === 'wait') {
    await new Promise((resolve) => setTimeout(resolve, each.n % 10));
  }
  if (each.what === 'call') {
    const call = new RawCall(caller, CALLER, HOST);
    const invite = call.invite({ headers: each.n % 2 === 0 ? ['Supported: 100rel'] : [], body: sdp(1) });
    if (each.n % 5 === 0) {
      call.cancel();
    }
    if (each.n % 7 === 0) {
      call.again(invite);
    }
  }
  const message = messageOf(app, each);
  return message === undefined ? undefined : app.send(message);
}

t.test('87 every message of an application gets exactly one reply', async (t) => {
  let messages = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 80, size: 'max' }), async (steps) => {
      const app = await RawApp.ready(HOST, 'invite');
      const ids: string[] = [];
      for (const each of steps) {
        const id = await play(app, each);
        ids.push(...(id === undefined ? [] : [id]));
      }
      messages += ids.length;
      await until(() => ids.every((id) => app.replies(id).length === 1), 3_000);
      const wrong = ids.filter(
        (id) => app.replies(id).length !== 1 || !/^(?:OK|NOK)(?:\||$)/.test(app.replies(id)[0] ?? ''),
      );
      const alive = !app.closed;
      app.cut();
      if (wrong.length > 0 || !alive) {
        throw new Error(`${wrong.length} without exactly one reply; connection ${alive ? 'open' : 'closed'}`);
      }
    }),
    { numRuns: 40, interruptAfterTimeLimit: 8_000, seed: 112 },
  );
  t.comment(`${messages} messages`);
  t.ok(messages > 500);
});

t.test('nothing is left open', async (t) => {
  t.ok(await isIdle(engine), open(engine));
  t.strictSame(
    Object.keys(engine.stats().discarded).filter((kind) => kind.startsWith('fault')),
    [],
  );
  caller.close();
  callee.close();
  await engine.close();
});
