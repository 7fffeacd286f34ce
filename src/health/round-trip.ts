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

/** A miss with nothing learned yet. The first resend comes at 500 ms, so no later. */
const coldDue = ms(500);
/** A pause of our own process is told from a dead trunk by other means. */
const shortestDue = ms(150);
const longestDue = ms(1_500);
/** A learned time is used after this many answers. */
const samplesToTrust = 3;

/** When the answer to a datagram is due; after that it counts as a miss. */
export function answerDue(roundTrip: RoundTrip | undefined): Milliseconds {
  return roundTrip === undefined || roundTrip.samples < samplesToTrust
    ? coldDue
    : ms(Math.min(longestDue, Math.max(shortestDue, lateAfter(roundTrip))));
}
