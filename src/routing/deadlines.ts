import type { Deadlines } from '../domain/attempt.js';
import type { TrunkKind } from '../domain/network.js';
import { type Milliseconds, ms } from '../domain/time.js';
import { lateAfter, type RoundTrip } from '../health/round-trip.js';

/** A deadline with nothing learned, and the bounds of what may be learned (DESIGN 4.3). */
export interface DeadlineRange {
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

/** Where the SIP server keeps 100 Trying to itself (drachtio-server; DESIGN 6). */
const hidden = {
  /** Such a server resends after 1.0 s at the earliest: a lost packet must not look like silence. */
  floor: ms(1_200),
  /** A trunk that usually takes longer to its first 101-199 has no silence deadline. */
  slow: ms(1_000),
  /** A learned time is used after this many calls. */
  samplesToTrust: 5,
  /** Three quick probes, each given 500 ms, leave a dead trunk 1.2 s after the INVITE. */
  doubt: ms(500),
} as const;

/**
 * The same deadlines on a SIP server that keeps 100 Trying to itself: a silence deadline only where the trunk is known to
 * ring soon, elsewhere the progress deadline alone; quick probes tell silent from slow before that.
 *
 * @param firstProvisional the time from INVITE to the first 101-199 of the trunk, as far as it was learned.
 */
export function withoutTrying(usual: Deadlines, firstProvisional: RoundTrip | undefined): Deadlines {
  const silence = soonRinging(firstProvisional)
    ? ms(Math.min(silenceRange.ceiling, Math.max(hidden.floor, lateAfter(firstProvisional))))
    : undefined;
  const isFirst = silence !== undefined && silence < usual.progress;
  const { progress, slow } = usual;
  return {
    silence: isFirst ? silence : undefined,
    progress,
    doubt: hidden.doubt,
    ...(slow === undefined ? {} : { slow }),
  };
}

function soonRinging(learned: RoundTrip | undefined): learned is RoundTrip {
  return learned !== undefined && learned.samples >= hidden.samplesToTrust && learned.smoothed < hidden.slow;
}

/** Nothing is slow before. */
const soonestSlow = 300;

/**
 * When a call is slower than usual, though not late yet.
 *
 * @param usually the time before which nearly all calls progress; undefined while too little is known.
 */
export function slowAfter(usually: Milliseconds | undefined, progress: Milliseconds): Milliseconds {
  return ms(Math.min(progress, usually === undefined ? progress / 2 : Math.max(soonestSlow, 2 * usually)));
}

/**
 * When an INVITE that got 100 alone is sent again, so that a 180 that was lost comes after all: no sooner than a trunk may be
 * silent, and cold when it is.
 *
 * @param usually the time that half of the calls need; undefined while too little is known.
 * @returns undefined where the progress deadline comes first.
 */
export function askAfter(usually: Milliseconds | undefined, progress: Milliseconds): { readonly ask?: Milliseconds } {
  const ask = ms(usually === undefined ? silenceRange.cold : Math.max(silenceRange.floor, 2 * usually));
  return ask < progress ? { ask } : {};
}

/** A reply that takes longer may be lost (DESIGN 5). */
const firstMiss = ms(150);

const cold: Readonly<Record<TrunkKind, Deadlines>> = {
  sip: coldWithin(progressRange.sip),
  e1: coldWithin(progressRange.e1),
  mobile: coldWithin(progressRange.mobile),
};

function coldWithin({ cold: progress }: DeadlineRange): Deadlines {
  const [slow, ask] = [slowAfter(undefined, progress), askAfter(undefined, progress)];
  return { miss: firstMiss, silence: silenceRange.cold, progress, slow, ...ask };
}

const tight: Deadlines = { miss: firstMiss, silence: ms(300), progress: ms(800) };
