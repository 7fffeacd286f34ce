import type { Header } from '../../sip/message.js';

/**
 * What only the embedded engine does for us (DESIGN 6). It strips these headers; any other SIP server would send them on.
 */

/** In a CANCEL: stop resending at once, and end by yourself whatever still comes. */
export const GIVE_UP: Header = { name: 'X-Noodroute-Give-Up', value: 'yes' };

/** In an INVITE: send it again so soon, in milliseconds, and then at doubled intervals (T1 of RFC 3261 17.1.1.2). */
export function resentAfter(milliseconds: number): Header {
  return { name: 'X-Noodroute-T1', value: String(Math.round(milliseconds)) };
}

/** In an INVITE, and in the 200 to one: no session timer of yours ends the call, or refuses anything in it (DESIGN 4.8). */
export const KEEP: Header = { name: 'X-Noodroute-Keep', value: 'yes' };

/** In a response: send nothing, and forget the request. */
export const DROP: Header = { name: 'X-Noodroute-Drop', value: 'yes' };

/** In a 2xx to INVITE: this dialog and that one make a call; when one ends while we are away, end the other. */
export function pairedWith(dialogId: string): Header {
  return { name: 'X-Noodroute-Pair', value: dialogId };
}
