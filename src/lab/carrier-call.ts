import type { Agent, NewRequest } from '../engine/agent/agent.js';
import type { AgentDialog } from '../engine/agent/dialog.js';
import type { DialogEvents } from '../engine/agent/dialog-events.js';
import type { InviteClient, InviteClientEvents } from '../engine/agent/invite-client.js';
import type { InviteServer } from '../engine/agent/invite-server.js';
import type { RequestServer } from '../engine/agent/request-server.js';
import type { IncomingRequest, IncomingResponse } from '../engine/transaction/incoming.js';
import { header, type Header } from '../sip/headers.js';
import { carried, q850, reasonsOf } from './headers.js';

/** What a call tells its carrier. Each is told once at most, and `over` is the last. */
export interface CarrierCallEvents {
  rung(): void;
  answered(): void;
  failed(status: number): void;
  cancelled(): void;
  over(): void;
}

/** The carrier's core, when the answering point cannot be reached: Q.850 causes 27 and 102. */
const OUT_OF_ORDER = q850(27, 'Destination out of order');
const TIMER_EXPIRED = q850(102, 'Recovery on timer expiry');
const NO_ANSWER = q850(19, 'No answer from user (user alerted)');
/** A network gives up what rings for longer (the timer T9 of ISUP; here it is short). */
const RINGS_AT_MOST_MS = 45_000;
const TEMPORARY_FAILURE = q850(41, 'Temporary failure');

/** A call through a carrier: an INVITE from outside, and one to the answering point, tied in both directions. */
export class CarrierCall {
  readonly #server: InviteServer;
  readonly #events: CarrierCallEvents;
  readonly #client: InviteClient;
  #outside: AgentDialog | undefined;
  #inside: AgentDialog | undefined;
  readonly #startedAt = performance.now();
  #rung = false;
  #over = false;

  /**
   * Sends the INVITE to the answering point.
   *
   * @throws UnsendableError when there is no way to it.
   */
  constructor(server: InviteServer, core: Agent, request: NewRequest, events: CarrierCallEvents) {
    this.#server = server;
    this.#events = events;
    this.#client = core.invite(request, undefined, this.#clientEvents());
    server.attach({
      cancelled: (cancel) => {
        this.#cancelled(cancel);
      },
    });
  }

  /** The trunk is gone: the answering point is told that the call is over, the outside hears nothing. */
  drop(): void {
    if (this.#inside === undefined) {
      this.#client.cancel([TEMPORARY_FAILURE]);
    }
    release(this.#inside, [TEMPORARY_FAILURE]);
    this.#finish();
  }

  /** The carrier ends an answered call, towards both sides and without a reason. */
  hangUp(): void {
    if (!this.#over) {
      release(this.#outside, []);
      release(this.#inside, []);
      this.#finish();
    }
  }

  /**
   * Asks the outside whether it still knows the call; where it does not, the call is over. What rings for too long is over
   * too: its answer, or the end of it, was lost.
   */
  audit(): void {
    if (this.#inside === undefined && performance.now() - this.#startedAt > RINGS_AT_MOST_MS) {
      this.#client.cancel([NO_ANSWER]);
      return this.#reject(480, [NO_ANSWER], '');
    }
    const end = (): void => {
      release(this.#outside, []);
      this.drop();
    };
    this.#outside?.request('OPTIONS', [], '', {
      response: ({ message }) => {
        if (message.status === 481 && !this.#over) {
          end();
        }
      },
      failed: (cause) => {
        if (cause === 'refused' && !this.#over) {
          end();
        }
      },
    });
  }

  #clientEvents(): InviteClientEvents {
    return {
      provisional: (response) => {
        this.#progressed(response);
      },
      answered: (response, dialog) => {
        this.#answered(response, dialog);
      },
      failed: (ending) => {
        this.#failed('response' in ending ? ending.response : undefined, 'cause' in ending ? ending.cause : undefined);
      },
      dialog: this.#dialogEvents(() => this.#outside),
    };
  }

  #progressed({ message }: IncomingResponse): void {
    if (message.status === 100 || this.#over) {
      return;
    }
    this.#server.provisional(message.status, carried(message.headers), message.body);
    if (!this.#rung) {
      this.#rung = true;
      this.#events.rung();
    }
  }

  #answered({ message }: IncomingResponse, dialog: AgentDialog): void {
    this.#inside = dialog;
    const events = this.#dialogEvents(() => this.#inside);
    this.#outside = this.#over ? undefined : this.#server.accept(carried(message.headers), message.body, events);
    if (this.#outside === undefined) {
      release(dialog, []);
      return this.#finish();
    }
    this.#events.answered();
  }

  #failed(response: IncomingResponse | undefined, cause: string | undefined): void {
    if (this.#over) {
      return;
    }
    if (response === undefined) {
      const isTimeout = cause === 'timeout';
      this.#reject(isTimeout ? 504 : 503, [isTimeout ? TIMER_EXPIRED : OUT_OF_ORDER], '');
    } else {
      const { status, headers, body } = response.message;
      this.#reject(status, carried(headers), body);
    }
  }

  #reject(status: number, headers: readonly Header[], body: string): void {
    if (this.#server.reject(status, headers, body) !== undefined) {
      this.#events.failed(status);
    }
    this.#finish();
  }

  #cancelled(cancel: IncomingRequest): void {
    this.#client.cancel(reasonsOf(cancel.message.headers));
    if (!this.#over) {
      this.#events.cancelled();
      this.#finish();
    }
  }

  /** What one side says in its dialog goes to the other side. */
  #dialogEvents(other: () => AgentDialog | undefined): DialogEvents {
    let reasons: readonly Header[] = [];
    return {
      acknowledged: ({ message }) => {
        other()?.acknowledge(bodyHeaders(message.headers), message.body);
      },
      request: (request) => {
        if (request.incoming.message.method === 'BYE') {
          reasons = reasonsOf(request.incoming.message.headers);
          request.respond(200);
        } else {
          relay(request, other());
        }
      },
      ended: () => {
        if (!this.#over) {
          release(other(), reasons);
          this.#finish();
        }
      },
    };
  }

  #finish(): void {
    if (!this.#over) {
      this.#over = true;
      this.#events.over();
    }
  }
}

function release(dialog: AgentDialog | undefined, reasons: readonly Header[]): void {
  dialog?.acknowledge();
  if (dialog?.over === false) {
    dialog.bye(reasons);
  }
}

function bodyHeaders(headers: readonly Header[]): readonly Header[] {
  const type = header(headers, 'Content-Type');
  return type === undefined ? [] : [{ name: 'Content-Type', value: type }];
}

/** OPTIONS is answered here. A 408 or 481 of the other dialog would end this one too, so it is given as 500. */
function relay(request: RequestServer, other: AgentDialog | undefined): void {
  const { method, headers, body } = request.incoming.message;
  if (method === 'OPTIONS' || other === undefined) {
    request.respond(method === 'OPTIONS' ? 200 : 481);
    return;
  }
  other.request(method, carried(headers), body, {
    response: ({ message }) => {
      if (message.status >= 200) {
        const status = message.status === 408 || message.status === 481 ? 500 : message.status;
        request.respond(status, carried(message.headers), message.body);
      }
    },
    failed: () => {
      request.respond(500);
    },
  });
}
