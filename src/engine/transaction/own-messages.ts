import { copyOf } from '../copy-of.js';
import { randomHex } from '../random.js';
import { cseq, header, headerValues, sameName, withoutHeader } from '../../sip/headers.js';
import type { Header, SipRequest, SipResponse } from '../../sip/message.js';
import { printHostPort } from '../../sip/host-port.js';
import { tagOf, withTag } from '../../sip/name-addr.js';
import type { Peer, Transport } from '../transport/transport.js';
import { noteSource, type IncomingRequest } from './incoming.js';

/** What a response of ours says beside what it copies from the request. */
export interface ResponseParts {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly Header[];
  readonly body: string;
  /** Added to To, where the request had none. */
  readonly toTag: string | undefined;
}

/** RFC 3261 8.2.6.2: a response copies Via, From, To, Call-ID and CSeq of its request. */
export function responseTo(request: IncomingRequest, parts: ResponseParts): SipResponse {
  const { headers } = request.message;
  const to = header(headers, 'To') ?? '';
  const tagged = parts.toTag === undefined || request.toTag !== undefined ? to : `${to};tag=${parts.toTag}`;
  return {
    kind: 'response',
    status: parts.status,
    reason: parts.reason,
    headers: [
      ...headerValues(headers, 'Via').map((value) => ({ name: 'Via', value })),
      { name: 'From', value: header(headers, 'From') ?? '' },
      { name: 'To', value: tagged },
      { name: 'Call-ID', value: request.callId },
      { name: 'CSeq', value: `${request.cseq.number} ${request.cseq.method}` },
      ...parts.headers,
    ],
    body: parts.body,
  };
}

/** A final response with nothing but its status. */
export function bareResponse(request: IncomingRequest, status: number, reason: string): SipResponse {
  return responseTo(request, { status, reason, headers: [], body: '', toTag: newTag() });
}

/** Why a request is refused before it makes a transaction. */
export interface Refusal {
  readonly status: 400 | 416 | 420 | 501 | 505 | 513;
  /** The option tags that nobody has defined. */
  readonly unsupported?: readonly string[];
}

const PHRASES: Readonly<Record<Refusal['status'], string>> = {
  400: 'Bad Request',
  416: 'Unsupported URI Scheme',
  420: 'Bad Extension',
  501: 'Not Implemented',
  505: 'Version Not Supported',
  513: 'Message Too Large',
};

/** The response to a request that may lack anything: what is there is copied as it stands (RFC 3261 8.2.6). */
export function refusalOf({ headers }: SipRequest, source: Peer, { status, unsupported }: Refusal): SipResponse {
  const copied = noteSource(headers, source).filter(({ name }) => COPIED.some((each) => sameName(each, name)));
  const tagged = copied.map(({ name, value }) =>
    sameName(name, 'To') && tagOf(value) === undefined ? { name, value: withTag(value, newTag()) } : { name, value },
  );
  const extra = unsupported === undefined ? [] : [{ name: 'Unsupported', value: unsupported.join(', ') }];
  return { kind: 'response', status, reason: PHRASES[status], headers: [...tagged, ...extra], body: '' };
}

const COPIED = ['Via', 'From', 'To', 'Call-ID', 'CSeq'] as const;

/** A tag: 64 random bits (RFC 3261 19.3 asks for 32). */
export function newTag(): string {
  return randomHex(8);
}

/** A branch of ours: unique, with the magic cookie of RFC 3261 8.1.1.7. */
export function newBranch(): string {
  return copyOf(`z9hG4bK${randomHex(12)}`);
}

/** The request with our Via, and no other. */
export function addVia(request: SipRequest, transport: Transport, branch: string): SipRequest {
  const sentBy = printHostPort({ host: transport.address, port: transport.port });
  const value = `SIP/2.0/${transport.protocol.toUpperCase()} ${sentBy};rport;branch=${branch}`;
  return { ...request, headers: [{ name: 'Via', value }, ...withoutHeader(request.headers, 'Via')] };
}

/** RFC 3261 17.1.1.3: the ACK of a failure goes the way of the INVITE, with the To of the response. */
export function failureAck(invite: SipRequest, to: string): SipRequest {
  return { kind: 'request', method: 'ACK', uri: invite.uri, headers: sameHop(invite, 'ACK', to), body: '' };
}

/** RFC 3261 9.1: a CANCEL has the branch, the Request-URI and the route of its INVITE. */
export function cancelOf(invite: SipRequest, extra: readonly Header[]): SipRequest {
  const headers = [...sameHop(invite, 'CANCEL', header(invite.headers, 'To') ?? ''), ...extra];
  return { kind: 'request', method: 'CANCEL', uri: invite.uri, headers, body: '' };
}

/** What of an INVITE the ACK of a failure, or the answer of another fork, still needs. */
export function skeleton({ method, uri, headers }: SipRequest): SipRequest {
  const kept = headers.filter(({ name }) => KEPT.some((each) => sameName(each, name)));
  const copied = kept.map(({ name, value }) => ({ name, value: copyOf(value) }));
  return { kind: 'request', method, uri: copyOf(uri), headers: copied, body: '' };
}

const KEPT = ['Via', 'From', 'To', 'Call-ID', 'CSeq', 'Route', 'Contact'] as const;

function sameHop(invite: SipRequest, method: string, to: string): readonly Header[] {
  const { headers } = invite;
  const copy = (name: string): readonly Header[] => headerValues(headers, name).map((value) => ({ name, value }));
  return [
    ...copy('Via').slice(0, 1),
    { name: 'Max-Forwards', value: '70' },
    { name: 'From', value: header(headers, 'From') ?? '' },
    { name: 'To', value: to },
    { name: 'Call-ID', value: header(headers, 'Call-ID') ?? '' },
    { name: 'CSeq', value: `${cseq(headers)?.number ?? 1} ${method}` },
    ...copy('Route'),
  ];
}
