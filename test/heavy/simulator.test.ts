import t, { type Test } from 'tap';
import { id, type TrunkId } from '../../src/domain/ids.js';
import type { Network } from '../../src/domain/network.js';
import { spreadOf, type Spread } from '../../src/simulator/report.js';
import { Simulation, type SimulationSettings } from '../../src/simulator/simulation.js';
import type { Fault } from '../../src/simulator/world.js';
import { kpnTrunks, one, two } from '../support/simulated-networks.js';

const HOUR = 3_600_000;
const RATE = 5;

function simulation(more: Partial<SimulationSettings>): Simulation {
  return new Simulation({ seed: 1, network: two, rate: RATE, emergencyShare: 0.5, watchesDroughts: false, ...more });
}

function silence(from: number, to: number, trunks = kpnTrunks): Fault {
  return { kind: 'silent', trunks, from, to };
}

function inWords({ p50, p99, max }: Spread): string {
  return `median ${Math.round(p50)} ms, p99 ${Math.round(p99)} ms, most ${Math.round(max)} ms`;
}

t.test('P7 bursts of loss of 2 s may trip a carrier; it returns', (t) => {
  const bursts = Array.from({ length: 12 }, (_, index) =>
    silence((index + 1) * 900_000, (index + 1) * 900_000 + 2_000),
  );
  const run = simulation({ seed: 3, faults: bursts });
  run.runUntil(14 * 900_000);
  const since = (from: number, to: string): readonly number[] =>
    run.changes
      .filter((change) => change.carrier === 'kpn' && change.service === '112' && change.to === to)
      .flatMap(({ at }) => (at >= from && at < from + 900_000 ? [at - from] : []));
  const tripped = bursts.filter(({ from }) => since(from, 'absent').length > 0);
  t.ok(tripped.length > 0, `${tripped.length} of ${bursts.length} bursts trip it`);
  const returning = spreadOf(tripped.map(({ from }) => since(from, 'returning')[0] ?? Number.POSITIVE_INFINITY));
  const present = spreadOf(tripped.map(({ from }) => since(from, 'present')[0] ?? Number.POSITIVE_INFINITY));
  t.ok((returning?.max ?? 0) < 10_000, `returning after ${inWords(returning ?? none)} (promise: 10 s)`);
  t.ok((present?.max ?? 0) < 60_000, `present after ${inWords(present ?? none)} (promise: 60 s)`);
  t.equal(run.results.filter(({ answered }) => !answered).length, 0, 'no call is lost');
  t.end();
});

const none: Spread = { p50: Number.NaN, p99: Number.NaN, max: Number.NaN };

/** Outages of KPN at random moments, each in a world of its own. */
function outages(count: number, more: Partial<SimulationSettings>) {
  const runs = Array.from({ length: count }, (_, index) => {
    const from = 30_000 + ((index * 7_919) % 5_000);
    const fault = silence(from, from + HOUR);
    const run = simulation({ ...more, seed: 1_000 + index, faults: [fault] });
    run.runUntil(from + 8_000);
    const gone = run.changes.find(({ carrier, to }) => carrier === 'kpn' && to === 'absent');
    const asked = run.world.swallowedAt(fault) ?? Number.NaN;
    return {
      wasFalse: gone !== undefined && gone.at < from,
      after: (gone?.at ?? Number.NaN) - from,
      since: (gone?.at ?? Number.NaN) - asked,
    };
  });
  return {
    undetected: runs.filter(({ after }) => Number.isNaN(after)).length,
    falsely: runs.filter(({ wasFalse }) => wasFalse).length,
    after: spreadOf(runs.map(({ after }) => after)) ?? none,
    since: spreadOf(runs.map(({ since }) => since)) ?? none,
  };
}

