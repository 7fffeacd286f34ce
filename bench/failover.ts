import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import type { HealthChange } from '../src/domain/health.js';
import { serverSentEvents } from '../src/lab/events.js';
import { entriesOf } from '../test/support/journal.js';
import { startLab, type TestLab } from '../test/support/lab.js';
import { runSipp, type SippResult } from '../test/support/sipp.js';
import { startDispatcher, type Dispatcher } from './failover/kamailio.js';
import { answered, answerIn, pddIn, pointsOf, type Spread, type Point } from './failover/measure.js';
import { failoverPlot, type Panel } from './failover/plot.js';
import { worstCalls } from './failover/worst-calls.js';

/** How long each part of a run takes, in seconds, and how many calls come in one. */
interface Plan {
  readonly before: number;
  readonly during: number;
  readonly after: number;
  readonly rate: number;
}

/** What one of the two made of one fault. Times are milliseconds; undefined where it did not happen. */
interface Row {
  readonly fault: string;
  readonly who: 'noodroute' | 'kamailio';
  readonly pdd: Spread;
  /** The longest wait for an answer. */
  readonly answeredAfter: number;
  readonly calls: number;
  readonly lost: number;
  readonly answeredTwice: number;
  readonly phantomRings: number;
  readonly suspectAfter: number | undefined;
  readonly goneAfter: number | undefined;
  /** From the end of the fault. */
  readonly backAfter: number | undefined;
}

/** A row, and the calls behind it. */
interface Measured {
  readonly row: Row;
  readonly points: readonly Point[];
  /** What the late and the doubled ones tried; the gateway's alone. */
  readonly worst: readonly string[];
}

/** Each acts on the first carrier, which has two trunks. */
const FAULTS = [
  'blackhole',
  'refuse',
  'reset',
  'reject=503',
  'reject=404/34',
  'lie',
  'tone',
  'ringing',
  'busy',
  'half',
  'slow=3s',
  'loss=5%',
  'jitter=300ms',
  'mtu=700',
  'flap=20s',
  'partial',
];
const FULL: Plan = { before: 30, during: 30, after: 75, rate: 5 };
const QUICK: Plan = { before: 10, during: 20, after: 20, rate: 5 };
const HOLD_MS = 2_000;
const SECOND = 1_000;
/** The second number of the first loopback addresses. */
const FIRST_NET = 91;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true },
    quick: { type: 'boolean' },
    json: { type: 'boolean' },
    'at-once': { type: 'string', default: '1' },
    plot: { type: 'string' },
    calls: { type: 'boolean' },
  },
});
// Each child of each laboratory ends with this process.
process.setMaxListeners(0);
const plan = values.quick === true ? QUICK : FULL;
const faults = values.only ?? FAULTS;
const atOnce = Math.max(1, Number.parseInt(values['at-once'], 10) || 1);
const seconds = plan.before + plan.during + plan.after;
const measured: Measured[] = [];
for (let first = 0; first < faults.length; first += atOnce) {
  const some = faults.slice(first, first + atOnce);
  const done = `${first + some.length}/${faults.length}`;
  process.stderr.write(`${done} ${some.join(', ')}: ${seconds} s at ${plan.rate} calls/s to each\n`);
  measured.push(...(await Promise.all(some.flatMap((fault, lane) => sideBySide(fault, FIRST_NET + 2 * lane)))));
}
const rows = measured.map(({ row }) => row);
if (values.plot !== undefined) {
  writeFileSync(values.plot, failoverPlot(faults.map(panel), plan));
}
if (values.calls === true) {
  for (const { row, worst } of measured.filter(({ worst: { length } }) => length > 0)) {
    process.stderr.write(`${row.fault}:\n${worst.map((line) => `  ${line}\n`).join('')}`);
  }
}
process.stdout.write(values.json === true ? `${JSON.stringify({ plan, rows })}\n` : table(rows));

/** Connections can be reset only where there are some. */
function overTcp(inventory: string): string {
  return inventory.replaceAll(/(kpn-[ab]: .*:5060)/g, '$1;transport=tcp');
}

/** People need two seconds to answer; an answer at once would cross what cancels it. */
async function laboratory(net: number, fault: string): Promise<TestLab> {
  const inventory = fault === 'reset' ? overTcp : undefined;
  return startLab(net, inventory, ['--answer-after', '2000']);
}

/** The same fault to both, at the same time, on networks of their own. */
function sideBySide(fault: string, net: number): readonly Promise<Measured>[] {
  return [noodroute(fault, net), kamailio(fault, net + 1)];
}

async function noodroute(fault: string, net: number): Promise<Measured> {
  const lab = await laboratory(net, fault);
  const changes: { readonly change: HealthChange; readonly at: number }[] = [];
  const listening = new AbortController();
  void follow(net, listening.signal, (change) => changes.push({ change, at: Date.now() }));
  const run = await calls(lab, lab.sip, fault);
  listening.abort();
  const since = (from: number, matches: (change: HealthChange) => boolean): number | undefined => {
    const found = changes.find(({ change, at }) => at >= from && matches(change));
    return found === undefined ? undefined : found.at - from;
  };
  const isOf = ({ service }: HealthChange): boolean => service === '112';
  const row = {
    ...(await result(lab, run, fault, 'noodroute')),
    suspectAfter: since(run.lossAt, (change) => isOf(change) && change.of === 'trunk' && change.to !== 'up'),
    goneAfter: since(run.lossAt, (change) => isOf(change) && (change.to === 'absent' || change.to === 'down')),
    backAfter: since(run.clearedAt, (change) => isOf(change) && change.of === 'carrier' && change.to === 'present'),
  };
  const worst = worstCalls(await entriesOf(lab.journal), '112', run.lossAt);
  await lab.stop();
  return { row, points: pointsOf(run.sipp, run.lossAt - run.startedAt), worst };
}

