import type { PlannedAttempt } from '../domain/attempt.js';
import type { AttemptOutcome } from '../domain/health.js';
import type { AttemptId, TrunkId } from '../domain/ids.js';
import type { ServiceClass } from '../domain/network.js';
import type { Instant } from '../domain/time.js';
import type { Verdict } from '../domain/verdict.js';
import type { SentMessage } from '../failure/verdict.js';

/** How an attempt's INVITE differs from what the caller sent. */
export type Variant = 'as-sent' | 'plain' | 'own-number' | 'min-se' | 'second-form';

/** Which deadline an attempt has missed: any response, trusted progress, or the answer to its ringing. */
export type Lateness = 'silence' | 'progress' | 'ringing';

/** Why an open attempt was cancelled by us. */
export type GiveUpCause = 'answered elsewhere' | 'rings elsewhere' | 'caller gone' | 'out of time' | 'came back';

/**
 * Whether a trunk can take the call, by our own count of channels: `free`; `kept`, where what is left is for emergency calls
 * and this is none; `full`.
 */
export type Room = 'free' | 'kept' | 'full';

/** What a call without a path comes to (DESIGN 4.7): it waits here, its upstream is told soon, or its caller at the end. */
export type NoPath = 'hold' | 'wilt' | 'tell';

/** Where an attempt stands. `silent`, `trying` and `progressing` are open. */
export type AttemptState =
  | { readonly phase: 'silent'; readonly late?: 'silence' }
  | { readonly phase: 'trying'; readonly late?: 'silence' | 'progress' }
  /** Late: it rings for longer than is usual, or on a trunk that was judged gone, so that its answer may be lost. */
  | { readonly phase: 'progressing'; readonly late?: 'ringing' }
  | { readonly phase: 'answered' }
  | { readonly phase: 'failed'; readonly verdict: Verdict }
  | { readonly phase: 'given-up'; readonly cause: GiveUpCause };

/** One INVITE of a call, on a route. */
export interface Attempt {
  readonly id: AttemptId;
  readonly planned: PlannedAttempt;
  readonly variant: Variant;
  /** The session interval that the trunk asked for, in seconds; with the variant `min-se`. */
  readonly minSe?: number;
  readonly startedAt: Instant;
  readonly state: AttemptState;
  readonly firstResponseAt?: Instant;
  readonly progressAt?: Instant;
  readonly endedAt?: Instant;
  /** The final status that the trunk gave, where it gave one. */
  readonly status?: number;
  /** What was held against the trunk while the attempt was still open. */
  readonly missed?: Verdict;
  /** It started beside another that might still have rung. */
  readonly hedge?: true;
  /** Its trunk was judged gone while it was open. */
  readonly onGone?: true;
  /** Its answer was taken as proof of its trunk, or as none. */
  readonly judged?: true;
}

/** How a call ended. */
export type CallOutcome = 'answered' | 'failed' | 'cancelled';

/** Where a call stands. */
export type CallPhase =
  | { readonly phase: 'searching' }
  /** An attempt has won; our 200 is on its way to the caller. */
  | {
      readonly phase: 'answering';
      readonly winner: AttemptId;
      /** The winner hung up meanwhile, with these Reason values. Dropped: the path is to blame. */
      readonly calleeGone?: { readonly reasons: readonly string[]; readonly isDrop: boolean };
    }
  | { readonly phase: 'connected'; readonly winner: AttemptId }
  | { readonly phase: 'ended'; readonly outcome: CallOutcome };

/** A call, from INVITE to end. */
export interface CallState {
  readonly class: ServiceClass;
  readonly noPath: NoPath;
  readonly startedAt: Instant;
  readonly phase: CallPhase;
  readonly attempts: readonly Attempt[];
  /** What has not been tried yet, in order. */
  readonly remaining: readonly PlannedAttempt[];
  /** When the caller first heard ringing. */
  readonly ringingAt?: Instant;
  readonly answeredAt?: Instant;
  /** A large message met silence: what starts from now on is plain (DESIGN 4.3). */
  readonly keepPlain?: true;
  /** Nothing is left to start, and the open attempts are all late: since when they have their last chance. */
  readonly lastChanceAt?: Instant | undefined;
  /** The next round of a call that is held is due. */
  readonly retryArmed?: boolean;
  /** It was answered, and the path dropped it: the caller's dialog stands while another path is searched (P23). Once. */
  readonly reoffered?: { readonly attempt: AttemptId; readonly reasons: readonly string[] };
  /** Up to which place of the routing matrix destinations may be tried. Undefined: 0, where the call begins. */
  readonly reach?: number;
  /** How many finished attempts are no longer listed. */
  readonly forgotten?: number;
}

