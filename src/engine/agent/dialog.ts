import { sameName } from '../../sip/headers.js';
import { printMessage, type Header, type SipRequest, type SipResponse } from '../../sip/message.js';
import type { EngineTimer } from '../clock.js';
import { copyOf } from '../copy-of.js';
import type { IncomingRequest, IncomingResponse } from '../transaction/incoming.js';
import type { ClientUser, InviteServerHandle, ServerHandle } from '../transaction/layer.js';
import { Answers } from './answers.js';
import { SessionDescriptions } from './session-descriptions.js';
import { refreshes, SessionKeeper } from './session-keeper.js';
import { termsOf, type SessionTerms } from './session-timer.js';
import { WHY_ENDED, type DialogEvents } from './dialog-events.js';
import type { AgentCore, DialogMember } from './core.js';
import { contactUri, needsContact, routeSetOf, type DialogState } from './dialog-state.js';
import { isBefore, nextCseq } from './numbering.js';
import { onItsWay, type OnItsWay } from './own-requests.js';
import type { ClientEvents, RequestClient } from './request-client.js';
import { RequestServer } from './request-server.js';

/** A re-INVITE that got a provisional and no final answer is cancelled after so long. */
const REINVITE_AT_MOST_MS = 60_000;
const NOBODY: ClientEvents = { response: () => undefined, failed: () => undefined };
const NONE: readonly ServerHandle[] = [];
const SOON: Header = { name: 'Retry-After', value: '1' };

/** An INVITE dialog, on either side, early or confirmed (RFC 3261 12 to 15). */
export class AgentDialog implements DialogMember {
  readonly state: DialogState;
  /** What both sides said last about their media. */
  readonly session = new SessionDescriptions();
  readonly #core: AgentCore;
  /** Whose INVITE makes it. */
  readonly #caller: 'here' | 'there';
  readonly #answers = new Answers();
  #events: DialogEvents;
  #confirmed = false;
  #over = false;
  /** Our 2xx that waits for its ACK. */
  #unacknowledged:
    | { readonly handle: InviteServerHandle; readonly sequence: number; readonly first: boolean }
    | undefined;
  /** A BYE that must wait for that ACK (RFC 3261 15). */
  #heldBye: (() => void) | undefined;
  /** The peer's requests that wait until its answer has been taken here: the application does not know the dialog before. */
  #heldRequests: readonly ServerHandle[] = NONE;
  #patience: EngineTimer | undefined;
  /** A re-INVITE of the peer without a final response. */
  #inviteIn: InviteServerHandle | undefined;
  #inviteOut: boolean;
  #byeOnAck = false;
  readonly #keeper: SessionKeeper;
  /** Whether our side has acknowledged the answer that made the dialog. */
  #taken: boolean;

  constructor(core: AgentCore, state: DialogState, caller: 'here' | 'there', events: DialogEvents) {
    this.#core = core;
    this.state = state;
    this.#caller = caller;
    this.#inviteOut = caller === 'here';
    this.#taken = caller === 'there';
    this.#events = events;
    this.#keeper = new SessionKeeper(core, this);
    core.dialogs.add(this);
  }

  get over(): boolean {
    return this.#over;
  }

  /** Whether an INVITE of either side is open in this dialog: a new one must wait (RFC 3261 14.1). */
  get inviting(): boolean {
    return this.#inviteOut || this.#inviteIn !== undefined;
  }

  /** Who hears of the dialog from now on. */
  listen(events: DialogEvents): void {
    this.#events = events;
  }

  /** The session timer never ends this dialog, nor refuses anything in it. */
  neverExpires(): void {
    this.#keeper.never();
  }

  /** The session was made or refreshed on these terms (RFC 4028). */
  expiresOn(terms: SessionTerms | undefined): void {
    this.#keeper.expiresOn(terms);
  }

  /** Our 2xx to the INVITE of this transaction left. */
  awaitAck(handle: InviteServerHandle, first: boolean): void {
    this.#confirmed = true;
    this.#unacknowledged = { handle, sequence: handle.incoming.cseq.number, first };
    handle.waiter = this;
  }

