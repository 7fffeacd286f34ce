import { randomUUID } from 'node:crypto';
import type { InviteServer } from '../agent/invite-server.js';
import type { RequestServer } from '../agent/request-server.js';
import type { EngineClock, EngineTimer } from '../clock.js';
import type { TimerTable } from '../timers.js';
import type { App } from './app.js';
import type { Leg } from './legs.js';

/** A request of the network that an application has to answer. */
export type Question =
  | { readonly kind: 'invite'; readonly app: App; readonly call: InviteServer; readonly leg: Leg }
  | { readonly kind: 'request'; readonly app: App; readonly request: RequestServer; readonly dialogId: string };

/** The requests that wait for an application, by transaction id. Each is answered in the end, here if need be. */
export class Questions {
  readonly #open = new Map<string, { readonly question: Question; readonly timer: EngineTimer | undefined }>();
  readonly #clock: EngineClock;
  readonly #timers: TimerTable;

  constructor(clock: EngineClock, timers: TimerTable) {
    this.#clock = clock;
    this.#timers = timers;
  }

  get size(): number {
    return this.#open.size;
  }

  /** @returns the transaction id under which the application answers. */
  add(question: Question, txnId: string = randomUUID()): string {
    this.#open.set(txnId, { question, timer: this.#patience(question, txnId) });
    return txnId;
  }

  get(txnId: string): Question | undefined {
    return this.#open.get(txnId)?.question;
  }

  /** It has been answered. */
  remove(txnId: string): void {
    this.#open.get(txnId)?.timer?.cancel();
    this.#open.delete(txnId);
  }

  /** The application is gone: what waits for it is refused. */
  leave(app: App): void {
    for (const [txnId, { question }] of this.#open) {
      if (question.app === app) {
        this.#giveUp(txnId, question);
      }
    }
  }

  /** Before the peer gives up (RFC 3261 17.1.2.2). An INVITE that makes a call has its own limit. */
  #patience(question: Question, txnId: string): EngineTimer | undefined {
    if (question.kind === 'invite') {
      return undefined;
    }
    const { t1x64, t2, silentApplication } = this.#timers;
    const isInvite = question.request.incoming.message.method === 'INVITE';
    return this.#clock.setTimer(isInvite ? silentApplication : t1x64 - t2, () => {
      this.#giveUp(txnId, question);
    });
  }

  #giveUp(txnId: string, question: Question): void {
    this.remove(txnId);
    if (question.kind === 'invite') {
      question.call.reject(503);
    } else {
      refuse(question.request);
    }
  }
}

/** What a request gets when no application answers it. A BYE ends the call all the same. */
export function refuse(request: RequestServer): void {
  const isBye = request.incoming.message.method === 'BYE';
  request.respond(isBye ? 200 : 500, isBye ? [] : [{ name: 'Retry-After', value: '5' }]);
}
