import { setTimeout as sleep } from 'node:timers/promises';
import t, { type Test } from 'tap';
import { startLab, type TestLab } from '../support/lab.js';
import { runSipp, type SippResult } from '../support/sipp.js';
import { until } from '../support/until.js';

// Every way in which the first carrier may fail, with calls on the way: the lab's faults, and SIPp's own clock and counts.

/** Two at a time: most of each test is waiting. */
t.jobs = 2;

const RATE = 5;
const BEFORE = 15;
const AFTER = 25;
const HOLD_MS = 300;

/** No caller waits longer for ringing, in milliseconds. */
interface Wait {
  /** The promise that it comes from. */
  readonly promise: number;
  /** Room for a busy machine. */
  readonly most: number;
}

interface Expected extends Wait {
  /** Where drachtio-server cannot do the same (`docs/engines.md`). */
  readonly onDrachtio?: Wait;
  readonly scenario?: string;
  /** Changes the lab's inventory before it starts. */
  readonly inventory?: (text: string) => string;
}

/** Calls before and after the fault: all are answered, none twice, nobody waits too long. */
async function faulty(t: Test, net: number, fault: string, expected: Expected): Promise<TestLab> {
  const lab = await startLab(net, expected.inventory);
  t.teardown(async () => lab.stop());
  await lab.calls();
  const calls = callers(net, lab, BEFORE + AFTER, RATE, expected.scenario);
  await sleep((1_000 * BEFORE) / RATE);
  await lab.fault('kpn', fault);
  await answeredOnce(t, lab, await calls, BEFORE + AFTER, expected);
  return lab;
}

async function callers(net: number, lab: TestLab, calls: number, rate: number, scenario = 'caller.xml') {
  return runSipp({
    ...{ scenario, address: `127.${net}.1.1`, target: lab.sip, service: '112' },
    ...{ calls, rate, duration: HOLD_MS },
  });
}

async function answeredOnce(t: Test, lab: TestLab, sipp: SippResult, calls: number, expected: Expected) {
  const { promise, most } = lab.server === 'drachtio-server' ? (expected.onDrachtio ?? expected) : expected;
  t.match(sipp, { exitCode: 0, successful: calls, failed: 0 }, 'every call was answered, and ended by its caller');
  const psap = (await lab.state()).psaps.find(({ id }) => id === 'meldkamer');
  const late = Math.max(0, ...(sipp.times['2'] ?? []));
  if (!t.ok(late < most, `rang after ${late} ms at the latest (promise: ${promise} ms)`)) {
    t.comment(await attemptsOf(lab));
  }
  t.comment(`rings ${psap?.rings}, connected ${psap?.connected}, phantom rings ${psap?.phantomRings}`);
  t.ok((psap?.connected ?? Number.NaN) <= calls + 1, 'none was answered twice, but for one that crossed our CANCEL');
  t.ok((psap?.phantomRings ?? Number.NaN) <= calls / 10, 'and few rang in vain');
}

/** What each call tried, for whoever has to find out why one was late. */
async function attemptsOf(lab: TestLab): Promise<string> {
  return (await lab.calls()).map(({ attempts }) => JSON.stringify(attempts)).join('\n');
}

/** Its first resend comes after 1.0 s, and a silent trunk is found by quick probes 0.5 s after the INVITE. */
const SILENT_THERE: Wait = { promise: 1_300, most: 3_900 };
/** Where probes are answered, or their answers are lost among others, only the progress deadline is left. */
const STALLED_THERE: Wait = { promise: 2_500, most: 4_500 };

const overTcp = (text: string): string => text.replaceAll(/(kpn-[ab]: .*:5060)/g, '$1;transport=tcp');

for (const [index, { name, fault, ...expected }] of [
  { name: 'P1 a black hole', fault: 'blackhole', promise: 700, most: 2_100, onDrachtio: SILENT_THERE },
  { name: 'P1 port unreachable', fault: 'refuse', promise: 700, most: 2_100 },
  { name: 'P1 TCP connections that are reset', fault: 'reset', promise: 700, most: 2_100, inventory: overTcp },
  { name: 'P3 503 to every call', fault: 'reject=503', promise: 300, most: 1_500 },
  { name: 'P3 404 with the cause of a full network', fault: 'reject=404/34', promise: 300, most: 1_500 },
  { name: 'P2 100, then nothing; OPTIONS is answered', fault: 'lie', promise: 2_500, most: 4_500 },
  { name: 'P2 183 with a tone, then nothing', fault: 'tone', promise: 2_500, most: 4_500 },
  { name: 'P1 large datagrams are lost', fault: 'mtu=700', promise: 700, most: 2_100, onDrachtio: STALLED_THERE },
  { name: 'P1 5 % of datagrams are lost', fault: 'loss=5%', promise: 700, most: 2_100, onDrachtio: STALLED_THERE },
  { name: 'P1 datagrams are up to 300 ms late', fault: 'jitter=300ms', promise: 1_000, most: 3_000 },
  { name: 'P4 half of the trunks are gone', fault: 'partial', promise: 700, most: 2_100, onDrachtio: SILENT_THERE },
  { name: 'P10 half of the calls fail', fault: 'half', promise: 300, most: 1_500 },
  { name: 'P3 half of the calls are told that it is busy', fault: 'busy', promise: 300, most: 1_500 },
].entries()) {
  t.test(name, { timeout: 90_000, buffered: true }, async (t) => {
    await faulty(t, 100 + index, fault, expected);
  });
}

