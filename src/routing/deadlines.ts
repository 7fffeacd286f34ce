import type { Deadlines } from '../domain/attempt.js';
import type { TrunkKind } from '../domain/network.js';
import { type Milliseconds, ms } from '../domain/time.js';

/** A deadline with nothing learned, and the bounds of what may be learned (DESIGN 4.3). */
interface DeadlineRange {
  readonly floor: Milliseconds;
  readonly cold: Milliseconds;
  readonly ceiling: Milliseconds;
}

/** From the INVITE to any response. Cold: just after the first retransmission. */
export const silenceRange: DeadlineRange = { floor: ms(150), cold: ms(600), ceiling: ms(1_500) };

/** From the INVITE to trusted progress, by what the trunk reaches. */
export const progressRange: Readonly<Record<TrunkKind, DeadlineRange>> = {
  sip: { floor: ms(1_500), cold: ms(2_500), ceiling: ms(4_000) },
  e1: { floor: ms(2_000), cold: ms(3_000), ceiling: ms(5_000) },
  mobile: { floor: ms(4_000), cold: ms(8_000), ceiling: ms(12_000) },
};

/** The deadlines of an attempt on a trunk of which nothing was learned yet. */
export function coldDeadlines(kind: TrunkKind): Deadlines {
  return cold[kind];
}

/**
 * The deadlines of a canary: its caller risks a few hundred milliseconds, and rings within a second (R1). They say when
 * to start the hedge; a trunk that is late by `coldDeadlines` only has failed. A mobile trunk cannot ring that fast, so it
 * keeps the usual ones, and is never put in front for it.
 */
export function canaryDeadlines(kind: TrunkKind): Deadlines {
  return kind === 'mobile' ? cold.mobile : tight;
}

const cold: Readonly<Record<TrunkKind, Deadlines>> = {
  sip: { silence: silenceRange.cold, progress: progressRange.sip.cold },
  e1: { silence: silenceRange.cold, progress: progressRange.e1.cold },
  mobile: { silence: silenceRange.cold, progress: progressRange.mobile.cold },
};

const tight: Deadlines = { silence: ms(300), progress: ms(800) };
