import { header } from '../../sip/headers.js';
import { printMessage, type Header, type SipRequest } from '../../sip/message.js';
import type { EngineClock } from '../clock.js';
import type { TimerTable } from '../timers.js';
import { copyOf } from '../copy-of.js';
import { isReliable, type Peer, type Transport } from '../transport/transport.js';
import type { IncomingResponse } from './incoming.js';
import { InviteClientTransaction, type InviteClientUser } from './invite-client.js';
import { NonInviteClientTransaction, type NonInviteClientUser } from './non-invite-client.js';
import { failureAck, skeleton } from './own-messages.js';
import type { ClientHandle, ClientUser, InviteHandle, Pace } from './user.js';

/** What requests of ours need of the layer that has them. */
export interface ClientLayer {
  readonly clock: EngineClock;
  /** Sends what nobody waits for an answer to. */
  send(text: string, to: Peer, transport: Transport): void;
  /** Sends the CANCEL of an INVITE. */
  cancel(invite: SentInvite, reasons: readonly Header[]): void;
  /** Runs what the user does; a fault of it is counted. */
  guard(action: () => void): void;
  /** The transaction is over. */
  ended(sent: Sent): void;
}

/** A request of ours, with its transaction. */
export type Sent = SentInvite | SentOther;

/** Where a request goes, and under which branch of ours. */
export interface OnItsWay {
  readonly branch: string;
  readonly peer: Peer;
  readonly transport: Transport;
}

/** Who waits for nothing. */
export const NOBODY: ClientUser = { response: () => undefined, failed: () => undefined };

/** What both kinds of requests of ours are. */
abstract class SentRequest {
  readonly peer: Peer;
  readonly transport: Transport;
  abstract readonly machine: { readonly state: string; terminate(): void };
  request: SipRequest;
  text: string;
  /** Whether any response has come. */
  heard = false;
  protected readonly layer: ClientLayer;
  protected user: ClientUser;

  constructor(layer: ClientLayer, request: SipRequest, { peer, transport }: OnItsWay, user: ClientUser) {
    this.peer = peer;
    this.transport = transport;
    this.request = request;
    this.text = printMessage(request);
    this.layer = layer;
    this.user = user;
  }

  refused(): void {
    if (this.machine.state !== 'terminated') {
      this.machine.terminate();
      this.user.failed('refused');
    }
  }

  /** It cannot be sent: it is larger than a datagram. */
  unsent(): void {
    this.user.failed('too large');
  }

  transmit(): void {
    this.transport.send(this.text, this.peer);
  }

  timedOut(): void {
    this.layer.guard(() => {
      this.user.failed('timeout');
    });
  }

  protected retract(): void {
    this.transport.retract?.(this.text, this.peer);
  }
}

/** Any request of ours but INVITE and ACK. After the final response nothing of it stays. */
export class SentOther extends SentRequest implements ClientHandle, NonInviteClientUser {
  readonly key: string;
  readonly isProbe: boolean;
  readonly machine: NonInviteClientTransaction;

  constructor(
    layer: ClientLayer,
    timers: TimerTable,
    request: SipRequest,
    way: OnItsWay,
    user: ClientUser,
    isProbe: boolean,
  ) {
    super(layer, request, way, user);
    this.key = copyOf(`${way.branch} ${request.method}`);
    this.isProbe = isProbe;
    this.machine = new NonInviteClientTransaction(layer.clock, timers, this, isReliable(way.transport));
  }

  giveUp(): void {
    this.retract();
    this.machine.terminate();
  }

  received(response: IncomingResponse): void {
    const { status } = response.message;
    this.heard = true;
    if (this.machine.received(status)) {
      const { user } = this;
      if (status >= 200) {
        this.#release();
      }
      user.response(response);
    }
  }

  terminated(): void {
    this.layer.ended(this);
  }

  #release(): void {
    this.user = NOBODY;
    this.text = '';
    this.request = { ...this.request, headers: [], body: '' };
  }
}

/** An INVITE of ours. After the final response what its ACK and an answer of another fork need stays, for 32 s. */
export class SentInvite extends SentRequest implements InviteHandle, InviteClientUser {
  readonly key: string;
  readonly branch: string;
  readonly isProbe = false;
  /** Its CANCEL is resent as soon. */
  readonly timers: TimerTable;
  readonly machine: InviteClientTransaction;
  #reasons: readonly Header[] = [];
  #isReleased = false;

  constructor(
    layer: ClientLayer,
    timers: TimerTable,
    request: SipRequest,
    way: OnItsWay,
    user: ClientUser,
    askAfter?: Pace['askAfter'],
  ) {
    super(layer, request, way, user);
    this.key = copyOf(`${way.branch} INVITE`);
    this.branch = way.branch;
    this.timers = timers;
    this.machine = new InviteClientTransaction(layer.clock, timers, this, isReliable(way.transport), askAfter);
  }

  giveUp(): void {
    this.retract();
    this.machine.cancel();
  }

  stopResending(): void {
    this.retract();
    this.machine.stopResending();
  }

  cancel(extra: readonly Header[]): void {
    this.#reasons = extra;
    this.retract();
    this.machine.cancel();
  }

  received(response: IncomingResponse): void {
    this.heard = true;
    const { status, headers } = response.message;
    if (this.machine.received(status, header(headers, 'To') ?? '')) {
      this.user.response(response);
    }
    if (status >= 200) {
      this.#release();
    }
  }

  sendCancel(): void {
    this.layer.cancel(this, this.#reasons);
  }

  acknowledge(to: string): void {
    this.layer.send(printMessage(failureAck(this.request, to)), this.peer, this.transport);
  }

  terminated(): void {
    this.layer.ended(this);
  }

  #release(): void {
    if (!this.#isReleased) {
      this.#isReleased = true;
      this.text = '';
      this.request = skeleton(this.request);
    }
  }
}
