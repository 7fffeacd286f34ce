import { messageOf } from '../../domain/errors.js';
import type { Log } from '../../ports/journal.js';
import type { CallerEvents, Dialog, OutgoingResponse, ReceivedRequest, Source } from '../../ports/sip-server.js';
import { SipServerError } from '../../ports/sip-server.js';
import { header, withoutHeader } from '../../sip/headers.js';
import type { Header } from '../../sip/message.js';
import { tagOf } from '../../sip/name-addr.js';
import { parseVia } from '../../sip/via.js';
import { EarlyDialog, inDialogRequest, reasonsOf, send, SrfDialog } from './dialog.js';
import { receivedMessage, receivedRequest, sourceOf, toSrfHeaders } from './message.js';
import type { Home, OrphanCall } from './orphans.js';
import { adoption, DROP, KEEP, pairedWith } from './requests-of-ours.js';
import { forgetInvite, type SrfRequest, type SrfRequestOptions, type SrfResponse } from './srf.js';

/** A call that has outlived so many SIP servers is what ends them. */
const ADOPTIONS_AT_MOST = 3;

/** The INVITE server transaction of a call, and the server that has it. */
interface Transaction {
  readonly home: Home;
  readonly invite: SrfRequest;
  readonly response: SrfResponse;
}

/** Our 200, until it is known to have left. */
interface Answer {
  readonly response: OutgoingResponse;
  readonly other: Dialog | undefined;
  readonly resolve: (dialog: Dialog) => void;
  readonly reject: (error: SipServerError) => void;
}

/** A call from the network, until it is answered, refused or cancelled. */
export class SrfIncomingCall implements OrphanCall {
  readonly source: Source;
  readonly request: ReceivedRequest;
  readonly #log: Log;
  #transaction: Transaction;
  /** Its server is gone, and no other has taken it up yet. */
  #orphaned = false;
  #adoptions = 0;
  #events: CallerEvents | undefined;
  #early: EarlyDialog | undefined;
  #over = false;
  /** The last provisional response, and its text as it left: another server goes on from there. */
  #said: OutgoingResponse | undefined;
  #saidText = '';
  #refusal: OutgoingResponse | undefined;
  #answer: Answer | undefined;

  constructor(request: SrfRequest, response: SrfResponse, home: Home, log: Log) {
    this.source = sourceOf(request);
    this.request = receivedRequest(request);
    this.#log = log;
    this.#transaction = { home, invite: request, response };
    this.#listen();
  }

  get key(): string {
    return inviteKey(this.request);
  }

  attach(events: CallerEvents): void {
    this.#events = events;
    this.#enterEarlyDialog();
  }

  progress(response: OutgoingResponse): void {
    this.#said = response;
    if (!this.#over && !this.#orphaned) {
      this.#progress(response);
    }
  }

