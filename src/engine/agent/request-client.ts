import type { SipRequest } from '../../sip/message.js';
import type { IncomingResponse } from '../transaction/incoming.js';
import type { LocalCause } from '../transaction/layer.js';
import type { Peer, Transport } from '../transport/transport.js';

/** What the sender of a request hears. After a final response, or `failed`, nothing comes. */
export interface ClientEvents {
  response(response: IncomingResponse): void;
  failed(cause: LocalCause): void;
}

/** A request on its way: what was sent, and where to. */
export interface RequestClient {
  readonly request: SipRequest;
  /** As it left, in bytes. */
  readonly text: string;
  readonly peer: Peer;
  readonly transport: Transport;
}
