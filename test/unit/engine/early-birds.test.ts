import t from 'tap';
import { EarlyBirds } from '../../../src/engine/agent/early-birds.js';

/** A clock whose timers run one at a time, when the test says so. */
function steppedClock() {
  const timers: { at: number; action: () => void }[] = [];
  let at = 0;
  const clock = {
    now: () => at,
    setTimer: (delay: number, action: () => void) => {
      const timer = { at: at + delay, action };
      timers.push(timer);
      return { cancel: () => void timers.splice(timers.indexOf(timer), 1) };
    },
  };
  const advance = (by: number): void => {
    at += by;
  };
  /** Runs the next timer, and no other. */
  const fire = (): void => {
    const [next] = timers.toSorted((a, b) => a.at - b.at);
    if (next !== undefined) {
      timers.splice(timers.indexOf(next), 1);
      at = Math.max(at, next.at);
      next.action();
    }
  };
  return { clock, advance, fire };
}

t.test('copies of an answer that nobody takes up are given up together: nothing can come between', (t) => {
  const { clock, advance, fire } = steppedClock();
  const birds = new EarlyBirds(clock, 300);
  const givenUp: string[] = [];
  const keep = (name: string): boolean =>
    birds.keep(
      () => false,
      () => givenUp.push(name),
    );
  t.ok(keep('first'));
  advance(10);
  t.ok(keep('copy'));
  t.same(givenUp, []);
  fire();
  t.same(givenUp, ['first', 'copy']);
  t.notOk(keep('later'), 'the time is over');
  t.end();
});

t.test('what was handed over in time is not given up', (t) => {
  const { clock, fire } = steppedClock();
  const birds = new EarlyBirds(clock, 300);
  const givenUp: string[] = [];
  let isThere = false;
  birds.keep(
    () => isThere,
    () => givenUp.push('known'),
  );
  birds.keep(
    () => false,
    () => givenUp.push('unknown'),
  );
  birds.again();
  isThere = true;
  birds.again();
  fire();
  t.same(givenUp, ['unknown']);
  t.end();
});

t.test('where nobody hands anything over nothing waits', (t) => {
  const birds = new EarlyBirds(steppedClock().clock, 0);
  t.notOk(
    birds.keep(
      () => true,
      () => undefined,
    ),
  );
  t.end();
});
