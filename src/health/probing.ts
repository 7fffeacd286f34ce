import type { Trunk } from '../domain/network.js';
import { after, between, type Instant, type Milliseconds, ms } from '../domain/time.js';
import type { CallLedger, Ledgers, ProbeLedger } from './ledgers.js';
import { answerDue } from './round-trip.js';

/** The figures of probing, and why. */
const probingSettings = {
  /** Between quick probes of a trunk that may be probed every second; slower profiles stretch it in proportion. */
  quickSpacing: ms(50),
  /** The probe interval to which `quickSpacing` belongs. */
  usualInterval: ms(1_000),
  /** Quick probes per doubt: nine losses in a row do not happen by chance at 5 % packet loss. */
  quickAtMost: 9,
  /** A trunk that carried a good call within this time is probed less: traffic is the better probe. */
  recentCall: ms(5_000),
  /** ... but at least this often. */
  longestInterval: ms(2_000),
  /** How far the interval is spread, as a share of it, so that trunks do not probe in step. */
  spread: 0.1,
} as const;

/** Why a trunk may have to be probed sooner than usual. */
export interface ProbeNeed {
  /** Those of all its services. */
  readonly ledgers: readonly Ledgers[];
  /** Since when another trunk of its carrier is in doubt: it is probed as quickly. */
  readonly quickSince: Instant | undefined;
  /** Since when any trunk is in doubt: one probe says whether it is that trunk, or we. */
  readonly onceSince: Instant | undefined;
}

/** What the scheduler remembers about a trunk. */
export interface ProbeSchedule {
  /** Probes sent so far. */
  readonly sent: number;
  readonly lastSent: Instant | undefined;
  /** The doubt for which quick probes were sent, by its beginning. */
  readonly quickFor: Instant | undefined;
  readonly quickSent: number;
}

/** The schedule of a trunk that was never probed. */
export const freshSchedule: ProbeSchedule = { sent: 0, lastSent: undefined, quickFor: undefined, quickSent: 0 };

/**
 * When the next probe of a trunk is due; it may be in the past. Undefined when its profile allows none
 * (`probeInterval` 0). `jitter` is in [0, 1) and stays the same for a trunk.
 */
export function nextProbe(
  trunk: Trunk,
  schedule: ProbeSchedule,
  need: ProbeNeed,
  now: Instant,
  jitter: number,
): Instant | undefined {
  const usual = trunk.probeInterval;
  if (!(usual > 0 && Number.isFinite(usual))) {
    return undefined;
  }
  if (schedule.lastSent === undefined) {
    return now;
  }
  if (quickProbesLeft(trunk, schedule, need) > 0) {
    return after(schedule.lastSent, quickSpacing(trunk));
  }
  if (need.onceSince !== undefined && schedule.lastSent < need.onceSince) {
    return now;
  }
  // The first probe goes at once. The second waits up to twice the interval: from then on the trunks are out of step.
  const wait = schedule.sent === 1 ? ms(usual * (1 + jitter)) : idleWait(usual, need.ledgers, now, jitter);
  return after(schedule.lastSent, wait);
}

/** Notes that a probe was sent. */
export function probeSent(schedule: ProbeSchedule, need: ProbeNeed, now: Instant): ProbeSchedule {
  const doubt = doubtSince(need);
  const sent = schedule.sent + 1;
  if (doubt === undefined) {
    return { sent, lastSent: now, quickFor: undefined, quickSent: 0 };
  }
  return { sent, lastSent: now, quickFor: doubt, quickSent: schedule.quickFor === doubt ? schedule.quickSent + 1 : 1 };
}

/** How long to wait for the answer to a probe before it counts as a miss. */
export function probeTimeout({ roundTrip }: ProbeLedger): Milliseconds {
  return answerDue(roundTrip);
}

function quickProbesLeft({ quickProbes }: Trunk, schedule: ProbeSchedule, need: ProbeNeed): number {
  const doubt = doubtSince(need);
  if (doubt === undefined) {
    return 0;
  }
  const atMost = Math.min(probingSettings.quickAtMost, quickProbes?.atMost ?? probingSettings.quickAtMost);
  return atMost - (schedule.quickFor === doubt ? schedule.quickSent : 0);
}

function quickSpacing({ probeInterval, quickProbes }: Trunk): Milliseconds {
  const { quickSpacing, usualInterval } = probingSettings;
  const usual = ms(quickSpacing * Math.max(1, probeInterval / usualInterval));
  return ms(Math.max(usual, quickProbes?.spacing ?? usual));
}

function idleWait(usual: Milliseconds, ledgers: readonly Ledgers[], now: Instant, jitter: number): Milliseconds {
  const { longestInterval, recentCall, spread } = probingSettings;
  const isBusy = ledgers.some(({ calls }) => carriedRecently(calls, now, recentCall));
  // The profile's interval is only ever stretched, and the longest one only ever shortened.
  return isBusy && usual < longestInterval
    ? ms(longestInterval * (1 - spread * jitter))
    : ms(usual * (1 + spread * jitter));
}

function carriedRecently({ lastGoodAt }: CallLedger, now: Instant, recent: Milliseconds): boolean {
  return lastGoodAt !== undefined && between(lastGoodAt, now) < recent;
}

/** The oldest doubt that no answered probe has ended: its own, or its carrier's. */
function doubtSince({ ledgers, quickSince }: ProbeNeed): Instant | undefined {
  const doubts = [quickSince, ...ledgers.map(({ probe }) => probe.doubtSince)].filter((at) => at !== undefined);
  return doubts.toSorted((a, b) => a - b)[0];
}
