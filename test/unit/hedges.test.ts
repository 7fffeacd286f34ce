import t from 'tap';
import { HedgeBudget } from '../../src/calls/hedge-budget.js';
import { id, type TrunkId } from '../../src/domain/ids.js';
import { instant } from '../../src/domain/time.js';
import { FakeCaller } from '../support/fake-sip-server.js';
import { smallNetwork } from '../support/network.js';
import { office, reports, settle } from '../support/office.js';

const trunk = id<TrunkId>('second-a');

t.test('a fifth of the calls of the last minute, and two at least', async (t) => {
  const budget = new HedgeBudget();
  const hedges = (now: number): number => {
    let given = 0;
    for (; budget.allows(trunk, instant(now)) && given < 1_000; given += 1) {
      budget.started(trunk, true, instant(now));
    }
    return given;
  };
  t.equal(hedges(0), 2, 'of none');
  t.equal(hedges(59_000), 0);
  t.equal(hedges(60_000), 2, 'a minute later');
  for (let call = 0; call < 100; call += 1) {
    budget.started(trunk, false, instant(130_000 + call * 100));
  }
  t.equal(hedges(140_000), 20, 'of a hundred');
  t.equal(hedges(150_000), 0);
});

/** Calls that meet a first carrier which says 100 and no more. */
function stalled(number: string, calls: number, channels = 120) {
  const gateway = office(
    smallNetwork([
      { id: 'kpn-a', carrier: 'kpn', tier: 1 },
      { id: 'second-a', carrier: 'second', tier: 2, channels },
    ]),
  );
  const { server } = gateway;
  const callers = Array.from({ length: calls }, () => new FakeCaller(`sip:${number}@127.0.0.1`));
  for (const caller of callers) {
    server.incoming(caller);
    server.callees.at(-1)?.provisional(100);
  }
  const backup = (): number => server.callees.filter(({ request }) => request.nextHop.host === '127.0.99.2').length;
  return { ...gateway, callers, backup };
}

t.test('one stalled priority call of many may be hedged, not all of them; emergency calls are exempt', async (t) => {
  const police = stalled('09008844', 1);
  police.clock.advance(2_500);
  t.equal(police.backup(), 1);
  police.keeper.close();
  const emergency = stalled('112', 10);
  emergency.clock.advance(2_500);
  t.equal(emergency.backup(), 10);
  emergency.keeper.close();
});

t.test('what waits on a trunk that is judged gone is moved, whatever the budget', async (t) => {
  const { keeper, callers, backup } = stalled('09008844', 20);
  keeper.record(id<TrunkId>('kpn-a'), { type: 'line', state: 'down', cause: 'test' });
  t.equal(backup(), callers.length);
  keeper.close();
});

t.test('a phantom ring is counted: it rang at an answering point, and another one answered', async (t) => {
  const { server, clock, keeper, desk, records } = office();
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  clock.advance(600);
  server.callee(0).provisional(180);
  server.callee(1).provisional(180);
  server.callee(1).answer();
  await settle();
  t.equal(desk.phantomRings, 1);
  t.match(reports(records), [{ phantomRings: 1 }]);
  keeper.close();
});
