import { cseq, header, sameName, splitList, type Header } from '../../sip/headers.js';
import type { SipMessage, SipRequest, SipResponse } from '../../sip/message.js';
import { tagOf } from '../../sip/name-addr.js';
import { paramName, splitParams } from '../../sip/params.js';
import { parseVia, type Via } from '../../sip/via.js';
import { copyOf } from '../copy-of.js';
import { defaultPort, type Peer, type Transport } from '../transport/transport.js';

/** What every message needs to be matched, read once. */
interface Matched {
  readonly via: Via;
  readonly branch: string;
  readonly callId: string;
  readonly cseq: { readonly number: number; readonly method: string };
  readonly fromTag: string | undefined;
  readonly toTag: string | undefined;
  readonly source: Peer;
  readonly transport: Transport;
  /** Bytes on the wire. */
  readonly size: number;
  /** The message as we would write it, where that is known. Who changes the message must leave it out. */
  readonly text: string | undefined;
}

/** A request that can be matched and answered. */
export interface IncomingRequest extends Matched {
  readonly message: SipRequest;
}

/** A response that can be matched. */
export interface IncomingResponse extends Matched {
  readonly message: SipResponse;
}

/** What a message lacks for us to do anything with it. */
export type Unusable = 'no Via' | 'no Call-ID' | 'no CSeq' | 'no From' | 'no To';

/**
 * Reads what matching needs. A request's top Via gets `received` and `rport` (RFC 3261 18.2.1, RFC 3581).
 *
 * @param text the message as we would write it, where that is known.
 * @returns what is missing, when the message cannot be matched.
 */
export function readIncoming(
  message: SipMessage,
  source: Peer,
  transport: Transport,
  size: number,
  text?: string,
): IncomingRequest | IncomingResponse | Unusable {
  const { headers } = message;
  const via = topVia(message);
  const callId = header(headers, 'Call-ID');
  const sequence = cseq(headers);
  const from = header(headers, 'From');
  const to = header(headers, 'To');
  if (via === undefined) {
    return 'no Via';
  }
  if (callId === undefined || callId === '') {
    return 'no Call-ID';
  }
  if (sequence === undefined) {
    return 'no CSeq';
  }
  if (from === undefined) {
    return 'no From';
  }
  if (to === undefined) {
    return 'no To';
  }
  const whole = message.kind === 'request' ? withSourceNoted(message, source) : message;
  const matched: Matched & { readonly message: SipMessage } = {
    via,
    branch: via.params.get('branch') ?? '',
    callId,
    cseq: sequence,
    fromTag: tagOf(from),
    toTag: tagOf(to),
    source,
    transport,
    size,
    text: text === undefined || whole === message ? text : replaceVia(text, headers, whole.headers),
    message: whole,
  };
  return matched as IncomingRequest | IncomingResponse;
}

function withSourceNoted({ method, uri, headers, body }: SipRequest, source: Peer): SipRequest {
  return { kind: 'request', method, uri, headers: noteSource(headers, source), body };
}

/** The text with the new top Via, where that is its first header. */
function replaceVia(text: string, before: readonly Header[], after: readonly Header[]): string | undefined {
  const [old] = before;
  const [fresh] = after;
  const at = text.indexOf('\r\n') + 2 + 'Via: '.length;
  return old?.name === 'Via' && fresh?.name === 'Via' && text.startsWith(old.value, at)
    ? text.slice(0, at) + fresh.value + text.slice(at + old.value.length)
    : undefined;
}

/** A request without its message: what it is known by, and where its responses go. */
export function withoutMessage(request: IncomingRequest): IncomingRequest {
  const { via, callId, cseq: sequence, fromTag, toTag, source, transport, size, message } = request;
  return {
    via: { ...via, host: copyOf(via.host), params: via.params.has('rport') ? RPORT : NO_PARAMS },
    branch: '',
    callId: copyOf(callId),
    cseq: sequence,
    fromTag: fromTag && copyOf(fromTag),
    toTag: toTag && copyOf(toTag),
    source,
    transport,
    size,
    text: undefined,
    message: { kind: 'request', method: message.method, uri: '', headers: [], body: '' },
  };
}

const RPORT: Via['params'] = new Map([['rport', undefined]]);
const NO_PARAMS: Via['params'] = new Map();

/** The Via of who sent it; undefined where there is none that can be read. */
export function topVia({ headers }: SipMessage): Via | undefined {
  const value = header(headers, 'Via');
  return value === undefined ? undefined : parseVia(firstOf(value));
}

/** Whether a message that came in is a request. */
export function isRequest(incoming: IncomingRequest | IncomingResponse): incoming is IncomingRequest {
  return incoming.message.kind === 'request';
}

function firstOf(value: string): string {
  return value.includes(',') ? (splitList(value)[0] ?? '') : value;
}

/** RFC 3581 4: the address and port that the request really came from, in its top Via. */
export function noteSource(headers: readonly Header[], source: Peer): readonly Header[] {
  const top = headers.findIndex(({ name }) => sameName(name, 'Via'));
  const via = headers[top];
  return via === undefined ? headers : headers.with(top, { name: 'Via', value: withSource(via.value, source) });
}

/** The form of nearly every Via of who asks for `rport`: what stands before that, and behind it. */
const USUAL_VIA = /^([^;,"]+(?:;(?!rport|received)[^\s;,"]+)*);rport((?:;(?!rport|received)[^\s;,"]+)*)$/i;

/** Every other parameter stays byte for byte: peers compare their branch with what comes back. */
function withSource(topVia: string, source: Peer): string {
  const usual = USUAL_VIA.exec(topVia);
  if (usual !== null) {
    return `${usual[1]};rport=${source.port}${usual[2]};received=${source.address}`;
  }
  const [first = '', ...others] = topVia.includes(',') ? splitList(topVia) : [topVia];
  const [head = '', ...params] = splitParams(first);
  const kept = params
    .filter((param) => param !== '' && paramName(param) !== 'received')
    .map((param) => (paramName(param) === 'rport' ? `rport=${source.port}` : param));
  return [[head, ...kept, `received=${source.address}`].join(';'), ...others].join(', ');
}

/**
 * Where a response to a request goes: over UDP to the source, at the port that its Via names (RFC 3261 18.2.2, RFC 3581 4);
 * else to the end of its connection.
 */
export function responsePeer({ via, source }: Pick<IncomingRequest, 'via' | 'source'>): Peer {
  return source.transport !== 'udp' || via.params.has('rport') ? source : { ...source, port: via.port ?? 5060 };
}

/** Where it goes when that connection is gone (RFC 3261 18.2.2). */
export function sentByPeer({ via, source }: Pick<IncomingRequest, 'via' | 'source'>): Peer {
  return { ...source, port: via.port ?? defaultPort(source.transport) };
}
