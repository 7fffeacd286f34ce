import type { PlannedAttempt } from '../domain/attempt.js';
import type { AttemptOutcome } from '../domain/health.js';
import { id, type AttemptId, type CallId, type ServiceId, type TrunkId } from '../domain/ids.js';
import type { Ingress, Service } from '../domain/network.js';
import { recognise, type NumberingPlan } from '../numbering/service.js';
import type { Clock, Random } from '../ports/clock.js';
import type { Journal, Log } from '../ports/journal.js';
import type { IncomingCall, IncomingRequest, SipServer, Source } from '../ports/sip-server.js';
import type { Attempt } from './call.js';
import { ALLOW } from './outgoing.js';
import { reportOf } from './report.js';
import { CallSession, type SessionPorts } from './session.js';

const CALL_ID_BYTES = 16;

/** Decides where calls may go, and hears what became of them. */
export interface Dispatcher {
  /** The service of that id, where the dial plan has it. */
  service(id: Service['id']): Service | undefined;
  /** What to try for a call, best first. Empty only where the service has no route. */
  plan(service: Service): readonly PlannedAttempt[];
  /** The ingress that a source address belongs to. */
  ingressOf(source: Source): Ingress | undefined;
  attemptStarted(attempt: Attempt, service: Service): void;
  evidence(attempt: Attempt, service: Service, outcome: AttemptOutcome): void;
  attemptEnded(attempt: Attempt, service: Service): void;
}

/** What the desk needs. */
export interface DeskPorts {
  readonly server: SipServer;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly journal: Journal;
  readonly dispatcher: Dispatcher;
  readonly numbering: NumberingPlan;
  /** The name of this gateway's site, for the trace that it leaves on its INVITEs. */
  readonly site: string;
}

/** Takes every call that comes in, and keeps those that are open. */
export class Desk {
  readonly #ports: DeskPorts;
  readonly #sessions = new Map<CallId, CallSession>();
  readonly #prefix: string;
  #attempts = 0n;

  constructor(ports: DeskPorts) {
    this.#ports = ports;
    this.#prefix = ports.random.hex(4);
    ports.server.onInvite((call) => {
      this.#take(call);
    });
    ports.server.onRequest((request) => {
      this.#answer(request);
    });
  }

  /** How many calls are open: searching, ringing or answered. */
  get openCalls(): number {
    return this.#sessions.size;
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
    const { dispatcher, numbering, log } = this.#ports;
    const ingress = dispatcher.ingressOf(incoming.source);
    if (ingress === undefined) {
      log.warn({ source: incoming.source.address }, 'a call from an unknown source was refused');
      return incoming.reject({ status: 403 });
    }
    const recognised = recognise(incoming.request, numbering);
    const service = recognised === undefined ? undefined : dispatcher.service(recognised.service);
    const plan = service === undefined ? [] : dispatcher.plan(service);
    if (service === undefined || plan.length === 0) {
      log.info({ ingress: ingress.id, uri: incoming.request.uri }, 'no service is known by that number');
      return incoming.reject({ status: 404 });
    }
    this.#open(incoming, ingress, service, plan);
  }

  #open(incoming: IncomingCall, ingress: Ingress, service: Service, plan: readonly PlannedAttempt[]): void {
    const callId = id<CallId>(this.#ports.random.hex(CALL_ID_BYTES));
    const session = new CallSession({ callId, service, ingress: ingress.id, incoming, plan }, this.#sessionPorts());
    this.#sessions.set(callId, session);
    session.start();
  }

  #sessionPorts(): SessionPorts {
    const { server, clock, log, dispatcher, journal, site, random } = this.#ports;
    return {
      server,
      clock,
      log,
      site,
      fraction: () => random.fraction(),
      nextAttemptId: () => id<AttemptId>(`${this.#prefix}-${++this.#attempts}`),
      evidence: (attempt, service, outcome) => {
        dispatcher.evidence(attempt, service, outcome);
      },
      attemptStarted: (attempt, service) => {
        dispatcher.attemptStarted(attempt, service);
      },
      attemptEnded: (attempt, service) => {
        dispatcher.attemptEnded(attempt, service);
      },
      searched: (session) => {
        journal.record({ type: 'call', report: reportOf(session, clock) });
      },
      over: (session) => {
        this.#sessions.delete(session.subject.callId);
      },
    };
  }

  /** An upstream's OPTIONS gets 200 while calls can be served. Everything else out of a dialog is not for us. */
  #answer(request: IncomingRequest): void {
    if (this.#ports.dispatcher.ingressOf(request.source) === undefined) {
      return request.respond({ status: 403 });
    }
    request.respond({ status: request.request.method === 'OPTIONS' ? 200 : 405, headers: [ALLOW] });
  }
}
