import t from 'tap';
import { SipServers } from '../../src/app/sip-servers.js';
import type { CalleeEvents, IncomingCall, InviteRequest } from '../../src/ports/sip-server.js';
import { ms } from '../../src/domain/time.js';
import { FakeCaller, FakeSipServer } from '../support/fake-sip-server.js';

/** One server of several, whose connection the test cuts. */
class Member extends FakeSipServer {
  dialogs = 0;
  onConnection(): void {
    // The tests set `connected` themselves.
  }
}

const invite: InviteRequest = {
  uri: 'sip:112@127.0.0.1',
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
  readonly calls: IncomingCall[];
} {
  const [a, b] = [new Member(), new Member()];
  const servers = new SipServers(a, [b]);
  const calls: IncomingCall[] = [];
  servers.onInvite((call) => calls.push(call));
  return { a, b, servers, calls };
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
