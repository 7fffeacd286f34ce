import type { Header, SipRequest, SipResponse } from '../../sip/message.js';
import type { Peer, Transport } from '../transport/transport.js';
import type { IncomingRequest, IncomingResponse } from './incoming.js';

/** Why a final response was made here, and not by the peer. */
export type LocalCause = 'timeout' | 'refused' | 'too large';

/** What the sender of a request hears. */
export interface ClientUser {
  response(response: IncomingResponse): void;
  failed(cause: LocalCause): void;
}

/** A request on its way. */
export interface ClientHandle {
  /** After the final response only what is still needed of it. */
  readonly request: SipRequest;
  readonly peer: Peer;
  readonly transport: Transport;
  /** The request as it left, in bytes; nothing after the final response. */
  readonly text: string;
  /** Stops the resends at once. An INVITE stays, to be cancelled as soon as the peer says something; all else is over. */
  giveUp(): void;
}

/** When an INVITE is sent again, where that is not as RFC 3261 17.1.1.2 has it. */
export interface Pace {
  /** Pause before the first resend, in milliseconds, where the round-trip time of the peer is known. 10 ms at least. */
  readonly t1?: number | undefined;
  /**
   * Over UDP, milliseconds from the INVITE: when nothing but 100 has come by then, the INVITE is sent once more, and again after
   * pauses that double, four times at most. The far end repeats its last response to a copy (RFC 3261 17.2.1), so that a 180 that
   * was lost comes after all. The RFC says that a client SHOULD NOT do so, to save datagrams.
   */
  readonly askAfter?: number | undefined;
}

/** An INVITE on its way. */
export interface InviteHandle extends ClientHandle {
  /** Stops the resends at once; the transaction stays for what is still on its way. */
  stopResending(): void;
  /**
   * Cancels the INVITE, once. The CANCEL leaves when a provisional response has come (RFC 3261 9.1): now, or with the first
   * one; until then nothing is resent. After a final response it does nothing.
   */
  cancel(extra: readonly Header[]): void;
}

/** A request that came in, to be answered. */
export interface ServerHandle {
  /** Without its message after the final response. */
  readonly incoming: IncomingRequest;
  /** @returns the response as it left, or undefined when a final one has been sent already. */
  respond(response: SipResponse): string | undefined;
  /** Sends nothing, neither now nor to copies of the request that still come. After a final response it does nothing. */
  drop(): void;
}

/** An INVITE that came in. */
export interface InviteServerHandle extends ServerHandle {
  /** Whether a final response has been sent. */
  readonly answered: boolean;
  /** Who hears of a CANCEL of it. */
  owner: InviteOwner | undefined;
  /** Who hears that our 2xx was not acknowledged. */
  waiter: AckWaiter | undefined;
  /** The ACK of our 2xx came: its resends stop. */
  acknowledged(): void;
}

/** Who answers an INVITE. */
export interface InviteOwner {
  /** The CANCEL came, to be answered. */
  cancelled(cancel: ServerHandle): void;
}

/** Who waits for the ACK of a 2xx. */
export interface AckWaiter {
  notAcknowledged(invite: InviteServerHandle): void;
}

/** What the layer above hears. */
export interface LayerUser {
  invite(handle: InviteServerHandle): void;
  request(handle: ServerHandle): void;
  /** An ACK that belongs to no failure: that of a 2xx. */
  ack(request: IncomingRequest): void;
  /** CANCEL of an INVITE that is open here. The layer above answers both. */
  cancel(handle: ServerHandle, invite: InviteServerHandle): void;
  /** Whether a CANCEL is kept above, whose INVITE is not known here: it may still be adopted. It gets 481 where not. */
  keepsCancel?(handle: ServerHandle): boolean;
  /** Our 2xx was never acknowledged. */
  notAcknowledged(invite: InviteServerHandle): void;
  /** A 2xx to an INVITE whose transaction is gone, or had a failure already. */
  strayAnswer(response: IncomingResponse): void;
}

/** What is open, for the operator and for tests. */
export interface TransactionCounts {
  readonly inviteClients: number;
  readonly inviteServers: number;
  readonly otherClients: number;
  readonly otherServers: number;
  /** Of the others, those of OPTIONS outside dialogs: probes. */
  readonly probes: number;
}
