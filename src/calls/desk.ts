import type { PlannedAttempt } from '../domain/attempt.js';
import type { AttemptOutcome } from '../domain/health.js';
import type { AttemptStarted } from '../domain/journal-record.js';
import { id, type AttemptId, type CallId, type ServiceId, type TrunkId } from '../domain/ids.js';
import type { Ingress, Route, Service, Trunk } from '../domain/network.js';
import type { Milliseconds } from '../domain/time.js';
import { recognise, type NumberingPlan } from '../numbering/service.js';
import type { Clock, Random } from '../ports/clock.js';
import type { Journal, JournalRecord, Log } from '../ports/journal.js';
import type { IncomingCall, IncomingRequest, InviteRequest, SipServer, Source } from '../ports/sip-server.js';
import { header } from '../sip/headers.js';
import type { Header } from '../sip/message.js';
import { tagOf } from '../sip/name-addr.js';
import { aside } from './aside.js';
import type { Attempt, CallStep, NoPath, Room } from './call.js';
import type { Channel } from './channels.js';
import { Door } from './door.js';
import { refusalOf } from './limits.js';
import { LoopWatch } from './loops.js';
import { identifiedCalls, markedAttempt } from './marks.js';
import { ALLOW, numberDialled } from './outgoing.js';
import { receivedRecord, recordsOf, refusedRecord } from './records.js';
import { reportOf } from './report.js';
import { CallSession, type SessionPorts } from './session.js';
import { isOpen } from './draft.js';

const CALL_ID_BYTES = 16;
/** Bodies of any type pass through. */
const ACCEPT: Header = { name: 'Accept', value: '*/*' };

/** Decides where calls may go, and hears what became of them. */
export interface Dispatcher {
  /** The service of that id, where the dial plan has it. */
  service(id: Service['id']): Service | undefined;
  /** What to try for a call, best first. Empty only where the service has no route. */
  plan(service: Service): readonly PlannedAttempt[];
  /** The ingress that a source address belongs to. */
  ingressOf(source: Source): Ingress | undefined;
  /** Whether calls of an ingress can be served: every service has a route, and, where the ingress wilts, a trunk is alive. */
  canServe(ingress: Ingress): boolean;
  room(trunk: Trunk, service: Service): Room;
  /** Whether the answering point of a route can take the call; its own legs do not count. */
  hasSeat(route: Route, call: CallId): boolean;
  /** Whether the trunk may take another attempt beside one that is open. */
  mayHedge(trunk: Trunk): boolean;
  /** A leg of the call starts on a route. */
  takeChannel(planned: PlannedAttempt, call: CallId): Channel;
  /** What is thought of the trunk of an attempt, and of its carrier. */
  standing(planned: PlannedAttempt, service: Service): AttemptStarted['standing'];
  attemptStarted(attempt: Attempt, service: Service): void;
  evidence(attempt: Attempt, service: Service, outcome: AttemptOutcome): void;
  /** How long an attempt may ring before its destination is tried over an independent carrier as well. */
  ringsUsually(attempt: Attempt, service: Service): Milliseconds;
  /** We ended an attempt that was open. */
  gaveUp(attempt: Attempt, service: Service): void;
  /** How long ago a call on the trunk ended, as far as it is known. */
  sinceRelease(trunk: TrunkId): Milliseconds | undefined;
}

/** What the desk needs. */
export interface DeskPorts {
  readonly server: SipServer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly journal: Journal;
  readonly dispatcher: Dispatcher;
  /** The plan in force: a new configuration may bring another. */
  readonly numbering: () => NumberingPlan;
  /** The name of this gateway's site, for the trace that it leaves on its INVITEs. */
  readonly site: string;
}

/** One of our own calls that came in again: which, as far as it can be told. */
interface Loop {
  readonly session: CallSession | undefined;
  readonly attempt: AttemptId | undefined;
  /** What gave it away. */
  readonly by: 'marker' | 'call identifier' | 'same caller and number';
}

/** Takes every call that comes in, and keeps those that are open. */
export class Desk {
  readonly #ports: DeskPorts;
  readonly #door: Door;
  readonly #loops: LoopWatch;
  readonly #sessions = new Map<CallId, CallSession>();
  readonly #prefix: string;
  #attempts = 0n;
  readonly #held = new Set<CallSession>();
  #phantomRings = 0;

