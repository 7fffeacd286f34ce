import { randomUuid } from '../random.js';
import type { InviteServer } from '../agent/invite-server.js';
import type { RequestServer } from '../agent/request-server.js';
import type { EngineClock, EngineTimer } from '../clock.js';
import type { TimerTable } from '../timers.js';
import type { App } from './app.js';
import type { Leg } from './legs.js';

/** An INVITE that makes a call. */
export interface InviteQuestion {
  readonly kind: 'invite';
  readonly app: App;
  readonly call: InviteServer;
  readonly leg: Leg;
}

/** Any other request. */
export interface RequestQuestion {
  readonly kind: 'request';
  readonly app: App;
  readonly request: RequestServer;
  /** Where it came in; none outside any dialog. */
  readonly leg: Leg | undefined;
  /** The pair of that leg, when the request came. */
  readonly other: Leg | undefined;
}

/** A request of the network that an application has to answer. */
export type Question = InviteQuestion | RequestQuestion;

/** The requests that wait for an application, by transaction id. Each is answered in the end, by somebody. */
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

  /**
   * @param unanswered called when the application took too long. An INVITE that makes a call has a limit of its own.
   * @returns the transaction id under which the application answers.
   */
  add(question: Question, unanswered: (question: RequestQuestion) => void, txnId: string = randomUuid()): string {
    const timer =
      question.kind === 'invite'
        ? undefined
        : this.#clock.setTimer(this.#patience(question), () => {
            this.remove(txnId);
            unanswered(question);
          });
    this.#open.set(txnId, { question, timer });
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

  /** Takes out what waits for an application that is gone. */
  takeFrom(app: App): readonly Question[] {
    const waiting = [...this.#open].filter(([, { question }]) => question.app === app);
    for (const [txnId] of waiting) {
      this.remove(txnId);
    }
    return waiting.map(([, { question }]) => question);
  }

  /** Before the peer gives up (RFC 3261 17.1.2.2). */
  #patience({ request }: RequestQuestion): number {
    const { t1x64, t2, silentApplication } = this.#timers;
    return request.incoming.message.method === 'INVITE' ? silentApplication : t1x64 - t2;
  }
}