t.test(
  'P20 180, then nothing: the caller hears ringing, and is answered elsewhere',
  { timeout: 180_000, buffered: true },
  async (t) => {
    const lab = await startLab(120);
    t.teardown(async () => lab.stop());
    await lab.fault('kpn', 'ringing');
    const sipp = await callers(120, lab, 5, RATE);
    t.match(sipp, { exitCode: 0, successful: 5, failed: 0 });
    const latest = Math.max(...(sipp.times['1'] ?? []));
    t.ok(latest < 20_000, `answered after ${Math.round(latest)} ms at the latest (promise: 12 s of ringing, cold)`);
  },
);

t.test(
  'P20 180, then nothing, on a carrier that was good: the first callers wait as long as is usual, the others do not',
  { timeout: 180_000, buffered: true },
  async (t) => {
    const lab = await startLab(122);
    t.teardown(async () => lab.stop());
    t.match(await callers(122, lab, 100, 20), { successful: 100, failed: 0 }, 'warm: answered after 0.2 s');
    await lab.fault('kpn', 'ringing');
    const sipp = await callers(122, lab, 100, RATE);
    t.match(sipp, { exitCode: 0, successful: 100, failed: 0 });
    const answers = sipp.timed.filter(({ name }) => name === '1').map(({ at, ms }) => ({ from: at - ms, ms }));
    const latest = Math.max(...answers.map(({ ms }) => ms));
    t.ok(latest < 12_000, `answered after ${Math.round(latest)} ms at the latest (promise: 6 s of ringing, warm)`);
    const after = answers.filter(({ from }) => from > 10_000).map(({ ms }) => ms);
    t.ok(after.length > 40 && Math.max(...after) < 1_000, `from 10 s on within ${Math.max(...after)} ms`);
  },
);

t.test('P7 a carrier that comes and goes every 5 s', { timeout: 180_000, buffered: true }, async (t) => {
  const lab = await startLab(121);
  t.teardown(async () => lab.stop());
  await lab.fault('kpn', 'flap=5s');
  await answeredOnce(t, lab, await callers(121, lab, 150, RATE), 150, {
    ...{ promise: 700, most: 2_100 },
    onDrachtio: SILENT_THERE,
  });
  const state = await lab.state();
  const kpn = state.carriers.find(({ id }) => id === 'kpn');
  t.comment(`KPN saw ${kpn?.invites} of 150 calls in 30 s`);
});

/** The edge of the carrier lives, its core is dead: OPTIONS stays green. After 500 good calls, 20 calls at one a second. */
const DEAD_CORE = [
  ['P6 a dead core behind a live edge: nothing after 100', 'lie'],
  ['P6 a dead core behind a live edge: 503', 'reject=503'],
  ['P6 a dead core behind a live edge: 404', 'reject=404'],
  ['P6 a dead core behind a live edge: 480 with cause 41', 'reject=480/41'],
  ['P6 a dead core behind a live edge: 183 with a tone, and no final', 'tone'],
  ['P6 a dead core behind a live edge: 200, then BYE within a second', 'drop=700ms'],
] as const;

for (const [index, [name, fault]] of DEAD_CORE.entries()) {
  t.test(name, { timeout: 180_000, buffered: true }, async (t) => {
    const net = 130 + index;
    const lab = await startLab(net);
    t.teardown(async () => lab.stop());
    t.match(await callers(net, lab, 500, 50), { successful: 500, failed: 0 }, 'warm');
    const before = (await lab.state()).psaps[0]?.connected ?? 0;
    await lab.fault('kpn', fault);
    const scenario = fault.startsWith('drop') ? 'caller-offered-again.xml' : 'caller.xml';
    const sipp = await callers(net, lab, 20, 1, scenario);
    t.match(sipp, { exitCode: 0, successful: 20, failed: 0 }, '20 of 20 were answered');
    const times = await rangAfter(lab, 20);
    t.ok((times[0] ?? Number.NaN) < 4_000, `the first rang after ${times[0]} ms (promise: 4 s)`);
    const later = Math.max(...times.slice(2));
    t.ok(later < 3_000, `from the third on they rang within ${later} ms (promise: 1 s)`);
    const connected = ((await lab.state()).psaps[0]?.connected ?? 0) - before;
    t.ok(connected >= 20, `an answering point was connected ${connected} times`);
    await greenButDown(t, lab);
  });
}

/** When the last calls rang, in milliseconds, in the order in which they came. */
async function rangAfter(lab: TestLab, calls: number): Promise<readonly number[]> {
  const inOrder = (await lab.calls()).toSorted((a, b) => a.startedAt.localeCompare(b.startedAt));
  return inOrder.slice(-calls).map(({ ringingAfterMs }) => Math.round(ringingAfterMs ?? Number.NaN));
}

/** Its probes are answered, and yet no call goes there first. */
async function greenButDown(t: Test, lab: TestLab): Promise<void> {
  const options = async () =>
    (await lab.state()).carriers.find(({ id }) => id === 'kpn')?.trunks.reduce((sum, each) => sum + each.options, 0) ??
    0;
  const seen = await options();
  await until(async () => (await options()) > seen, 12_000);
  t.ok((await options()) > seen, 'its OPTIONS are answered');
  const last = (await lab.calls()).slice(-5);
  const first = last.filter(({ attempts }) => attempts[0]?.carrier === 'kpn' && attempts[0].role === 'normal');
  t.same(first.length, 0, 'but for canaries no call is offered to it first');
}
