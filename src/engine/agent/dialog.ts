import { sameName } from '../../sip/headers.js';
import type { Header } from '../../sip/message.js';
import { printMessage } from '../../sip/message.js';
import type { EngineTimer } from '../clock.js';
import type { IncomingRequest, IncomingResponse } from '../transaction/incoming.js';
import type { ClientUser, InviteServerHandle, ServerHandle } from '../transaction/layer.js';
import type { AgentCore, DialogMember } from './core.js';
import { contactUri, inDialogRequest, needsContact, type DialogState } from './dialog-state.js';
import type { ClientEvents, RequestClient } from './request-client.js';
import { RequestServer } from './request-server.js';

/**
 * Why a dialog ended: the peer's BYE; our 2xx without ACK for 64*T1; a CANCEL that crossed our 2xx, or our own that crossed
 * theirs; our own BYE.
 */
export type DialogEnd = 'bye' | 'not acknowledged' | 'cancelled' | 'released';

/** What a dialog reports. After `ended` nothing comes. */
export interface DialogEvents {
  /** The ACK of a 2xx of ours. */
  acknowledged(ack: IncomingRequest): void;
  /** Every other request, to be answered. After BYE comes `ended`. */
  request(request: RequestServer): void;
  ended(cause: DialogEnd): void;
}

/** A re-INVITE that got a provisional and no final answer is cancelled after so long. */
const REINVITE_AT_MOST_MS = 60_000;
const NOBODY: ClientEvents = { response: () => undefined, failed: () => undefined };

/** An INVITE dialog, on either side, early or confirmed (RFC 3261 12 to 15). */
export class AgentDialog implements DialogMember {
  readonly state: DialogState;
  readonly #core: AgentCore;
  #events: DialogEvents;
  #over = false;
  /** Our 2xx that waits for its ACK. */
  #unacknowledged:
    | { readonly handle: InviteServerHandle; readonly sequence: number; readonly first: boolean }
    | undefined;
  /** A BYE that must wait for that ACK (RFC 3261 15). */
  #heldBye: (() => void) | undefined;
  /** The 2xx to our INVITE, and the ACK once it was sent. */
  #answered: { readonly sequence: number; ack?: () => void } | undefined;
  #inviteIn = false;
  #inviteOut = false;
  #byeOnAck: readonly Header[] | undefined;

  constructor(core: AgentCore, state: DialogState, events: DialogEvents) {
    this.#core = core;
    this.state = state;
    this.#events = events;
    core.dialogs.add(this);
  }

  get over(): boolean {
    return this.#over;
  }

  /** Who hears of the dialog from now on. */
  listen(events: DialogEvents): void {
    this.#events = events;
  }

  /** Our 2xx to the INVITE with this CSeq number left. */
  awaitAck(handle: InviteServerHandle, first: boolean): void {
    this.#unacknowledged = { handle, sequence: handle.incoming.cseq.number, first };
    this.#core.awaitAck(handle, this);
  }

  /** A 2xx to our INVITE came: its first, or the same again because our ACK was lost. */
  answered(response: IncomingResponse): void {
    if (this.#answered?.sequence === response.cseq.number) {
      this.#answered.ack?.();
      return;
    }
    this.#answered = { sequence: response.cseq.number };
    this.state.remoteTarget = contactUri(response.message) ?? this.state.remoteTarget;
  }

  /** Sends BYE as soon as the ACK to the 2xx of our INVITE leaves: the INVITE had been cancelled before. */
  byeAfterAck(headers: readonly Header[]): void {
    this.#byeOnAck = headers;
  }

  /**
   * Acknowledges the 2xx to our last INVITE in this dialog, once.
   *
   * @returns the ACK as it left, or undefined where none is owed.
   */
  acknowledge(headers: readonly Header[] = [], body = ''): string | undefined {
    const answered = this.#answered;
    if (answered === undefined || answered.ack !== undefined) {
      return undefined;
    }
    const { request, hop } = inDialogRequest(this.state, 'ACK', headers, body, answered.sequence);
    const send = (): string => this.#core.layer.sendAck(request, hop, this.state.transport);
    answered.ack = send;
    const text = send();
    this.#inviteOut = false;
    this.#afterAck();
    return text;
  }

