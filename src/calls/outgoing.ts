import type { CallId } from '../domain/ids.js';
import type { ServiceClass, SipAddress } from '../domain/network.js';
import type { PlannedAttempt } from '../domain/attempt.js';
import type { InviteRequest, ReceivedRequest } from '../ports/sip-server.js';
import { header, headerValues, withoutHeader } from '../sip/headers.js';
import type { Header } from '../sip/message.js';
import { parseNameAddr } from '../sip/name-addr.js';
import type { Variant } from './call.js';

/** What belongs to a leg and is never copied to another (DESIGN 4.1). */
const LEG_HEADERS = [
  'Via', 'Route', 'Record-Route', 'Contact', 'Call-ID', 'CSeq', 'Require', 'Proxy-Require', 'Supported', 'Allow',
  'Session-Expires', 'Min-SE', 'RSeq', 'RAck', 'Replaces', 'Authorization', 'Date', 'Content-Length',
  'From', 'To', 'Max-Forwards',
] as const; // prettier-ignore

const MAX_FORWARDS = 70;
const LEAST_HOPS_FOR_EMERGENCY = 10;

/** What an attempt's INVITE is made from. */
export interface AttemptSource {
  readonly request: ReceivedRequest;
  readonly class: ServiceClass;
  readonly callId: CallId;
}

/**
 * The INVITE of an attempt: the caller's, with what belongs to the leg replaced.
 *
 * What the caller said travels on byte for byte: identities, location, Call-Info, bodies (DESIGN 4.1).
 */
export function inviteFor(source: AttemptSource, planned: PlannedAttempt, variant: Variant): InviteRequest {
  const target = targetUri(planned.route.number, planned.trunk.address);
  const plain = variant === 'plain' ? sdpOnly(source.request) : undefined;
  return {
    uri: target,
    nextHop: planned.trunk.address,
    headers: [
      { name: 'From', value: fromOf(source.request) },
      { name: 'To', value: `<${target}>` },
      { name: 'Max-Forwards', value: String(maxForwards(source)) },
      ...travelling(source, plain !== undefined),
    ],
    body: plain ?? source.request.body,
  };
}

/** The headers that go on to the trunk, the call identifier among them. */
function travelling(source: AttemptSource, plain: boolean): readonly Header[] {
  const kept = withoutHeader(source.request.headers, ...LEG_HEADERS).filter((each) => !isProxyHeader(each.name));
  const known = source.class === 'emergency' ? withoutHeader(kept, 'Privacy') : kept;
  const typed = plain
    ? [...withoutHeader(known, 'Content-Type'), { name: 'Content-Type', value: 'application/sdp' }]
    : known;
  return hasCallIdentifier(source.request) ? typed : [...typed, callIdentifier(source.callId)];
}

function isProxyHeader(name: string): boolean {
  return name.toLowerCase().startsWith('proxy-');
}

/** The NENA call identifier, the same on every attempt: the PSAP's key against doubles (NENA-STA-010, 2.1.6). */
function callIdentifier(callId: CallId): Header {
  return { name: 'Call-Info', value: `<urn:emergency:uid:callid:${callId}:noodroute>;purpose=emergency-CallId` };
}

function hasCallIdentifier(request: ReceivedRequest): boolean {
  return headerValues(request.headers, 'Call-Info').some((value) =>
    /;\s*purpose\s*=\s*emergency-callid\b/i.test(value),
  );
}

/** The user part is a number or a name of the dial plan, checked when it was loaded. */
function targetUri(number: string, address: SipAddress): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const port = address.port === 5060 ? '' : `:${address.port}`;
  const transport = address.transport === 'udp' ? '' : `;transport=${address.transport}`;
  return `sip:${number}@${host}${port}${transport};user=phone`;
}

/** The caller's From without its tag: the SIP server gives the leg a tag of its own. */
function fromOf(request: ReceivedRequest): string {
  const value = header(request.headers, 'From');
  const from = value === undefined ? undefined : parseNameAddr(value);
  if (value === undefined || from === undefined || from.uri === '') {
    return '<sip:anonymous@anonymous.invalid>';
  }
  const open = value.lastIndexOf('<');
  const close = value.indexOf('>', open);
  return open >= 0 && close > open ? value.slice(0, close + 1) : `<${from.uri}>`;
}

function maxForwards(source: AttemptSource): number {
  const given = Number.parseInt(header(source.request.headers, 'Max-Forwards') ?? '', 10);
  const left = Number.isInteger(given) ? Math.max(given - 1, 0) : MAX_FORWARDS;
  return source.class === 'emergency' ? Math.max(left, LEAST_HOPS_FOR_EMERGENCY) : left;
}

/** The SDP of a body, where it can be found alone. */
function sdpOnly(request: ReceivedRequest): string | undefined {
  const type = header(request.headers, 'Content-Type') ?? '';
  return /^\s*application\/sdp\b/i.test(type) ? request.body : undefined;
}
