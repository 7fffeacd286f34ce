import { performance } from 'node:perf_hooks';

/** A timer that has been set. */
export interface EngineTimer {
  cancel(): void;
}

/** Time, as the engine sees it: milliseconds on the monotonic clock. Tests bring their own. */
export interface EngineClock {
  now(): number;
  setTimer(delay: number, action: () => void): EngineTimer;
}

/** The machine's clock. */
export const realClock: EngineClock = {
  now: () => performance.now(),
  setTimer: (delay, action) => {
    const timer = setTimeout(action, delay);
    return {
      cancel: () => {
        clearTimeout(timer);
      },
    };
  },
};
