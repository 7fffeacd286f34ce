import type { AttemptReport, CallReport, IdentityReport } from '../domain/call-report.js';
import { between, type Instant } from '../domain/time.js';
import type { Clock } from '../ports/clock.js';
import { callerIdentities } from '../sip/identity.js';
import type { Header } from '../sip/message.js';
import { decodeUtf8 } from '../sip/text.js';
import type { Attempt } from './call.js';
import { callerNumber } from './caller.js';
import { isPhantomRing } from './draft.js';
import { numberDialled } from './outgoing.js';
import type { CallSession } from './session.js';

/** What a call was, for the journal, the console and the tester's screen. */
export function reportOf(session: CallSession, clock: Clock): CallReport {
  const { state, subject } = session;
  const since = (moment: Instant | undefined): number | undefined =>
    moment === undefined ? undefined : between(state.startedAt, moment);
  const winner = state.attempts.find((attempt) => attempt.state.phase === 'answered');
  return {
    callId: subject.callId,
    service: subject.service.id,
    caller: decodeUtf8(callerNumber(subject.incoming.request.headers)) || 'anonymous',
    identities: identitiesIn(subject.incoming.request.headers),
    ingress: subject.ingress,
    startedAt: new Date(clock.wallTime() - between(state.startedAt, clock.now())).toISOString(),
    attempts: state.attempts.map((attempt) => attemptReport(attempt, since)),
    ...given('attemptsNotListed', state.forgotten),
    phantomRings: state.attempts.filter(isPhantomRing).length,
    outcome: state.phase.phase === 'ended' ? state.phase.outcome : 'answered',
    ...(winner === undefined ? {} : { answeredBy: { trunk: winner.planned.trunk.id } }),
    ...given('ringingAfterMs', since(state.ringingAt)),
    ...given('answeredAfterMs', since(state.answeredAt)),
  };
}

/** All that a request said about who calls, best first. */
export function identitiesIn(headers: readonly Header[]): readonly IdentityReport[] {
  return callerIdentities(headers).flatMap(({ source, uri, display }) =>
    source === 'none'
      ? []
      : [{ source, uri: decodeUtf8(uri), ...(display === undefined ? {} : { display: decodeUtf8(display) }) }],
  );
}

function attemptReport(attempt: Attempt, since: (moment: Instant | undefined) => number | undefined): AttemptReport {
  const { planned } = attempt;
  return {
    trunk: planned.trunk.id,
    carrier: planned.trunk.carrier,
    number: numberDialled(attempt),
    role: planned.role,
    startedAfterMs: since(attempt.startedAt) ?? 0,
    ...given('firstResponseAfterMs', since(attempt.firstResponseAt)),
    ...given('progressAfterMs', since(attempt.progressAt)),
    ...given('endedAfterMs', since(attempt.endedAt)),
    ...given('status', attempt.status),
    ...outcomeOf(attempt),
  };
}

function outcomeOf(attempt: Attempt): Pick<AttemptReport, 'outcome' | 'reason'> {
  const { state, missed } = attempt;
  switch (state.phase) {
    case 'answered':
      return { outcome: 'answered', reason: 'answered' };
    case 'failed':
      return { outcome: 'failed', reason: state.verdict.reason };
    case 'given-up':
      return missed === undefined
        ? { outcome: 'cancelled', reason: state.cause }
        : { outcome: 'given up', reason: missed.reason };
    case 'silent':
    case 'trying':
    case 'progressing':
      return { outcome: 'given up', reason: missed?.reason ?? 'still open' };
  }
}

function given<K extends string>(key: K, value: number | undefined): { readonly [P in K]?: number } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [P in K]?: number });
}
