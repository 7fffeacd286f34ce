import t, { type Test } from 'tap';
import { id, type TrunkId } from '../../src/domain/ids.js';
import { DrachtioServer } from '../../src/adapters/drachtio/server.js';
import type { CalleeEvents, Dialog, IncomingCall, InviteFailure } from '../../src/ports/sip-server.js';
import { header } from '../../src/sip/headers.js';
import { parseMessage } from '../../src/sip/message.js';
import { FakeControl, type Handed } from '../support/fake-control.js';
import { ANSWER, OFFER } from '../support/fake-sip-server.js';
import { until } from '../support/until.js';
import { VirtualClock } from '../support/virtual-clock.js';

// A SIP server dies with calls in set-up. The unmodified drachtio-srf on one side, on the other a server that the test plays.

const log = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };
const EMBEDDED = 'v0.9.10-noodroute-0.1.0';
const INVITE = [
  'INVITE sip:112@127.0.0.1 SIP/2.0',
  'Via: SIP/2.0/UDP 127.0.0.9;branch=z9hG4bK2;received=127.0.0.9',
  'Call-ID: in',
  'CSeq: 1 INVITE',
  'To: <sip:112@x>',
  'From: "Jans\xc3\xa9n" <sip:06@x>;tag=x',
  `Content-Length: ${OFFER.length}`,
  '',
  OFFER,
].join('\r\n');

async function connected(t: Test, version = EMBEDDED) {
  const control = await FakeControl.listen(version);
  const clock = new VirtualClock();
  const server = new DrachtioServer(clock, log);
  t.teardown(async () => {
    // One that is trying to connect cannot be told to stop.
    await until(() => server.connected, 5_000);
    server.close();
    control.close();
  });
  server.connect({ host: '127.0.0.1', port: control.port, secret: 'x' });
  await until(() => server.connected, 5_000);
  /** The connection drops, and is there again. */
  const die = async (): Promise<void> => {
    control.drop();
    await until(() => !server.connected, 5_000);
  };
  return { control, clock, server, die };
}

/** Waits until the application has read all that the server sent so far. */
async function read(server: DrachtioServer, control: FakeControl): Promise<void> {
  await new Promise<void>((resolve) => {
    server.onRequest(() => {
      resolve();
    });
    control.network('OPTIONS sip:x SIP/2.0\r\nCall-ID: after\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n');
  });
}

/** A caller's INVITE came in; `seen` says what the call reported. */
async function incoming(t: Test, version?: string) {
  const rig = await connected(t, version);
  const seen = { calls: 0, cancelled: 0, lost: 0 };
  const events = {
    cancelled: () => {
      seen.cancelled += 1;
    },
    lost: () => {
      seen.lost += 1;
    },
    acknowledged: () => undefined,
    ended: () => undefined,
    requested: () => undefined,
  };
  const call = new Promise<IncomingCall>((resolve) => {
    rig.server.onInvite((each) => {
      seen.calls += 1;
      each.attach(events);
      resolve(each);
    });
  });
  rig.control.network(INVITE, { txnId: 'i1' });
  return { ...rig, seen, call: await call };
}

function valueIn({ text }: Handed, name: string): string | undefined {
  const parsed = parseMessage(text);
  return header((parsed.ok ? parsed.message : parsed.partial)?.headers ?? [], name);
}

function bodyOf({ text }: Handed): string {
  return text.slice(text.indexOf('\r\n\r\n') + 4);
}

t.test('a call that rings is handed to the server that is back, and goes on there', async (t) => {
  const { control, server, die, call, seen } = await incoming(t);
  call.progress({ status: 180, headers: [{ name: 'X-Rings', value: 'first' }] });
  await control.handed('SIP/2.0 180');
  await read(server, control);
  await die();
  call.progress({ status: 180, headers: [{ name: 'X-Rings', value: 'meanwhile' }] });
  const order = await control.handed('MESSAGE');
  t.equal(valueIn(order, 'X-Noodroute-Adopt'), '<sip:127.0.0.9:5060;transport=udp>;tag=fake');
  t.equal(bodyOf(order), INVITE, 'byte for byte');
  t.equal(
    control.all.filter(({ text }) => text.startsWith('SIP/2.0')).length,
    1,
    'nothing leaves before it is taken up',
  );
  control.network(INVITE, { txnId: 'i2' });
  const again = await control.handed('SIP/2.0 180', 1);
  t.match([again.txnId, valueIn(again, 'X-Rings')], ['i2', 'meanwhile']);
  const answer = call.answer({ status: 200, body: ANSWER });
  t.equal((await control.handed('SIP/2.0 200')).txnId, 'i2');
  await answer;
  t.match(seen, { calls: 1, cancelled: 0, lost: 0 });
});

