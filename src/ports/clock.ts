import type { Instant, Milliseconds } from '../domain/time.js';

/** A timer that has been set. Cancelling twice, or after it ran, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Time, as the inside sees it. Deadlines run on the monotonic clock. */
export interface Clock {
  now(): Instant;
  /** The time of day, in milliseconds since 1970, for records only. */
  wallTime(): number;
  /** Runs `action` once, no earlier than `delay` from now. */
  setTimer(delay: Milliseconds, action: () => void): Timer;
}

/** Randomness, as the inside sees it. */
export interface Random {
  /** A number in [0, 1). */
  fraction(): number;
  /** `bytes` random bytes as lower-case hexadecimal. */
  hex(bytes: number): string;
}
