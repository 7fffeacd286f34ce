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

const CAUSES: ReadonlyMap<number, string> = new Map([
  [1, 'Unallocated (unassigned) number'],
  [3, 'No route to destination'],
  [16, 'Normal call clearing'],
  [17, 'User busy'],
  [18, 'No user responding'],
  [19, 'No answer from user'],
  [20, 'Subscriber absent'],
  [21, 'Call rejected'],
  [27, 'Destination out of order'],
  [28, 'Invalid number format'],
  [31, 'Normal, unspecified'],
  [34, 'No circuit/channel available'],
  [38, 'Network out of order'],
  [41, 'Temporary failure'],
  [42, 'Switching equipment congestion'],
  [44, 'Requested circuit/channel not available'],
  [47, 'Resource unavailable, unspecified'],
  [50, 'Requested facility not subscribed'],
  [57, 'Bearer capability not authorized'],
  [63, 'Service or option not available'],
  [79, 'Service or option not implemented'],
  [88, 'Incompatible destination'],
  [102, 'Recovery on timer expiry'],
  [111, 'Protocol error, unspecified'],
  [127, 'Interworking, unspecified'],
]);

/** The Reason header of a cause of ITU-T Q.850; undefined where there is no such cause (1 to 127). */
export function failureReason(cause: number): Header | undefined {
  return cause >= 1 && cause <= 127 ? q850(cause, CAUSES.get(cause) ?? 'Unspecified') : undefined;
}
