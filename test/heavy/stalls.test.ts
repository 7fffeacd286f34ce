import t from 'tap';
import type { Network } from '../../src/domain/network.js';
import type { HealthSettings } from '../../src/health/weights.js';
import { spreadOf, type Spread } from '../../src/simulator/report.js';
import { Simulation } from '../../src/simulator/simulation.js';
import type { Fault } from '../../src/simulator/world.js';
import { SERVICE_112 } from '../support/network.js';
import { kpnTrunks, one, two } from '../support/simulated-networks.js';

const RATE = 5;

interface Found {
  /** From the first call that it left hanging until it was judged gone for 112, in its own progress deadlines. */
  readonly deadlines: number;
  /** The progress deadline at the beginning, in milliseconds. */
  readonly deadline: number;
  readonly lost: number;
}

/** KPN answers 100 and nothing more, from a random moment on. */
function outage(seed: number, network: Network, warmUp: number, health: Partial<HealthSettings>): Found {
  const from = warmUp + ((seed * 7_919) % 5_000);
  const lie: Fault = { kind: 'lie', trunks: kpnTrunks, from, to: from + 3_600_000 };
  const settings = { seed, network, rate: RATE, emergencyShare: 0.5, watchesDroughts: false, faults: [lie], health };
  const run = new Simulation(settings);
  run.runUntil(from);
  const deadline = progressDeadline(run, network);
  run.runUntil(from + 60_000);
  const gone = run.changes.find(
    ({ carrier, service, to }) => carrier === 'kpn' && service === '112' && to === 'absent',
  );
  const first = run.world.leftHangingAt(SERVICE_112) ?? Number.NaN;
  const lost = run.results.filter(({ answered }) => !answered).length;
  return { deadlines: ((gone?.at ?? Number.NaN) - first) / deadline, deadline, lost };
}

function progressDeadline({ gateway }: Simulation, { routes, trunks }: Network): number {
  const [route] = routes;
  const trunk = route === undefined ? undefined : trunks.get(route.trunk);
  return route === undefined || trunk === undefined ? Number.NaN : gateway.deadlines.inForce(route, trunk).progress;
}

function outages(count: number, network: Network, warmUp: number, health: Partial<HealthSettings> = {}) {
  const found = Array.from({ length: count }, (_, index) => outage(1_000 + index, network, warmUp, health));
  return { found, spread: spreadOf(found.map(({ deadlines }) => deadlines)) };
}

function inWords({ p50, p99, max }: Spread): string {
  return `median ${p50.toFixed(2)}, p99 ${p99.toFixed(2)}, most ${max.toFixed(2)}`;
}

t.test('P5 500 outages of a carrier that answers 100, then nothing, at random moments', (t) => {
  for (const [name, network, warmUp, count] of [
    ['two trunks, warm', two, 60_000, 250],
    ['one trunk, warm', one, 60_000, 150],
    ['two trunks, cold', two, 2_000, 100],
  ] as const) {
    const { found, spread } = outages(count, network, warmUp);
    t.notOk(
      found.some(({ deadlines }) => Number.isNaN(deadlines) || deadlines < 0),
      `${name}: none undetected, none too early`,
    );
    t.equal(
      found.reduce((sum, { lost }) => sum + lost, 0),
      0,
      `${name}: no call is lost`,
    );
    const deadline = found[0]?.deadline ?? Number.NaN;
    t.ok(
      spread !== undefined && spread.p99 <= 1.2,
      `${name}: ${inWords(spread ?? none)} times its progress deadline of ${deadline} ms (promise: p99 1.2)`,
    );
  }
  t.end();
});

const none: Spread = { p50: Number.NaN, p99: Number.NaN, max: Number.NaN };

t.test('trunk by trunk it takes longer', (t) => {
  const { found } = outages(40, two, 60_000, { correlation: false });
  const inTime = found.filter(({ deadlines }) => deadlines <= 1.2).length;
  t.equal(inTime, 0, `without correlation ${inTime} of 40 outages are found in time`);
  t.end();
});
