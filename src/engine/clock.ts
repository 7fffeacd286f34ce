import { performance } from 'node:perf_hooks';
import { TimerWheel } from './timer-wheel.js';

/** A timer that has been set. */
export interface EngineTimer {
  cancel(): void;
}

/** Time, as the engine sees it: milliseconds on the monotonic clock. Tests bring their own. */
export interface EngineClock {
  now(): number;
  setTimer(delay: number, action: () => void): EngineTimer;
}

/** Timers of so many milliseconds and more may be late a little: nobody waits for their moment. */
const LONG = 4_500;
const GRAIN = 100;

const now = (): number => performance.now();

const longTimers = new TimerWheel({ now, after }, GRAIN);

/** What still waits must not keep a process that has nothing else to do; Node.js cuts fractions off. */
function after(delay: number, action: () => void): void {
  setTimeout(action, Math.ceil(delay)).unref();
}

/** The machine's clock. */
export const realClock: EngineClock = {
  now,
  setTimer: (delay, action) => {
    if (delay >= LONG) {
      return longTimers.setTimer(delay, action);
    }
    const timer = setTimeout(action, delay);
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  },
};