  /** Sends a request in the dialog: a re-INVITE, BYE, or any other but ACK. */
  request(method: string, headers: readonly Header[], body: string, events: ClientEvents = NOBODY): RequestClient {
    if (method === 'BYE') {
      return this.bye(headers, events);
    }
    const { request, hop } = this.#next(method, headers, body);
    const { transport } = this.state;
    if (method !== 'INVITE') {
      return this.#core.layer.sendRequest(request, hop, transport, this.#refreshing(method, events), false);
    }
    this.#inviteOut = true;
    let limit: EngineTimer | undefined = undefined;
    const user = this.#reinviting(events, () => limit?.cancel());
    const handle = this.#core.layer.sendInvite(request, hop, transport, user);
    limit = this.#core.clock.setTimer(REINVITE_AT_MOST_MS, () => {
      handle.cancel([]);
    });
    return handle;
  }

  /** Ends the dialog. A BYE of ours waits for the ACK to our 2xx (RFC 3261 15). */
  bye(headers: readonly Header[] = [], events: ClientEvents = NOBODY): RequestClient {
    const { request, hop } = this.#next('BYE', headers, '');
    const { transport } = this.state;
    this.#over = true;
    const done: ClientUser = {
      response: (response) => {
        if (response.message.status >= 200) {
          this.#core.dialogs.remove(this);
        }
        events.response(response);
      },
      failed: (cause) => {
        this.#core.dialogs.remove(this);
        events.failed(cause);
      },
    };
    if (this.#unacknowledged?.first !== true) {
      return this.#core.layer.sendRequest(request, hop, transport, done, false);
    }
    this.#heldBye = () => {
      this.#core.layer.sendRequest(request, hop, transport, done, false);
    };
    return { request, text: printMessage(request), peer: hop, transport };
  }

  /** Forgets an early dialog that no 2xx confirmed. */
  drop(): void {
    this.#over = true;
    this.#core.dialogs.remove(this);
  }

  /** Sends BYE by ourselves, and says so. */
  endedBy(cause: DialogEnd, headers: readonly Header[]): void {
    if (!this.#over) {
      this.bye(headers);
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
    if (this.#inviteIn || this.#unacknowledged !== undefined) {
      return this.#refuse(handle, 500, [{ name: 'Retry-After', value: '1' }]);
    }
    this.#inviteIn = true;
    this.#refreshTarget(handle.incoming);
    handle.respond(this.#core.response(handle.incoming, 100, undefined, [], ''));
    const respond = (status: number, headers: readonly Header[], body: string): string | undefined => {
      const sent = handle.respond(this.#response(handle.incoming, status, headers, body));
      if (sent !== undefined && status >= 200) {
        this.#inviteIn = false;
        if (status < 300) {
          this.awaitAck(handle, false);
        }
      }
      return sent;
    };
    this.#events.request(new RequestServer(handle.incoming, respond));
  }

  receivedRequest(handle: ServerHandle): void {
    const { method } = handle.incoming.message;
    if (this.#over) {
      return this.#refuse(handle, method === 'BYE' ? 200 : 481);
    }
    if (this.#isOld(handle.incoming)) {
      return this.#refuse(handle, 500);
    }
    if (needsContact(method)) {
      this.#refreshTarget(handle.incoming);
    }
    const respond = (status: number, headers: readonly Header[], body: string): string | undefined =>
      handle.respond(this.#response(handle.incoming, status, headers, body));
    const request = new RequestServer(handle.incoming, respond);
    if (method !== 'BYE') {
      return this.#events.request(request);
    }
    this.#over = true;
    this.#core.dialogs.remove(this);
    this.#events.request(request);
    this.#events.ended('bye');
  }

  receivedAck(ack: IncomingRequest): void {
    if (this.#unacknowledged?.sequence !== ack.cseq.number) {
      return;
    }
    this.#unacknowledged.handle.acknowledged();
    this.#unacknowledged = undefined;
    this.#events.acknowledged(ack);
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
      this.endedBy('not acknowledged', [{ name: 'Reason', value: 'SIP;cause=200;text="ACK timeout"' }]);
    }
  }

  #afterAck(): void {
    if (this.#byeOnAck !== undefined) {
      this.endedBy('cancelled', this.#byeOnAck);
    }
  }

  #sendHeldBye(): void {
    const send = this.#heldBye;
    this.#heldBye = undefined;
    send?.();
  }

  #next(method: string, headers: readonly Header[], body: string): ReturnType<typeof inDialogRequest> {
    this.state.localSequence += 1;
    return inDialogRequest(this.state, method, headers, body, this.state.localSequence);
  }

  #reinviting(events: ClientEvents, over: () => void): ClientUser {
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
        const isFirst = this.#answered?.sequence !== response.cseq.number;
        this.answered(response);
        if (isFirst) {
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

  #refreshing(method: string, events: ClientEvents): ClientUser {
    return {
      response: (response) => {
        if (needsContact(method) && response.message.status >= 200 && response.message.status < 300) {
          this.state.remoteTarget = contactUri(response.message) ?? this.state.remoteTarget;
        }
        events.response(response);
      },
      failed: events.failed.bind(events),
    };
  }

  #refreshTarget(incoming: IncomingRequest): void {
    this.state.remoteTarget = contactUri(incoming.message) ?? this.state.remoteTarget;
  }

  /** RFC 3261 12.2.2: a number lower than the last one is out of order. */
  #isOld({ cseq }: IncomingRequest): boolean {
    if (this.state.remoteSequence !== undefined && cseq.number < this.state.remoteSequence) {
      return true;
    }
    this.state.remoteSequence = cseq.number;
    return false;
  }

  #response(incoming: IncomingRequest, status: number, headers: readonly Header[], body: string) {
    const { method } = incoming.message;
    const lacks = needsContact(method) && status >= 101 && status < 300 && !headers.some(isContact);
    const contact = lacks ? [{ name: 'Contact', value: this.state.contact }] : [];
    return this.#core.response(incoming, status, undefined, [...contact, ...headers], body);
  }

  #refuse(handle: ServerHandle, status: number, headers: readonly Header[] = []): void {
    handle.respond(this.#core.response(handle.incoming, status, undefined, headers, ''));
  }
}

function isContact({ name }: Header): boolean {
  return sameName(name, 'Contact');
}
