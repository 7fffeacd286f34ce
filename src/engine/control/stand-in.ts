import { headerValues, type Header } from '../../sip/headers.js';
import { hasSdp } from '../../sip/sdp-in-body.js';
import { WHY_ENDED, type DialogEnd } from '../agent/dialog-events.js';
import type { RequestServer } from '../agent/request-server.js';
import type { Leg, Legs } from './legs.js';

/** An application is back within seconds. */
const SOON: Header = { name: 'Retry-After', value: '3' };
const SDP: Header = { name: 'Content-Type', value: 'application/sdp' };

/**
 * Stands in for an application that is gone, so that answered calls go on and can be ended:
 *
 * - BYE ends the dialog, and the other one of a pair (RFC 3261 15.1.2);
 * - what only asks whether the session lives gets 200: OPTIONS, an UPDATE without an offer, a re-INVITE that repeats the
 *   description (RFC 4028 7.4), which gets ours as it was;
 * - an offer gets 491: its sender makes it again some seconds later (RFC 3261 14.1), and the session stays as it was;
 * - all else gets 500 with Retry-After (RFC 3261 21.5.1).
 */
export class StandIn {
  readonly #legs: Legs;

  constructor(legs: Legs) {
    this.#legs = legs;
  }

  /**
   * @param leg where the request came in; none for a request outside any dialog.
   * @param other its pair when the request came: a BYE has parted them by now.
   * @returns the response as it left.
   */
  answer(request: RequestServer, leg: Leg | undefined, other: Leg | undefined): string | undefined {
    if (leg === undefined) {
      return request.respond(500, [SOON]);
    }
    const { message } = request.incoming;
    switch (message.method) {
      case 'BYE':
        this.#release(other, headerValues(message.headers, 'Reason'));
        return request.respond(200);
      case 'OPTIONS':
      case 'PRACK':
        return request.respond(200);
      case 'UPDATE':
        return request.respond(hasSdp(message) ? 491 : 200);
      case 'INVITE':
        return answerReinvite(request, leg);
      default:
        return request.respond(500, [SOON]);
    }
  }

  /** The server has ended a leg by itself: its pair ends too. */
  ended(other: Leg | undefined, cause: Exclude<DialogEnd, 'bye'>): void {
    this.#release(other, [`SIP;cause=200;text="${WHY_ENDED[cause]}"`]);
  }

  /** Passes a BYE on, with its reasons (RFC 3326). */
  #release(leg: Leg | undefined, reasons: readonly string[]): void {
    if (leg?.dialog?.over === false) {
      leg.dialog.bye(reasons.map((value) => ({ name: 'Reason', value })));
      this.#legs.remove(leg);
    }
  }
}

function answerReinvite(request: RequestServer, { dialog }: Leg): string | undefined {
  const local = dialog?.session.isUnchanged(request.incoming.message) === true ? dialog.session.local : undefined;
  return local === undefined ? request.respond(491) : request.respond(200, [SDP], local);
}
