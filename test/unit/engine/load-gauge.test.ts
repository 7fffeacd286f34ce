import t from 'tap';
import type { EngineClock } from '../../../src/engine/clock.js';
import { LoadGauge } from '../../../src/engine/load-gauge.js';
import { STANDARD_TIMERS } from '../../../src/engine/timers.js';
import { TransactionLayer } from '../../../src/engine/transaction/layer.js';
import { bench, peerAt, theirRequest } from './fakes.js';

/** A clock whose timers fire as late as the test says. */
class LateClock implements EngineClock {
  #now = 0;
  #due: { readonly delay: number; readonly action: () => void } | undefined;

  now(): number {
    return this.#now;
  }

  setTimer(delay: number, action: () => void): { cancel: () => void } {
    this.#due = { delay, action };
    return {
      cancel: () => {
        this.#due = undefined;
      },
    };
  }

  /** The next look comes so much too late. */
  look(late: number): void {
    const due = this.#due;
    this.#now += (due?.delay ?? 0) + late;
    due?.action();
  }
}

t.test('one long pause is no overload; being behind four times in a row is, until one look is in time', (t) => {
  const clock = new LateClock();
  const changes: boolean[] = [];
  const gauge = new LoadGauge(clock, (isOverloaded) => changes.push(isOverloaded));
  clock.look(10_000);
  clock.look(0);
  t.notOk(gauge.isOverloaded, 'a pause of 10 s');
  for (const late of [501, 501, 501]) {
    clock.look(late);
  }
  t.notOk(gauge.isOverloaded);
  clock.look(501);
  t.ok(gauge.isOverloaded);
  clock.look(501);
  clock.look(499);
  t.notOk(gauge.isOverloaded);
  t.same(changes, [true, false], 'each change is told once');
  gauge.close();
  clock.look(0);
  t.end();
});

t.test('new requests get a bare 503 while overloaded; copies, CANCEL, ACK and requests in dialogs go on', (t) => {
  let isOverloaded = false;
  const b = bench();
  const layer = new TransactionLayer(b.clock, STANDARD_TIMERS, b.user, { isOverloaded: () => isOverloaded });
  const receive = (...texts: readonly string[]): void => {
    for (const text of texts) {
      layer.received(text, peerAt(), b.transport);
    }
  };
  receive(theirRequest('INVITE'));
  isOverloaded = true;
  receive(
    theirRequest('INVITE'),
    theirRequest('CANCEL'),
    theirRequest('INFO', { toTag: 'ours', branch: 'z9hG4bKinfo' }),
  );
  t.same([b.invites.length, b.cancels.length, b.requests.length], [1, 1, 1]);
  t.same(b.transport.takeLines(), []);
  receive(
    theirRequest('INVITE', { branch: 'z9hG4bKnew', callId: 'new' }),
    theirRequest('OPTIONS', { branch: 'z9hG4bKo' }),
  );
  t.same([b.invites.length, b.requests.length], [1, 1]);
  t.notMatch(b.transport.sent[0]?.text, /Retry-After/i);
  t.same(b.transport.takeLines(), ['503 Service Unavailable', '503 Service Unavailable']);
  t.equal(layer.discarded.get('overload'), 2);
  isOverloaded = false;
  receive(theirRequest('INVITE', { branch: 'z9hG4bKlater', callId: 'later' }));
  t.equal(b.invites.length, 2);
  layer.close();
  t.end();
});