  constructor(ports: DeskPorts) {
    this.#ports = ports;
    this.#prefix = ports.random.hex(4);
    this.#loops = new LoopWatch(ports.numbering);
    this.#door = new Door({
      ingressOf: (source) => ports.dispatcher.ingressOf(source),
      clock: ports.clock,
      log: ports.log,
    });
    ports.server.onInvite((call) => {
      this.#take(call);
    });
    ports.server.onRequest((request) => {
      this.#answer(request);
    });
    ports.server.onConnected(() => {
      for (const session of this.#sessions.values()) {
        session.serverBack();
      }
    });
  }

  /** How many calls are open: searching, ringing or answered. */
  get openCalls(): number {
    return this.#sessions.size;
  }

  /** Legs that rang at an answering point for a call that was answered elsewhere, since the start. */
  get phantomRings(): number {
    return this.#phantomRings;
  }

  /** A trunk has shown signs of health or room: the calls of the service that wait for a path try again at once (P10). */
  retryHeld(service: ServiceId): void {
    for (const session of [...this.#held].filter(({ subject }) => subject.service.id === service)) {
      this.#held.delete(session);
      session.retry();
    }
  }

  /** A trunk was judged gone for a service: every call of it that waits on the trunk moves at once (P8). */
  trunkGone(trunk: TrunkId, service: ServiceId): void {
    for (const session of this.#sessions.values()) {
      if (session.subject.service.id === service) {
        session.trunkGone(trunk);
      }
    }
  }

  #take(incoming: IncomingCall): void {
    const admission = this.#door.admit(incoming.source, incoming.request);
    if (admission.kind === 'ignored') {
      return incoming.ignore();
    }
    if (admission.kind === 'refused') {
      return incoming.reject({ status: 403 });
    }
    const loop = this.#loop(incoming, admission.ingress);
    if (loop !== undefined) {
      return this.#sendBack(incoming, admission.ingress, loop);
    }
    this.#serve(incoming, admission.ingress);
  }

  #serve(incoming: IncomingCall, ingress: Ingress): void {
    const { dispatcher, numbering, log } = this.#ports;
    const recognised = recognise(incoming.request, numbering());
    const service = recognised === undefined ? undefined : dispatcher.service(recognised.service);
    const refusal = refusalOf(incoming.request, service?.class) ?? (service === undefined ? 404 : undefined);
    if (service === undefined || refusal !== undefined) {
      const uri = incoming.request.uri.slice(0, 200);
      log.info({ ingress: ingress.id, uri, status: refusal }, 'a call was refused: no service, or not in this form');
      return this.#refuse(incoming, ingress, refusal ?? 404, 'no service, or not in this form');
    }
    const plan = dispatcher.plan(service);
    if (plan.length === 0) {
      log.error({ ingress: ingress.id, service: service.id }, 'a call came for a service that has no route');
      return this.#refuse(incoming, ingress, 503, 'the service has no route');
    }
    this.#open(incoming, ingress, service, plan);
  }

  #refuse(incoming: IncomingCall, ingress: Ingress, status: number, reason: string): void {
    incoming.reject({ status });
    this.#write(() => [refusedRecord(incoming, ingress.id, status, reason)]);
  }

  #open(incoming: IncomingCall, ingress: Ingress, service: Service, plan: readonly PlannedAttempt[]): void {
    const callId = id<CallId>(this.#ports.random.hex(CALL_ID_BYTES));
    const subject = { callId, service, ingress: ingress.id, noPath: noPathOf(ingress, service), incoming, plan };
    const session = new CallSession(subject, this.#sessionPorts());
    this.#sessions.set(callId, session);
    this.#write(() => [receivedRecord(session.subject)]);
    session.start();
  }

  /**
   * Whether an INVITE is one of ours, come back (DESIGN 4.1): it has our marker, or the identifier of a call of ours; or,
   * where the carrier strips both, it comes from the very carrier to which an attempt is open, with the caller and the
   * number of that attempt. Everything else is a redial: a call of its own.
   */
  #loop({ request }: IncomingCall, ingress: Ingress): Loop | undefined {
    const marked = markedAttempt(request.headers, this.#ports.site);
    if (marked !== undefined) {
      const session = [...this.#sessions.values()].find(({ state }) =>
        state.attempts.some((each) => each.id === marked),
      );
      return { session, attempt: marked, by: 'marker' };
    }
    for (const callId of identifiedCalls(request.headers)) {
      const session = this.#sessions.get(callId);
      if (session !== undefined) {
        return { session, attempt: openAttemptOf(session, ingress), by: 'call identifier' };
      }
    }
    return ingress.carrier === undefined ? undefined : this.#strippedLoop(request, ingress.carrier);
  }

  #strippedLoop(request: IncomingCall['request'], carrier: NonNullable<Ingress['carrier']>): Loop | undefined {
    for (const { call, attempt } of this.#loops.matching(request, carrier, this.#ports.clock.now())) {
      const session = this.#sessions.get(call);
      if (session?.state.attempts.some((each) => each.id === attempt && isOpen(each)) === true) {
        return { session, attempt, by: 'same caller and number' };
      }
    }
    return undefined;
  }

  /** The leg gets 482, the trunk that it came over is blocked for the service, and the call goes on with the next one. */
  #sendBack(incoming: IncomingCall, ingress: Ingress, { session, attempt, by }: Loop): void {
    const trunk = session?.state.attempts.find((each) => each.id === attempt)?.planned.trunk.id;
    this.#ports.log.error(
      { callId: session?.subject.callId, ingress: ingress.id, trunk, by },
      'our own call came back to us: the trunk routes this service in a circle',
    );
    incoming.reject({ status: 482 });
    if (session !== undefined && attempt !== undefined) {
      session.cameBack(attempt);
    }
  }

  #sessionPorts(): SessionPorts {
    const { server, clock, log, dispatcher, site, random } = this.#ports;
    return {
      server,
      clock,
      log,
      site,
      fraction: () => random.fraction(),
      nextAttemptId: () => id<AttemptId>(`${this.#prefix}-${++this.#attempts}`),
      sinceRelease: (trunk) => dispatcher.sinceRelease(trunk),
      room: (trunk, service) => dispatcher.room(trunk, service),
      hasSeat: (route, call) => dispatcher.hasSeat(route, call),
      mayHedge: (trunk) => dispatcher.mayHedge(trunk),
      plan: (service) => dispatcher.plan(service),
      ringsUsually: (attempt, service) => dispatcher.ringsUsually(attempt, service),
      held: (session) => {
        this.#held.add(session);
      },
      rangInVain: () => {
        this.#phantomRings += 1;
      },
      takeChannel: (planned, call) => dispatcher.takeChannel(planned, call),
      evidence: (attempt, service, outcome) => {
        aside(log, 'the book of health', () => {
          dispatcher.evidence(attempt, service, outcome);
        });
      },
      attemptStarted: (attempt, session, invite) => {
        aside(log, 'counting an attempt', () => {
          this.#attemptStarted(attempt, session, invite);
        });
      },
      stepped: (session, step) => {
        aside(log, 'what is learned of attempts', () => {
          this.#tellGivenUp(session, step);
        });
        this.#write(() =>
          recordsOf(session.subject, step, {
            standing: (planned) => dispatcher.standing(planned, session.subject.service),
            report: () => reportOf(session, clock),
          }),
        );
      },
      over: (session) => {
        this.#sessions.delete(session.subject.callId);
        this.#held.delete(session);
      },
    };
  }

  #tellGivenUp({ subject }: CallSession, { before, after }: CallStep): void {
    const isOver = ({ state }: Attempt): boolean => state.phase === 'given-up';
    const known = new Set(before.attempts.filter(isOver).map(({ id }) => id));
    for (const attempt of after.attempts.filter((each) => isOver(each) && !known.has(each.id))) {
      this.#ports.dispatcher.gaveUp(attempt, subject.service);
    }
  }

  #write(records: () => readonly JournalRecord[]): void {
    aside(this.#ports.log, 'the journal', () => {
      for (const record of records()) {
        this.#ports.journal.record(record);
      }
    });
  }

  #attemptStarted(attempt: Attempt, { subject }: CallSession, { headers }: InviteRequest): void {
    const { trunk } = attempt.planned;
    this.#ports.dispatcher.attemptStarted(attempt, subject.service);
    this.#loops.left(
      { call: subject.callId, attempt: attempt.id, carrier: trunk.carrier, headers, number: numberDialled(attempt) },
      this.#ports.clock.now(),
    );
  }

  /**
   * An upstream's OPTIONS gets 200 while calls can be served, else 503 without Retry-After: how long it lasts is not known,
   * and the next OPTIONS will tell (DESIGN 4.7). Who asks in a dialog that is over is told so (RFC 3261 12.2.2): a 200 would
   * keep its call open for ever. Everything else out of a dialog is not for us.
   */
  #answer(incoming: IncomingRequest): void {
    const admission = this.#door.admit(incoming.source, incoming.request);
    if (admission.kind === 'ignored') {
      return incoming.ignore();
    }
    if (admission.kind === 'refused') {
      return incoming.respond({ status: 403 });
    }
    if (tagOf(header(incoming.request.headers, 'To') ?? '') !== undefined) {
      return incoming.respond({ status: 481 });
    }
    if (incoming.request.method !== 'OPTIONS') {
      return incoming.respond({ status: 405, headers: [ALLOW] });
    }
    const { server, dispatcher } = this.#ports;
    const isServing = server.connected && dispatcher.canServe(admission.ingress);
    incoming.respond({ status: isServing ? 200 : 503, headers: isServing ? [ALLOW, ACCEPT] : [] });
  }
}

/** An emergency caller is held, unless the upstream has other ways; a priority caller is told (DESIGN 4.7). */
function noPathOf({ noPath = 'hold' }: Ingress, service: Service): NoPath {
  return noPath === 'hold' && service.class !== 'emergency' ? 'tell' : noPath;
}

/** The open attempt that an ingress of the same carrier most likely brings back: else the only one that is open. */
function openAttemptOf(session: CallSession, ingress: Ingress): AttemptId | undefined {
  const open = session.state.attempts.filter(isOpen);
  const sameCarrier = open.findLast(({ planned }) => planned.trunk.carrier === ingress.carrier);
  return (sameCarrier ?? (open.length === 1 ? open[0] : undefined))?.id;
}
