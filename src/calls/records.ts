import type { PlannedAttempt } from '../domain/attempt.js';
import type { CallReport } from '../domain/call-report.js';
import type { AttemptId } from '../domain/ids.js';
import type {
  AttemptEnded,
  AttemptLate,
  AttemptStarted,
  CallAnswered,
  CallEnded,
  CallReceived,
  CallRefused,
  JournalRecord,
  StartCause,
} from '../domain/journal-record.js';
import { between, type Instant, type Milliseconds } from '../domain/time.js';
import type { IncomingCall } from '../ports/sip-server.js';
import { header } from '../sip/headers.js';
import { decodeUtf8 } from '../sip/text.js';
import type { Attempt, CallEvent, CallState, CallStep, Lateness } from './call.js';
import { callerNumber } from './caller.js';
import { numberDialled } from './outgoing.js';
import { identitiesIn } from './report.js';
import type { CallSubject } from './session.js';
import { isOpen } from './draft.js';

/** What is known of a call that has just come in. */
export function receivedRecord({ callId, service, ingress, incoming }: CallSubject): CallReceived {
  const { headers } = incoming.request;
  return {
    type: 'call-received',
    callId,
    service: service.id,
    class: service.class,
    ingress,
    caller: decodeUtf8(callerNumber(headers)) || 'anonymous',
    identities: identitiesIn(headers),
    ...originOf(incoming),
  };
}

/** A call that was refused without an attempt. */
export function refusedRecord(
  incoming: IncomingCall,
  ingress: CallRefused['ingress'],
  status: number,
  reason: string,
): CallRefused {
  return { type: 'call-refused', ingress, status, reason, ...originOf(incoming) };
}

const LONGEST_URI = 500;

function originOf({ source, request }: IncomingCall): Pick<CallReceived, 'source' | 'dialled' | 'sipCallId'> {
  const sipCallId = header(request.headers, 'Call-ID');
  return {
    source: `${source.transport}:${source.address}:${source.port}`,
    dialled: decodeUtf8(request.uri.slice(0, LONGEST_URI)),
    ...(sipCallId === undefined ? {} : { sipCallId: decodeUtf8(sipCallId) }),
  };
}

/** What others know of the call. */
export interface Background {
  /** What is thought of the trunk of an attempt, and of its carrier. */
  standing(planned: PlannedAttempt): AttemptStarted['standing'];
  /** The call as it stands after the event. */
  report(): CallReport;
}

/** What is to be written down of one event of a call, in the order in which it happened. */
export function recordsOf({ callId }: CallSubject, step: CallStep, known: Background): readonly JournalRecord[] {
  if (step.before === step.after && step.event.type !== 'answered') {
    return [];
  }
  const ofCall = [
    ...responded(step),
    ...late(step),
    ...ended(step),
    ...ringing(step),
    ...answered(step),
    ...started(step, known),
  ].map((record) => ({ callId, ...record }));
  const searched: readonly JournalRecord[] = isSearched(step) ? [{ type: 'call', report: known.report() }] : [];
  return [...ofCall, ...searched, ...over(step).map((record) => ({ callId, ...record }))];
}

/** Whether the search has ended with this event: an answer that reached the caller, or the end of the call. */
function isSearched({ before, after }: CallStep): boolean {
  const isOver = ({ phase }: CallState): boolean => phase.phase === 'connected' || phase.phase === 'ended';
  return isOver(after) && !isOver(before);
}

type WithoutCall<T> = T extends unknown ? Omit<T, 'callId'> : never;
type Found = readonly WithoutCall<Extract<JournalRecord, { readonly callId: unknown }>>[];

function responded({ before, event, after, now }: CallStep): Found {
  if (event.type !== 'responded') {
    return [];
  }
  const was = find(before, event.attempt);
  const is = find(after, event.attempt);
  const isNews = was?.firstResponseAt !== is?.firstResponseAt || was?.progressAt !== is?.progressAt;
  const { attempt, status, trusted } = event;
  return isNews ? [{ type: 'attempt-responded', attempt, status, trusted, afterMs: since(before, now) }] : [];
}

