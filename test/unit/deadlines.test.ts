import t from 'tap';
import { id, type DestinationId, type RouteId, type ServiceId, type TrunkId } from '../../src/domain/ids.js';
import type { Route, Transport, Trunk, TrunkKind } from '../../src/domain/network.js';
import { ms } from '../../src/domain/time.js';
import { LearnedDeadlines } from '../../src/routing/learned-deadlines.js';
import { ProgressTimes } from '../../src/routing/progress-times.js';
import { diceOf } from '../../src/lab/random.js';

function trunk(kind: TrunkKind = 'sip', transport: Transport = 'udp'): Trunk {
  return {
    id: id<TrunkId>('kpn-a'),
    carrier: id('kpn'),
    kind,
    address: { host: '127.0.20.1', port: 5060, transport },
    channels: 10,
    riskGroups: new Set(),
    trusted183: false,
    trusted180: true,
    probeInterval: ms(1_000),
    enabled: true,
  };
}

const route: Route = {
  id: id<RouteId>('r'),
  service: id<ServiceId>('112'),
  destination: id<DestinationId>('meldkamer'),
  trunk: id<TrunkId>('kpn-a'),
  number: '112',
  tier: 1,
};
const way = { trunk: route.trunk, service: route.service, destination: route.destination };

function repeat(times: number, action: (index: number) => void): void {
  Array.from({ length: times }, (_, index) => {
    action(index);
  });
}

t.test('cold, the deadlines are those of the kind of trunk', async (t) => {
  const learned = new LearnedDeadlines();
  t.same(learned.of(route, trunk()), { silence: 600, progress: 2_500, slow: 1_250, ask: 600 });
  t.same(new LearnedDeadlines().of(route, trunk('e1')), { silence: 600, progress: 3_000, slow: 1_500, ask: 600 });
  t.same(new LearnedDeadlines().of(route, trunk('mobile')), { silence: 600, progress: 8_000, slow: 4_000, ask: 600 });
});

t.test('a trunk that answers in 5 ms is silent after 150 ms, and gets its INVITE again after 50 ms', async (t) => {
  const learned = new LearnedDeadlines();
  repeat(4, () => {
    learned.responded(trunk(), ms(5));
  });
  t.equal(learned.of(route, trunk()).silence, 600, 'four calls are too few');
  learned.responded(trunk(), ms(5));
  t.match(learned.of(route, trunk()), { silence: 150, resend: 50 });
});

t.test('a slow one gets its time, and time for one lost packet', async (t) => {
  const learned = new LearnedDeadlines();
  repeat(50, () => {
    learned.responded(trunk(), ms(200));
  });
  const { silence = 0, resend = 0 } = learned.of(route, trunk());
  t.ok(resend >= 200 && resend < 260, `resent after ${resend} ms`);
  t.ok(silence >= 2 * resend && silence < 520, `silent after ${silence} ms`);
});

t.test('no time is learned from a response that a resend may have brought, over TCP from every one', async (t) => {
  const learned = new LearnedDeadlines();
  repeat(10, () => {
    learned.responded(trunk(), ms(600));
  });
  t.match(learned.of(route, trunk()), { silence: 1_500, resend: undefined }, 'it is only waited for longer');
  const tcp = new LearnedDeadlines();
  repeat(50, () => {
    tcp.responded(trunk('sip', 'tcp'), ms(700));
  });
  t.ok((tcp.of(route, trunk('sip', 'tcp')).silence ?? 0) > 700);
});

t.test('a trunk that gets slower than its resend time is given more, and is learned anew', async (t) => {
  const learned = new LearnedDeadlines();
  repeat(10, () => {
    learned.responded(trunk(), ms(5));
  });
  let ambiguous = 0;
  repeat(40, () => {
    const { resend = 500 } = learned.of(route, trunk());
    ambiguous += 120 >= resend ? 1 : 0;
    learned.responded(trunk(), ms(120), ms(resend));
  });
  t.ok(ambiguous < 8, `${ambiguous} of 40 INVITEs were sent twice for nothing`);
  const { silence = 0, resend = 0 } = learned.of(route, trunk());
  t.ok(resend > 120 && resend < 260 && silence > 240, `resent after ${resend} ms, silent after ${silence} ms`);
});

