import t from 'tap';
import { header } from '../../src/sip/headers.js';
import { FakeCaller } from '../support/fake-sip-server.js';
import { smallNetwork } from '../support/network.js';
import { KPN_AND_SECOND, office, reports, settle } from '../support/office.js';

/** A call to a gateway whose upstream has other ways, or none. */
function called(noPath: 'hold' | 'wilt', number = '112', trunks: Parameters<typeof smallNetwork>[0] = KPN_AND_SECOND) {
  const gateway = office(smallNetwork(trunks, noPath));
  const caller = new FakeCaller(`sip:${number}@127.0.0.1`);
  const call = (): FakeCaller => {
    gateway.server.incoming(caller);
    return caller;
  };
  const allDown = (): void => {
    for (const { trunk } of gateway.keeper.snapshot().trunks) {
      gateway.keeper.record(trunk, { type: 'line', state: 'down', cause: 'test' });
    }
  };
  return { ...gateway, caller, call, allDown };
}

/** Every INVITE that is open is refused, so long as new ones come at once. */
function refuseAll({ callees }: ReturnType<typeof called>['server'], from = 0): number {
  let nth = from;
  for (; nth < callees.length; nth += 1) {
    callees[nth]?.fail(503);
  }
  return nth;
}

t.test('P10 an emergency caller hears ringing and is tried every second, until answered', async (t) => {
  const { server, clock, call, caller, keeper } = called('hold');
  call();
  let tried = refuseAll(server);
  t.equal(tried, 2, 'everything was tried once');
  let idleSeconds = 0;
  for (let second = 1; second <= 300; second += 1) {
    clock.advance(1_000);
    idleSeconds += server.callees.length === tried ? 1 : 0;
    tried = refuseAll(server, tried);
  }
  t.equal(idleSeconds, 0, 'it was tried in each of 300 seconds');
  t.same(
    caller.heard.map(({ status }) => status),
    [180, 180, 180, 180, 180, 180],
    'ringing within 2 s, and every 50 s from then on',
  );
  clock.advance(1_000);
  server.callees.at(-1)?.answer();
  await settle();
  t.equal(caller.heard.at(-1)?.status, 200);
  keeper.close();
});

t.test('P10 until the caller hangs up', async (t) => {
  const { server, clock, call, caller, keeper, desk, records } = called('hold');
  call();
  let tried = refuseAll(server);
  clock.advance(30_000);
  tried = refuseAll(server, tried);
  caller.events?.cancelled([]);
  clock.advance(30_000);
  t.equal(server.callees.length, tried, 'nothing is tried any more');
  t.equal(desk.openCalls, 0);
  t.match(reports(records), [{ outcome: 'cancelled' }]);
  keeper.close();
});

t.test('P10 the first sign of a trunk is acted on at once, not a second later', async (t) => {
  const { server, clock, call, keeper } = called('hold');
  call();
  const tried = refuseAll(server);
  clock.advance(300);
  t.equal(server.callees.length, tried);
  const other = new FakeCaller('sip:112@127.0.0.1');
  server.incoming(other);
  server.callees.at(-1)?.provisional(180);
  t.equal(server.callees.length, tried + 2, 'another call rings: this one is tried too');
  keeper.close();
});

t.test('P10 a channel that becomes free is acted on at once', async (t) => {
  const { server, clock, call, keeper } = called('hold', '112', [{ id: 'kpn-a', carrier: 'kpn', channels: 1 }]);
  const first = new FakeCaller('sip:112@127.0.0.1');
  server.incoming(first);
  server.callee(0).answer();
  await settle();
  call();
  server.callee(1).fail(503);
  clock.advance(10_000);
  refuseAll(server, 2);
  const tried = server.callees.length;
  clock.advance(500);
  first.events?.ended({ by: 'peer', reasons: [] });
  server.callee(0).events.over();
  t.equal(server.callees.length, tried + 1);
  keeper.close();
});

