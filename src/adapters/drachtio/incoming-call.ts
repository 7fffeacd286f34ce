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
import { header, withoutHeader } from '../../sip/headers.js';
import type { Header } from '../../sip/message.js';
import { tagOf } from '../../sip/name-addr.js';
import type { Connection } from './connection.js';
import { EarlyDialog, inDialogRequest, reasonsOf, SrfDialog, send, type DialogTable } from './dialog.js';
import { receivedMessage, receivedRequest, sourceOf, toSrfHeaders } from './message.js';
import { DROP, KEEP, pairedWith } from './requests-of-ours.js';
import { forgetInvite, type SrfRequest, type SrfResponse } from './srf.js';

/** A call from the network, until it is answered, refused or cancelled. */
export class SrfIncomingCall implements IncomingCall {
  readonly source: Source;
  readonly request: ReceivedRequest;
  readonly #invite: SrfRequest;
  readonly #response: SrfResponse;
  readonly #connection: Connection;
  readonly #table: DialogTable;
  readonly #log: Log;
  #events: CallerEvents | undefined;
  #early: EarlyDialog | undefined;
  #cancelled = false;
  /** Ends the wait for our 200 to be sent. */
  #unanswered: ((error: SipServerError) => void) | undefined;

  constructor(request: SrfRequest, response: SrfResponse, connection: Connection, table: DialogTable, log: Log) {
    this.source = sourceOf(request);
    this.request = receivedRequest(request);
    this.#invite = request;
    this.#response = response;
    this.#connection = connection;
    this.#table = table;
    this.#log = log;
    request.on('cancel', (cancel: SrfRequest['msg']) => {
      this.#cancel(reasonsOf(receivedMessage(cancel)));
    });
    // UPDATE in an early dialog (RFC 3311); without a listener srf refuses it.
    request.on('update', (update: SrfRequest, updateResponse: SrfResponse) => {
      this.#events?.requested(inDialogRequest(update, updateResponse));
    });
  }

  attach(events: CallerEvents): void {
    this.#events = events;
    this.#early = new EarlyDialog(dialogId(this.request), {
      requested: (request) => {
        events.requested(request);
      },
      ended: (reasons) => {
        send(this.#response, { status: 487 });
        this.#cancel(reasons);
      },
      lost: () => {
        this.#cancel([]);
        this.#unanswered?.(new SipServerError('disconnected', 'the connection to the SIP server is gone'));
      },
    });
    this.#table.add(this.#early);
  }

  progress(response: OutgoingResponse): void {
    if (this.#cancelled) {
      return;
    }
    const headers = response.headers ?? [];
    if (header(headers, 'Require') === undefined) {
      return send(this.#response, response);
    }
    // A server that cannot send it reliably sends nothing, and the caller would hear nothing.
    send(this.#response, response, undefined, () => {
      this.progress({ ...response, headers: withoutHeader(headers, 'Require') });
    });
  }

  reject(response: OutgoingResponse): void {
    this.#leaveEarlyDialog();
    if (!this.#cancelled) {
      send(this.#response, response);
    }
  }

  ignore(): void {
    this.#leaveEarlyDialog();
    if (this.#connection.isEmbeddedEngine) {
      send(this.#response, { status: 480, headers: [DROP] });
    } else {
      forgetInvite(this.#invite);
    }
  }

  async answer(response: OutgoingResponse, other?: Dialog): Promise<Dialog> {
    const headers = [...(response.headers ?? []), ...this.#ordersForAnswer(other)];
    return new Promise((resolve, reject) => {
      if (this.#cancelled || this.#response.finalResponseSent) {
        reject(new SipServerError('refused', 'the caller is gone'));
        return;
      }
      this.#unanswered = reject;
      this.#response.send(
        response.status,
        { headers: toSrfHeaders(headers), body: response.body ?? '' },
        (error) => {
          // The dialog must stand before srf hands the next message on, or a BYE in the same segment is lost.
          if (error === null || error === undefined) {
            resolve(this.#dialog());
          } else {
            this.#leaveEarlyDialog();
            reject(new SipServerError('refused', messageOf(error)));
          }
        },
        (ack) => {
          this.#events?.acknowledged(receivedRequest(ack).body);
        },
      );
    });
  }

  #ordersForAnswer(other: Dialog | undefined): readonly Header[] {
    if (!this.#connection.isEmbeddedEngine) {
      return [];
    }
    return other instanceof SrfDialog ? [KEEP, pairedWith(other.id)] : [KEEP];
  }

  #cancel(reasons: readonly string[]): void {
    this.#cancelled = true;
    this.#leaveEarlyDialog();
    this.#events?.cancelled(reasons);
  }

  #leaveEarlyDialog(): void {
    if (this.#early !== undefined) {
      this.#table.remove(this.#early);
      this.#early = undefined;
    }
  }

  #dialog(): Dialog {
    this.#leaveEarlyDialog();
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

/** The id that the SIP server gives to the dialog of an INVITE: its Call-ID and From tag. */
function dialogId({ headers }: ReceivedRequest): string {
  return `${header(headers, 'Call-ID') ?? ''};from-tag=${tagOf(header(headers, 'From') ?? '') ?? ''}`;
}