  reject(response: OutgoingResponse): void {
    if (this.#orphaned) {
      this.#refusal = response;
      return;
    }
    this.#leaveEarlyDialog();
    if (!this.#over) {
      send(this.#transaction.response, response);
    }
  }

  ignore(): void {
    this.#leaveEarlyDialog();
    if (this.#transaction.home.connection.isEmbeddedEngine) {
      send(this.#transaction.response, { status: 480, headers: [DROP] });
    } else {
      forgetInvite(this.#transaction.invite);
    }
  }

  async answer(response: OutgoingResponse, other?: Dialog): Promise<Dialog> {
    return new Promise((resolve, reject) => {
      if (this.#over || (!this.#orphaned && this.#transaction.response.finalResponseSent)) {
        reject(new SipServerError('refused', 'the caller is gone'));
        return;
      }
      this.#answer = { response, other, resolve, reject };
      if (!this.#orphaned) {
        this.#sendAnswer(this.#answer);
      }
    });
  }

  get order(): SrfRequestOptions {
    const { headers } = receivedMessage({ raw: this.#saidText });
    const said = { tag: tagOf(header(headers, 'To') ?? ''), rseq: header(headers, 'RSeq') };
    return adoption(this.#transaction.invite.msg.raw ?? '', this.source, said);
  }

  /** What was said before is said again: the caller hears ringing, and what was said meanwhile. */
  adopted(invite: SrfRequest, response: SrfResponse, home: Home): void {
    this.#log.info({ source: this.source.address }, 'a call in set-up was taken up after its SIP server was lost');
    this.#adoptions += 1;
    this.#orphaned = false;
    this.#transaction = { home, invite, response };
    this.#listen();
    this.#enterEarlyDialog();
    if (this.#refusal !== undefined) {
      this.reject(this.#refusal);
    } else if (this.#answer !== undefined) {
      this.#sendAnswer(this.#answer);
    } else if (this.#said !== undefined) {
      this.#progress(this.#said);
    }
  }

  lost(): void {
    this.#log.error({ source: this.source.address }, 'a call in set-up was lost with its SIP server');
    this.#over = true;
    if (this.#answer === undefined) {
      this.#events?.lost();
    } else {
      this.#answer.reject(new SipServerError('refused', 'the SIP server that had the caller is gone'));
    }
  }

  #listen(): void {
    const { invite } = this.#transaction;
    invite.on('cancel', (cancel: SrfRequest['msg']) => {
      this.#cancel(reasonsOf(receivedMessage(cancel)));
    });
    // UPDATE in an early dialog (RFC 3311); without a listener srf refuses it.
    invite.on('update', (update: SrfRequest, updateResponse: SrfResponse) => {
      this.#events?.requested(inDialogRequest(update, updateResponse));
    });
  }

  #enterEarlyDialog(): void {
    const { home, response } = this.#transaction;
    this.#early = new EarlyDialog(dialogId(this.request), {
      requested: (request) => {
        this.#events?.requested(request);
      },
      ended: (reasons) => {
        send(response, { status: 487 });
        this.#cancel(reasons);
      },
      lost: () => {
        this.#orphan();
      },
    });
    home.table.add(this.#early);
  }

  #leaveEarlyDialog(): void {
    if (this.#early !== undefined) {
      this.#transaction.home.table.remove(this.#early);
      this.#early = undefined;
    }
  }

  #progress(response: OutgoingResponse): void {
    const headers = response.headers ?? [];
    send(this.#transaction.response, response, {
      sent: (text) => {
        this.#saidText = text;
      },
      // A server that cannot send it reliably sends nothing, and the caller would hear nothing.
      refused: () => {
        if (header(headers, 'Require') !== undefined) {
          this.progress({ ...response, headers: withoutHeader(headers, 'Require') });
        }
      },
    });
  }

  #sendAnswer({ response, other, resolve, reject }: Answer): void {
    const headers = [...(response.headers ?? []), ...this.#ordersForAnswer(other)];
    this.#transaction.response.send(
      response.status,
      { headers: toSrfHeaders(headers), body: response.body ?? '' },
      (error) => {
        this.#settled();
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
  }

  #ordersForAnswer(other: Dialog | undefined): readonly Header[] {
    if (!this.#transaction.home.connection.isEmbeddedEngine) {
      return [];
    }
    return other instanceof SrfDialog ? [KEEP, pairedWith(other.id)] : [KEEP];
  }

  /** Nothing of the set-up is needed any more. */
  #settled(): void {
    this.#answer = undefined;
    this.#said = undefined;
    this.#saidText = '';
  }

  /** Its server is gone. */
  #orphan(): void {
    this.#leaveEarlyDialog();
    this.#orphaned = true;
    if (this.#answer !== undefined) {
      this.#answerLost(this.#answer);
    }
    if (this.#adoptions >= ADOPTIONS_AT_MOST) {
      this.lost();
    } else {
      this.#transaction.home.orphans.addCall(this);
    }
  }

  /**
   * Nobody knows whether our 200 left. What comes next has another tag: a caller who has heard it takes that for the answer of
   * a fork and ends it (RFC 3261 13.2.2.4); with the same tag it would be taken for a copy, and the new answer not be heard.
   */
  #answerLost({ other, reject }: Answer): void {
    this.#saidText = '';
    if (other instanceof SrfDialog && other.isOn(this.#transaction.home.connection)) {
      this.#answer = undefined;
      reject(new SipServerError('disconnected', 'the SIP server is gone, and the answering side with it'));
    }
  }

  #cancel(reasons: readonly string[]): void {
    this.#over = true;
    this.#leaveEarlyDialog();
    this.#events?.cancelled(reasons);
  }

  #dialog(): Dialog {
    this.#leaveEarlyDialog();
    const { home, response } = this.#transaction;
    return new SrfDialog(response.stackDialogId, home.connection, home.table, this.#callerEvents(), this.#log);
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

/** What makes an INVITE the same one, on whichever server it comes in (RFC 3261 17.2.3). */
export function inviteKey(request: ReceivedRequest): string {
  const { headers } = request;
  const branch = parseVia(header(headers, 'Via') ?? '')?.params.get('branch') ?? '';
  return `${branch} ${header(headers, 'CSeq') ?? ''} ${dialogId(request)}`;
}
