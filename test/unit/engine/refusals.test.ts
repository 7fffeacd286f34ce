import t from 'tap';
import { Refusals } from '../../../src/engine/control/refusals.js';

t.test('wrong secrets are logged at once, and do not fill the log', (t) => {
  let now = 0;
  const said: object[] = [];
  const log = { info: () => undefined, debug: () => undefined };
  const clock = { now: () => now, setTimer: () => ({ cancel: () => undefined }) };
  const refusals = new Refusals(clock, { ...log, warn: (what: object) => said.push(what) });
  refusals.wrongSecret('a');
  for (; now < 9_999; now += 1) {
    refusals.wrongSecret('b');
  }
  t.strictSame(said, [{ application: 'a' }]);
  now = 10_000;
  refusals.wrongSecret('c');
  t.strictSame(said[1], { application: 'c', before: 9_999 });
  t.equal(said.length, 2);
  t.end();
});
