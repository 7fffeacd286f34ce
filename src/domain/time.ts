import type { Brand } from './ids.js';

/** A duration in milliseconds. */
export type Milliseconds = Brand<number, 'Milliseconds'>;

/** A moment on the monotonic clock, in milliseconds. It says nothing about the time of day. */
export type Instant = Brand<number, 'Instant'>;

/** Marks a number as a duration in milliseconds. */
export function ms(value: number): Milliseconds {
  return value as Milliseconds;
}

/** Marks a number as a moment on the monotonic clock. */
export function instant(value: number): Instant {
  return value as Instant;
}

/** The moment `duration` after `moment`. */
export function after(moment: Instant, duration: Milliseconds): Instant {
  return (moment + duration) as Instant;
}

/** The time from `earlier` to `later`. */
export function between(earlier: Instant, later: Instant): Milliseconds {
  return (later - earlier) as Milliseconds;
}
