import t from 'tap';
import { ms } from '../../../src/domain/time.js';
import { TimerWheel } from '../../../src/engine/timer-wheel.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const GRAIN = 100;

function wheel(): { readonly clock: VirtualClock; readonly timers: TimerWheel; readonly ran: string[] } {
  const clock = new VirtualClock();
  const after = (delay: number, action: () => void): void => void clock.setTimer(ms(delay), action);
  return { clock, timers: new TimerWheel({ now: () => clock.now(), after }, GRAIN), ran: [] };
}

t.test('timers run in their order, never early, and late by one grain at most', async (t) => {
  const { clock, timers, ran } = wheel();
  clock.advance(30);
  for (const delay of [5_000, 5_001, 5_069, 5_070, 5_071, 9_000]) {
    const due = clock.now() + delay;
    timers.setTimer(delay, () => {
      const late = clock.now() - due;
      ran.push(late >= 0 && late < GRAIN ? `${delay}` : `${delay} late by ${late}`);
    });
  }
  t.equal(clock.waiting, 3, 'those of one moment share a timer of the machine');
  clock.advance(60_000);
  t.same(ran, ['5000', '5001', '5069', '5070', '5071', '9000']);
  t.equal(clock.waiting, 0);
});

t.test('a cancelled timer does not run, nor does cancelling it again touch others', async (t) => {
  const { clock, timers, ran } = wheel();
  const note = (what: string) => (): void => void ran.push(what);
  const first = timers.setTimer(5_000, note('first'));
  const second = timers.setTimer(5_000, () => {
    note('second')();
    third.cancel();
    second.cancel();
  });
  const third = timers.setTimer(5_000, note('third'));
  timers.setTimer(5_000, note('fourth'));
  first.cancel();
  first.cancel();
  clock.advance(5_000);
  t.same(ran, ['second', 'fourth']);
});

t.test('a timer that runs may set another one', async (t) => {
  const { clock, timers, ran } = wheel();
  timers.setTimer(5_000, () => {
    timers.setTimer(5_000, () => void ran.push(`again ${clock.now()}`));
  });
  clock.advance(9_999);
  t.same(ran, []);
  clock.advance(1);
  t.same(ran, ['again 10000']);
});
