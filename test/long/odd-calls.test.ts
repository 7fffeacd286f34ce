import t, { type Test } from 'tap';
import type { Engine } from '../../src/engine/engine.js';
import { RawApp } from '../engine/raw-app.js';
import { isIdle, open, startRig, timersOf } from '../engine/rig.js';
import { corpus } from '../support/corpus.js';
import { usesDrachtio } from '../support/drachtio-server.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { Chance, mutated } from '../support/mutation.js';
import { MARK, oddInvite } from '../support/odd-invites.js';
import { startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';

const NET = 48;
const HOST = `127.${NET}.0.1`;
const CALLER = `127.${NET}.0.2`;
const DESK = `127.${NET}.0.3`;
const OTHER_DESK = `127.${NET}.0.4`;
const SEED = Number(process.env['NOODROUTE_SEED'] ?? 44);
/** Each way: half of them odd, half of them broken. */
const EACH_WAY = 5_000;
const AT_ONCE = 40;
const RINGS_WITHIN_MS = 15_000;

/** An answering point that rings, and says so when the caller gives up. */
async function desk(address: string): Promise<RawPeer> {
  const invites = new Map<string, string>();
  return startRawPeer(address, 5060, (request, peer) => {
    if (request.startsWith('INVITE ')) {
      invites.set(valueOf(request, 'Call-ID'), request);
      peer.respond(request, '180 Ringing', [`Contact: <sip:desk@${address}>`]);
    } else if (request.startsWith('CANCEL ')) {
      const invite = invites.get(valueOf(request, 'Call-ID'));
      peer.respond(request, '200 OK');
      if (invite !== undefined) {
        peer.respond(invite, '487 Request Terminated');
      }
    }
  });
}

/** Calls from one address. Whatever rings is given up, and every final response acknowledged. */
class Callers {
  readonly #peer: RawPeer;
  #read = 0;

  constructor(peer: RawPeer) {
    this.#peer = peer;
  }

  send(text: string): void {
    this.#peer.send(text, 5060, HOST);
  }

  /** Looks at what has come since the last time. */
  look(): void {
    const { received } = this.#peer;
    for (; this.#read < received.length; this.#read += 1) {
      this.#received(received[this.#read] ?? '');
    }
  }

  #received(response: string): void {
    const status = Number(response.slice(8, 11));
    if (!response.startsWith('SIP/2.0 ') || !/ (?:INVITE|OPTIONS)$/.test(valueOf(response, 'CSeq'))) {
      return;
    }
    if (status > 100 && status < 200) {
      this.send(hopByHop('CANCEL', response));
    } else if (status >= 200) {
      this.send(hopByHop('ACK', response));
    }
  }
}

