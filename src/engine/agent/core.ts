import type { Header, SipResponse } from '../../sip/message.js';
import type { EngineClock } from '../clock.js';
import { copyOf } from '../copy-of.js';
import type { TimerTable } from '../timers.js';
import type { IncomingRequest, IncomingResponse } from '../transaction/incoming.js';
import type { AckWaiter, InviteServerHandle, ServerHandle, TransactionLayer } from '../transaction/layer.js';
import type { Peer, Transport } from '../transport/transport.js';
import { dialogKey, type DialogState } from './dialog-state.js';
import type { FirstNumbers } from './numbering.js';

/** What the network brings into a dialog. */
export interface DialogMember extends AckWaiter {
  readonly state: DialogState;
  receivedInvite(handle: InviteServerHandle): void;
  receivedRequest(handle: ServerHandle): void;
  receivedAck(ack: IncomingRequest): void;
  /** A CANCEL of a re-INVITE; it has been answered. */
  receivedCancel(invite: InviteServerHandle): void;
  /** A 2xx to our INVITE, repeated ones too. @returns whether it is the first to its INVITE. */
  answered(response: IncomingResponse): boolean;
}

/** The open dialogs, early ones included. */
export class DialogTable {
  readonly #dialogs = new Map<string, DialogMember>();

  add(dialog: DialogMember): void {
    this.#dialogs.set(copyOf(keyOf(dialog.state)), dialog);
  }

  remove(dialog: DialogMember): void {
    if (this.#dialogs.get(keyOf(dialog.state)) === dialog) {
      this.#dialogs.delete(keyOf(dialog.state));
    }
  }

  /** The dialog that a received request belongs to. */
  find({ callId, toTag, fromTag }: IncomingRequest): DialogMember | undefined {
    return this.get(callId, toTag ?? '', fromTag ?? '');
  }

  get(callId: string, localTag: string, remoteTag: string): DialogMember | undefined {
    return this.#dialogs.get(dialogKey(callId, localTag, remoteTag));
  }

  clear(): void {
    this.#dialogs.clear();
  }

  get size(): number {
    return this.#dialogs.size;
  }
}

function keyOf({ callId, localTag, remoteTag }: DialogState): string {
  return dialogKey(callId, localTag, remoteTag);
}

/** What the parts of an agent share. */
export interface AgentCore {
  readonly clock: EngineClock;
  readonly timers: TimerTable;
  readonly layer: TransactionLayer;
  readonly dialogs: DialogTable;
  /** Where the counters of dialogs and INVITEs begin. */
  readonly first: FirstNumbers;
  /** Milliseconds until an INVITE gets its 100 Trying. */
  readonly tryingAfter: number;
  /** A response of ours, with what every response carries. */
  response(
    request: IncomingRequest,
    status: number,
    toTag: string | undefined,
    headers: readonly Header[],
    body: string,
  ): SipResponse;
  /** The transport that leads to a peer: of its protocol and family. */
  transportTo(peer: Peer): Transport | undefined;
  /** Our Contact value on a transport. @param isSecure where a `sips:` URI asks for the same. */
  contactOf(transport: Transport, isSecure?: boolean): string;
}