t.test('an answer and a refusal in the gap leave as soon as there is a server', async (t) => {
  for (const status of [200, 503]) {
    const { control, die, call } = await incoming(t);
    await die();
    const said = status === 200 ? call.answer({ status, body: ANSWER }) : call.reject({ status });
    await control.handed('MESSAGE');
    control.network(INVITE, { txnId: 'i2' });
    t.equal((await control.handed(`SIP/2.0 ${status}`)).txnId, 'i2');
    await said;
  }
});

t.test('a caller who gives up after that ends the call', async (t) => {
  const { control, die, seen } = await incoming(t);
  await die();
  await control.handed('MESSAGE');
  control.network(INVITE, { txnId: 'i2' });
  control.network('CANCEL sip:112@127.0.0.1 SIP/2.0\r\nCall-ID: in\r\nCSeq: 1 CANCEL\r\nContent-Length: 0\r\n\r\n');
  await until(() => seen.cancelled > 0, 5_000);
  t.match(seen, { calls: 1, cancelled: 1, lost: 0 });
});

t.test('reliable ringing: its number is handed on', async (t) => {
  const { control, server, die, call } = await incoming(t);
  call.progress({ status: 180, headers: [{ name: 'RSeq', value: '77' }] });
  await control.handed('SIP/2.0 180');
  await read(server, control);
  await die();
  t.match(valueIn(await control.handed('MESSAGE'), 'X-Noodroute-Adopt'), /;tag=fake;rseq=77$/);
});

t.test('an answer that may have left is not given again under the same tag', async (t) => {
  const { control, die, call, server } = await incoming(t);
  call.progress({ status: 180 });
  await control.handed('SIP/2.0 180');
  await read(server, control);
  const { leg } = await called(server, control);
  control.network(response(200, ANSWER), { txnId: leg.txnId, dialogId: 'out;from-tag=us' });
  await until(() => leg.dialogs.length === 1, 2_000);
  control.mute = true;
  const failed = call.answer({ status: 200, body: ANSWER }, leg.dialogs[0]).catch((error: unknown) => error);
  await control.handed('SIP/2.0 200');
  control.mute = false;
  await die();
  t.match(await failed, { code: 'disconnected' }, 'the answering side is lost too: another answer is welcome');
  t.equal(valueIn(await control.handed('MESSAGE'), 'X-Noodroute-Adopt'), '<sip:127.0.0.9:5060;transport=udp>');
  const other = call.answer({ status: 200, body: OFFER });
  control.network(INVITE, { txnId: 'i2' });
  t.equal(bodyOf(await control.handed('SIP/2.0 200', 1)), OFFER);
  await other;
});

t.test('a call that nobody takes up is lost after 30 s; so is one that ends server after server', async (t) => {
  const waiting = await incoming(t);
  waiting.control.refuse = ({ text }) => (text.startsWith('MESSAGE') ? 'known here' : undefined);
  await waiting.die();
  await waiting.control.handed('MESSAGE');
  waiting.clock.advance(29_999);
  t.equal(waiting.seen.lost, 0);
  waiting.clock.advance(1);
  t.equal(waiting.seen.lost, 1);

  const deadly = await incoming(t);
  for (let nth = 0; nth < 3; nth += 1) {
    await deadly.die();
    await deadly.control.handed('MESSAGE', nth);
    deadly.control.network(INVITE, { txnId: `again-${nth}` });
    deadly.call.progress({ status: 180 });
    await deadly.control.handed('SIP/2.0 180', nth);
  }
  t.equal(deadly.seen.lost, 0);
  await deadly.die();
  t.equal(deadly.seen.lost, 1);
});

t.test('a server of another kind is asked for nothing', async (t) => {
  const { control, server, die, seen } = await incoming(t, 'v0.9.10');
  const { leg } = await called(server, control);
  await die();
  t.match(leg.failed, [{ cause: 'server-gone' }]);
  t.notOk(server.adopts);
  server.letGo();
  t.equal(seen.lost, 1);
  await until(() => server.connected, 5_000);
  t.equal(control.all.filter(({ text }) => text.startsWith('MESSAGE')).length, 0);
});

t.test('another server takes up the calls that the first one gives away', async (t) => {
  const first = await incoming(t);
  const second = await connected(t);
  const { leg } = await called(first.server, first.control);
  first.control.network(response(180), { txnId: leg.txnId });
  await until(() => leg.progressed.length === 1, 2_000);
  await first.die();
  second.server.takeOver(first.server.abandon());
  t.match(leg.failed, [{ cause: 'server-gone' }]);
  t.equal(bodyOf(await second.control.handed('MESSAGE')), INVITE);
  const cancel = await second.control.handed('MESSAGE', 1);
  t.equal(valueIn(cancel, 'X-Noodroute-Cancel'), 'yes');
  t.match(cancel, { route: 'sip:127.0.0.2:5060;transport=udp', text: /\r\n\r\nINVITE sip:112@127.0.0.2 / });
  second.control.network(INVITE, { txnId: 'i2' });
  first.call.progress({ status: 180 });
  t.equal((await second.control.handed('SIP/2.0 180')).txnId, 'i2');
});

