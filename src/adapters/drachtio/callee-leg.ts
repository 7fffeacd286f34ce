import { messageOf } from '../../domain/errors.js';
import type { Log } from '../../ports/journal.js';
import type {
  CalleeEvents,
  CalleeLeg,
  InDialogRequest,
  InviteFailure,
  LegEnd,
  LocalCause,
} from '../../ports/sip-server.js';
import { header } from '../../sip/headers.js';
import type { Connection } from './connection.js';
import { acknowledgeWith, EarlyDialog, inDialogRequest, reasonHeaders, SrfDialog, type DialogTable } from './dialog.js';
import { isLocal, receivedResponse, toSrfHeaders } from './message.js';
import { Provisionals } from './provisionals.js';
import { GIVE_UP } from './requests-of-ours.js';
import type { SrfAck, SrfReceivedResponse, SrfRequest, SrfRequestOptions, SrfResponse } from './srf.js';

type LegState =
  | { readonly phase: 'open'; readonly request: SrfRequest | undefined }
  | { readonly phase: 'answered'; acknowledge: SrfAck | undefined }
  | { readonly phase: 'given-up'; readonly reasons: readonly string[] }
  | { readonly phase: 'over' };

/** An INVITE to a trunk. */
export class SrfCalleeLeg implements CalleeLeg {
  readonly #connection: Connection;
  readonly #table: DialogTable;
  readonly #events: CalleeEvents;
  readonly #log: Log;
  readonly #provisionals = new Provisionals();
  #state: LegState = { phase: 'open', request: undefined };
  #early: EarlyDialog | undefined;
  #isOver = false;

  constructor(connection: Connection, table: DialogTable, events: CalleeEvents, log: Log) {
    this.#connection = connection;
    this.#table = table;
    this.#events = events;
    this.#log = log;
  }

