import { type Milliseconds, ms } from '../domain/time.js';

/** A learned round-trip time (RFC 6298, section 2). */
export interface RoundTrip {
  readonly smoothed: Milliseconds;
  readonly deviation: Milliseconds;
  readonly samples: number;
}

/** Learns one more measured time. */
export function learnRoundTrip(known: RoundTrip | undefined, measured: Milliseconds): RoundTrip {
  if (known === undefined) {
    return { smoothed: measured, deviation: ms(measured / 2), samples: 1 };
  }
  const off = Math.abs(known.smoothed - measured);
  return {
    smoothed: ms(known.smoothed * 0.875 + measured * 0.125),
    deviation: ms(known.deviation * 0.75 + off * 0.25),
    samples: known.samples + 1,
  };
}

/** The time after which an answer is late: smoothed time and four deviations. */
export function lateAfter(roundTrip: RoundTrip): Milliseconds {
  return ms(roundTrip.smoothed + 4 * roundTrip.deviation);
}
