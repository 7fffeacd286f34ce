import { messageOf } from '../../domain/errors.js';
import { ms } from '../../domain/time.js';
import type { Log } from '../../ports/journal.js';
import type {
  Dialog,
  DialogEvents,
  DialogResponse,
  InDialogRequest,
  OutgoingResponse,
  TrunkCredentials,
} from '../../ports/sip-server.js';
import { headerValues } from '../../sip/headers.js';
import type { Header } from '../../sip/message.js';
import type { Connection } from './connection.js';
import { ChallengeAnswers } from './credentials.js';
import { receivedRequest, receivedResponse, sendableStatus, toSrfHeaders } from './message.js';
import { pairedWith } from './requests-of-ours.js';
import type { SrfAck, SrfReceivedResponse, SrfRequest, SrfResponse } from './srf.js';

/** The URI that tells the SIP server to use the dialog's remote target. */
const REMOTE_TARGET = 'sip:placeholder';

/** What a SIP server says of a dialog that it does not know. */
const NO_SUCH_DIALOG = 'unable to find dialog';

/** Longer than the server's own 64*T1, so that its 408 comes first. */
const FINAL_WITHIN = ms(35_000);

/** Whatever takes the requests of one dialog. */
interface DialogMember {
  /** The server's id of the dialog. */
  readonly id: string;
  received(request: SrfRequest, response: SrfResponse): void;
  /** The control connection is gone. */
  disconnected(): void;
  /** It is back. */
  reconnected(): void;
  /** It did not come back. */
  lost(): void;
}

/** The dialogs of this connection, early ones too, by the server's dialog id. */
export class DialogTable {
  readonly #dialogs = new Map<string, DialogMember>();

  /** Adds a dialog. One that is confirmed takes the place of the early one with its id. */
  add(dialog: DialogMember): void {
    this.#dialogs.set(dialog.id, dialog);
  }

  find(id: string): DialogMember | undefined {
    return this.#dialogs.get(id);
  }

  /** Takes a dialog out, unless another has its place. */
  remove(dialog: DialogMember): void {
    if (this.#dialogs.get(dialog.id) === dialog) {
      this.#dialogs.delete(dialog.id);
    }
  }

  get size(): number {
    return this.#dialogs.size;
  }

