import { messageOf } from '../domain/errors.js';
import type { PlannedAttempt } from '../domain/attempt.js';
import type { AttemptOutcome } from '../domain/health.js';
import type { AttemptId, CallId, IngressId, TrunkId } from '../domain/ids.js';
import type { Route, Service, Trunk } from '../domain/network.js';
import { ms, type Milliseconds } from '../domain/time.js';
import type { Verdict } from '../domain/verdict.js';
import { finalForCaller, type FailedAttempt } from '../failure/final.js';
import { judge, type SentMessage } from '../failure/verdict.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Log } from '../ports/journal.js';
import {
  SipServerError,
  type CalleeEvents,
  type CalleeLeg,
  type CallerEvents,
  type Dialog,
  type IncomingCall,
  type InviteFailure,
  type InviteRequest,
  type LegEnd,
  type ReceivedResponse,
  type SipServer,
} from '../ports/sip-server.js';
import { coldDeadlines } from '../routing/deadlines.js';
import { smallNumber } from '../sip/chars.js';
import { header } from '../sip/headers.js';
import type { Header } from '../sip/message.js';
import { parseReasons, printReason } from '../sip/reason.js';
import { answerTo, ringing } from './answer.js';
import type { Attempt, CallCommand, CallEvent, CallOutcome, CallState, CallStep, NoPath, Room } from './call.js';
import type { Channel } from './channels.js';
import { inviteFor } from './outgoing.js';
import { bytesOf } from './plain.js';
import { isTrustedProgress } from './progress.js';
import { hasSdp, withSdp } from '../sip/sdp-in-body.js';
import { newCall, transition } from './transition.js';
import { isPhantomRing } from './draft.js';
import { LAST_CHANCE } from './search.js';
import { PROVEN_AFTER } from './dropped.js';
import { Tie } from './tie.js';

/** The caller hears ringing at the latest so long after the INVITE (P20). */
const RING_AT_LATEST = ms(2_000);
/** Ringing is repeated, so that no proxy above gives the call up (RFC 3261 13.3.1.1 asks for one a minute). */
const RING_AGAIN = ms(50_000);
/** A call that is held is tried again so often (DESIGN 4.7). */
const RETRY_AFTER = ms(1_000);
/** When an upstream with other ways is told no: where nothing at all came back, and where something did. */
const WILT_EARLY = ms(900);
const WILT_LATE = ms(6_000);
/** 64*T1 until a late provisional gets its CANCEL, and as long again until that is answered; and some room. */
const LEG_OVER_WITHIN = ms(70_000);

/** What a call needs from the gateway. */
export interface SessionPorts {
  readonly server: SipServer;
  readonly clock: Clock;
  readonly log: Log;
  /** This gateway's name in the hop marker. */
  readonly site: string;
  /** A number in [0, 1). */
  readonly fraction: () => number;
  readonly nextAttemptId: () => AttemptId;
  /** How long ago a call on the trunk ended, as far as it is known. */
  readonly sinceRelease: (trunk: TrunkId) => Milliseconds | undefined;
  readonly room: (trunk: Trunk, service: Service) => Room;
  /** Whether the answering point can take the call, by our own count. */
  readonly hasSeat: (route: Route, call: CallId) => boolean;
  readonly mayHedge: (trunk: Trunk) => boolean;
  /** What to try from now on, best first. */
  readonly plan: (service: Service) => readonly PlannedAttempt[];
  /** How long an attempt may ring before its destination is tried over an independent carrier as well. */
  readonly ringsUsually: (attempt: Attempt, service: Service) => Milliseconds;
  /** The call has no path and waits for one: `retry()` is welcome on any sign of one. */
  readonly held: (session: CallSession) => void;
  /** A leg rang at an answering point, and was cancelled because another answered. */
  readonly rangInVain: (attempt: Attempt) => void;
  /** A leg of the call starts on a route: it holds the channel until it frees it. */
  readonly takeChannel: (planned: PlannedAttempt, call: CallId) => Channel;
  /** What an attempt said about its trunk. */
  readonly evidence: (attempt: Attempt, service: Service, outcome: AttemptOutcome) => void;
  /** An attempt leaves now, with this INVITE. */
  readonly attemptStarted: (attempt: Attempt, session: CallSession, invite: InviteRequest) => void;
  /** An event was worked in; what it asks for is done next. */
  readonly stepped: (session: CallSession, step: CallStep) => void;
  /** Every leg of the call is gone. Called once. */
  readonly over: (session: CallSession) => void;
}

