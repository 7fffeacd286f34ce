import t from 'tap';
import type { Attempt } from '../../src/calls/call.js';
import type { PlannedAttempt } from '../../src/domain/attempt.js';
import type { AttemptOutcome, Evidence } from '../../src/domain/health.js';
import { id, type AttemptId } from '../../src/domain/ids.js';
import type { Ingress, Service } from '../../src/domain/network.js';
import { after, ms } from '../../src/domain/time.js';
import { judge } from '../../src/failure/verdict.js';
import { smallNetwork } from '../support/network.js';
import { office } from '../support/office.js';

const network = smallNetwork([{ id: 'kpn-a', carrier: 'kpn' }]);
const [emergency] = [...network.services.values()] as [Service];
const lostProbe: Evidence = { type: 'probe', outcome: { kind: 'silent' } };

/** A keeper, and the calls over its only trunk. */
class Bench {
  readonly #office = office(network);
  readonly keeper = this.#office.keeper;
  readonly gone: string[] = [];

  constructor(reportsTrying: boolean) {
    this.#office.server.reportsTrying = reportsTrying;
    this.keeper.onTrunkGone((trunk, service) => {
      this.gone.push(`${trunk} ${service}`);
    });
  }

  get first(): PlannedAttempt {
    const [first] = this.keeper.plan(emergency);
    if (first === undefined) {
      throw new Error('the plan is empty');
    }
    return first;
  }

  /** A call of which the first response came after `heardAfter`, if one did. */
  call(outcome: AttemptOutcome, heardAfter?: number): void {
    const startedAt = this.#office.clock.now();
    const attempt: Attempt = {
      id: id<AttemptId>('a'),
      planned: this.first,
      variant: 'as-sent',
      startedAt,
      state: { phase: 'silent' },
      ...(heardAfter === undefined ? {} : { firstResponseAt: after(startedAt, ms(heardAfter)) }),
      ...(outcome.kind === 'failed' ? { missed: outcome.verdict } : {}),
    };
    this.keeper.evidence(attempt, emergency, outcome);
  }
}

t.test('where 100 Trying reaches us the deadlines are the usual ones', (t) => {
  const bench = new Bench(true);
  t.same(bench.first.deadlines, { miss: 500, silence: 600, progress: 2_500, slow: 1_250, ask: 600 });
  bench.call({ kind: 'answered' }, 20);
  t.same(bench.first.deadlines, { miss: 500, silence: 600, progress: 2_500, slow: 1_250, ask: 600 });
  bench.keeper.close();
  t.end();
});

t.test('where it does not, a silence deadline is earned by ringing soon, and lost by being slow', (t) => {
  const bench = new Bench(false);
  const progressOnly = { silence: undefined, progress: 2_500, slow: 1_250, doubt: 500 };
  t.same(bench.first.deadlines, progressOnly);
  for (let calls = 0; calls < 5; calls += 1) {
    bench.call({ kind: 'progressed' }, 200);
  }
  t.same(bench.first.deadlines, { silence: 1_200, progress: 2_500, slow: 1_250, doubt: 500 });
  const verdict = judge({ service: 'emergency', origin: 'deadline', which: 'unheard' });
  for (let calls = 0; calls < 5; calls += 1) {
    bench.call({ kind: 'failed', verdict });
    bench.call({ kind: 'answered' }, 1_800);
  }
  t.same(bench.first.deadlines, progressOnly, 'it rings too slowly now');
  bench.keeper.close();
  t.end();
});

t.test('an attempt of which nothing is heard is no evidence, but probes that are lost too are', (t) => {
  const bench = new Bench(false);
  const { trunk } = bench.first;
  bench.call({ kind: 'unheard' });
  t.match(bench.keeper.book.trunk(trunk.id, emergency.id), { state: 'unproven' });
  t.ok(
    bench.keeper.book.ledgers(trunk.id).some(({ probe }) => probe.doubtSince !== undefined),
    'quick probes begin',
  );
  for (let probes = 0; probes < 9; probes += 1) {
    bench.keeper.record(trunk.id, lostProbe);
  }
  t.ok(bench.gone.includes('kpn-a 112'), 'the calls that wait on it move (P8)');
  bench.keeper.close();
  t.end();
});

t.test('when everybody falls silent at once, everything is tried, and an upstream with other ways is told no', (t) => {
  const pair = smallNetwork([
    { id: 'kpn-a', carrier: 'kpn' },
    { id: 'second-a', carrier: 'second' },
  ]);
  const { keeper, clock } = office(pair);
  const [ingress] = pair.ingresses;
  const wilting: Ingress = { ...(ingress as Ingress), noPath: 'wilt' };
  t.equal(keeper.plan(emergency)[0]?.role, 'normal');
  t.ok(keeper.canServe(wilting));
  for (let probes = 0; probes < 9; probes += 1) {
    for (const trunk of pair.trunks.keys()) {
      clock.advance(10);
      keeper.record(trunk, lostProbe);
    }
  }
  t.same(
    keeper.plan(emergency).map(({ role }) => role),
    ['panic', 'panic'],
  );
  t.notOk(keeper.canServe(wilting));
  t.not(keeper.book.view().carrier(id('kpn'), emergency.id), 'absent', 'and yet nobody is blamed');
  for (const trunk of pair.trunks.keys()) {
    keeper.record(trunk, { type: 'probe', outcome: { kind: 'answered', status: 200, roundTrip: ms(2) } });
  }
  t.equal(keeper.plan(emergency)[0]?.role, 'normal');
  keeper.close();
  t.end();
});
