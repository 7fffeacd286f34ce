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
import { isSameMedia, withOriginOf } from '../sip/sdp.js';
import { hasSdp, sdpIn } from '../sip/sdp-in-body.js';
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

/** How often the caller is asked to take a new answering point, where it was busy with the session itself. */
const REOFFERS = 8;
/** RFC 3261 14.1: who did not make the Call-ID waits up to 2 s after a 491. */
const REOFFER_WITHIN = 2_000;
const REOFFER_AT_LEAST_AFTER = 100;
/** The caller is changing the session, or has not finished (RFC 3261 14.2). */
const ASK_AGAIN: ReadonlySet<number> = new Set([491, 500]);

const SDP: Header = { name: 'Content-Type', value: 'application/sdp' };

type Side = 'caller' | 'callee';

/** A message, as far as its body is concerned. */
type Bodied = Pick<ReceivedRequest, 'headers' | 'body'>;

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
  /** The last description of each side that the other took. */
  readonly #said = new Map<Side, string>();
  #waitingForCaller: InDialogRequest[] = [];

  constructor(ports: TiePorts) {
    this.#ports = ports;
  }

  /** The winner's dialog stands. Where the caller sent no offer, its ACK brings the answer for ours. */
  join(callee: Dialog, leg: CalleeLeg, offer: Bodied, answer: Bodied): void {
    this.#callee = callee;
    this.#calleeLeg = leg;
    this.#note('caller', sdpIn(offer));
    this.#note('callee', sdpIn(answer));
    if (hasSdp(offer)) {
      leg.acknowledge();
    } else {
      this.#answered = this.#offerFrom('callee');
    }
  }

  /** What the caller said last of its media, as far as the other side took it. */
  get callerSaid(): string | undefined {
    return this.#said.get('caller');
  }

  /** The winner dropped the call: for a while the caller is alone. */
  calleeLost(): void {
    this.#callee = undefined;
    this.#offer?.timer.cancel();
    this.#offer = undefined;
  }

  /**
   * Another answering point takes the place of the one that is lost: its answer goes to the caller as an offer (P23).
   *
   * @param wasOffered whether its INVITE carried the caller's description; else the caller's answer goes into its ACK.
   */
  rejoin(callee: Dialog, leg: CalleeLeg, answer: Bodied, wasOffered: boolean): void {
    this.#callee = callee;
    this.#calleeLeg = leg;
    if (wasOffered) {
      leg.acknowledge();
    }
    this.#reoffer(sdpIn(answer) ?? answer.body, wasOffered ? undefined : leg, REOFFERS);
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
      this.#note('caller', body);
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
      return this.#pass(asked, from, other, () => undefined);
    }
    const inFlight = this.#offer?.from;
    if (inFlight !== undefined) {
      return asked.respond(inFlight === from ? { status: 500, headers: [this.#retryAfter()] } : { status: 491 });
    }
    this.#pass(asked, from, other, this.#offerFrom(from));
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

  #pass(asked: InDialogRequest, from: Side, other: Dialog, settled: () => void): void {
    const { method, headers, body } = asked.request;
    other
      .request(method, travelling(headers), body)
      .then((response) => {
        this.#answer(asked, from, response, settled);
      })
      .catch((error: unknown) => {
        this.#ports.warn(`a ${method} inside the call could not be passed on: ${messageOf(error)}`);
        settled();
        asked.respond({ status: 500 });
      });
  }

  /** Gives one side the other side's answer. A 200 with an offer in it is settled by the ACK, which brings the answer. */
  #answer(asked: InDialogRequest, from: Side, response: DialogResponse, settled: () => void): void {
    const isAccepted = asked.request.method === 'INVITE' && response.status < 300;
    const retry = headerValues(response.headers, 'Retry-After').map((value) => ({ name: 'Retry-After', value }));
    const headers = [...travelling(response.headers), ...retry];
    const passedOn: OutgoingResponse = { status: statusFor(response, isAccepted), headers, body: response.body };
    if (response.status < 300 && isOffer(asked.request)) {
      this.#note(from, sdpIn(asked.request));
      this.#note(from === 'caller' ? 'callee' : 'caller', sdpIn(response));
    }
    if (isAccepted && !hasSdp(asked.request)) {
      asked.respond(passedOn, (body) => {
        this.#note(from, body);
        response.acknowledge(body);
        settled();
      });
      return;
    }
    response.acknowledge();
    settled();
    asked.respond(passedOn);
  }

  #note(side: Side, sdp: string | undefined): void {
    if (sdp !== undefined && sdp !== '') {
      this.#said.set(side, sdp);
    }
  }

  /**
   * Offers the caller a description of the new answering point, as the next version of the session that it knows (RFC 3264 8).
   * A caller who is about to change the session itself is asked again. A refusal ends nothing: the two may hear each other.
   *
   * @param waiting the leg whose ACK waits for the caller's answer.
   */
  #reoffer(sdp: string, waiting: CalleeLeg | undefined, tries: number): void {
    const caller = this.#caller;
    if (caller === undefined || this.#ended) {
      return;
    }
    if (this.#offer !== undefined) {
      return this.#reofferLater(sdp, waiting, tries);
    }
    const settled = this.#offerFrom('callee');
    const known = this.#said.get('callee');
    const body = known === undefined ? sdp : withOriginOf(sdp, known);
    caller
      .request('INVITE', [ALLOW, SDP], body, this.#callee)
      .then((response) => {
        response.acknowledge();
        settled();
        this.#reoffered(body, response, waiting, tries);
      })
      .catch((error: unknown) => {
        settled();
        waiting?.acknowledge();
        this.#ports.warn(`the caller could not be offered the new answering point: ${messageOf(error)}`);
      });
  }

  #reoffered(body: string, response: DialogResponse, waiting: CalleeLeg | undefined, tries: number): void {
    const answer = sdpIn(response);
    if (response.status < 300) {
      const before = this.#said.get('caller');
      this.#note('callee', body);
      this.#note('caller', answer);
      if (waiting !== undefined) {
        waiting.acknowledge(answer);
      } else if (answer !== undefined && before !== undefined && !isSameMedia(answer, before)) {
        this.#tellCallee(withOriginOf(answer, before));
      }
    } else if (ASK_AGAIN.has(response.status) && tries > 1) {
      this.#reofferLater(body, waiting, tries - 1);
    } else {
      waiting?.acknowledge();
      this.#ports.warn(
        `the caller refused the new answering point's session (${response.status}): there may be no sound`,
      );
    }
  }

  #reofferLater(sdp: string, waiting: CalleeLeg | undefined, tries: number): void {
    const delay = ms(REOFFER_AT_LEAST_AFTER + this.#ports.fraction() * REOFFER_WITHIN);
    this.#ports.clock.setTimer(delay, () => {
      this.#reoffer(sdp, waiting, tries);
    });
  }

  /** The caller answered with other media than its last description named, which the new answering point was offered. */
  #tellCallee(sdp: string): void {
    const settled = this.#offerFrom('caller');
    this.#callee
      ?.request('INVITE', [ALLOW, SDP], sdp)
      .then((response) => {
        response.acknowledge();
        settled();
        if (response.status >= 300) {
          this.#ports.warn(`the answering point refused the caller's new media (${response.status})`);
        }
      })
      .catch((error: unknown) => {
        settled();
        this.#ports.warn(`the answering point could not be told of the caller's new media: ${messageOf(error)}`);
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