/** What a call is about. */
export interface CallSubject {
  readonly callId: CallId;
  readonly service: Service;
  readonly ingress: IngressId;
  /** What it comes to without a path. */
  readonly noPath: NoPath;
  readonly incoming: IncomingCall;
  readonly plan: readonly PlannedAttempt[];
}

/** The leg of an attempt, and what it holds. */
interface Leg {
  readonly leg: CalleeLeg;
  readonly sent: SentMessage;
  /** Whether its INVITE carried a session description. */
  readonly offered: boolean;
  readonly channel: Channel;
  ringing?: ReceivedResponse;
  answer?: { readonly response: ReceivedResponse; readonly dialog: Dialog };
}

/** One call at work: turns what the legs report into events, and what the machine asks for into SIP. */
export class CallSession {
  readonly subject: CallSubject;
  readonly #ports: SessionPorts;
  readonly #legs = new Map<AttemptId, Leg>();
  readonly #timers = new Set<Timer>();
  readonly #queue: CallEvent[] = [];
  readonly #tie: Tie;
  #winner: AttemptId | undefined;
  #call: CallState;
  #working = false;
  #retry: Timer | undefined;
  #caller: Dialog | undefined;

  constructor(subject: CallSubject, ports: SessionPorts) {
    this.subject = subject;
    this.#ports = ports;
    this.#call = newCall(subject.service.class, subject.plan, ports.clock.now(), subject.noPath);
    this.#tie = new Tie({
      clock: ports.clock,
      fraction: ports.fraction,
      warn: (text) => {
        this.#warn(text);
      },
    });
    subject.incoming.attach(this.#callerEvents());
  }

  /** The call as it stands. */
  get state(): CallState {
    return this.#call;
  }

  /** Starts the first attempt. */
  start(): void {
    this.#after(RING_AT_LATEST, { type: 'ring-due' });
    if (this.subject.noPath === 'wilt') {
      this.#after(WILT_EARLY, { type: 'wilt-due', which: 'early' });
      this.#after(WILT_LATE, { type: 'wilt-due', which: 'late' });
    }
    this.#dispatch({ type: 'started' });
  }

  /** A trunk was judged gone: what waits on it moves at once (P8). */
  trunkGone(trunk: TrunkId): void {
    this.#dispatch({ type: 'trunk-gone', trunk });
  }

  /** A trunk has shown signs of health or room. */
  retry(): void {
    this.#dispatch({ type: 'retry-due' });
  }

  /** A SIP server is there again: what waited for one starts. */
  serverBack(): void {
    if (this.#call.phase.phase === 'searching') {
      this.retry();
    }
  }

  /** An attempt came in again at an ingress of ours. */
  cameBack(attempt: AttemptId): void {
    this.#dispatch({ type: 'came-back', attempt });
  }

  #dispatch(event: CallEvent): void {
    this.#queue.push(event);
    if (this.#working) {
      return;
    }
    this.#working = true;
    try {
      for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
        this.#step(next);
      }
    } finally {
      this.#working = false;
    }
  }

  #step(event: CallEvent): void {
    const before = this.#call;
    const now = this.#ports.clock.now();
    const { call, commands } = transition(before, event, now, {
      attemptId: this.#ports.nextAttemptId,
      room: (trunk) => this.#ports.room(trunk, this.subject.service),
      hasSeat: (route) => this.#ports.hasSeat(route, this.subject.callId),
      mayHedge: this.#ports.mayHedge,
      canSend: () => this.#ports.server.connected,
      plan: () => this.#ports.plan(this.subject.service),
    });
    this.#call = call;
    this.#ports.stepped(this, { before, event, after: call, now });
    if (call.phase.phase === 'connected' && before.phase.phase !== 'connected') {
      this.#clearTimers();
    }
    if (call.reoffered !== before.reoffered) {
      this.#warn('answered, then dropped: the caller is offered to the next path');
    }
    if (before.phase.phase !== 'searching' && call.phase.phase === 'searching') {
      this.#winner = undefined;
      this.#tie.calleeLost();
    }
    for (const command of commands) {
      this.#carryOut(command);
    }
  }

  #carryOut(command: CallCommand): void {
    switch (command.do) {
      case 'start-attempt':
        return this.#startAttempt(command.attempt);
      case 'give-up':
        return this.#giveUp(command.attempt, command.reasons);
      case 'release-callee':
        return this.#releaseCallee(command.attempt, command.reasons);
      case 'ring-caller':
        return this.#ring(command.from);
      case 'watch-ringing':
        return this.#watchRinging(command.attempt);
      case 'answer-caller':
        return this.#answerCaller(command.attempt);
      case 'reoffer-caller':
        return this.#reofferCaller(command.attempt);
      case 'arm-proof':
        return this.#after(PROVEN_AFTER, { type: 'proven', attempt: command.attempt });
      case 'arm-retry':
        return this.#armRetry();
      case 'reject-caller':
        return this.#rejectCaller();
      case 'release-caller':
        return this.#caller?.release(command.reasons);
      case 'arm-last-chance':
        return this.#after(LAST_CHANCE, { type: 'last-chance-over' });
      case 'report-evidence':
        return this.#reportEvidence(command.attempt, command.outcome);
      case 'finish':
        return this.#finish(command.outcome);
    }
  }

  #startAttempt(attempt: Attempt): void {
    const { service, callId } = this.subject;
    const said = this.#tie.callerSaid;
    const request = said === undefined ? this.subject.incoming.request : withSdp(this.subject.incoming.request, said);
    const invite = inviteFor({ request, class: service.class, callId, site: this.#ports.site }, attempt);
    this.#ports.attemptStarted(attempt, this, invite);
    const channel = this.#ports.takeChannel(attempt.planned, callId);
    const leg = this.#ports.server.invite(invite, this.#calleeEvents(attempt, channel), this.subject.incoming);
    const sent: SentMessage = { transport: invite.nextHop.transport, bytes: bytesOf(invite) };
    this.#legs.set(attempt.id, { leg, channel, sent, offered: hasSdp(invite) });
    this.#armDeadlines(attempt, sent);
  }

  #watchRinging(id: AttemptId): void {
    const attempt = this.#call.attempts.find((each) => each.id === id);
    if (attempt !== undefined) {
      const usually = this.#ports.ringsUsually(attempt, this.subject.service);
      this.#after(usually, { type: 'deadline', attempt: id, which: 'ringing' });
      this.#after(attempt.planned.ringsFor, { type: 'rings-too-long', attempt: id });
    }
  }

  #armDeadlines({ id, planned: { deadlines, role, trunk } }: Attempt, sent: SentMessage): void {
    this.#after(deadlines.silence, { type: 'deadline', attempt: id, which: 'silence', sent });
    this.#after(deadlines.progress, { type: 'deadline', attempt: id, which: 'progress', sent });
    this.#after(deadlines.miss, { type: 'miss-due', attempt: id });
    this.#after(deadlines.slow, { type: 'slow-due', attempt: id });
    this.#after(deadlines.doubt, { type: 'doubt-due', attempt: id });
    if (role === 'canary') {
      const patience = coldDeadlines(trunk.kind);
      const silence = deadlines.doubt === undefined ? patience.silence : undefined;
      this.#after(silence, { type: 'blame-due', attempt: id, which: 'silence', sent });
      this.#after(patience.progress, { type: 'blame-due', attempt: id, which: 'progress', sent });
    }
  }

  #calleeEvents(attempt: Attempt, channel: Channel): CalleeEvents {
    const { id } = attempt;
    return {
      over: () => {
        channel.free();
        this.#legs.delete(id);
      },
      progressed: (response) => {
        const trusted = isTrustedProgress(response, attempt.planned.trunk);
        const leg = this.#legs.get(id);
        if (leg !== undefined && trusted) {
          leg.ringing = response;
        }
        if (response.status > 100) {
          channel.seized();
        }
        this.#dispatch({ type: 'responded', attempt: id, status: response.status, trusted });
      },
      answered: (response, dialog) => {
        channel.seized();
        const leg = this.#legs.get(id);
        if (leg !== undefined) {
          leg.answer = { response, dialog };
        }
        this.#dispatch({ type: 'answered', attempt: id });
      },
      failed: (failure) => {
        this.#failed(attempt, failure);
      },
      ended: (end) => {
        this.#dispatch({ type: 'callee-ended', attempt: id, ...endOf(end) });
      },
      requested: (request) => {
        if (this.#winner === id) {
          this.#tie.fromCallee(request);
        } else {
          this.#tie.tooEarly(request);
        }
      },
    };
  }

  #failed(attempt: Attempt, failure: InviteFailure): void {
    const verdict = this.#judge(attempt, failure);
    const status = failure.origin === 'peer' ? { status: failure.response.status } : {};
    this.#dispatch({ type: 'failed', attempt: attempt.id, verdict, ...status });
  }

  #judge(attempt: Attempt, failure: InviteFailure): Verdict {
    const current = this.#call.attempts.find((each) => each.id === attempt.id) ?? attempt;
    const service = this.subject.service.class;
    if (failure.origin === 'local') {
      const sawProvisional = current.firstResponseAt !== undefined;
      const leg = this.#legs.get(attempt.id);
      const sent = leg === undefined ? {} : { sent: leg.sent };
      return judge({ service, origin: 'local', cause: failure.cause, sawProvisional, ...sent });
    }
    return judge({
      ...answerOf(failure.response),
      ...triedBy(attempt),
      known: failure.known === true,
      service,
      sawProgress: current.progressAt !== undefined,
      gateway: attempt.planned.trunk,
      sinceRelease: this.#ports.sinceRelease(attempt.planned.trunk.id),
    });
  }

  #callerEvents(): CallerEvents {
    return {
      cancelled: (reasons) => {
        this.#dispatch({ type: 'caller-cancelled', reasons });
      },
      lost: () => {
        this.#dispatch({ type: 'caller-lost' });
      },
      acknowledged: (body) => {
        this.#tie.acknowledged(body);
      },
      ended: (end) => {
        this.#dispatch({ type: 'caller-ended', ...endOf(end) });
      },
      requested: (request) => {
        this.#tie.fromCaller(request);
      },
    };
  }

  #ring(from?: AttemptId): void {
    if (this.#call.phase.phase !== 'searching') {
      return;
    }
    const heard = from === undefined ? undefined : this.#legs.get(from)?.ringing;
    this.subject.incoming.progress(ringing(this.subject.incoming.request, heard));
    this.#later(RING_AGAIN, () => {
      this.#ring();
    });
  }

  /** The caller gets the winner's answer. The winner's ACK waits for the caller's only where that carries the SDP. */
  #answerCaller(id: AttemptId): void {
    const leg = this.#legs.get(id);
    if (leg?.answer === undefined) {
      return;
    }
    const { response, dialog } = leg.answer;
    this.#winner = id;
    this.#tie.join(dialog, leg.leg, this.subject.incoming.request, response);
    this.subject.incoming
      .answer(answerTo(response), dialog)
      .then((caller) => {
        this.#caller = caller;
        this.#tie.callerJoined(caller);
        this.#dispatch({ type: 'caller-answered' });
      })
      .catch((error: unknown) => {
        this.#warn(`the caller could not be answered: ${messageOf(error)}`);
        this.#unanswered(id, error);
      });
  }

  /** Where our SIP server was lost with the winner, the caller may still be there. */
  #unanswered(winner: AttemptId, error: unknown): void {
    const attempt = this.#call.attempts.find(({ id }) => id === winner);
    if (attempt !== undefined && error instanceof SipServerError && error.code === 'disconnected') {
      this.#failed(attempt, { origin: 'local', cause: 'server-gone', status: 503 });
    } else {
      this.#dispatch({ type: 'caller-unreachable' });
    }
  }

  /** The caller's dialog stands: the new winner's answer goes there as an offer (P23). */
  #reofferCaller(id: AttemptId): void {
    const leg = this.#legs.get(id);
    if (leg?.answer !== undefined) {
      const { response, dialog } = leg.answer;
      this.#winner = id;
      this.#tie.rejoin(dialog, leg.leg, response, leg.offered);
    }
  }

  #armRetry(): void {
    this.#retry?.cancel();
    this.#retry = this.#later(RETRY_AFTER, () => {
      this.retry();
    });
    this.#ports.held(this);
  }

  #rejectCaller(): void {
    const answer = finalForCaller(this.subject.service.class, this.#call.attempts.flatMap(failureOf));
    const cause = { protocol: 'Q.850', cause: answer.cause, text: undefined, location: undefined };
    const headers: readonly Header[] = [
      ...(answer.retryAfter === undefined ? [] : [{ name: 'Retry-After', value: String(answer.retryAfter) }]),
      ...(answer.cause === undefined ? [] : [{ name: 'Reason', value: printReason(cause) }]),
    ];
    this.subject.incoming.reject({ status: answer.status, headers });
  }

  #giveUp(id: AttemptId, reasons: readonly string[]): void {
    const leg = this.#legs.get(id);
    const attempt = this.#call.attempts.find((each) => each.id === id);
    if (attempt !== undefined && isPhantomRing(attempt)) {
      this.#ports.rangInVain(attempt);
    }
    leg?.leg.cancel(reasons);
    leg?.channel.freeWithin(LEG_OVER_WITHIN);
  }

  #releaseCallee(id: AttemptId, reasons: readonly string[]): void {
    const leg = this.#legs.get(id);
    leg?.leg.acknowledge();
    leg?.answer?.dialog.release(reasons);
    leg?.channel.freeWithin(LEG_OVER_WITHIN);
  }

  #reportEvidence(id: AttemptId, outcome: AttemptOutcome): void {
    const attempt = this.#call.attempts.find((each) => each.id === id);
    if (attempt !== undefined) {
      this.#ports.evidence(attempt, this.subject.service, outcome);
    }
  }

  #finish(outcome: CallOutcome): void {
    this.#tie.end();
    this.#clearTimers();
    this.#ports.log.debug({ callId: this.subject.callId, outcome }, 'call over');
    this.#ports.over(this);
  }

  #clearTimers(): void {
    for (const timer of this.#timers) {
      timer.cancel();
    }
    this.#timers.clear();
  }

  /** Without a delay the event never comes. */
  #after(delay: Milliseconds | undefined, event: CallEvent): void {
    if (delay !== undefined) {
      this.#later(delay, () => {
        this.#dispatch(event);
      });
    }
  }

  #later(delay: Milliseconds, action: () => void): Timer {
    const timer = this.#ports.clock.setTimer(delay, () => {
      this.#timers.delete(timer);
      action();
    });
    this.#timers.add(timer);
    return timer;
  }

  #warn(text: string): void {
    this.#ports.log.warn({ callId: this.subject.callId }, text);
  }
}

