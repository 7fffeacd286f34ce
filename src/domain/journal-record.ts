import type { Alarm } from './alarm.js';
import type { AttemptRole } from './attempt.js';
import type { CallReport, IdentityReport } from './call-report.js';
import type { CarrierState, Evidence, HealthChange, TrunkState } from './health.js';
import type { AttemptId, CallId, CarrierId, DestinationId, IngressId, RouteId, ServiceId, TrunkId } from './ids.js';
import type { ServiceClass } from './network.js';
import type { Verdict } from './verdict.js';

/** What every record about a call has. Where `afterMs` stands, it is the milliseconds since the call came in. */
interface OfCall {
  readonly callId: CallId;
}

interface OfAttempt extends OfCall {
  readonly attempt: AttemptId;
  readonly afterMs: number;
}

/** A call came in and is served. */
export interface CallReceived extends OfCall {
  readonly type: 'call-received';
  readonly service: ServiceId;
  readonly class: ServiceClass;
  readonly ingress: IngressId;
  /** Where it came from: `udp:192.0.2.1:5060`. */
  readonly source: string;
  /** The Request-URI. */
  readonly dialled: string;
  /** The caller's number, or what stands for it. */
  readonly caller: string;
  /** All that the request said about the caller, best first. */
  readonly identities: readonly IdentityReport[];
  /** The Call-ID of the caller's leg, under which the upstream knows the call. */
  readonly sipCallId?: string;
}

/** A call from a known ingress was refused without an attempt. */
export interface CallRefused {
  readonly type: 'call-refused';
  readonly ingress: IngressId;
  readonly source: string;
  readonly dialled: string;
  readonly status: number;
  readonly reason: string;
  readonly sipCallId?: string;
}

/** Why an attempt starts at this moment. */
export type StartCause =
  | 'first'
  /** The one before failed. */
  | 'failure'
  /** The one before is late: no response, no trusted progress, or ringing for too long. */
  | 'silence'
  | 'progress'
  | 'ringing'
  /** The one before is on a trunk that was judged gone. */
  | 'trunk gone'
  /** The one before came back to us. */
  | 'loop'
  /** The one before was answered, and its path dropped the call. */
  | 'dropped'
  /** Nothing was left, and the caller is held. */
  | 'retry'
  | 'other';

/** One INVITE leaves. */
export interface AttemptStarted extends OfAttempt {
  readonly type: 'attempt-started';
  /** 1 for the first attempt of the call. */
  readonly place: number;
  readonly why: StartCause;
  readonly trunk: TrunkId;
  readonly carrier: CarrierId;
  readonly route: RouteId;
  readonly destination: DestinationId;
  /** The user part that is dialled. */
  readonly number: string;
  readonly tier: number;
  /** Why the route stands where it stands: in its order, as a proof of recovery, or because nothing better is left. */
  readonly role: AttemptRole;
  /** What was thought of the trunk and its carrier when it was chosen. */
  readonly standing: { readonly trunk: TrunkState; readonly carrier: CarrierState };
  /** `as-sent`, or how the INVITE differs from what the caller sent. */
  readonly variant: string;
  /** From the INVITE. Absent where there is none. */
  readonly deadlines: { readonly silenceMs?: number; readonly progressMs: number; readonly doubtMs?: number };
}

/** The first response of an attempt, and the first that proves ringing. */
export interface AttemptResponded extends OfAttempt {
  readonly type: 'attempt-responded';
  readonly status: number;
  /** Whether it proves that the far end rings. */
  readonly trusted: boolean;
}

/** An open attempt is late; it may still be answered. */
export interface AttemptLate extends OfAttempt {
  readonly type: 'attempt-late';
  /** What did not come: any response, trusted progress, or the answer to the ringing. */
  readonly missing: 'response' | 'progress' | 'answer';
  /** What is held against the trunk for it. */
  readonly verdict?: Verdict;
}

/** Nothing more comes of an attempt, or it is answered. */
export interface AttemptEnded extends OfAttempt {
  readonly type: 'attempt-ended';
  readonly trunk: TrunkId;
  readonly carrier: CarrierId;
  readonly outcome: 'answered' | 'failed' | 'given up';
  /** Why we gave it up, in a few words. */
  readonly cause?: string;
  /** The final SIP status, where one came. */
  readonly status?: number;
  /** Of a failure, and of what was late before it was given up. */
  readonly verdict?: Verdict;
}

/** An answer that came after another had won, or after we had given the attempt up: it was acknowledged and released. */
export interface AnswerReleased extends OfAttempt {
  readonly type: 'answer-released';
}

