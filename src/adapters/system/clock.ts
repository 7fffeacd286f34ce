import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { instant } from '../../domain/time.js';
import type { Clock, Random } from '../../ports/clock.js';

/** The machine's clocks. */
export const systemClock: Clock = {
  now: () => instant(performance.now()),
  wallTime: () => Date.now(),
  setTimer: (delay, action) => {
    const timer = setTimeout(action, delay);
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  },
};

/** The machine's randomness. */
export const systemRandom: Random = {
  fraction: () => randomBytes(4).readUInt32LE() / 0x1_0000_0000,
  hex: (bytes) => randomBytes(bytes).toString('hex'),
};
