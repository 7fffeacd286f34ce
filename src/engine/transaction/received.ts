import { printMessage, type SipResponse } from '../../sip/message.js';
import type { EngineClock } from '../clock.js';
import type { TimerTable } from '../timers.js';
import { copyOf } from '../copy-of.js';
import { isReliable } from '../transport/transport.js';
import { withoutMessage, type IncomingRequest } from './incoming.js';
import { InviteServerTransaction, type InviteServerUser } from './invite-server.js';
import { NonInviteServerTransaction, type NonInviteServerUser } from './non-invite-server.js';
import type { AckWaiter, InviteOwner, InviteServerHandle, ServerHandle } from './user.js';

/** What requests that came in need of the layer that has them. */
export interface ServerLayer {
  readonly clock: EngineClock;
  readonly timers: TimerTable;
  /** Sends a response on the way that the request says. */
  reply(text: string, request: IncomingRequest): void;
  /** Our 2xx was never acknowledged. */
  notAcknowledged(invite: InviteServerHandle): void;
  /** The transaction is over. */
  ended(received: Received): void;
}

/** A request that came in, with its transaction. */
export type Received = ReceivedInvite | ReceivedOther;

/** Where a request is found in the table of the layer, and what it means there. */
export interface Place {
  /** The key of its transaction (RFC 3261 17.2.3). */
  readonly key: string;
  /** Answered by the layer; the user never sees it. */
  readonly isOwn: boolean;
}

/** A transaction of a request that came in, as far as both kinds are alike. */
interface ServerMachine {
  /** @returns whether the response may be sent in the state that it is in. */
  respond(status: number, text: string): boolean;
  drop(): void;
}

/** What both kinds of requests that came in are. Of the message nothing stays after the final response but where it belongs. */
abstract class ReceivedRequest {
  readonly key: string;
  /** Answered by the layer; the user never sees it. */
  readonly isOwn: boolean;
  abstract readonly machine: ServerMachine;
  /** Under which copies of it over other paths are found, where they are. */
  mergeKey: string | undefined;
  protected readonly layer: ServerLayer;
  #incoming: IncomingRequest;

  constructor(layer: ServerLayer, incoming: IncomingRequest, { key, isOwn }: Place) {
    this.key = copyOf(key);
    this.isOwn = isOwn;
    this.layer = layer;
    this.#incoming = incoming;
  }

  get incoming(): IncomingRequest {
    return this.#incoming;
  }

  respond(response: SipResponse): string | undefined {
    const text = printMessage(response);
    if (!this.machine.respond(response.status, text)) {
      return undefined;
    }
    if (response.status >= 200) {
      this.#incoming = withoutMessage(this.#incoming);
    }
    return text;
  }

  drop(): void {
    this.machine.drop();
  }

  transmit(text: string): void {
    this.layer.reply(text, this.#incoming);
  }
}

/** Any request but INVITE and ACK. After its final response it stays for copies of the request, for 32 s. */
export class ReceivedOther extends ReceivedRequest implements ServerHandle, NonInviteServerUser {
  readonly isProbe: boolean;
  readonly machine: NonInviteServerTransaction;

  constructor(layer: ServerLayer, incoming: IncomingRequest, place: Place) {
    super(layer, incoming, place);
    this.isProbe = incoming.message.method === 'OPTIONS' && incoming.toTag === undefined;
    this.machine = new NonInviteServerTransaction(layer.clock, layer.timers, this, isReliable(incoming.transport));
  }

  terminated(): void {
    this.layer.ended(this);
  }
}

/** An INVITE that came in. */
export class ReceivedInvite extends ReceivedRequest implements InviteServerHandle, InviteServerUser {
  readonly isProbe = false;
  readonly machine: InviteServerTransaction;
  owner: InviteOwner | undefined;
  waiter: AckWaiter | undefined;

  constructor(layer: ServerLayer, incoming: IncomingRequest, place: Place) {
    super(layer, incoming, place);
    this.machine = new InviteServerTransaction(layer.clock, layer.timers, this, isReliable(incoming.transport));
  }

  get answered(): boolean {
    return this.machine.answered;
  }

  acknowledged(): void {
    this.waiter = undefined;
    this.machine.acceptedAcknowledged();
  }

  notAcknowledged(): void {
    this.layer.notAcknowledged(this);
  }

  terminated(): void {
    this.layer.ended(this);
  }
}
