import { messageOf } from '../../domain/errors.js';
import { ms } from '../../domain/time.js';
import type { Log } from '../../ports/journal.js';
import type {
  Dialog,
  DialogEvents,
  DialogResponse,
  InDialogRequest,
  OutgoingResponse,
} from '../../ports/sip-server.js';
import { parseReasons, printReason } from '../../sip/reason.js';
import type { Header } from '../../sip/message.js';
import type { Connection } from './connection.js';
import { receivedRequest, receivedResponse, sendableStatus, toSrfHeaders } from './message.js';
import type { SrfRequest, SrfResponse } from './srf.js';

/** The URI that tells the SIP server to use the dialog's remote target. */
const REMOTE_TARGET = 'sip:placeholder';

/** Longer than the server's own 64*T1, so that its 408 comes first. */
const FINAL_WITHIN = ms(35_000);

/** The dialogs of this connection, by the server's dialog id. */
export class DialogTable {
  readonly #dialogs = new Map<string, SrfDialog>();

  add(dialog: SrfDialog): void {
    this.#dialogs.set(dialog.id, dialog);
  }

  find(id: string): SrfDialog | undefined {
    return this.#dialogs.get(id);
  }

  remove(id: string): void {
    this.#dialogs.delete(id);
  }

  get size(): number {
    return this.#dialogs.size;
  }
}

/** One dialog. It is found by the id that the SIP server gave it, and it is ours from the first moment: no event is missed. */
export class SrfDialog implements Dialog {
  readonly id: string;
  readonly #connection: Connection;
  readonly #table: DialogTable;
  readonly #events: DialogEvents;
  readonly #log: Log;
  #over = false;

  constructor(id: string, connection: Connection, table: DialogTable, events: DialogEvents, log: Log) {
    this.id = id;
    this.#connection = connection;
    this.#table = table;
    this.#events = events;
    this.#log = log;
    table.add(this);
  }

  async request(method: string, headers: readonly Header[], body: string): Promise<DialogResponse> {
    const options = { method, headers: toSrfHeaders(headers), body, stackDialogId: this.id };
    const [response, acknowledge] = await this.#connection.ask(REMOTE_TARGET, options, FINAL_WITHIN);
    let owed = method === 'INVITE' && response.status < 300;
    return {
      ...receivedResponse(response),
      acknowledge: (answer?: string) => {
        if (owed) {
          owed = false;
          acknowledge(answer === undefined || answer === '' ? undefined : { body: answer });
        }
      },
    };
  }

  release(reason?: string): void {
    if (this.#over) {
      return;
    }
    this.#end();
    const why = reason === undefined ? [] : [{ name: 'Reason', value: printReason(sipReason(reason)) }];
    const options = { method: 'BYE', headers: toSrfHeaders(why), stackDialogId: this.id };
    this.#connection.ask(REMOTE_TARGET, options, FINAL_WITHIN).catch((error: unknown) => {
      this.#log.debug({ dialog: this.id, err: messageOf(error) }, 'BYE was not answered');
    });
  }

  /** A request of the peer in this dialog. */
  received(request: SrfRequest, response: SrfResponse): void {
    if (request.method === 'BYE') {
      return this.#peerEnded(request, response);
    }
    if (request.method === 'ACK' || request.method === 'PRACK') {
      return request.method === 'PRACK' ? send(response, { status: 200 }) : undefined;
    }
    this.#events.requested(inDialogRequest(request, response));
  }

  #peerEnded(request: SrfRequest, response: SrfResponse): void {
    send(response, { status: 200 });
    if (this.#over) {
      return;
    }
    this.#end();
    const reasons = parseReasons(receivedRequest(request).headers).map(printReason);
    this.#events.ended({ by: request.source === 'application' ? 'server' : 'peer', reason: reasons });
  }

  #end(): void {
    this.#over = true;
    this.#table.remove(this.id);
  }
}

function sipReason(text: string): Parameters<typeof printReason>[0] {
  return { protocol: 'SIP', cause: 200, text, location: undefined };
}

function inDialogRequest(request: SrfRequest, response: SrfResponse): InDialogRequest {
  return {
    request: receivedRequest(request),
    respond: (answer, acknowledged) => {
      send(response, answer, acknowledged);
    },
  };
}

/** Sends a response, whatever its status; one that can no longer be sent is of no interest. */
export function send(response: SrfResponse, answer: OutgoingResponse, acknowledged?: (body: string) => void): void {
  if (response.finalResponseSent) {
    return;
  }
  const options = { headers: toSrfHeaders(answer.headers ?? []), body: answer.body ?? '' };
  response.send(
    sendableStatus(answer.status),
    options,
    () => undefined,
    acknowledged === undefined ? undefined : (ack) => acknowledged(receivedRequest(ack).body),
  );
}
