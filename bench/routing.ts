import { id, type TrunkId } from '../src/domain/ids.js';
import { instant } from '../src/domain/time.js';
import { HealthBook } from '../src/health/book.js';
import { buildPlans, plan } from '../src/routing/planner.js';
import { SERVICE_112, smallNetwork } from '../test/support/network.js';

/** What DESIGN 9 allows for one decision, in microseconds. */
const GOAL = 5;
const TRUNKS = 50;
const DECISIONS = 200_000;
const ROUNDS = 10;

/**
 * What one call costs for its plan, with 50 trunks, one of them on its way back, and every question asked that the gateway
 * asks. Printed after each row of calls: it must not grow with their number.
 */
function measure(): readonly number[] {
  const network = smallNetwork(
    Array.from({ length: TRUNKS }, (_, index) => ({
      ...{ id: `trunk-${index}`, carrier: `carrier-${index % 7}`, tier: 1 + (index % 3) },
    })),
  );
  const book = new HealthBook(network, instant(0));
  const returning = id<TrunkId>('trunk-3');
  book.record(returning, { type: 'line', state: 'down', cause: 'bench' }, instant(1));
  book.record(returning, { type: 'line', state: 'up', cause: '' }, instant(2));
  book.tick(instant(10_000));
  const plans = buildPlans(network, book.view());
  const now = instant(10_000);
  let turn = 0;
  return Array.from({ length: ROUNDS }, () => {
    const started = performance.now();
    for (let calls = 0; calls < DECISIONS; calls += 1) {
      turn += 1;
      plan(plans, SERVICE_112, {
        turn,
        canaryAllowed: (trunk) => book.admitsCanary(trunk, SERVICE_112, now),
        shareAllowed: (trunk) => book.takesShare(trunk, SERVICE_112),
        hasRoom: (trunk) => trunk.channels > 0,
      });
    }
    return ((performance.now() - started) / DECISIONS) * 1_000;
  });
}

const rounds = measure();
const slowest = Math.max(...rounds);
for (const [index, each] of rounds.entries()) {
  process.stdout.write(`after ${(index + 1) * DECISIONS} calls: ${each.toFixed(2)} microseconds a decision\n`);
}
process.stdout.write(`slowest ${slowest.toFixed(2)} of ${GOAL} microseconds, ${TRUNKS} trunks\n`);
process.exitCode = slowest <= GOAL ? 0 : 1;
