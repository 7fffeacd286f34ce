import type { IncomingRequest } from '../transaction/incoming.js';
import type { RequestServer } from './request-server.js';

/**
 * Why a dialog ended: the peer's BYE; or a BYE of ours, since our 2xx had no ACK for 64*T1, since a CANCEL of the peer crossed
 * our 2xx, since our own CANCEL crossed theirs, since nobody here took their 2xx, or since the session was not refreshed.
 */
export type DialogEnd = 'bye' | 'not acknowledged' | 'cancelled by the peer' | 'cancelled' | 'not taken' | 'expired';

/** What a dialog reports. After `ended` nothing comes. */
export interface DialogEvents {
  /** The ACK of a 2xx of ours. */
  acknowledged(ack: IncomingRequest): void;
  /** Every other request, to be answered. After BYE comes `ended`. */
  request(request: RequestServer): void;
  ended(cause: DialogEnd): void;
}

/** The text of the Reason header in a BYE that we send by ourselves. */
export const WHY_ENDED: Readonly<Record<Exclude<DialogEnd, 'bye'>, string>> = {
  'not acknowledged': 'ACK timeout',
  'cancelled by the peer': 'CANCEL after 200 OK',
  cancelled: 'ACK-BYE due to cancel race condition',
  'not taken': 'answer not taken',
  expired: 'Session timer expired',
};