function late({ before, after, now }: CallStep): Found {
  return after.attempts.flatMap((attempt) => {
    const was = find(before, attempt.id);
    const missing = missingOf(attempt);
    if (was === undefined || missing === undefined || (missingOf(was) === missing && was.missed === attempt.missed)) {
      return [];
    }
    const verdict = attempt.missed === undefined ? {} : { verdict: attempt.missed };
    return [{ type: 'attempt-late', attempt: attempt.id, missing, ...verdict, afterMs: since(before, now) }];
  });
}

const MISSING: Readonly<Record<Lateness, AttemptLate['missing']>> = {
  silence: 'response',
  progress: 'progress',
  ringing: 'answer',
};

/** What an open attempt is late with. */
function missingOf({ state }: Attempt): AttemptLate['missing'] | undefined {
  return 'late' in state && state.late !== undefined ? MISSING[state.late] : undefined;
}

function ended({ before, event, after, now }: CallStep): Found {
  const afterMs = since(before, now);
  const released: Found =
    event.type === 'answered' && isAnswerTooLate(find(before, event.attempt), find(after, event.attempt))
      ? [{ type: 'answer-released', attempt: event.attempt, afterMs }]
      : [];
  const closed = after.attempts.filter((attempt) => {
    const was = find(before, attempt.id);
    const isDropped = was?.state.phase === 'answered' && attempt.state.phase === 'failed';
    return isDropped || (!isOpen(attempt) && (was === undefined || isOpen(was)));
  });
  return [...released, ...closed.map((attempt) => endedRecord(attempt, afterMs))];
}

function isAnswerTooLate(was: Attempt | undefined, is: Attempt | undefined): boolean {
  return is !== undefined && (is.state.phase !== 'answered' || was?.state.phase === 'answered');
}

function endedRecord(attempt: Attempt, afterMs: number): Omit<AttemptEnded, 'callId'> {
  const { id, planned, state, status, missed } = attempt;
  const verdict = state.phase === 'failed' ? state.verdict : missed;
  return {
    type: 'attempt-ended',
    attempt: id,
    trunk: planned.trunk.id,
    carrier: planned.trunk.carrier,
    outcome: state.phase === 'answered' ? 'answered' : state.phase === 'failed' ? 'failed' : 'given up',
    ...(state.phase === 'given-up' ? { cause: state.cause } : {}),
    ...(status === undefined ? {} : { status }),
    ...(verdict === undefined || state.phase === 'answered' ? {} : { verdict }),
    afterMs,
  };
}

function ringing({ before, event, after, now }: CallStep): Found {
  if (before.ringingAt !== undefined || after.ringingAt === undefined) {
    return [];
  }
  const attempt = event.type === 'responded' ? { attempt: event.attempt } : {};
  return [{ type: 'call-ringing', ...attempt, afterMs: since(before, now) }];
}

function answered({ before, after, now }: CallStep): Found {
  const isAgain =
    before.reoffered !== undefined && before.phase.phase === 'searching' && after.phase.phase === 'connected';
  if (!isAgain && (before.answeredAt !== undefined || after.answeredAt === undefined)) {
    return [];
  }
  const winner = after.attempts.find(({ state }) => state.phase === 'answered');
  return winner === undefined ? [] : [answeredRecord(winner, since(before, now))];
}

function answeredRecord({ id, planned }: Attempt, afterMs: number): Omit<CallAnswered, 'callId'> {
  const { trunk, route } = planned;
  const { destination } = route;
  return { type: 'call-answered', attempt: id, trunk: trunk.id, carrier: trunk.carrier, destination, afterMs };
}