function report(
  t: Test,
  name: string,
  found: ReturnType<typeof outages>,
  limits: readonly [after: number, since: number],
): void {
  t.equal(found.undetected, 0, `${name}: none undetected`);
  t.equal(found.falsely, 0);
  t.ok(found.after.p99 < limits[0], `${inWords(found.after)} after the outage began (promise: p99 ${limits[0]} ms)`);
  t.ok(found.since.p99 <= limits[1], `${inWords(found.since)} after the first request (promise: ${limits[1]} ms)`);
}

t.test('P5 1,000 outages of a silent carrier, at random moments', (t) => {
  report(t, 'two trunks, 5 calls/s', outages(600, {}), [1_500, 600]);
  report(t, 'one trunk, 5 calls/s', outages(200, { network: one }), [1_500, 650]);
  report(t, 'idle', outages(200, { rate: 0 }), [2_500, 650]);
  t.end();
});

t.test('what fails without self-doubt, without correlation, without drought', (t) => {
  const everybody = new Set([...kpnTrunks, id<TrunkId>('second-a')]);
  const ownLoss = (selfDoubt: boolean): number => {
    const run = simulation({ seed: 5, health: { selfDoubt }, faults: [silence(60_000, 63_000, everybody)] });
    run.runUntil(120_000);
    return run.changes.filter(({ to }) => to === 'absent').length;
  };
  t.equal(ownLoss(true), 0, 'our own network gone for 3 s: no carrier is blamed');
  t.ok(ownLoss(false) > 0, `without self-doubt ${ownLoss(false)} are`);

  const together = outages(60, {});
  const apart = outages(60, { health: { correlation: false } });
  t.ok(together.since.p99 <= 600, `detection with correlation: ${inWords(together.since)}`);
  t.ok(apart.since.p99 > 600, `without correlation: ${inWords(apart.since)}`);

  const dryUp = (watchesDroughts: boolean): number | undefined => {
    const run = simulation({ seed: 6, rate: 0.1, watchesDroughts, dry: { from: HOUR, to: 2 * HOUR } });
    run.runUntil(2 * HOUR);
    return run.droughtAt;
  };
  const ideal = 13.8 / 0.1;
  const took = ((dryUp(true) ?? Number.NaN) - HOUR) / 1_000;
  t.ok(Math.abs(took / ideal - 1) < 0.2, `a drought is noticed after ${Math.round(took)} s, ideal ${ideal} s`);
  t.equal(dryUp(false), undefined, 'without the watch for droughts it is not');
  t.end();
});

t.test('lying carriers: what a probe cannot see, calls find', (t) => {
  for (const kind of ['lie', 'reject', 'half'] as const) {
    const fault: Fault = { kind, trunks: kpnTrunks, from: 60_000, to: 600_000 };
    const run = simulation({ seed: 7, faults: [fault] });
    run.runUntil(600_000);
    const during = run.results.filter(({ startedAt }) => startedAt > 60_000 && startedAt < 500_000);
    const later = during.filter(({ startedAt }) => startedAt > 90_000);
    const onKpn = later.filter(({ firstCarrier }) => firstCarrier === 'kpn').length;
    t.equal(during.filter(({ answered }) => !answered).length, 0, `${kind}: no call is lost`);
    t.ok(onKpn / later.length < 0.05, `${kind}: after 30 s ${onKpn} of ${later.length} calls are offered to it first`);
  }
  t.end();
});

t.test('R21 a carrier that fails 112 and carries 0900-8844 loses only 112', (t) => {
  const only112: Network = two;
  const run = simulation({
    seed: 8,
    network: only112,
    faults: [{ kind: 'reject', trunks: kpnTrunks, from: 60_000, to: 600_000, service: '112' }],
  });
  run.runUntil(300_000);
  const view = run.gateway.book.view();
  const kpn = [...two.carriers.keys()][0];
  t.equal(kpn === undefined ? '' : view.carrier(kpn, id('112')), 'absent');
  t.equal(kpn === undefined ? '' : view.carrier(kpn, id('0900-8844')), 'present');
  t.end();
});