/** A CANCEL or an ACK of what a response answers (RFC 3261 9.1, 17.1.1.3). */
function hopByHop(method: string, response: string): string {
  const to = valueOf(response, 'To');
  return [
    `${method} sip:112@${HOST} SIP/2.0`,
    `Via: ${valueOf(response, 'Via')}`,
    `From: ${valueOf(response, 'From')}`,
    `To: ${method === 'ACK' ? to : to.replace(/;tag=[^;]*$/, '')}`,
    `Call-ID: ${valueOf(response, 'Call-ID')}`,
    `CSeq: ${Number.parseInt(valueOf(response, 'CSeq'), 10)} ${method}`,
    'Max-Forwards: 70',
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}

/** Whether an answering point was called for it. */
function rang(desks: readonly RawPeer[], callId: string): boolean {
  return desks.some(({ received }) => received.some((text) => new RegExp(`^${MARK}: ${callId}\\r`, 'im').test(text)));
}

async function withGateway(t: Test): Promise<{ gateway: TestGateway; desks: readonly RawPeer[]; callers: Callers }> {
  const psap = await desk(DESK);
  const other = await desk(OTHER_DESK);
  const peer = await startRawPeer(CALLER);
  t.teardown(() => {
    for (const each of [psap, other, peer]) {
      each.close();
    }
  });
  const gateway = await startGateway({
    host: HOST,
    trunks: [
      { id: 'one', carrier: 'one', address: `${DESK}:5060`, tier: 1 },
      { id: 'two', carrier: 'two', address: `${OTHER_DESK}:5060`, tier: 2 },
    ],
  });
  t.teardown(async () => gateway.stop());
  return { gateway, desks: [psap, other], callers: new Callers(peer) };
}

const skip = usesDrachtio && 'some of them end drachtio-server (docs/engines.md)';
const ALL_RING = 'R44 5,000 odd and broken INVITEs come in: each that can be understood rings the answering point';

t.test(ALL_RING, { skip }, async (t) => {
  t.comment(`NOODROUTE_SEED=${SEED}`);
  const { gateway, desks, callers } = await withGateway(t);
  const chance = new Chance(SEED);
  const all = corpus().filter((text) => text.startsWith('INVITE'));
  const silent: string[] = [];
  const rings = (): number => desks.reduce((sum, each) => sum + each.requests('INVITE').length, 0);
  let odd = 0;
  for (let count = 0; count < EACH_WAY; count += AT_ONCE) {
    const calls = Array.from({ length: AT_ONCE / 2 }, (_, index) => {
      const callId = `odd-${count + index}`;
      return { callId, ...oddInvite(chance, { caller: CALLER, gateway: HOST, callId }) };
    });
    for (const { text } of calls) {
      callers.send(text);
    }
    await until(() => {
      callers.look();
      return calls.every(({ callId }) => rang(desks, callId));
    }, RINGS_WITHIN_MS);
    silent.push(...calls.filter(({ callId }) => !rang(desks, callId)).map(({ callId, how }) => `${callId}: ${how}`));
    odd += calls.length;
    for (const { text } of calls) {
      callers.send(mutated(chance, chance.isOneIn(2) ? text : chance.of(all), all));
    }
  }
  t.comment(`${odd} odd calls, ${odd} broken ones; the answering points rang ${rings()} times`);
  t.same(silent, []);
  t.notMatch(gateway.log(), /a handler of a SIP message failed|nothing caught/);
});

t.test(
  'R44 5,000 odd and broken INVITEs of an application go out: each gets one reply, and sound ones leave',
  async (t) => {
    const host = `127.${NET}.1.1`;
    const target = `127.${NET}.1.3`;
    const engine: Engine = await startRig(host, timersOf(20));
    const peer = await startRawPeer(target, 5060, (request, self) => {
      if (request.startsWith('INVITE ')) {
        self.respond(request, '486 Busy Here');
      }
    });
    const app = await RawApp.ready(host, 'invite');
    t.teardown(async () => {
      app.cut();
      peer.close();
      await engine.close();
    });
    const chance = new Chance(SEED + 1);
    const all = corpus();
    const schemes = [
      `sip:112@${target}`,
      'tel:112',
      'urn:service:sos',
      `sips:112@${target}`,
      'cid:x',
      'sip:',
      'sip:@',
      '',
    ];
    for (let count = 0; count < EACH_WAY; count += AT_ONCE) {
      const orders = Array.from({ length: AT_ONCE }, (_, index) => {
        const uri = chance.of(schemes);
        const sip = `INVITE ${uri} SIP/2.0\r\nX-Number: ${count + index}\r\n\r\n`;
        const text = index % 2 === 0 ? sip : mutated(chance, sip, all);
        return app.send(`sip|||${chance.isOneIn(2) ? `sip:${target}` : ''}\r\n${text}`);
      });
      const good = app.send(`sip||\r\nINVITE sip:112@${target} SIP/2.0\r\nX-Good: ${count}\r\n\r\n`);
      await until(() => [...orders, good].every((id) => app.replies(id).length > 0), 5_000);
      t.same(
        orders.filter((id) => app.replies(id).length !== 1),
        [],
        'exactly one reply each',
      );
      t.match(app.replies(good)[0], /^OK\|/, 'a sound one leaves');
      app.received.length = 0;
    }
    await until(
      () => peer.requests('INVITE').filter((text) => text.includes('X-Good:')).length === EACH_WAY / AT_ONCE,
      5_000,
    );
    t.equal(peer.requests('INVITE').filter((text) => text.includes('X-Good:')).length, EACH_WAY / AT_ONCE);
    t.ok(await isIdle(engine, 20_000), open(engine));
  },
);