function started({ before, event, after, now }: CallStep, known: Background): Found {
  return after.attempts
    .map((attempt, index) => ({ attempt, place: index + 1 + (after.forgotten ?? 0) }))
    .filter(({ attempt }) => find(before, attempt.id) === undefined)
    .map(({ attempt, place }) => ({
      type: 'attempt-started',
      attempt: attempt.id,
      place,
      why: place === 1 ? 'first' : causeOf(event),
      ...routeOf(attempt.planned),
      number: numberDialled(attempt),
      standing: known.standing(attempt.planned),
      variant: attempt.variant,
      afterMs: since(before, now),
    }));
}

function routeOf({ trunk, route, role, deadlines }: PlannedAttempt) {
  const { silence, progress, doubt } = deadlines;
  return {
    trunk: trunk.id,
    carrier: trunk.carrier,
    route: route.id,
    destination: route.destination,
    tier: route.tier,
    role,
    deadlines: {
      ...(silence === undefined ? {} : { silenceMs: whole(silence) }),
      progressMs: whole(progress),
      ...(doubt === undefined ? {} : { doubtMs: whole(doubt) }),
    },
  };
}

const CAUSES: Readonly<Partial<Record<CallEvent['type'], StartCause>>> = {
  failed: 'failure',
  'trunk-gone': 'trunk gone',
  'came-back': 'loop',
  'callee-ended': 'dropped',
  'caller-answered': 'dropped',
  'retry-due': 'retry',
};

function causeOf(event: CallEvent): StartCause {
  return event.type === 'deadline' ? event.which : (CAUSES[event.type] ?? 'other');
}

function over({ before, event, after, now }: CallStep): Found {
  if (after.phase.phase !== 'ended' || before.phase.phase === 'ended') {
    return [];
  }
  const { answeredAt } = after;
  return [
    {
      type: 'call-ended',
      outcome: after.phase.outcome,
      ...endOf(before, event),
      afterMs: since(before, now),
      ...(answeredAt === undefined ? {} : { talkedMs: precise(between(answeredAt, now)) }),
    },
  ];
}

const ENDS: Readonly<Partial<Record<CallEvent['type'], Pick<CallEnded, 'by' | 'cause'>>>> = {
  'caller-cancelled': { by: 'caller', cause: 'the caller gave up' },
  'caller-ended': { by: 'caller', cause: 'the caller hung up' },
  'callee-ended': { by: 'callee', cause: 'the answering point hung up' },
  'caller-lost': { by: 'server', cause: 'our SIP server died, and no other could take the caller up' },
  'caller-unreachable': { by: 'server', cause: 'our answer could not be sent' },
  'caller-answered': { by: 'callee', cause: 'the answering point had hung up before the caller was answered' },
};

function endOf({ phase }: CallState, event: CallEvent): Pick<CallEnded, 'by' | 'cause' | 'reasons'> {
  const end = ENDS[event.type] ?? { by: 'gateway', cause: 'nothing was left to try' };
  if ('by' in event && event.by === 'lost') {
    const cause = 'lost control: our SIP server did not come back, and the call may go on without us';
    return { by: 'server', cause, reasons: [] };
  }
  if ('by' in event && event.by === 'server') {
    return {
      by: 'server',
      cause: `${event.type === 'caller-ended' ? 'caller' : 'callee'} leg ended by our SIP server`,
      reasons: [],
    };
  }
  const early = phase.phase === 'answering' ? phase.calleeGone?.reasons : undefined;
  return { ...end, reasons: ('reasons' in event ? event.reasons : early) ?? [] };
}

function find(call: CallState, attempt: AttemptId): Attempt | undefined {
  return call.attempts.find(({ id }) => id === attempt);
}

function since({ startedAt }: CallState, now: Instant): number {
  return precise(between(startedAt, now));
}

/** To the microsecond: more digits say nothing. */
function precise(duration: Milliseconds): number {
  return Math.round(duration * 1_000) / 1_000;
}

function whole(duration: Milliseconds): number {
  return Math.round(duration);
}
