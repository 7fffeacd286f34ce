import { STANDARD_TIMERS, type TimerTable } from '../engine/timers.js';

/** The carriers and answering points are a closed network: it may use a smaller T1 (RFC 3261 17.1.1.1). */
export const LAB_TIMERS: TimerTable = { ...STANDARD_TIMERS, t1: 250, t1x64: 16_000, timerD: 16_000 };
