/** A sequential test on how often something fails: a one-sided CUSUM over the likelihood of two rates (Page 1954). */
export interface SequentialTest {
  /** What a failure adds to the score, and what a success takes from it. */
  readonly failure: number;
  readonly success: number;
  /** The score at which the bad rate is believed. */
  readonly alarm: number;
}

/** A test between a rate of failures that is usual and one that is bad, both in (0, 1). */
export function sequentialTest(usual: number, bad: number, alarm: number): SequentialTest {
  return { failure: Math.log(bad / usual), success: Math.log((1 - bad) / (1 - usual)), alarm };
}

/** The score and what follows from it: once believed, the bad rate is believed until the score is back at nothing. */
export interface RateScore {
  readonly score: number;
  readonly isBad: boolean;
}

export const noFailures: RateScore = { score: 0, isBad: false };

/** Adds one outcome. The score is bounded, so that good calls can bring it back in finite time. */
export function addOutcome({ score, isBad }: RateScore, failed: boolean, test: SequentialTest): RateScore {
  const moved = score + (failed ? test.failure : test.success);
  const next = Math.min(Math.max(0, moved), test.alarm + test.failure);
  return { score: next, isBad: next >= test.alarm || (isBad && next > 0) };
}
