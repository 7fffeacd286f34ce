import t from 'tap';
import { id, type DestinationId, type ServiceId } from '../../src/domain/ids.js';
import { ms } from '../../src/domain/time.js';
import { diceOf } from '../../src/lab/random.js';
import { ringRange, RingTimes } from '../../src/routing/ring-times.js';

const emergency = { service: id<ServiceId>('112'), destination: id<DestinationId>('meldkamer') };
const police = { service: id<ServiceId>('0900-8844'), destination: id<DestinationId>('politie') };

/** As many answers, each after the time that `took` gives. */
function answers(times: RingTimes, count: number, took: (index: number) => number): void {
  for (let index = 0; index < count; index += 1) {
    const after = ms(took(index));
    times.answered(emergency, after, after >= times.usually(emergency));
  }
}

t.test('cold, a destination is given 12 s', async (t) => {
  const times = new RingTimes();
  t.equal(times.usually(emergency), 12_000);
  answers(times, 49, () => 3_000);
  t.equal(times.usually(emergency), 12_000, '49 answers are too few');
});

t.test('one that answers within 5 s is given half as much again', async (t) => {
  const times = new RingTimes();
  answers(times, 200, (index) => 1_000 + (index % 41) * 100);
  t.equal(times.usually(emergency), 7_500);
  t.equal(times.usually(police), 12_000, 'and no other');
});

t.test('it is never less than 6 s, nor more than 20 s', async (t) => {
  const times = new RingTimes();
  answers(times, 200, () => 200);
  t.equal(times.usually(emergency), ringRange.floor);
  answers(times, 500, () => 40_000);
  t.equal(times.usually(emergency), ringRange.ceiling);
});

t.test(
  'an answering point that becomes slow is given more with its first late answer, and is trusted again',
  async (t) => {
    const times = new RingTimes();
    answers(times, 200, () => 4_000);
    t.equal(times.usually(emergency), 6_000);
    answers(times, 1, () => 7_000);
    t.equal(times.usually(emergency), 9_000);
    answers(times, 500, () => 4_000);
    t.equal(times.usually(emergency), 6_000);
  },
);

t.test('answers as people give them: fewer than one in two hundred rings is doubled', async (t) => {
  const times = new RingTimes();
  const dice = diceOf(7, 'answers');
  let doubled = 0;
  const calls = 5_000;
  answers(times, calls, () => {
    // A median of 4 s, a long tail: one in a hundred waits over 13 s.
    const took = 4_000 * Math.exp(0.5 * gauss(dice));
    doubled += took >= times.usually(emergency) ? 1 : 0;
    return took;
  });
  t.comment(`${doubled} of ${calls} rings would have been doubled`);
  t.ok(doubled < calls / 200);
});

t.test('callers who hang up while it rings do not make it look quick', async (t) => {
  const times = new RingTimes();
  answers(times, 100, () => 3_000);
  const before = times.usually(emergency);
  for (let index = 0; index < 100; index += 1) {
    times.hungUp(emergency, ms(10_000));
  }
  t.ok(times.usually(emergency) > before);
});

t.test('what was learned goes on in the next process', async (t) => {
  const times = new RingTimes();
  answers(times, 200, () => 5_000);
  const next = new RingTimes();
  next.restore(times.save());
  t.equal(next.usually(emergency), 7_500);
  t.equal(next.atBest(emergency), 5_000, 'a call that proves a trunk is given no more than nearly all take');
});

function gauss(dice: () => number): number {
  return Math.sqrt(-2 * Math.log(1 - dice())) * Math.cos(2 * Math.PI * dice());
}
