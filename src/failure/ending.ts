import type { ServiceClass, Transport, Trunk } from '../domain/network.js';
import type { Milliseconds } from '../domain/time.js';
import type { Reason } from '../sip/reason.js';

/** What is known of the gateway behind a trunk, as far as it changes what its answers mean. */
export type GatewayProfile = Pick<Trunk, 'kind' | 'trustedBusy' | 'releaseDelay'>;

/** The message that an attempt sent. */
export interface SentMessage {
  readonly transport: Transport;
  /** Its size in bytes, or a careful guess. */
  readonly bytes: number;
}

/** A final response of 300 or more from the trunk. */
export interface PeerEnding {
  readonly service: ServiceClass;
  readonly origin: 'peer';
  readonly status: number;
  /** Every Reason of the response, in order (RFC 3326, RFC 6432). */
  readonly reasons: readonly Reason[];
  /** Whether trusted progress (ringing) came before it. */
  readonly sawProgress: boolean;
  /** Whether this attempt was already the plain one: SDP only, nothing required. */
  readonly plain: boolean;
  /** Whether this attempt already showed the trunk's own number as the caller. */
  readonly ownNumber: boolean;
  /** Whether this attempt already dialled the second form of the number. */
  readonly secondForm?: boolean;
  /** Whether this attempt already asked for the session interval that the trunk wanted. */
  readonly minSeShown?: boolean;
  /** Whether our credentials were shown to it before. */
  readonly known?: boolean;
  /** What the gateway is known for; without it, no more than that it is a trunk. */
  readonly gateway?: GatewayProfile;
  /** How long before this answer a call on the trunk ended. Left out when none did. */
  readonly sinceRelease?: Milliseconds | undefined;
  /** Seconds of its Retry-After. */
  readonly retryAfter?: number | undefined;
  /** Seconds of its Min-SE. */
  readonly minSe?: number | undefined;
}

/** A failure that our own SIP server reports. */
export interface LocalEnding {
  readonly service: ServiceClass;
  readonly origin: 'local';
  readonly cause: 'timeout' | 'refused' | 'unresolvable' | 'unsendable' | 'too-large' | 'server-gone';
  /** Whether any response, 100 included, came before it. */
  readonly sawProvisional: boolean;
  /** Counts as small where it is left out. */
  readonly sent?: SentMessage;
}

/**
 * A deadline of ours passed: nothing came back, or no trusted progress. `unheard` where the SIP server keeps 100 Trying to
 * itself, so that nobody knows which of the two it was.
 */
export interface DeadlineEnding {
  readonly service: ServiceClass;
  readonly origin: 'deadline';
  readonly which: 'silence' | 'progress' | 'unheard';
  /** Counts as small where it is left out. */
  readonly sent?: SentMessage;
}

/** We gave the attempt up: another won, or the caller hung up. */
interface CancelledEnding {
  readonly origin: 'cancelled-by-us';
}

/** As a canary it was slower than it may be, and another attempt rang or answered meanwhile. */
interface OvertakenEnding {
  readonly origin: 'overtaken';
}

/** We saw the attempt come in again at an ingress of ours. */
interface ReturnedEnding {
  readonly origin: 'came-back';
}

/** The far side answered and ended the call at once, without a reason that people have. */
interface DroppedEnding {
  readonly origin: 'dropped';
}

/** How an attempt failed. */
export type Ending =
  | DroppedEnding
  | ReturnedEnding
  | PeerEnding
  | LocalEnding
  | DeadlineEnding
  | CancelledEnding
  | OvertakenEnding;
