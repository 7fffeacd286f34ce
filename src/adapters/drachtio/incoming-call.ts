import { messageOf } from '../../domain/errors.js';
import type { Log } from '../../ports/journal.js';
import type {
  CallerEvents,
  Dialog,
  IncomingCall,
  OutgoingResponse,
  ReceivedRequest,
  Source,
} from '../../ports/sip-server.js';
import { SipServerError } from '../../ports/sip-server.js';
import { parseReasons, printReason } from '../../sip/reason.js';
import type { Connection } from './connection.js';
import { SrfDialog, send, type DialogTable } from './dialog.js';
import { receivedRequest, sourceOf, toSrfHeaders } from './message.js';
import type { SrfRequest, SrfResponse } from './srf.js';

/** A call from the network, until it is answered, refused or cancelled. */
export class SrfIncomingCall implements IncomingCall {
  readonly source: Source;
  readonly request: ReceivedRequest;
  readonly #response: SrfResponse;
  readonly #connection: Connection;
  readonly #table: DialogTable;
  readonly #log: Log;
  #events: CallerEvents | undefined;
  #cancelled = false;

  constructor(request: SrfRequest, response: SrfResponse, connection: Connection, table: DialogTable, log: Log) {
    this.source = sourceOf(request);
    this.request = receivedRequest(request);
    this.#response = response;
    this.#connection = connection;
    this.#table = table;
    this.#log = log;
    request.on('cancel', (cancel: SrfRequest['msg']) => {
      this.#cancelled = true;
      this.#events?.cancelled(reasonsOf(cancel));
    });
  }

  attach(events: CallerEvents): void {
    this.#events = events;
  }

  progress(response: OutgoingResponse): void {
    if (!this.#cancelled) {
      send(this.#response, response);
    }
  }

  reject(response: OutgoingResponse): void {
    if (!this.#cancelled) {
      send(this.#response, response);
    }
  }

  async answer(response: OutgoingResponse): Promise<Dialog> {
    return new Promise((resolve, reject) => {
      if (this.#cancelled || this.#response.finalResponseSent) {
        reject(new SipServerError('refused', 'the caller is gone'));
        return;
      }
      this.#response.send(
        response.status,
        { headers: toSrfHeaders(response.headers ?? []), body: response.body ?? '' },
        (error) => {
          // The dialog must stand before srf hands the next message on, or a BYE in the same segment is lost.
          if (error === null || error === undefined) {
            resolve(this.#dialog());
          } else {
            reject(new SipServerError('refused', messageOf(error)));
          }
        },
        (ack) => {
          this.#events?.acknowledged(receivedRequest(ack).body);
        },
      );
    });
  }

  #dialog(): Dialog {
    const { stackDialogId } = this.#response;
    return new SrfDialog(stackDialogId, this.#connection, this.#table, this.#callerEvents(), this.#log);
  }

  #callerEvents(): CallerEvents {
    if (this.#events === undefined) {
      throw new Error('a call was answered before its events were attached');
    }
    return this.#events;
  }
}

function reasonsOf(cancel: SrfRequest['msg']): readonly string[] {
  const value = Object.entries(cancel.headers).find(([name]) => name.toLowerCase() === 'reason')?.[1];
  return value === undefined ? [] : parseReasons([{ name: 'Reason', value }]).map(printReason);
}
