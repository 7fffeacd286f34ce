import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { usesDrachtio } from '../test/support/drachtio-server.js';
import { atWork, call, measure, siteAt, type Load, type Measured, type Site } from './engine/load.js';
import { usageOf } from './engine/processes.js';
import { startDrachtioServer, startEmbedded, type Server } from './engine/servers.js';

/** What an idle dialog costs, in bytes. */
interface Memory {
  readonly dialogs: number;
  /** Undefined for drachtio-server, which does not say. */
  readonly heap: number | undefined;
  readonly rss: number;
}

const { values } = parseArgs({
  options: { quick: { type: 'boolean' }, json: { type: 'boolean' }, profile: { type: 'string' } },
});
const quick = values.quick === true;
/** A server runs for months: what is compiled while it runs is compiled by then. */
const WARM_UP: Load = { calls: 3_000, rate: 400, duration: 0, atOnce: 100 };
const STEADY: Load = { calls: quick ? 1_000 : 3_000, rate: 100, duration: 1_000 };
const AS_FAST_AS_IT_GOES: Load = { calls: quick ? 2_000 : 8_000, rate: 1_000, duration: 0, atOnce: 60 };
const IDLE: Load = { calls: 3_000, rate: 100, duration: 90_000 };
/** Every transaction of the calls is over by then (64*T1, and some). */
const TRANSACTIONS_END_MS = 36_000;
const SETTLED_MS = 1_000;

const results = [
  await runOn(async (host) => startEmbedded(host, values.profile), 93),
  ...(usesDrachtio ? [await runOn(startDrachtioServer, 94)] : []),
];
process.stdout.write(values.json === true ? `${JSON.stringify(results)}\n` : table(results));

interface Result {
  readonly steady: Measured;
  readonly fastest: Measured;
  readonly memory: Memory | undefined;
}

async function runOn(startServer: (host: string) => Promise<Server>, net: number): Promise<Result> {
  const speed = await onServer(startServer, net, async (server, site, application) => {
    await call(site, WARM_UP);
    process.stderr.write(`${server.name}: ${STEADY.calls} calls at ${STEADY.rate} a second\n`);
    const steady = await measure(server, site, application, STEADY);
    process.stderr.write(`${server.name}: ${AS_FAST_AS_IT_GOES.calls} calls as fast as it goes\n`);
    const fastest = await measure(server, site, application, AS_FAST_AS_IT_GOES);
    return { steady, fastest };
  });
  return { ...speed, memory: quick ? undefined : await onServer(startServer, net, memoryOf) };
}

async function onServer<T>(
  startServer: (host: string) => Promise<Server>,
  net: number,
  work: (server: Server, site: Site, applicationPid: number) => Promise<T>,
): Promise<T> {
  const site = siteAt(net);
  const server = await startServer(site.server);
  try {
    return await atWork(site, async (application) => work(server, site, application));
  } finally {
    await server.stop();
  }
}

/**
 * Lets calls stand idle until nothing of them is left but their dialogs: two each, one with either side. On a server of its own:
 * one that was as fast as it goes has more memory already than they need.
 */
async function memoryOf(server: Server, site: Site): Promise<Memory> {
  process.stderr.write(`${server.name}: ${IDLE.calls} idle calls\n`);
  await call(site, { ...IDLE, duration: 0 });
  await sleep(TRANSACTIONS_END_MS);
  const before = await settled(server);
  const rssBefore = usageOf(server.pid).rss;
  const calls = call(site, IDLE);
  await sleep((IDLE.calls / IDLE.rate) * 1_000 + TRANSACTIONS_END_MS);
  const idle = await settled(server);
  const rss = usageOf(server.pid).rss;
  await calls;
  const dialogs = idle === undefined ? IDLE.calls * 2 : idle.stats.dialogs;
  const heap = before === undefined || idle === undefined ? undefined : (idle.heap - before.heap) / dialogs;
  return { dialogs, heap, rss: (rss - rssBefore) / dialogs };
}

/** What it holds, a moment after a collection: what is free goes back to the kernel by and by. */
async function settled(server: Server): ReturnType<Server['counts']> {
  await server.counts();
  await sleep(SETTLED_MS);
  const counts = await server.counts();
  await sleep(SETTLED_MS);
  return counts;
}

function table(all: readonly Result[]): string {
  const rows: (readonly (readonly [string, (result: Result) => string])[])[] = [];
  rows.push([
    [`server CPU per call, ${STEADY.rate} calls/s`, ({ steady }) => `${steady.serverCpu.toFixed(2)} ms`],
    ['application CPU per call', ({ steady }) => `${steady.applicationCpu.toFixed(2)} ms`],
    ['calls answered, failed', ({ steady }) => `${steady.answered}, ${steady.failed}`],
    ['most calls/s, all on one machine', ({ fastest }) => fastest.perSecond.toFixed(0)],
    ['server CPU per call then', ({ fastest }) => `${fastest.serverCpu.toFixed(2)} ms`],
    ['memory per idle dialog: heap', ({ memory }) => kilobytes(memory?.heap)],
    ['memory per idle dialog: RSS', ({ memory }) => kilobytes(memory?.rss)],
  ]);
  const lines = rows.flat().map(([what, show]) => `| ${[what, ...all.map(show)].join(' | ')} |`);
  const ratio = ratioOf(all);
  return [
    `| | ${all.map(({ steady }) => steady.server).join(' | ')} |`,
    `| --- | ${all.map(() => '---').join(' | ')} |`,
    ...lines,
    ...(ratio === undefined
      ? []
      : ['', `Server CPU per call, embedded engine over drachtio-server: ${ratio.toFixed(2)}`]),
    '',
  ].join('\n');
}

function ratioOf([embedded, drachtio]: readonly Result[]): number | undefined {
  return embedded === undefined || drachtio === undefined
    ? undefined
    : embedded.steady.serverCpu / drachtio.steady.serverCpu;
}

function kilobytes(bytes: number | undefined): string {
  return bytes === undefined ? '' : `${(bytes / 1_024).toFixed(1)} kB`;
}