/** What became of an INVITE of ours. */
interface Leg {
  readonly txnId: string;
  readonly failed: InviteFailure[];
  readonly dialogs: Dialog[];
  readonly progressed: number[];
  over: number;
}

async function called(server: DrachtioServer, control: FakeControl, transport: 'udp' | 'tcp' = 'udp') {
  const legs = control.all.filter(({ text }) => text.startsWith('INVITE')).length;
  const leg: Leg = { txnId: `t${control.transactions + 1}`, failed: [], dialogs: [], progressed: [], over: 0 };
  const events: CalleeEvents = {
    progressed: ({ status }) => leg.progressed.push(status),
    answered: (_answer, dialog) => leg.dialogs.push(dialog),
    failed: (failure) => leg.failed.push(failure),
    ended: () => undefined,
    requested: () => undefined,
    over: () => {
      leg.over += 1;
    },
  };
  const handle = server.invite(
    {
      trunk: id<TrunkId>('kpn-a'),
      uri: 'sip:112@127.0.0.2',
      nextHop: { host: '127.0.0.2', port: 5060, transport },
      headers: [],
      body: OFFER,
    },
    events,
  );
  await control.handed('INVITE', legs);
  await read(server, control);
  return { leg, handle };
}

function response(status: number, body = ''): string {
  const lines = [
    'Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bK1',
    'From: <sip:1@x>;tag=us',
    'To: <sip:112@127.0.0.2>;tag=a',
  ];
  const more = ['Call-ID: out', 'CSeq: 1 INVITE', 'Content-Type: application/sdp', `Content-Length: ${body.length}`];
  return `SIP/2.0 ${status} Phrase\r\n${[...lines, ...more].join('\r\n')}\r\n\r\n${body}`;
}

t.test('what rings goes on ringing, and its answer counts', async (t) => {
  const { control, server, die } = await connected(t);
  const { leg } = await called(server, control);
  control.network(response(180), { txnId: leg.txnId, dialogId: 'out;from-tag=us' });
  await until(() => leg.progressed.length === 1, 2_000);
  await die();
  t.same([leg.failed, leg.over], [[], 0]);
  const order = await control.handed('INVITE', 1);
  t.equal(valueIn(order, 'X-Noodroute-Resume'), 'heard');
  t.match(order, {
    route: 'sip:127.0.0.2:5060;transport=udp',
    text: /\r\n\r\nINVITE sip:112@127.0.0.2 SIP\/2.0\r\nCall-ID: out/,
  });
  control.network(response(200, ANSWER), { txnId: `t${control.transactions}`, dialogId: 'out;from-tag=us' });
  await until(() => leg.dialogs.length === 1, 2_000);
  t.equal(leg.dialogs.length, 1);
});

t.test(
  'what does not ring is lost at once, and cancelled when its server is back; so is what rings over TCP',
  async (t) => {
    for (const [status, transport, how] of [
      [undefined, 'udp', 'unheard'],
      [100, 'udp', 'heard'],
      [180, 'tcp', 'heard'],
    ] as const) {
      const { control, server, die } = await connected(t);
      const { leg } = await called(server, control, transport);
      if (status !== undefined) {
        control.network(response(status), { txnId: leg.txnId });
        await until(() => leg.progressed.length === 1, 2_000);
      }
      await die();
      t.match([leg.failed, leg.over], [[{ cause: 'server-gone' }], 1]);
      t.equal(valueIn(await control.handed('INVITE', 1), 'X-Noodroute-Resume'), how);
      const cancel = await control.handed('CANCEL');
      t.equal(valueIn(cancel, 'X-Noodroute-Give-Up'), 'yes');
      t.equal(cancel.txnId, `t${control.transactions - 1}`, 'of the INVITE that goes on');
      t.match([leg.failed.length, leg.over], [1, 1], 'the call hears nothing more');
    }
  },
);

t.test('what rings is lost when its server does not come back, or does not know how to go on', async (t) => {
  for (const ending of ['time', 'evacuated', 'refused', 'cancelled'] as const) {
    const { control, clock, server, die } = await connected(t);
    const { leg, handle } = await called(server, control);
    control.network(response(180), { txnId: leg.txnId });
    await until(() => leg.progressed.length === 1, 2_000);
    control.refuse = ({ text }) => (ending === 'refused' && text.includes('X-Noodroute-Resume') ? 'no' : undefined);
    await die();
    if (ending === 'time') {
      clock.advance(30_000);
    } else if (ending === 'evacuated') {
      server.abandon();
    } else if (ending === 'cancelled') {
      handle.cancel([]);
    }
    if (ending === 'refused') {
      await control.handed('INVITE', 1);
      await until(() => leg.over > 0, 2_000);
    } else {
      await control.handed('CANCEL');
    }
    t.match(leg.failed, ending === 'cancelled' ? [] : [{ cause: 'server-gone' }], ending);
  }
});