function endOf({ by, reasons }: LegEnd): { readonly reasons: readonly string[]; readonly by?: 'server' | 'lost' } {
  return by === 'peer' ? { reasons } : { reasons, by };
}

function failureOf(attempt: Attempt): readonly FailedAttempt[] {
  const verdict = attempt.state.phase === 'failed' ? attempt.state.verdict : attempt.missed;
  return verdict === undefined ? [] : [{ carrier: attempt.planned.trunk.carrier, verdict }];
}

/** What a final response says, as far as it decides the verdict. */
function answerOf({ status, headers }: ReceivedResponse) {
  const reasons = parseReasons(headers);
  return {
    origin: 'peer',
    status,
    reasons,
    retryAfter: seconds(headers, 'Retry-After'),
    minSe: seconds(headers, 'Min-SE'),
  } as const;
}

/** Seconds at the start of a header, as in `Retry-After: 18000;duration=3600` (RFC 3261 20.33, RFC 4028 5). */
function seconds(headers: readonly Header[], name: string): number | undefined {
  return smallNumber(/^\d{1,9}/.exec(header(headers, name) ?? '')?.[0] ?? '');
}

function triedBy({ variant }: Attempt) {
  return {
    plain: variant === 'plain',
    ownNumber: variant === 'own-number',
    secondForm: variant === 'second-form',
    minSeShown: variant === 'min-se',
  };
}
