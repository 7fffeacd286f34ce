import { messageOf } from '../domain/errors.js';
import type { CalleeLeg, Dialog, DialogResponse, InDialogRequest, OutgoingResponse } from '../ports/sip-server.js';
import { withoutHeader } from '../sip/headers.js';
import type { Header } from '../sip/message.js';

/** What belongs to a dialog and is not carried into the other one. */
const DIALOG_HEADERS = [
  'Via', 'From', 'To', 'Call-ID', 'CSeq', 'Contact', 'Max-Forwards', 'Route', 'Record-Route', 'Content-Length',
  'Require', 'Proxy-Require', 'Supported', 'Allow', 'Session-Expires', 'Min-SE', 'RSeq', 'RAck', 'Authorization',
  'Proxy-Authorization', 'Date', 'Server', 'User-Agent', 'Warning',
] as const; // prettier-ignore

/** Answered here: the other side need not know. */
const ANSWERED_HERE: ReadonlyMap<string, number> = new Map([
  ['OPTIONS', 200],
  ['REFER', 501],
  ['SUBSCRIBE', 489],
]);

/**
 * Ties the two dialogs of an answered call (DESIGN 4.8): what one side asks in its dialog is asked of the other side.
 *
 * One offer is in flight per call, over both legs; a crossing one gets 491. A refused one leaves the session as it was.
 */
export class Tie {
  readonly #warn: (text: string) => void;
  #caller: Dialog | undefined;
  #callee: Dialog | undefined;
  #calleeLeg: CalleeLeg | undefined;
  #delayedOffer = false;
  #offerInFlight = false;
  #waitingForCaller: InDialogRequest[] = [];

  constructor(warn: (text: string) => void) {
    this.#warn = warn;
  }

  /** The winner's dialog stands. Where the caller sent no offer, its ACK brings the answer for ours. */
  join(callee: Dialog, leg: CalleeLeg, delayedOffer: boolean): void {
    this.#callee = callee;
    this.#calleeLeg = leg;
    this.#delayedOffer = delayedOffer;
    if (!delayedOffer) {
      leg.acknowledge();
    }
  }

  /** The caller's dialog stands. */
  callerJoined(caller: Dialog): void {
    this.#caller = caller;
    for (const request of this.#waitingForCaller.splice(0)) {
      this.fromCallee(request);
    }
  }

  /** The caller's ACK came. */
  acknowledged(body: string): void {
    if (this.#delayedOffer) {
      this.#calleeLeg?.acknowledge(body);
    }
  }

  callerGone(): void {
    this.#caller = undefined;
  }

  calleeGone(): void {
    this.#callee = undefined;
  }

  /** A request of the caller goes to the answering point. */
  fromCaller(request: InDialogRequest): void {
    this.#relay(request, this.#callee);
  }

  /** A request of the answering point goes to the caller, once the caller's dialog stands. */
  fromCallee(request: InDialogRequest): void {
    if (this.#caller === undefined && this.#callee !== undefined) {
      this.#waitingForCaller.push(request);
      return;
    }
    this.#relay(request, this.#caller);
  }

  #relay(asked: InDialogRequest, other: Dialog | undefined): void {
    const { method, body } = asked.request;
    const here = ANSWERED_HERE.get(method);
    if (here !== undefined) {
      return asked.respond({ status: here });
    }
    if (other === undefined) {
      return asked.respond({ status: 481 });
    }
    const offers = method === 'INVITE' || (method === 'UPDATE' && body !== '');
    if (offers && this.#offerInFlight) {
      return asked.respond({ status: 491 });
    }
    this.#offerInFlight ||= offers;
    other
      .request(method, carried(asked.request.headers), body)
      .then((response) => {
        answer(asked, response);
      })
      .catch((error: unknown) => {
        this.#warn(`a ${method} inside the call could not be passed on: ${messageOf(error)}`);
        asked.respond({ status: 500 });
      })
      .finally(() => {
        this.#offerInFlight &&= !offers;
      });
  }
}

/**
 * Gives one side the other side's answer.
 *
 * A 408 or 481 from the far dialog would end the near one too (RFC 3261 12.2.1.2), so it is given as 500: a refresh that
 * fails does not end a call.
 */
function answer(asked: InDialogRequest, response: DialogResponse): void {
  const status = response.status === 408 || response.status === 481 ? 500 : response.status;
  const passedOn: OutgoingResponse = { status, headers: carried(response.headers), body: response.body };
  const isInvite = asked.request.method === 'INVITE' && status < 300;
  if (isInvite && asked.request.body === '') {
    asked.respond(passedOn, (body) => {
      response.acknowledge(body);
    });
    return;
  }
  response.acknowledge();
  asked.respond(passedOn);
}

function carried(headers: readonly Header[]): readonly Header[] {
  return withoutHeader(headers, ...DIALOG_HEADERS);
}
