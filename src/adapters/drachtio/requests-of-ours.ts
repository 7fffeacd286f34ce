import { printHostPort } from '../../sip/host-port.js';
import type { Header } from '../../sip/message.js';
import type { LostAttempt, Source } from '../../ports/sip-server.js';
import type { SrfHeaders, SrfRequestOptions } from './srf.js';

/**
 * What only the embedded engine does for us (DESIGN 6). It strips these headers; any other SIP server would send them on.
 */

/** In a CANCEL: stop resending at once, and end by yourself whatever still comes. */
export const GIVE_UP: Header = { name: 'X-Noodroute-Give-Up', value: 'yes' };

/** In an INVITE: send it again so soon, in milliseconds, and then at doubled intervals (T1 of RFC 3261 17.1.1.2). */
export function resentAfter(milliseconds: number): Header {
  return { name: 'X-Noodroute-T1', value: String(Math.round(milliseconds)) };
}

/** In an INVITE: when 100 alone has come after so many milliseconds, send it again, so that a lost 180 is repeated. */
export function askedAfter(milliseconds: number): Header {
  return { name: 'X-Noodroute-Ask', value: String(Math.round(milliseconds)) };
}

/** In an INVITE, and in the 200 to one: no session timer of yours ends the call, or refuses anything in it (DESIGN 4.8). */
export const KEEP: Header = { name: 'X-Noodroute-Keep', value: 'yes' };

/** In a response: send nothing, and forget the request. */
export const DROP: Header = { name: 'X-Noodroute-Drop', value: 'yes' };

/** In a 2xx to INVITE: this dialog and that one make a call; when one ends while we are away, end the other. */
export function pairedWith(dialogId: string): Header {
  return { name: 'X-Noodroute-Pair', value: dialogId };
}

/** The next hop of orders that go no further than to the server itself. */
export const THE_SERVER = 'sip:server@localhost';

/** What another server said in an INVITE before it was lost. */
export interface SaidBefore {
  /** Our To tag, where the caller has seen one. */
  readonly tag: string | undefined;
  /** The number of the last reliable response (RFC 3262 7.1). */
  readonly rseq: string | undefined;
}

/** Take up this INVITE, which another server received and did not answer: hand it to us again. */
export function adoption(invite: string, source: Source, { tag, rseq }: SaidBefore): SrfRequestOptions {
  const from = `<sip:${printHostPort({ host: source.address, port: source.port })};transport=${source.transport}>`;
  const said = [tag === undefined ? '' : `;tag=${tag}`, rseq === undefined ? '' : `;rseq=${rseq}`].join('');
  const headers = { 'X-Noodroute-Adopt': `${from}${said}`, ...A_MESSAGE };
  return { method: 'MESSAGE', headers, body: invite };
}

/**
 * Go on with this INVITE, which left from your address before you were started.
 *
 * @param heard whether a provisional response had come.
 */
export function resumption(invite: string, nextHop: string, heard: boolean): SrfRequestOptions {
  const headers = { 'X-Noodroute-Resume': heard ? 'heard' : 'unheard', [KEEP.name]: KEEP.value, ...A_MESSAGE };
  return { method: 'INVITE', headers, body: invite, proxy: nextHop };
}

/** Cancel this INVITE, which left from another server that is lost. */
export function cancellation({ invite, nextHop }: LostAttempt): SrfRequestOptions {
  return { method: 'MESSAGE', headers: { 'X-Noodroute-Cancel': 'yes', ...A_MESSAGE }, body: invite, proxy: nextHop };
}

const A_MESSAGE: SrfHeaders = { 'Content-Type': 'message/sip' };
