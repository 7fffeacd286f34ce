import type { Header } from '../../sip/message.js';

/**
 * What only the embedded engine does for us (DESIGN 6). It strips these headers; any other SIP server would send them on.
 */

/** In a CANCEL: stop resending at once, and end by yourself whatever still comes. */
export const GIVE_UP: Header = { name: 'X-Noodroute-Give-Up', value: 'yes' };

/** In a response: send nothing, and forget the request. */
export const DROP: Header = { name: 'X-Noodroute-Drop', value: 'yes' };

/** In a 2xx to INVITE: this dialog and that one make a call; when one ends while we are away, end the other. */
export function pairedWith(dialogId: string): Header {
  return { name: 'X-Noodroute-Pair', value: dialogId };
}
