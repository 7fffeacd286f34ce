import type { OutgoingResponse, ReceivedRequest, ReceivedResponse } from '../ports/sip-server.js';
import { asciiLower } from '../sip/chars.js';
import { headerValues, withoutHeader } from '../sip/headers.js';
import type { Header } from '../sip/message.js';
import { ALLOW } from './outgoing.js';
import { hasSdp } from '../sip/sdp-in-body.js';
import { travelling } from './travelling.js';

/** What describes a body, and what speaks of early media (RFC 5009). */
const WITH_A_BODY = [
  'Content-Type', 'Content-Disposition', 'Content-Encoding', 'Content-ID', 'Content-Language',
  'Content-Transfer-Encoding', 'MIME-Version', 'P-Early-Media',
] as const; // prettier-ignore

/** The 200 for the caller: what the answering side says, its body byte for byte. */
export function answerTo(response: ReceivedResponse): OutgoingResponse {
  const headers = response.body === '' ? bodyless(response) : travelling(response.headers);
  return { status: 200, headers: [ALLOW, ...headers], body: response.body };
}

/**
 * Ringing for the caller, with what the trunk that rings says beside its session description: who is called, how it rings.
 * The description stays here: the caller's phone keeps the first answer that it sees (DESIGN 4.5).
 *
 * It goes reliably where the caller requires that (RFC 3262 3). Not in a call without an offer: the first reliable response
 * would have to bring one (RFC 3261 13.2.1), and there is none yet.
 */
export function ringing(request: ReceivedRequest, response: ReceivedResponse | undefined): OutgoingResponse {
  const isReliable = requires100rel(request.headers) && hasSdp(request);
  const reliable: readonly Header[] = isReliable ? [{ name: 'Require', value: '100rel' }] : [];
  return { status: 180, headers: [...reliable, ...(response === undefined ? [] : bodyless(response))] };
}

function requires100rel(headers: readonly Header[]): boolean {
  return headerValues(headers, 'Require').some((tag) => asciiLower(tag) === '100rel');
}

function bodyless(response: ReceivedResponse): readonly Header[] {
  return withoutHeader(travelling(response.headers), ...WITH_A_BODY);
}
