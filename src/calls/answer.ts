import type { OutgoingResponse, ReceivedResponse } from '../ports/sip-server.js';
import { withoutHeader } from '../sip/headers.js';
import type { Header } from '../sip/message.js';
import { ALLOW } from './outgoing.js';
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
 */
export function ringing(response: ReceivedResponse | undefined): OutgoingResponse {
  return { status: 180, headers: response === undefined ? [] : bodyless(response) };
}

function bodyless(response: ReceivedResponse): readonly Header[] {
  return withoutHeader(travelling(response.headers), ...WITH_A_BODY);
}