/** The caller hears ringing. */
export interface CallRinging extends OfCall {
  readonly type: 'call-ringing';
  readonly afterMs: number;
  /** The attempt that rings. Absent where we ring so that the caller is not left in silence. */
  readonly attempt?: AttemptId;
}

/** The caller is connected. */
export interface CallAnswered extends OfAttempt {
  readonly type: 'call-answered';
  readonly trunk: TrunkId;
  readonly carrier: CarrierId;
  readonly destination: DestinationId;
}

/** The search has ended: what was tried. It comes when the caller is answered, or at the end of a call that was not. */
export interface CallSearched {
  readonly type: 'call';
  readonly report: CallReport;
}

/** Who ended a call. `server`: our SIP server, for example because no ACK came; `gateway`: nothing was left to try. */
export type EndedBy = 'caller' | 'callee' | 'server' | 'gateway';

/** The last record of a call: no leg is left. */
export interface CallEnded extends OfCall {
  readonly type: 'call-ended';
  readonly outcome: 'answered' | 'failed' | 'cancelled';
  readonly by: EndedBy;
  /** What ended it, in a few words. */
  readonly cause: string;
  /** The Reason values that came with the end (RFC 3326). */
  readonly reasons: readonly string[];
  readonly afterMs: number;
  /** How long caller and answering point were connected. */
  readonly talkedMs?: number;
}

/** A trunk or a carrier is judged in another way. */
export interface HealthChanged {
  readonly type: 'health';
  readonly change: HealthChange;
  /** What was seen at that moment. Absent where time alone changed it. */
  readonly evidence?: Evidence & { readonly trunk: TrunkId };
}

export interface AlarmRaised {
  readonly type: 'alarm-raised';
  readonly alarm: Alarm;
}

export interface AlarmCleared {
  readonly type: 'alarm-cleared';
  readonly alarm: Alarm;
  /** What cleared it. */
  readonly cause: string;
}

/** From here on the gateway works by these files. */
export interface ConfigurationLoaded {
  readonly type: 'configuration-loaded';
  /** SHA-256 over the files' own, in hexadecimal: the same files give the same version. */
  readonly version: string;
  readonly files: readonly { readonly file: string; readonly sha256: string }[];
}

/** The gateway starts. The monotonic clock of later records is that of this process. */
export interface ProcessStarted {
  readonly type: 'process-started';
  readonly version: string;
  readonly pid: number;
}

/** The gateway ended in an orderly way. A `process-started` without it in front means that it was killed. */
export interface ProcessStopped {
  readonly type: 'process-stopped';
  readonly cause: string;
}

/** Records were lost because the journal could not be written for too long. */
export interface RecordsDropped {
  readonly type: 'records-dropped';
  readonly count: number;
  readonly byType: Readonly<Record<string, number>>;
  /** When the first and the last of them were made: ISO 8601, UTC. */
  readonly from: string;
  readonly to: string;
}

/** The last line of a file was not whole, as after a crash. It was cut off, and the chain goes on. */
export interface JournalRepaired {
  readonly type: 'journal-repaired';
  readonly file: string;
  readonly cutBytes: number;
  /** What was cut off, its first part where it is long. */
  readonly cut: string;
}

/** All that is written down. The types are final: the store behind them may change. */
export type JournalRecord =
  | CallReceived
  | CallRefused
  | AttemptStarted
  | AttemptResponded
  | AttemptLate
  | AttemptEnded
  | AnswerReleased
  | CallRinging
  | CallAnswered
  | CallSearched
  | CallEnded
  | HealthChanged
  | AlarmRaised
  | AlarmCleared
  | ConfigurationLoaded
  | ProcessStarted
  | ProcessStopped
  | RecordsDropped
  | JournalRepaired;

/** What the journal adds to a record. */
export interface Stamp {
  /** 1, 2, 3 ... over all files of a journal: 64 bits, in decimal. */
  readonly seq: string;
  /** The SHA-256 of the line before, in hexadecimal; zeros before the first line. */
  readonly prev: string;
  /** The time of day: ISO 8601, UTC, with milliseconds. */
  readonly at: string;
  /** Milliseconds on the monotonic clock of the process. */
  readonly mono: number;
  readonly site: string;
}

/** A record as it is kept. */
export type JournalEntry = Stamp & JournalRecord;

/** The call that a record is about. */
export function callOf(record: JournalRecord): string | undefined {
  return 'callId' in record ? record.callId : record.type === 'call' ? record.report.callId : undefined;
}
