import t from 'tap';
import type { Network } from '../../src/domain/network.js';
import { Simulation } from '../../src/simulator/simulation.js';
import { one, two } from '../support/simulated-networks.js';

const HOUR = 3_600_000;
const RATE = 5;

function simulation(seed: number, network: Network, rate: number): Simulation {
  return new Simulation({
    ...{ seed, network, rate, emergencyShare: 0.5 },
    watchesDroughts: false,
    world: { loss: 0.05 },
  });
}

function falselyGone({ changes }: Simulation): number {
  return changes.filter(({ to, isDeserved }) => to === 'absent' && !isDeserved).length;
}

t.test('P5 1,000 hours with 5 % of the datagrams lost each way: no carrier is taken for gone', (t) => {
  // Most of the time there are only probes: nights. Then a busy day, where calls are the datagrams.
  const quiet = simulation(1, one, 20 / 3_600);
  quiet.runUntil(1_000 * HOUR);
  t.equal(falselyGone(quiet), 0, `1,000 h, carriers of one trunk each, ${quiet.results.length} calls`);
  const busy = simulation(2, two, RATE);
  busy.runUntil(4 * HOUR);
  const { length } = busy.results;
  t.equal(falselyGone(busy), 0, `4 h at ${RATE} calls/s, a carrier of two trunks, ${length} calls`);
  const lone = simulation(3, one, RATE);
  lone.runUntil(2 * HOUR);
  t.equal(falselyGone(lone), 0, `2 h at ${RATE} calls/s, carriers of one trunk, ${lone.results.length} calls`);
  t.equal(busy.results.filter(({ answered }) => !answered).length, 0, 'no call is lost');
  t.end();
});