/** The dispatcher has no number for suspicion; a trunk that it takes out is gone. */
async function kamailio(fault: string, net: number): Promise<Measured> {
  const lab = await laboratory(net, fault);
  const transport = fault === 'reset' ? ';transport=tcp' : '';
  const trunk = (block: string, priority: number, number = '112', police = '09008844') => ({
    uri: `sip:127.${net}.${block}:5060${block.startsWith('20.') ? transport : ''}`,
    ...{ number, police, priority },
  });
  const dispatcher = await startDispatcher(net, [
    trunk('20.1', 4),
    trunk('30.1', 3),
    trunk('20.2', 2),
    trunk('40.1', 1, '0880000112', '0880008844'),
  ]);
  const run = await calls(lab, dispatcher.sip, fault);
  const row = {
    ...(await result(lab, run, fault, 'kamailio')),
    suspectAfter: undefined,
    goneAfter: firstEvent(dispatcher, 'down', run.lossAt),
    backAfter: firstEvent(dispatcher, 'up', run.clearedAt),
  };
  await dispatcher.stop();
  await lab.stop();
  return { row, points: pointsOf(run.sipp, run.lossAt - run.startedAt), worst: [] };
}

function panel(fault: string): Panel {
  const of = (who: Row['who']): Measured | undefined =>
    measured.find(({ row }) => row.fault === fault && row.who === who);
  const [ours, theirs] = [of('noodroute'), of('kamailio')];
  return {
    fault,
    noodroute: ours?.points ?? [],
    kamailio: theirs?.points ?? [],
    lost: { noodroute: ours?.row.lost ?? 0, kamailio: theirs?.row.lost ?? 0 },
  };
}

function firstEvent({ events }: Dispatcher, what: 'down' | 'up', from: number): number | undefined {
  const found = events.find((event) => event.what === what && event.at >= from && event.uri.includes('.20.'));
  return found === undefined ? undefined : found.at - from;
}

interface Run {
  readonly sipp: SippResult;
  readonly startedAt: number;
  readonly lossAt: number;
  readonly clearedAt: number;
}

/** Calls at an even rate; the fault comes after the first part and goes after the second. */
async function calls(lab: TestLab, target: string, fault: string): Promise<Run> {
  const { before, during, after, rate } = plan;
  const startedAt = Date.now();
  const caller = (last: number, service: string, each: number) =>
    runSipp({
      ...{ scenario: 'caller.xml', address: target.replace(/\.0\.\d+:.*/, `.1.${last}`), target, service, rate: each },
      ...{ calls: (before + during + after) * each, duration: HOLD_MS },
      more: ['-timeout', String(before + during + after + 60)],
    });
  const sipp = caller(1, '112', rate);
  // Who comes back proves itself with these first.
  const police = caller(2, '0900-8844', 1);
  await sleep(before * SECOND);
  await lab.fault('kpn', fault);
  const lossAt = Date.now();
  await sleep(during * SECOND);
  await lab.fault('kpn', 'clear');
  const clearedAt = Date.now();
  await police;
  return { sipp: await sipp, startedAt, lossAt, clearedAt };
}

async function result(
  lab: TestLab,
  { sipp, startedAt, clearedAt }: Run,
  fault: string,
  who: Row['who'],
): Promise<Omit<Row, 'suspectAfter' | 'goneAfter' | 'backAfter'>> {
  const total = sipp.successful + sipp.failed;
  const point = (await lab.state()).psaps.find(({ id }) => id === 'meldkamer');
  return {
    fault,
    who,
    pdd: pddIn(sipp, { from: 0, until: clearedAt - startedAt }),
    answeredAfter: answerIn(sipp, { from: 0, until: clearedAt - startedAt }).max,
    calls: total,
    lost: total - answered(sipp),
    answeredTwice: Math.max(0, (point?.connected ?? 0) - answered(sipp)),
    phantomRings: point?.phantomRings ?? 0,
  };
}

/** Health changes as the gateway reports them. */
async function follow(net: number, signal: AbortSignal, changed: (change: HealthChange) => void): Promise<void> {
  try {
    for await (const { event, data } of serverSentEvents(
      `http://127.${net}.0.1:8080/events`,
      signal,
      () => undefined,
    )) {
      if (event === 'health') {
        changed(JSON.parse(data) as HealthChange);
      }
    }
  } catch {
    // The lab was stopped.
  }
}

function table(all: readonly Row[]): string {
  const head = [
    ...['fault of the first carrier', 'who', 'calls', 'lost', 'twice', 'phantom'],
    ...['PDD p50', 'p99', 'max', 'answered', 'suspect', 'gone', 'back'],
  ];
  const cells = all.map((row) => [
    ...[row.fault, row.who, String(row.calls), String(row.lost), String(row.answeredTwice), String(row.phantomRings)],
    ...[time(row.pdd.p50), time(row.pdd.p99), time(row.pdd.max)],
    ...[time(row.answeredAfter), time(row.suspectAfter), time(row.goneAfter), time(row.backAfter)],
  ]);
  const widths = head.map((name, column) => Math.max(name.length, ...cells.map((line) => line[column]?.length ?? 0)));
  return [head, ...cells]
    .map((line) => `${line.map((cell, at) => cell.padEnd(widths[at] ?? 0)).join('  ')}\n`)
    .join('');
}

function time(milliseconds: number | undefined): string {
  return milliseconds === undefined || Number.isNaN(milliseconds) ? '-' : `${Math.round(milliseconds)} ms`;
}