  /** Sends the INVITE. Every ending is reported, also that it never left. */
  send(uri: string, options: SrfRequestOptions): void {
    this.#connection.send(uri, options, {
      sent: (request) => {
        this.#sent(request);
      },
      response: (response, acknowledge) => {
        this.#responded(response, acknowledge);
      },
      lost: () => {
        this.#fail({ origin: 'local', cause: 'unsendable', status: 503 });
      },
    });
  }

  /** Fails without having been sent, once the caller of `invite` has the leg. */
  refuse(failure: InviteFailure): void {
    queueMicrotask(() => {
      this.#fail(failure);
    });
  }

  cancel(reasons: readonly string[]): void {
    const state = this.#state;
    if (state.phase !== 'open') {
      return;
    }
    this.#state = { phase: 'given-up', reasons };
    if (state.request !== undefined) {
      this.#cancel(state.request, reasons);
    }
  }

  acknowledge(body?: string): void {
    if (this.#state.phase === 'answered') {
      acknowledgeWith(this.#state.acknowledge, body, this.#log);
      this.#state.acknowledge = undefined;
    }
  }

  #sent(request: SrfRequest): void {
    // UPDATE in an early dialog (RFC 3311). Nobody answers it if we do not listen.
    request.on('update', (update: SrfRequest, response: SrfResponse) => {
      this.#events.requested(inDialogRequest(update, response));
    });
    if (this.#state.phase === 'open') {
      this.#state = { phase: 'open', request };
    } else if (this.#state.phase !== 'answered') {
      this.#cancel(request, this.#state.phase === 'given-up' ? this.#state.reasons : []);
    }
  }

  #cancel(request: SrfRequest, reasons: readonly string[]): void {
    const why = reasonHeaders(reasons);
    const headers = toSrfHeaders(this.#connection.isEmbeddedEngine ? [...why, GIVE_UP] : why);
    try {
      request.cancel({ headers }, (error) => {
        this.#log.debug({ err: error === null ? undefined : messageOf(error) }, 'CANCEL handed over');
      });
    } catch (error) {
      this.#log.debug({ err: messageOf(error) }, 'CANCEL could not be handed over');
    }
  }

  #responded(response: SrfReceivedResponse, acknowledge: SrfAck): void {
    const { phase } = this.#state;
    if (response.status < 200) {
      return phase === 'open' ? this.#progressed(response, acknowledge) : undefined;
    }
    this.#leaveEarlyDialog();
    if (response.status < 300) {
      return phase === 'open' ? this.#answered(response, acknowledge) : this.#releaseLate(response, acknowledge);
    }
    this.#fail(failureOf(response));
  }

  /** Each reliable one gets its PRACK, once: `acknowledge` does nothing for the others. */
  #progressed(response: SrfReceivedResponse, acknowledge: SrfAck): void {
    const received = receivedResponse(response);
    if (!this.#provisionals.take(received)) {
      return;
    }
    acknowledgeWith(acknowledge, undefined, this.#log);
    if (this.#early === undefined && response.stackDialogId !== '') {
      this.#early = new EarlyDialog(response.stackDialogId, {
        requested: (request) => {
          this.#events.requested(request);
        },
      });
      this.#table.add(this.#early);
    }
    this.#events.progressed(received);
  }

  #answered(response: SrfReceivedResponse, acknowledge: SrfAck): void {
    this.#state = { phase: 'answered', acknowledge };
    const events = {
      ended: (end: LegEnd) => {
        this.#events.ended(end);
      },
      requested: (request: InDialogRequest) => {
        this.#events.requested(request);
      },
      over: () => {
        this.#over();
      },
    };
    const dialog = new SrfDialog(response.stackDialogId, this.#connection, this.#table, events, this.#log);
    this.#events.answered(this.#provisionals.complete(receivedResponse(response)), dialog);
  }

  /** A 2xx of a leg that was given up: ACK and BYE (DESIGN 4.4). Some servers send the BYE themselves. */
  #releaseLate(response: SrfReceivedResponse, acknowledge: SrfAck): void {
    const reasons = this.#state.phase === 'given-up' ? this.#state.reasons : [];
    acknowledgeWith(acknowledge, undefined, this.#log);
    const events = {
      ended: () => undefined,
      requested: () => undefined,
      over: () => {
        this.#over();
      },
    };
    new SrfDialog(response.stackDialogId, this.#connection, this.#table, events, this.#log).release(reasons);
  }

  #leaveEarlyDialog(): void {
    if (this.#early !== undefined) {
      this.#table.remove(this.#early);
      this.#early = undefined;
    }
  }

  /** The end of one that was given up is none of the call's business any more, but its channel is free. */
  #fail(failure: InviteFailure): void {
    const { phase } = this.#state;
    if (phase === 'answered') {
      return;
    }
    this.#state = { phase: 'over' };
    this.#leaveEarlyDialog();
    if (phase === 'open') {
      this.#events.failed(failure);
    }
    this.#over();
  }

  #over(): void {
    if (!this.#isOver) {
      this.#isOver = true;
      this.#events.over();
    }
  }
}

function failureOf(response: SrfReceivedResponse): InviteFailure {
  if (!isLocal(response)) {
    return { origin: 'peer', response: receivedResponse(response) };
  }
  return { origin: 'local', cause: localCause(response), status: response.status };
}

/** The embedded engine names the cause in a Warning; drachtio-server only has the status (`reference`: local 408, 503). */
function localCause(response: SrfReceivedResponse): LocalCause {
  const warning = header(receivedResponse(response).headers, 'Warning') ?? '';
  if (response.status === 408 || warning.includes('timeout')) {
    return 'timeout';
  }
  if (warning.includes('too large')) {
    return 'too-large';
  }
  if (warning.includes('unresolvable') || response.reason.includes('DNS')) {
    return 'unresolvable';
  }
  return response.status === 503 ? 'refused' : 'unsendable';
}
