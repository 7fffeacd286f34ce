import { startEngine } from '../../src/engine/engine.js';
import { timersOf } from '../../test/engine/rig.js';
import type { EngineQuestion, EngineReply } from './questions.js';

// The embedded engine as a process of its own, that also tells what it holds: `node engine-process.js HOST SECRET [T1]`.
const [host = '', secret = '', t1 = ''] = process.argv.slice(2);
const engine = await startEngine({
  contacts: [{ address: host, port: 5060 }],
  control: { host, port: 9022 },
  secret,
  ...(t1 === '' ? {} : { timers: timersOf(Number(t1)) }),
});

process.on('message', (question: EngineQuestion) => {
  globalThis.gc?.();
  const { heapUsed, external } = process.memoryUsage();
  reply({ question, stats: engine.stats(), heap: heapUsed + external, timers: activeTimers() });
});
process.once('disconnect', () => process.exit(0));
reply({ question: 'ready', stats: engine.stats(), heap: 0, timers: 0 });

function reply(message: EngineReply): void {
  process.send?.(message);
}

function activeTimers(): number {
  return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
}