/** What may happen to a call. */
export type CallEvent =
  | { readonly type: 'started' }
  /** A provisional response. `trusted` where it proves that the far end rings. */
  | { readonly type: 'responded'; readonly attempt: AttemptId; readonly status: number; readonly trusted: boolean }
  | { readonly type: 'answered'; readonly attempt: AttemptId }
  | { readonly type: 'failed'; readonly attempt: AttemptId; readonly verdict: Verdict; readonly status?: number }
  /** `sent`: the INVITE that was not heeded. */
  | { readonly type: 'deadline'; readonly attempt: AttemptId; readonly which: Lateness; readonly sent?: SentMessage }
  /** A canary is later than a healthy trunk would be. */
  | {
      readonly type: 'blame-due';
      readonly attempt: AttemptId;
      readonly which: 'silence' | 'progress';
      readonly sent?: SentMessage;
    }
  /** A reply is due to the first datagram of an attempt. */
  | { readonly type: 'miss-due'; readonly attempt: AttemptId }
  /** It should have progressed by now, as calls here usually do. */
  | { readonly type: 'slow-due'; readonly attempt: AttemptId }
  /** Nothing was heard of an attempt for so long that quick probes are to tell silent from slow. */
  | { readonly type: 'doubt-due'; readonly attempt: AttemptId }
  | { readonly type: 'ring-due' }
  /** The destination of the attempt has rung for as long as it may before the next one is tried as well. */
  | { readonly type: 'rings-too-long'; readonly attempt: AttemptId }
  | { readonly type: 'last-chance-over' }
  /** A call that is held may try again: a second has passed, or a trunk has shown signs of health or room. */
  | { readonly type: 'retry-due' }
  | { readonly type: 'wilt-due'; readonly which: 'early' | 'late' }
  /** The answer has stood long enough to prove its path. */
  | { readonly type: 'proven'; readonly attempt: AttemptId }
  | { readonly type: 'trunk-gone'; readonly trunk: TrunkId }
  /** The attempt came in again at an ingress of ours: its trunk sends our calls back to us. */
  | { readonly type: 'came-back'; readonly attempt: AttemptId }
  /** `reasons` are the Reason values that came with it, here and below. */
  | { readonly type: 'caller-cancelled'; readonly reasons?: readonly string[] }
  /** Our 200 left; the caller's dialog stands. */
  | { readonly type: 'caller-answered' }
  /** Our 200 could not be sent: the caller is gone. */
  | { readonly type: 'caller-unreachable' }
  /** The SIP server that had the caller is gone, and no other could take the caller up. */
  | { readonly type: 'caller-lost' }
  /** `by`: our own SIP server ended it, or was lost with it, here and below. */
  | { readonly type: 'caller-ended'; readonly reasons?: readonly string[]; readonly by?: 'server' | 'lost' }
  | {
      readonly type: 'callee-ended';
      readonly attempt: AttemptId;
      readonly reasons?: readonly string[];
      readonly by?: 'server' | 'lost';
    };

/** What is to be done, in order. */
export type CallCommand =
  | { readonly do: 'start-attempt'; readonly attempt: Attempt }
  /** `reasons` are the Reason values to send, here and below. */
  | { readonly do: 'give-up'; readonly attempt: AttemptId; readonly reasons: readonly string[] }
  /** End an answered leg: ACK where it is still owed, then BYE. */
  | { readonly do: 'release-callee'; readonly attempt: AttemptId; readonly reasons: readonly string[] }
  /** Ringing, with what the trunk of `from` says beside its session description. */
  | { readonly do: 'ring-caller'; readonly from?: AttemptId }
  /** It rings: its answer is due. */
  | { readonly do: 'watch-ringing'; readonly attempt: AttemptId }
  | { readonly do: 'answer-caller'; readonly attempt: AttemptId }
  /** The caller's dialog stands: the answer of this attempt goes there as an offer. */
  | { readonly do: 'reoffer-caller'; readonly attempt: AttemptId }
  | { readonly do: 'arm-proof'; readonly attempt: AttemptId }
  | { readonly do: 'reject-caller' }
  | { readonly do: 'release-caller'; readonly reasons: readonly string[] }
  | { readonly do: 'arm-last-chance' }
  | { readonly do: 'arm-retry' }
  | { readonly do: 'report-evidence'; readonly attempt: AttemptId; readonly outcome: AttemptOutcome }
  | { readonly do: 'finish'; readonly outcome: CallOutcome };

/** The state after an event, and what it asks for. */
export interface Step {
  readonly call: CallState;
  readonly commands: readonly CallCommand[];
}

/** One event of a call: the state before it and after it. */
export interface CallStep {
  readonly before: CallState;
  readonly event: CallEvent;
  readonly after: CallState;
  readonly now: Instant;
}
