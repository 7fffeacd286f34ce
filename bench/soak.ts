import { parseArgs } from 'node:util';
import { soak } from './engine/soak.js';

// 200,000 calls through the engine: `npm run bench:soak`, about a quarter of an hour.
const { values } = parseArgs({
  options: { calls: { type: 'string' }, rate: { type: 'string' }, json: { type: 'boolean' } },
});
const calls = Number(values.calls ?? 200_000);
const plan = { calls, step: 20_000, rate: Number(values.rate ?? 400) };
const result = await soak(95, plan, ({ calls: done, heap, rss, dialogs }) => {
  process.stderr.write(`${done} calls: heap ${megabytes(heap)}, resident ${megabytes(rss)}, dialogs ${dialogs}\n`);
});
const [first, last] = [result.marks[0]?.heap ?? 0, result.marks.at(-1)?.heap ?? 0];
const { stats, timers } = result.after;
const summary = [
  `${result.answered} calls answered, ${result.failed} failed, in ${result.seconds.toFixed(0)} s`,
  `heap after the first ${plan.step} calls ${megabytes(first)}, after the last ${megabytes(last)}: ${((last / first - 1) * 100).toFixed(1)} %`,
  `left at the end: ${JSON.stringify(stats)}, timers ${timers}`,
  '',
].join('\n');
process.stdout.write(values.json === true ? `${JSON.stringify(result)}\n` : summary);

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MB`;
}