t.test('P10 a call that is held for ten minutes keeps no more than the first and the latest attempts', async (t) => {
  const { server, clock, call, caller, keeper, records } = called('hold');
  call();
  let tried = 0;
  for (let second = 0; second < 600; second += 1) {
    tried = refuseAll(server, tried);
    clock.advance(1_000);
  }
  caller.events?.cancelled([]);
  const [report] = reports(records);
  t.ok(tried > 600);
  t.ok((report?.attempts.length ?? 0) < 60, `${report?.attempts.length} attempts are listed`);
  t.equal(report?.attempts[0]?.startedAfterMs, 0, 'the first among them');
  t.equal(server.callees.length, (report?.attempts.length ?? 0) + (report?.attemptsNotListed ?? 0));
  keeper.close();
});

t.test('a trunk that is silent has one open attempt of a held call at a time', async (t) => {
  const { server, clock, call, keeper } = called('hold');
  call();
  let most = 0;
  for (let second = 0; second < 60; second += 1) {
    clock.advance(1_000);
    for (const host of ['127.0.99.1', '127.0.99.2']) {
      const open = server.callees.filter(
        ({ request, cancelled }) => request.nextHop.host === host && cancelled === undefined,
      );
      most = Math.max(most, open.length);
    }
  }
  t.equal(most, 1);
  t.ok(server.callees.length > 10, `${server.callees.length} attempts in a minute`);
  keeper.close();
});

t.test(
  'P10 P20 an upstream with other ways is told no within 1 s when everything is down and nothing answers',
  async (t) => {
    const { server, clock, call, caller, keeper, allDown } = called('wilt', '112', [
      { id: 'kpn-a', carrier: 'kpn' },
      { id: 'kpn-b', carrier: 'kpn' },
      { id: 'second-a', carrier: 'second' },
      { id: 'third-a', carrier: 'third' },
    ]);
    allDown();
    call();
    t.equal(server.callees.length, 3, 'three at once, no more');
    clock.advance(899);
    t.same(caller.statuses(), []);
    clock.advance(1);
    t.same(caller.statuses(), [503]);
    t.equal(header(caller.heard[0]?.headers ?? [], 'Retry-After'), undefined);
    t.ok(server.callees.every(({ cancelled }) => cancelled !== undefined));
    keeper.close();
  },
);

t.test('P10 P20 ... and within 6 s when something answered but nothing rang', async (t) => {
  const { server, clock, call, caller, keeper, allDown } = called('wilt');
  allDown();
  call();
  server.callee(0).provisional(100);
  clock.advance(5_999);
  t.same(caller.statuses(), [], 'not even ringing: many upstreams would stop hunting');
  clock.advance(1);
  t.same(caller.statuses(), [503]);
  keeper.close();
});

t.test('P20 ... and within 6 s while a trunk is still thought up; what rings in time is waited for', async (t) => {
  const silent = called('wilt');
  silent.call();
  silent.clock.advance(6_000);
  t.same(silent.caller.statuses(), [503]);
  silent.keeper.close();
  const ringing = called('wilt');
  ringing.call();
  ringing.clock.advance(3_000);
  ringing.server.callees.at(-1)?.provisional(180);
  t.same(ringing.caller.statuses(), [180]);
  ringing.clock.advance(20_000);
  ringing.server.callees.at(-1)?.answer();
  await settle();
  t.same(ringing.caller.statuses().at(-1), 200);
  ringing.keeper.close();
});

t.test('a priority caller gets a true answer, and is never held', async (t) => {
  const { server, call, caller, keeper } = called('hold', '09008844');
  call();
  refuseAll(server);
  t.same(caller.statuses(), [503]);
  t.equal(header(caller.heard[0]?.headers ?? [], 'Retry-After'), '10');
  keeper.close();
});

t.test('a channel that is kept for emergency calls is not for others', async (t) => {
  const trunks = [{ id: 'kpn-a', carrier: 'kpn', channels: 2, reserved: 1 }];
  const { server, keeper } = called('hold', '112', trunks);
  const police = Array.from({ length: 2 }, () => new FakeCaller('sip:09008844@127.0.0.1'));
  for (const caller of police) {
    server.incoming(caller);
  }
  t.equal(server.callees.length, 1);
  t.same(police[1]?.statuses(), [503]);
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  t.equal(server.callees.length, 2);
  keeper.close();
});
