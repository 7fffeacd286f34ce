import { randomBytes } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { instant } from '../../domain/time.js';
import type { Clock, Random } from '../../ports/clock.js';

/** A timer that runs so much too late, in milliseconds, was kept waiting by our own work. */
const LATE_MS = 10;

/**
 * The machine's clocks. A timer that is late lets what has arrived meanwhile go first: an answer that waits in the kernel has
 * come in time, and it was us who did not read it.
 */
export const systemClock: Clock = {
  now: () => instant(performance.now()),
  wallTime: () => Date.now(),
  setTimer: (delay, action) => {
    const due = performance.now() + delay;
    let afterReading: NodeJS.Immediate | undefined;
    const timer = setTimeout(() => {
      if (performance.now() - due < LATE_MS) {
        action();
      } else {
        afterReading = setImmediate(action);
      }
    }, delay);
    return {
      cancel: () => {
        clearTimeout(timer);
        clearImmediate(afterReading);
      },
    };
  },
};

/** The machine's randomness. */
export const systemRandom: Random = {
  fraction: () => randomBytes(4).readUInt32LE() / 0x1_0000_0000,
  hex: (bytes) => randomBytes(bytes).toString('hex'),
};
