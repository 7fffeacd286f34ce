import { corpus } from '../support/corpus.js';
import { exercise } from '../support/fuzzed.js';
import { Chance, mutated } from '../support/mutation.js';

/** What it found. */
export interface FuzzReport {
  readonly messages: number;
  readonly faults: readonly { readonly error: string; readonly text: string }[];
  /** The longest that a message took, in milliseconds of the best of five tries. */
  readonly slowest: { readonly milliseconds: number; readonly text: string };
  /** Bytes of heap in use after a collection: a tenth of the way in, and at the end. */
  readonly heap: readonly [number, number];
}

/** Who took longer at first is timed again in the end: what is being compiled or collected in that moment is not the message's fault. */
const SUSPICIOUS_MS = 3;

// node --expose-gc fuzz-worker.js SEED MESSAGES
const [seed = 0, messages = 0] = process.argv.slice(2).map(Number);
const chance = new Chance(seed);
const all = corpus();
const faults: { error: string; text: string }[] = [];
const suspicious: string[] = [];
let early = 0;

for (let count = 0; count < messages; count += 1) {
  if (count === Math.floor(messages / 10)) {
    early = heapInUse();
  }
  const text = mutated(chance, chance.of(all), all);
  try {
    if (timed(text) > SUSPICIOUS_MS) {
      suspicious.push(text);
    }
  } catch (error) {
    faults.push({ error: String(error), text });
  }
}
const slowest = suspicious
  .map((text) => ({ milliseconds: Math.min(...Array.from({ length: 5 }, () => timed(text))), text }))
  .reduce((worst, each) => (each.milliseconds > worst.milliseconds ? each : worst), { milliseconds: 0, text: '' });
const heap = [early, heapInUse()] as const;
const report: FuzzReport = { messages, faults, slowest, heap };
process.send?.(report);

/** CPU time: the clock on the wall also counts other programs. */
function timed(text: string): number {
  const before = process.cpuUsage();
  exercise(text);
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1_000;
}

function heapInUse(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}
