import { messageOf } from '../domain/errors.js';
import { ms } from '../domain/time.js';
import type { Clock, Timer } from '../ports/clock.js';
import type {
  CalleeLeg,
  Dialog,
  DialogResponse,
  InDialogRequest,
  OutgoingResponse,
  ReceivedRequest,
} from '../ports/sip-server.js';
import { headerValues } from '../sip/headers.js';
import type { Header } from '../sip/message.js';
import { ALLOW } from './outgoing.js';
import { hasSdp } from '../sip/sdp-in-body.js';
import { travelling } from './travelling.js';

/** Answered here: the other side need not know. */
const ANSWERED_HERE: ReadonlyMap<string, number> = new Map([
  ['OPTIONS', 200],
  ['REFER', 501],
  ['SUBSCRIBE', 489],
  ['REGISTER', 405],
  ['PUBLISH', 405],
]);

/** An offer that nobody answers any more is forgotten: longer than a transaction lasts (64*T1). */
const OFFER_AT_MOST = ms(40_000);
/** RFC 3261 14.2 and RFC 3311 5.2: Retry-After is chosen between 0 and 10 s. */
const RETRY_WITHIN_S = 10;

type Side = 'caller' | 'callee';

/** What the tie needs from the gateway. */
export interface TiePorts {
  readonly clock: Clock;
  /** A number in [0, 1). */
  readonly fraction: () => number;
  readonly warn: (text: string) => void;
}

/**
 * Ties the two dialogs of an answered call (DESIGN 4.8): what one side asks in its dialog is asked of the other side.
 *
 * One offer is in flight per call, over both legs: a crossing one gets 491, a second one of the same side 500 with
 * Retry-After (RFC 3261 14.2, RFC 3311 5.2). A refused one leaves the session as it was.
 */
export class Tie {
  readonly #ports: TiePorts;
  #caller: Dialog | undefined;
  #callee: Dialog | undefined;
  #calleeLeg: CalleeLeg | undefined;
  /** Settles the offer of a 2xx that waits for the caller's ACK. */
  #answered: (() => void) | undefined;
  #offer: { readonly from: Side; readonly timer: Timer } | undefined;
  #ended = false;
  #waitingForCaller: InDialogRequest[] = [];

  constructor(ports: TiePorts) {
    this.#ports = ports;
  }

  /** The winner's dialog stands. Where the caller sent no offer, its ACK brings the answer for ours. */
  join(callee: Dialog, leg: CalleeLeg, delayedOffer: boolean): void {
    this.#callee = callee;
    this.#calleeLeg = leg;
    if (delayedOffer) {
      this.#answered = this.#offerFrom('callee');
    } else {
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
    if (this.#answered !== undefined) {
      this.#answered();
      this.#answered = undefined;
      this.#calleeLeg?.acknowledge(body);
    }
  }

  /** One of the dialogs is gone, and soon the other: nothing is passed on any more. */
  end(): void {
    this.#ended = true;
    this.#offer?.timer.cancel();
    this.#offer = undefined;
    for (const request of this.#waitingForCaller.splice(0)) {
      request.respond({ status: 481 });
    }
  }

  /** A request of the caller goes to the answering point. */
  fromCaller(request: InDialogRequest): void {
    this.#relay(request, 'caller', this.#callee);
  }

  /** A request of the winner goes to the caller, once the caller's dialog stands. */
  fromCallee(request: InDialogRequest): void {
    if (this.#caller === undefined && !this.#ended) {
      this.#waitingForCaller.push(request);
    } else {
      this.#relay(request, 'callee', this.#caller);
    }
  }

  /**
   * A request in a dialog that has no other side yet. There is no session to change: an offer gets 500 with Retry-After,
   * since the offer of the INVITE has no answer that the caller knows (RFC 3311 5.2); it can be made again after the
   * answer. An UPDATE without an offer changes nothing.
   */
  tooEarly(asked: InDialogRequest): void {
    const { request } = asked;
    const here = ANSWERED_HERE.get(request.method);
    if (here !== undefined || (request.method === 'UPDATE' && !hasSdp(request))) {
      return asked.respond({ status: here ?? 200, headers: [ALLOW] });
    }
    asked.respond({ status: 500, headers: [this.#retryAfter()] });
  }

  #relay(asked: InDialogRequest, from: Side, other: Dialog | undefined): void {
    const { request } = asked;
    const here = ANSWERED_HERE.get(request.method);
    if (here !== undefined) {
      return asked.respond({ status: here, headers: [ALLOW] });
    }
    if (this.#ended) {
      return asked.respond({ status: 481 });
    }
    if (other === undefined) {
      return this.tooEarly(asked);
    }
    if (!isOffer(request)) {
      return this.#pass(asked, other, () => undefined);
    }
    const inFlight = this.#offer?.from;
    if (inFlight !== undefined) {
      return asked.respond(inFlight === from ? { status: 500, headers: [this.#retryAfter()] } : { status: 491 });
    }
    this.#pass(asked, other, this.#offerFrom(from));
  }

  /** Notes that an offer is in flight. @returns what to call when it is over. */
  #offerFrom(from: Side): () => void {
    const timer = this.#ports.clock.setTimer(OFFER_AT_MOST, () => {
      settled();
    });
    const offer = { from, timer };
    const settled = (): void => {
      timer.cancel();
      if (this.#offer === offer) {
        this.#offer = undefined;
      }
    };
    this.#offer = offer;
    return settled;
  }

  #pass(asked: InDialogRequest, other: Dialog, settled: () => void): void {
    const { method, headers, body } = asked.request;
    other
      .request(method, travelling(headers), body)
      .then((response) => {
        answer(asked, response, settled);
      })
      .catch((error: unknown) => {
        this.#ports.warn(`a ${method} inside the call could not be passed on: ${messageOf(error)}`);
        settled();
        asked.respond({ status: 500 });
      });
  }

  #retryAfter(): Header {
    return { name: 'Retry-After', value: String(Math.floor(this.#ports.fraction() * (RETRY_WITHIN_S + 1))) };
  }
}

/** An INVITE without a description asks for an offer: it is as much in the way of another one. */
function isOffer(request: ReceivedRequest): boolean {
  return request.method === 'INVITE' || (request.method === 'UPDATE' && hasSdp(request));
}

/** Gives one side the other side's answer. A 200 with an offer in it is settled by the ACK, which brings the answer. */
function answer(asked: InDialogRequest, response: DialogResponse, settled: () => void): void {
  const isAccepted = asked.request.method === 'INVITE' && response.status < 300;
  const retry = headerValues(response.headers, 'Retry-After').map((value) => ({ name: 'Retry-After', value }));
  const headers = [...travelling(response.headers), ...retry];
  const passedOn: OutgoingResponse = { status: statusFor(response, isAccepted), headers, body: response.body };
  if (isAccepted && !hasSdp(asked.request)) {
    asked.respond(passedOn, (body) => {
      response.acknowledge(body);
      settled();
    });
    return;
  }
  response.acknowledge();
  settled();
  asked.respond(passedOn);
}

/**
 * A 408 or 481 from the far dialog would end the near one too (RFC 3261 12.2.1.2), so it is given as 500: a refresh that
 * fails does not end a call. SIP servers acknowledge no 2xx to INVITE but 200.
 */
function statusFor({ status }: DialogResponse, isAcceptedInvite: boolean): number {
  if (isAcceptedInvite) {
    return 200;
  }
  return status === 408 || status === 481 ? 500 : status;
}