  /** A 2xx to our INVITE came. @returns whether it is its first, and not the same again because our ACK was lost. */
  answered(response: IncomingResponse): boolean {
    if (!this.#answers.received(response.cseq.number)) {
      return false;
    }
    this.#confirm(response);
    this.#patience = this.#core.clock.setTimer(this.#core.timers.t1x64 / 2, () => {
      this.abandon();
    });
    if (this.#over) {
      this.acknowledge();
    }
    return true;
  }

  /** Sends BYE as soon as the ACK to the 2xx of our INVITE leaves: the INVITE had been cancelled before. */
  byeAfterAck(): void {
    this.#byeOnAck = true;
  }

  /**
   * Acknowledges the 2xx to our last INVITE in this dialog, once.
   *
   * @returns the ACK as it left, or undefined where none is owed.
   */
  acknowledge(headers: readonly Header[] = [], body = ''): string | undefined {
    const { owed } = this.#answers;
    if (owed === undefined) {
      return undefined;
    }
    const own = headers.map(({ name, value }) => ({ name: copyOf(name), value: copyOf(value) }));
    const send = (): string => {
      const { request, hop, transport } = onItsWay(this.#core, this.state, 'ACK', own, body, owed);
      return this.#core.layer.sendAck(request, hop, transport);
    };
    const text = send();
    this.session.exchanged({ headers, body }, undefined);
    this.#answers.acknowledged(send);
    this.#patience?.cancel();
    this.#patience = undefined;
    this.#inviteOut = false;
    if (!this.#taken) {
      this.#taken = true;
      this.#nowTaken();
    }
    return text;
  }

  /** Sends a request in the dialog: a re-INVITE, BYE, or any other but ACK. */
  request(method: string, headers: readonly Header[], body: string, events: ClientEvents = NOBODY): RequestClient {
    if (method === 'BYE') {
      return this.bye(headers, events);
    }
    const { request, hop, transport } = this.#next(method, this.#keeper.withTerms(method, headers), body);
    if (method !== 'INVITE') {
      return this.#core.layer.sendRequest(request, hop, transport, this.#refreshing(request, events), false);
    }
    this.#inviteOut = true;
    let limit: EngineTimer | undefined = undefined;
    const user = this.#reinviting(request, events, () => limit?.cancel());
    const handle = this.#core.layer.sendInvite(request, hop, transport, user);
    limit = this.#core.clock.setTimer(REINVITE_AT_MOST_MS, () => {
      handle.cancel([]);
    });
    return handle;
  }

  /**
   * Ends the dialog, and acknowledges before what is owed. While our own 2xx waits for its ACK, the BYE waits too (RFC 3261 15).
   */
  bye(headers: readonly Header[] = [], events: ClientEvents = NOBODY): RequestClient {
    this.#over = true;
    this.#keeper.stop();
    this.#patience?.cancel();
    this.acknowledge();
    this.#refuseOpenInvite();
    const { request, hop, transport } = this.#next('BYE', headers, '');
    const send = (): RequestClient =>
      this.#core.layer.sendRequest(request, hop, transport, this.#ending(events), false);
    if (this.#unacknowledged?.first !== true) {
      this.#unacknowledged?.handle.acknowledged();
      return send();
    }
    this.#heldBye = send;
    return { request, text: printMessage(request), peer: hop, transport };
  }

  /** Forgets an early dialog that no 2xx confirmed. */
  drop(): void {
    this.#over = true;
    this.#keeper.stop();
    this.#core.dialogs.remove(this);
  }

  /**
   * Nobody here acknowledges the peer's 2xx. The answer that made the dialog is acknowledged and ended, before the peer gives up
   * repeating it; after a re-INVITE the call goes on.
   */
  abandon(): void {
    if (this.#confirmed && !this.#taken) {
      this.endedBy('not taken');
    } else {
      this.acknowledge();
    }
  }

  /** Sends BYE by ourselves, once, and says so. */
  endedBy(cause: keyof typeof WHY_ENDED): void {
    if (!this.#over) {
      this.bye([{ name: 'Reason', value: `SIP;cause=200;text="${WHY_ENDED[cause]}"` }]);
      this.#events.ended(cause);
    }
  }

  receivedInvite(handle: InviteServerHandle): void {
    if (this.#over || this.#isOld(handle.incoming)) {
      return this.#refuse(handle, this.#over ? 481 : 500);
    }
    if (this.#inviteOut) {
      return this.#refuse(handle, 491);
    }
    if (!this.#confirmed || this.#inviteIn !== undefined || this.#unacknowledged !== undefined) {
      return this.#refuse(handle, 500, [SOON]);
    }
    if (this.#isTooShort(handle)) {
      return;
    }
    this.#inviteIn = handle;
    this.#refreshTarget(handle.incoming);
    handle.respond(this.#core.response(handle.incoming, 100, undefined, [], ''));
    const respond = (status: number, headers: readonly Header[], body: string): string | undefined => {
      const sent = this.#respond(handle, status, headers, body);
      if (sent !== undefined && status >= 200) {
        this.#inviteIn = undefined;
        if (status < 300) {
          this.awaitAck(handle, false);
        }
      }
      return sent;
    };
    this.#events.request(new RequestServer(handle, respond));
  }

  receivedRequest(handle: ServerHandle): void {
    const { method } = handle.incoming.message;
    if (this.#over) {
      return this.#refuse(handle, method === 'BYE' ? 200 : 481);
    }
    if (this.#confirmed && !this.#taken) {
      this.#heldRequests = [...this.#heldRequests, handle];
      return;
    }
    if (this.#isOld(handle.incoming)) {
      return this.#refuse(handle, 500);
    }
    if (method === 'BYE') {
      return this.#receivedBye(handle);
    }
    if (method === 'UPDATE' && this.#isTooShort(handle)) {
      return;
    }
    if (needsContact(method)) {
      this.#refreshTarget(handle.incoming);
    }
    this.#events.request(this.#toAnswer(handle));
  }

  /** A CANCEL came for a re-INVITE that we have not answered: the session stays as it was (RFC 3261 9.2). */
  receivedCancel(invite: InviteServerHandle): void {
    if (this.#inviteIn === invite) {
      this.#refuseOpenInvite();
    }
  }

  receivedAck(ack: IncomingRequest): void {
    if (this.#unacknowledged?.sequence !== ack.cseq.number) {
      return;
    }
    this.#unacknowledged.handle.acknowledged();
    this.#unacknowledged = undefined;
    this.session.exchanged(undefined, ack.message);
    if (!this.#over) {
      this.#events.acknowledged(ack);
    }
    this.#sendHeldBye();
  }

  /** A 2xx of ours was never acknowledged. The first one ends the call; a refresh that fails does not. */
  notAcknowledged(handle: InviteServerHandle): void {
    if (this.#unacknowledged?.handle !== handle) {
      return;
    }
    const { first } = this.#unacknowledged;
    this.#unacknowledged = undefined;
    if (this.#heldBye !== undefined) {
      return this.#sendHeldBye();
    }
    if (first) {
      this.endedBy('not acknowledged');
    }
  }

  /** RFC 3261 13.2.2.4: the 2xx says anew which way the requests of the dialog go. */
  #confirm(response: IncomingResponse): void {
    if (!this.#confirmed) {
      this.#confirmed = true;
      this.state.routeSet = routeSetOf(response);
    }
    this.#retarget(contactUri(response.message));
  }

  #nowTaken(): void {
    if (this.#byeOnAck) {
      this.endedBy('cancelled');
    }
    const held = this.#heldRequests;
    this.#heldRequests = NONE;
    for (const handle of held) {
      this.receivedRequest(handle);
    }
  }

  #receivedBye(handle: ServerHandle): void {
    if (!this.#confirmed && this.#caller === 'here') {
      // The called side refuses the INVITE to end an early dialog (RFC 3261 15).
      return this.#refuse(handle, 481);
    }
    this.#over = true;
    this.#keeper.stop();
    this.#patience?.cancel();
    this.#core.dialogs.remove(this);
    this.#unacknowledged?.handle.acknowledged();
    this.#unacknowledged = undefined;
    this.acknowledge();
    this.#refuseOpenInvite();
    this.#events.request(this.#toAnswer(handle));
    this.#events.ended('bye');
  }

  /** RFC 3261 15.1.2: what the dialog's end leaves open is answered 487. */
  #refuseOpenInvite(): void {
    const open = this.#inviteIn;
    this.#inviteIn = undefined;
    if (open !== undefined) {
      this.#refuse(open, 487);
    }
  }

  #toAnswer(handle: ServerHandle): RequestServer {
    return new RequestServer(handle, (status, headers, body) => this.#respond(handle, status, headers, body));
  }

  #ending(events: ClientEvents): ClientUser {
    return {
      response: (response) => {
        const { status } = response.message;
        if (events !== NOBODY && isChallenge(status)) {
          this.#byeChallenged();
        } else if (status >= 200) {
          this.#core.dialogs.remove(this);
        }
        events.response(response);
      },
      failed: (cause) => {
        this.#core.dialogs.remove(this);
        events.failed(cause);
      },
    };
  }

  /** The dialog stands until a BYE with credentials comes; without one it is as good as over. */
  #byeChallenged(): void {
    this.#over = false;
    this.#patience = this.#core.clock.setTimer(this.#core.timers.t1x64, () => {
      this.drop();
      this.#events.ended('bye');
    });
  }

  #sendHeldBye(): void {
    const send = this.#heldBye;
    this.#heldBye = undefined;
    send?.();
  }

  #next(method: string, headers: readonly Header[], body: string): OnItsWay {
    const sequence = this.state.nextSequence;
    this.state.nextSequence = nextCseq(sequence);
    return onItsWay(this.#core, this.state, method, headers, body, sequence);
  }

  #reinviting(request: SipRequest, events: ClientEvents, over: () => void): ClientUser {
    return {
      response: (response) => {
        const { status } = response.message;
        if (status < 200) {
          return;
        }
        over();
        if (status >= 300) {
          this.#inviteOut = false;
          return events.response(response);
        }
        if (this.answered(response)) {
          this.session.exchanged(request, response.message);
          this.expiresOn(termsOf(response.message.headers, 'there'));
          events.response(response);
        }
      },
      failed: (cause) => {
        over();
        this.#inviteOut = false;
        events.failed(cause);
      },
    };
  }

  #refreshing(request: SipRequest, events: ClientEvents): ClientUser {
    return {
      response: (response) => {
        const { message } = response;
        if (message.status >= 200 && message.status < 300) {
          this.session.exchanged(request, message);
          if (request.method === 'UPDATE') {
            this.expiresOn(termsOf(message.headers, 'there'));
          }
          const target = needsContact(request.method) ? contactUri(message) : undefined;
          this.#retarget(target);
        }
        events.response(response);
      },
      failed: events.failed.bind(events),
    };
  }

  #isTooShort(handle: ServerHandle): boolean {
    const least = this.#keeper.tooShort(handle.incoming.message.headers);
    if (least !== undefined) {
      this.#refuse(handle, 422, least);
    }
    return least !== undefined;
  }

  #refreshTarget(incoming: IncomingRequest): void {
    this.#retarget(contactUri(incoming.message));
  }

  #retarget(uri: string | undefined): void {
    if (uri !== undefined && uri !== this.state.remoteTarget) {
      this.state.remoteTarget = copyOf(uri);
    }
  }

  /** RFC 3261 12.2.2: a number lower than the last one is out of order. */
  #isOld({ cseq }: IncomingRequest): boolean {
    if (this.state.remoteSequence !== undefined && isBefore(cseq.number, this.state.remoteSequence)) {
      return true;
    }
    this.state.remoteSequence = cseq.number;
    return false;
  }

  #respond(handle: ServerHandle, status: number, headers: readonly Header[], body: string): string | undefined {
    const { message } = handle.incoming;
    const isRefresh = refreshes(message.method) && status >= 200 && status < 300 && this.#confirmed && !this.#over;
    const all = isRefresh ? this.#keeper.withTermsOf(message.headers, headers) : headers;
    const response = this.#response(handle.incoming, status, all, body);
    const sent = handle.respond(response);
    if (sent !== undefined && status >= 200 && status < 300) {
      this.session.exchanged(response, message);
      if (isRefresh) {
        this.expiresOn(termsOf(all, 'here'));
      }
    }
    return sent;
  }

  #response(incoming: IncomingRequest, status: number, headers: readonly Header[], body: string): SipResponse {
    const { method } = incoming.message;
    const lacks = needsContact(method) && status >= 101 && status < 300 && !headers.some(isContact);
    const contact = lacks ? [{ name: 'Contact', value: this.state.contact }] : [];
    return this.#core.response(incoming, status, undefined, [...contact, ...headers], body);
  }

  #refuse(handle: ServerHandle, status: number, headers: readonly Header[] = []): void {
    handle.respond(this.#core.response(handle.incoming, status, undefined, headers, ''));
  }
}

/** Whether the peer asks for credentials (RFC 3261 22). */
export function isChallenge(status: number): boolean {
  return status === 401 || status === 407;
}

function isContact({ name }: Header): boolean {
  return sameName(name, 'Contact');
}
