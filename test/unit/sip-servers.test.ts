import t from 'tap';
import { SipServers, type ServerMember } from '../../src/app/sip-servers.js';
import type { Abandoned, CalleeEvents, IncomingCall, InviteRequest, LostAttempt } from '../../src/ports/sip-server.js';
import { id, type TrunkId } from '../../src/domain/ids.js';
import { ms } from '../../src/domain/time.js';
import { FakeCaller, FakeSipServer } from '../support/fake-sip-server.js';
import { VirtualClock } from '../support/virtual-clock.js';

/** One server of several, whose connection the test cuts. */
class Member extends FakeSipServer implements ServerMember {
  dialogs = 0;
  adopts = true;
  /** The calls in set-up that it had when it was lost. */
  orphans: IncomingCall[] = [];
  readonly adopted: IncomingCall[] = [];
  readonly toCancel: LostAttempt[] = [];
  /** Whether the attempts that waited for it were given up. */
  gaveUp = false;
  #handler: (connected: boolean) => void = () => undefined;

  onConnection(handler: (connected: boolean) => void): void {
    this.#handler = handler;
  }

  die(): void {
    this.connect(false);
    this.#handler(false);
  }

  abandon(): Abandoned {
    this.gaveUp = true;
    return { calls: this.orphans.splice(0), attempts: [{ invite: 'INVITE', nextHop: 'sip:127.0.0.5' }] };
  }

  takeOver({ calls, attempts }: Abandoned): void {
    this.adopted.push(...calls);
    this.toCancel.push(...attempts);
  }

  letGo(): void {
    this.abandon();
  }
}

const invite: InviteRequest = {
  uri: 'sip:112@127.0.0.1',
  trunk: id<TrunkId>('kpn-a'),
  nextHop: { host: '127.0.0.1', port: 5060, transport: 'udp' },
  headers: [],
  body: '',
};
const ignore = (): void => undefined;
const events: CalleeEvents = {
  progressed: ignore,
  answered: ignore,
  failed: ignore,
  ended: ignore,
  requested: ignore,
  over: ignore,
};

function rig(): {
  readonly a: Member;
  readonly b: Member;
  readonly servers: SipServers;
  readonly clock: VirtualClock;
  readonly calls: IncomingCall[];
} {
  const [a, b] = [new Member(), new Member()];
  const clock = new VirtualClock();
  const servers = new SipServers(clock, a, [b]);
  const calls: IncomingCall[] = [];
  servers.onInvite((call) => calls.push(call));
  return { a, b, servers, clock, calls };
}

t.test('a call goes out over the server that it came in on, while that lives', (t) => {
  const { a, b, servers, calls } = rig();
  b.incoming(new FakeCaller('sip:112@127.0.0.1'));
  a.incoming(new FakeCaller('sip:112@127.0.0.1'));
  servers.invite(invite, events, calls[0]);
  servers.invite(invite, events, calls[1]);
  t.same([a.callees.length, b.callees.length], [1, 1]);
  b.connected = false;
  servers.invite(invite, events, calls[0]);
  t.same([a.callees.length, b.callees.length], [2, 1], 'the next attempt takes the other one');
  servers.invite(invite, events);
  t.same([a.callees.length, b.callees.length], [3, 1], 'what belongs to no call takes the first');
  t.end();
});

t.test('one connected server is enough; deadlines are those of the one that tells least', async (t) => {
  const { a, b, servers } = rig();
  a.connected = false;
  b.reportsTrying = false;
  t.ok(servers.connected);
  t.notOk(servers.reportsTrying);
  t.same(await servers.probe(invite.nextHop, ms(100)), { kind: 'silent' });
  servers.invite(invite, events);
  t.equal(b.callees.length, 1);
  a.connected = true;
  b.connected = false;
  t.ok(servers.reportsTrying, 'a server that is gone has no say');
  a.connected = false;
  t.notOk(servers.connected);
  a.dialogs = 2;
  b.dialogs = 3;
  t.equal(servers.dialogs, 5);
});

/** A call on the second server, which then dies with it. */
function orphaned(change: (parts: ReturnType<typeof rig>) => void = ignore) {
  const parts = rig();
  parts.b.incoming(new FakeCaller('sip:112@127.0.0.1'));
  parts.b.orphans = [...parts.calls];
  change(parts);
  parts.b.die();
  return parts;
}

t.test('a server that is back within a second keeps its calls in set-up', (t) => {
  const { a, b, clock } = orphaned();
  clock.advance(900);
  b.connect(true);
  clock.advance(10_000);
  t.same([a.adopted.length, b.gaveUp], [0, false]);
  t.end();
});

t.test('else another one that can takes them up, and their attempts go out over that', (t) => {
  const { a, b, servers, clock, calls } = orphaned();
  clock.advance(999);
  t.notOk(b.gaveUp);
  clock.advance(1);
  t.same(a.adopted, calls);
  t.equal(a.toCancel.length, 1, 'and cancels what may still ring');
  t.ok(b.gaveUp);
  b.connect(true);
  servers.invite(invite, events, calls[0]);
  t.same([a.callees.length, b.callees.length], [1, 0]);
  t.end();
});

t.test('they go on waiting where the others cannot, and are lost at once where none ever will', (t) => {
  const waiting = orphaned(({ a }) => {
    a.adopts = false;
  });
  waiting.clock.advance(4_000);
  t.same([waiting.a.adopted.length, waiting.b.gaveUp], [0, false]);
  const lost = orphaned(({ a, b }) => {
    a.adopts = false;
    b.adopts = false;
  });
  t.ok(lost.b.gaveUp);
  t.end();
});

t.test('whoever waits for any server hears of each that is there', (t) => {
  const { a, b, servers } = rig();
  let heard = 0;
  servers.onConnected(() => {
    heard += 1;
  });
  a.connect(true);
  b.connect(true);
  t.equal(heard, 2);
  t.end();
});