t.test('a false alarm makes the silence deadline longer, and calm calls make it short again', async (t) => {
  const learned = new LearnedDeadlines();
  repeat(10, () => {
    learned.responded(trunk(), ms(5));
  });
  const before = learned.of(route, trunk());
  learned.wasTooStrict(way, before, 'silence');
  t.equal(learned.of(route, trunk()).silence, 225);
  learned.wasTooStrict(way, learned.of(route, trunk()), 'silence');
  t.equal(learned.of(route, trunk()).silence, 337.5);
  t.ok((learned.of(route, trunk()).resend ?? 0) > 150, 'and the INVITE is sent again later');
  repeat(40, () => {
    learned.responded(trunk(), ms(5));
  });
  t.match(learned.of(route, trunk()), { silence: 150, resend: 50 });
  repeat(20, () => {
    learned.wasTooStrict(way, learned.of(route, trunk()), 'silence');
  });
  t.equal(learned.of(route, trunk()).silence, 1_500, 'never above the ceiling');
});

t.test('the progress deadline is what 199 of 200 calls keep, between its floor and its ceiling', async (t) => {
  const dice = diceOf(1, 'progress');
  const learned = new LearnedDeadlines();
  const times = Array.from({ length: 500 }, () => 1_000 + 1_500 * dice());
  for (const time of times) {
    learned.progressed(way, ms(time));
  }
  const { progress } = learned.of(route, trunk());
  const beyond = times.filter((time) => time > progress).length;
  t.ok(beyond <= 3 && beyond >= 1, `${beyond} of 500 took longer than ${Math.round(progress)} ms`);
  const quick = new LearnedDeadlines();
  repeat(500, () => {
    quick.progressed(way, ms(20));
  });
  t.equal(quick.of(route, trunk()).progress, 1_500, 'the floor');
  const slow = new LearnedDeadlines();
  repeat(500, () => {
    slow.progressed(way, ms(9_000));
  });
  t.equal(slow.of(route, trunk()).progress, 4_000, 'the ceiling');
  t.equal(
    slow.of({ ...route, id: id('other'), destination: id('politie') }, trunk()).progress,
    2_500,
    'each destination by itself',
  );
});

t.test('100 alone is asked about after twice the usual time, however many responses are lost', async (t) => {
  const askOf = (times: readonly number[]): number | undefined => {
    const learned = new LearnedDeadlines();
    for (const time of times) {
      learned.progressed(way, ms(time));
    }
    return learned.of(route, trunk()).ask;
  };
  const [tenTimes, fortyTimes] = [Array.from({ length: 10 }), Array.from({ length: 40 })];
  t.equal(askOf([20, 20, 20, 20]), 600, 'four calls are too few');
  t.equal(askOf([20, 20, 20, 20, 20]), 150, 'the least');
  t.equal(
    askOf([...fortyTimes.map(() => 20), ...tenTimes.map(() => 310)]),
    150,
    'what was asked for does not put it off',
  );
  t.equal(askOf(tenTimes.map(() => 400)), 800);
  t.equal(askOf(tenTimes.map(() => 1_400)), undefined, 'the progress deadline comes first');
});

t.test('attempts that were ended early count as "at least so long"', async (t) => {
  const all = new ProgressTimes();
  const cut = new ProgressTimes();
  const dice = diceOf(2, 'cut');
  repeat(500, () => {
    const time = 1_000 * dice();
    const end = 1_000 * dice() + 300;
    all.add(ms(time), true);
    cut.add(ms(Math.min(time, end)), time <= end);
  });
  const [truth = 0, estimate = 0] = [all.late(), cut.late()];
  t.ok(Math.abs(truth - estimate) < 40, `${Math.round(truth)} ms in truth, ${Math.round(estimate)} ms by estimate`);
  const few = new ProgressTimes();
  repeat(49, () => {
    few.add(ms(10), true);
  });
  repeat(400, () => {
    few.add(ms(10), false);
  });
  t.equal(few.late(), undefined, 'too few have progressed');
});

t.test('plans are only made anew for a change that matters', async (t) => {
  const learned = new LearnedDeadlines();
  const trunks = new Map([[route.trunk, trunk()]]);
  learned.of(route, trunk());
  t.equal(learned.changes([route], trunks), false);
  repeat(5, () => {
    learned.responded(trunk(), ms(5));
  });
  t.equal(learned.inForce(route, trunk()).silence, 600, 'what plans have, whoever looks');
  t.equal(learned.changes([route], trunks), true);
  t.equal(learned.inForce(route, trunk()).silence, 150);
  learned.responded(trunk(), ms(5));
  t.equal(learned.changes([route], trunks), false, 'the same again');
});
