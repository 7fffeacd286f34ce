import { header, headerValues, withoutHeader, type Header } from '../sip/headers.js';
import { printReason } from '../sip/reason.js';

/** What belongs to one leg, or to one dialog, and is not carried into another. */
const LEG_HEADERS = [
  'Via', 'Route', 'Record-Route', 'Contact', 'Call-ID', 'CSeq', 'From', 'To', 'Max-Forwards', 'Content-Length',
  'Require', 'Proxy-Require', 'Supported', 'Allow', 'Session-Expires', 'Min-SE', 'RSeq', 'RAck', 'Replaces', 'Date',
  'Server', 'User-Agent', 'Authorization', 'Proxy-Authorization',
] as const; // prettier-ignore

/** The headers of a message that go on to the other leg, those of the body among them. */
export function carried(headers: readonly Header[]): readonly Header[] {
  return withoutHeader(headers, ...LEG_HEADERS);
}

/** The Reason headers of a message. */
export function reasonsOf(headers: readonly Header[]): readonly Header[] {
  return headerValues(headers, 'Reason').map((value) => ({ name: 'Reason', value }));
}

/** A Reason header with a cause of ITU-T Q.850. */
export function q850(cause: number, text: string): Header {
  return { name: 'Reason', value: printReason({ protocol: 'Q.850', cause, text, location: undefined }) };
}

/** The key under which a call is known on all its legs: the NENA call identifier, or else the Call-ID of the leg. */
export function callKey(headers: readonly Header[]): string {
  const identifiers = headerValues(headers, 'Call-Info').map(
    (value) => /^\s*<urn:emergency:uid:callid:([^:>]+)/i.exec(value)?.[1],
  );
  return identifiers.find((identifier) => identifier !== undefined) ?? header(headers, 'Call-ID') ?? '';
}
