import { setTimeout as sleep } from 'node:timers/promises';
import { startEngine } from '../../src/engine/engine.js';
import { timersOf } from '../../test/engine/rig.js';
import type { EngineQuestion, EngineReply } from './questions.js';

// The embedded engine as a process of its own, that also tells what it holds: `node engine-process.js HOST SECRET [T1]`.
const COLLECTIONS = 6;
const PAUSE_MS = 200;

const [host = '', secret = '', t1 = ''] = process.argv.slice(2);
const engine = await startEngine({
  contacts: [{ address: host, port: 5060 }],
  control: { host, port: 9022 },
  secret,
  ...(t1 === '' ? {} : { timers: timersOf(Number(t1)) }),
});

process.on('message', (question: EngineQuestion) => {
  void settledHeap().then((heap) => {
    reply({ question, stats: engine.stats(), heap, timers: activeTimers() });
  });
});
process.once('disconnect', () => process.exit(0));
reply({ question: 'ready', stats: engine.stats(), heap: 0, timers: 0 });

function reply(message: EngineReply): void {
  process.send?.(message);
}

/**
 * One collection leaves what only its finalizers let go of, code that is about to be dropped, and what the control connection
 * writes at that moment: a single reading differs from the next by up to a tenth.
 */
async function settledHeap(): Promise<number> {
  let least = Infinity;
  for (let round = 0; round < COLLECTIONS; round += 1) {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    least = Math.min(least, heapUsed + external);
    await sleep(PAUSE_MS);
  }
  return least;
}

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}