  disconnected(): void {
    for (const dialog of [...this.#dialogs.values()]) {
      dialog.disconnected();
    }
  }

  reconnected(): void {
    for (const dialog of [...this.#dialogs.values()]) {
      dialog.reconnected();
    }
  }

  lost(): void {
    for (const dialog of [...this.#dialogs.values()]) {
      dialog.lost();
    }
  }
}

/** What an early dialog reports: an INVITE of ours or of the caller that has no final response yet. */
interface EarlyDialogEvents {
  requested(request: InDialogRequest): void;
  /** The caller's side may end an early dialog with BYE as well (RFC 3261 15). */
  ended?(reasons: readonly string[]): void;
  /** The control connection is gone: nothing can be answered any more. */
  lost?(): void;
}

/** A dialog before its answer. */
export class EarlyDialog implements DialogMember {
  readonly id: string;
  readonly #events: EarlyDialogEvents;

  constructor(id: string, events: EarlyDialogEvents) {
    this.id = id;
    this.#events = events;
  }

  disconnected(): void {
    this.#events.lost?.();
  }

  reconnected(): void {
    // What was not answered when the connection dropped is lost.
  }

  lost(): void {
    // It ended when the connection dropped.
  }

  received(request: SrfRequest, response: SrfResponse): void {
    switch (request.method) {
      case 'ACK':
        return;
      case 'PRACK':
        return send(response, { status: 200 });
      case 'BYE':
        send(response, { status: 200 });
        return this.#events.ended?.(reasonsOf(receivedRequest(request)));
      default:
        return this.#events.requested(inDialogRequest(request, response));
    }
  }
}

/** What a dialog reports here: also that nothing of it is left at the far end. Once, and last. */
export interface DialogReports extends DialogEvents {
  over?(): void;
}

/** One dialog. It is found by the id that the SIP server gave it, and it is ours from the first moment: no event is missed. */
export class SrfDialog implements Dialog {
  readonly id: string;
  readonly #connection: Connection;
  readonly #table: DialogTable;
  readonly #events: DialogReports;
  readonly #log: Log;
  readonly #credentials: () => TrunkCredentials | undefined;
  #over = false;

  /** @param credentials of the trunk behind it; a caller's side has none. */
  constructor(
    id: string,
    connection: Connection,
    table: DialogTable,
    events: DialogReports,
    log: Log,
    credentials: () => TrunkCredentials | undefined = () => undefined,
  ) {
    this.id = id;
    this.#credentials = credentials;
    this.#connection = connection;
    this.#table = table;
    this.#events = events;
    this.#log = log;
    table.add(this);
  }

  async request(method: string, headers: readonly Header[], body: string, other?: Dialog): Promise<DialogResponse> {
    const isPair = this.#connection.isEmbeddedEngine && other instanceof SrfDialog;
    const all = isPair ? [...headers, pairedWith(other.id)] : headers;
    const [response, acknowledge, shown] = await this.#ask(method, all, body);
    let owed = method === 'INVITE' && response.status < 300;
    return {
      ...receivedResponse(response),
      acknowledge: (answer?: string) => {
        if (owed) {
          owed = false;
          acknowledgeWith(acknowledge, answer, this.#log, shown);
        }
      },
    };
  }

  /** Sends a request, and again with the trunk's credentials where it asks for them. Gives what was shown, too. */
  async #ask(
    method: string,
    headers: readonly Header[],
    body: string,
  ): Promise<readonly [SrfReceivedResponse, SrfAck, readonly Header[]]> {
    const answers = new ChallengeAnswers(this.#credentials());
    for (;;) {
      const all = toSrfHeaders([...headers, ...answers.headers]);
      const options = { method, headers: all, body, stackDialogId: this.id };
      const [response, acknowledge] = await this.#connection.ask(REMOTE_TARGET, options, FINAL_WITHIN);
      if (!answers.take(response)) {
        return [response, acknowledge, answers.headers];
      }
    }
  }

  /** Whether it is on that server. */
  isOn(connection: Connection): boolean {
    return this.#connection === connection;
  }

  release(reasons: readonly string[]): void {
    if (this.#over) {
      return;
    }
    this.#end();
    this.#ask('BYE', reasonHeaders(reasons), '')
      .catch((error: unknown) => {
        this.#log.debug({ dialog: this.id, err: messageOf(error) }, 'BYE was not answered');
      })
      .finally(() => this.#events.over?.());
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

  /** The media goes on, and so does the dialog, in a server that lives on. */
  disconnected(): void {
    // Only the next connection can tell.
  }

  /**
   * A server that was started anew does not know the dialog, and one that lived on may have ended it while we were away: it
   * is asked. Only its own word counts; an answer of the far end, or none, ends no call.
   */
  reconnected(): void {
    this.#connection
      .ask(REMOTE_TARGET, { method: 'OPTIONS', headers: {}, stackDialogId: this.id }, FINAL_WITHIN)
      .catch((error: unknown) => {
        if (!this.#over && messageOf(error).includes(NO_SUCH_DIALOG)) {
          this.#end();
          this.#events.ended({ by: 'server', reasons: [] });
          this.#events.over?.();
        }
      });
  }

  /** Nobody can tell any more whether it still stands. */
  lost(): void {
    if (!this.#over) {
      this.#end();
      this.#events.ended({ by: 'lost', reasons: [] });
      this.#events.over?.();
    }
  }

  #peerEnded(request: SrfRequest, response: SrfResponse): void {
    send(response, { status: 200 });
    if (this.#over) {
      return;
    }
    this.#end();
    const reasons = reasonsOf(receivedRequest(request));
    this.#events.ended({ by: request.source === 'application' ? 'server' : 'peer', reasons });
    this.#events.over?.();
  }

  #end(): void {
    this.#over = true;
    this.#table.remove(this);
  }
}

/** The Reason values of a message (RFC 3326), as they are written in it. */
export function reasonsOf({ headers }: { readonly headers: readonly Header[] }): readonly string[] {
  return headerValues(headers, 'Reason');
}

/** Reason values as headers. */
export function reasonHeaders(reasons: readonly string[]): readonly Header[] {
  return reasons.map((value) => ({ name: 'Reason', value }));
}

/** Sends an ACK or PRACK. srf throws where the connection is gone; then the acknowledgement is lost, and nothing else. */
export function acknowledgeWith(
  acknowledge: SrfAck | undefined,
  body: string | undefined,
  log: Log,
  headers: readonly Header[] = [],
): void {
  const options = {
    ...(body === undefined || body === '' ? {} : { body }),
    ...(headers.length === 0 ? {} : { headers: toSrfHeaders(headers) }),
  };
  try {
    acknowledge?.(Object.keys(options).length === 0 ? undefined : options);
  } catch (error) {
    log.warn({ err: messageOf(error) }, 'a response could not be acknowledged');
  }
}

/** A request in a dialog, early or not, as the port shows it. */
export function inDialogRequest(request: SrfRequest, response: SrfResponse): InDialogRequest {
  return {
    request: receivedRequest(request),
    respond: (answer, acknowledged) => {
      send(response, answer, { acknowledged });
    },
  };
}

/** What becomes of a response of ours. */
interface SentEvents {
  /** It left, as this text. */
  sent?(text: string): void;
  /** The server did not send it: the transaction is over, or it cannot be sent in this form. */
  refused?(): void;
  /** The ACK of a 2xx came, with its body. */
  readonly acknowledged?: ((body: string) => void) | undefined;
}

/** Sends a response, whatever its status. */
export function send(response: SrfResponse, answer: OutgoingResponse, events: SentEvents = {}): void {
  const { acknowledged } = events;
  if (response.finalResponseSent) {
    return;
  }
  const options = { headers: toSrfHeaders(answer.headers ?? []), body: answer.body ?? '' };
  response.send(
    sendableStatus(answer.status),
    options,
    (error, sent) => {
      if (error === null || error === undefined) {
        events.sent?.(sent?.raw ?? '');
      } else {
        events.refused?.();
      }
    },
    acknowledged === undefined ? undefined : (ack) => acknowledged(receivedRequest(ack).body),
  );
}
