import { printMessage } from '../../sip/message.js';
import { WHY_ENDED, type DialogEnd, type DialogEvents } from '../agent/dialog-events.js';
import type { RequestServer } from '../agent/request-server.js';
import type { IncomingRequest } from '../transaction/incoming.js';
import type { CallRecords } from './call-records.js';
import type { Leg, Legs } from './legs.js';
import { networkLine, unsolicitedBye, unsolicitedByeLine } from './lines.js';
import type { StandIn } from './stand-in.js';

/** Who takes what happens in the dialogs of legs. */
export interface LegTaker {
  readonly legs: Legs;
  readonly records: CallRecords;
  readonly standIn: StandIn;
  /** A request in the dialog, to be answered. */
  deliver(leg: Leg, request: RequestServer): void;
}

/** Tells the application of a leg what happens in its dialog. Calls last: it holds nothing but the two. */
export class LegEvents implements DialogEvents {
  readonly #taker: LegTaker;
  readonly #leg: Leg;

  constructor(taker: LegTaker, leg: Leg) {
    this.#taker = taker;
    this.#leg = leg;
  }

  acknowledged(ack: IncomingRequest): void {
    const { id, txnId } = this.#leg;
    this.#taker.legs.ownerOf(this.#leg)?.tell(networkLine(ack, txnId, id));
  }

  request(request: RequestServer): void {
    const { message } = request.incoming;
    if (message.method === 'BYE') {
      this.#taker.records.stop('network', 'normal-release', () => printMessage(message));
    }
    this.#taker.deliver(this.#leg, request);
  }

  ended(cause: DialogEnd): void {
    const { legs, records, standIn } = this.#taker;
    const { id, other, dialog } = this.#leg;
    legs.remove(this.#leg);
    if (cause === 'bye' || dialog === undefined) {
      return;
    }
    const { callId, transport } = dialog.state;
    const why = cause === 'expired' ? 'session-expired' : 'system-initiated-termination';
    records.stop('application', why, () => unsolicitedBye(callId, WHY_ENDED[cause]));
    const owner = legs.ownerOf(this.#leg);
    owner?.tell(unsolicitedByeLine(id, callId, WHY_ENDED[cause], transport));
    if (owner === undefined || this.#leg.inherited) {
      standIn.ended(other, cause);
    }
  }
}
