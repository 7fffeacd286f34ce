import { header, headerValues } from '../../sip/headers.js';
import type { Header, SipMessage, SipRequest } from '../../sip/message.js';
import { parseNameAddr, withTag } from '../../sip/name-addr.js';
import { parseUri } from '../../sip/uri.js';
import { copyOf } from '../copy-of.js';
import { hopOf } from '../location/target.js';
import type { IncomingRequest, IncomingResponse } from '../transaction/incoming.js';
import type { Peer, Transport } from '../transport/transport.js';
import { nextCseq } from './numbering.js';

/** What a dialog knows (RFC 3261 12): copies, since calls last for hours and the messages that made them need not. */
export interface DialogState {
  readonly callId: string;
  readonly localTag: string;
  readonly remoteTag: string;
  /** The From value of our requests, with our tag. */
  readonly local: string;
  /** The To value of our requests, with the peer's tag. */
  readonly remote: string;
  /** Our own Contact value. */
  readonly contact: string;
  readonly transport: Transport;
  /** Record-Route values, in the order in which our requests pass them. */
  routeSet: readonly string[];
  /** The peer's Contact URI; it changes with target refreshes. */
  remoteTarget: string;
  /** The CSeq number of our next request. */
  nextSequence: number;
  remoteSequence: number | undefined;
  /** Where the peer's messages come from: the way to it when its Contact names no address. */
  readonly source: Peer;
}

/** The key under which a dialog is found: never the Request-URI, which some peers get wrong. */
export function dialogKey(callId: string, localTag: string, remoteTag: string): string {
  return `${callId} ${localTag} ${remoteTag}`;
}

/** The Contact URI of a message, or `undefined`. */
export function contactUri(message: SipMessage): string | undefined {
  const value = headerValues(message.headers, 'Contact')[0];
  return value === undefined ? undefined : parseNameAddr(value)?.uri;
}

/**
 * The Request-URI, Route headers and next hop of a request in the dialog (RFC 3261 12.2.1.1).
 *
 * A strict router, which RFC 2543 knew, gets its own URI as the Request-URI.
 */
function routeOf(dialog: DialogState): { uri: string; routes: readonly Header[]; hop: Peer } {
  const uris = dialog.routeSet.map((value) => parseNameAddr(value)?.uri ?? value);
  const [first] = uris;
  if (first === undefined) {
    return { uri: dialog.remoteTarget, routes: [], hop: hopOr(dialog.remoteTarget, dialog.source) };
  }
  const parsed = parseUri(first);
  const isLoose = (parsed.scheme === 'sip' || parsed.scheme === 'sips') && parsed.params.has('lr');
  const hop = hopOr(first, dialog.source);
  if (isLoose) {
    return { uri: dialog.remoteTarget, routes: dialog.routeSet.map(asRoute), hop };
  }
  return { uri: first, routes: [...dialog.routeSet.slice(1).map(asRoute), asRoute(`<${dialog.remoteTarget}>`)], hop };
}

function asRoute(value: string): Header {
  return { name: 'Route', value };
}

/** The address of a URI. A peer that names no transport is reached over the one that it used itself. */
function hopOr(uri: string, source: Peer): Peer {
  const hop = hopOf(uri) ?? source;
  return hop.address === source.address && !/;transport=/i.test(uri) ? { ...hop, transport: source.transport } : hop;
}

/** A request of ours in the dialog. ACK has the number of its INVITE. */
export function inDialogRequest(
  dialog: DialogState,
  method: string,
  headers: readonly Header[],
  body: string,
  sequence: number,
): { readonly request: SipRequest; readonly hop: Peer } {
  const { uri, routes, hop } = routeOf(dialog);
  const own: Header[] = [
    { name: 'Max-Forwards', value: '70' },
    { name: 'From', value: dialog.local },
    { name: 'To', value: dialog.remote },
    { name: 'Call-ID', value: dialog.callId },
    { name: 'CSeq', value: `${sequence} ${method}` },
    ...routes,
  ];
  const lacksContact = needsContact(method) && header(headers, 'Contact') === undefined;
  const contact = lacksContact ? [{ name: 'Contact', value: dialog.contact }] : [];
  return { request: { kind: 'request', method, uri, headers: [...own, ...contact, ...headers], body }, hop };
}

/** Whether requests with this method, and their 2xx, refresh the remote target (RFC 3261 12.2, RFC 3311). */
export function needsContact(method: string): boolean {
  return method === 'INVITE' || method === 'UPDATE' || method === 'SUBSCRIBE' || method === 'REFER';
}

/** The dialog that our 2xx or 1xx to a request makes (RFC 3261 12.1.1). @param firstSequence the CSeq number of our first request. */
export function dialogAsServer(
  incoming: IncomingRequest,
  localTag: string,
  contact: string,
  firstSequence: number,
): DialogState {
  const { message, source, transport, callId } = incoming;
  const { headers } = message;
  return {
    callId: copyOf(callId),
    localTag: copyOf(localTag),
    remoteTag: copyOf(incoming.fromTag ?? ''),
    local: copyOf(withTag(header(headers, 'To') ?? '', localTag)),
    remote: copyOf(header(headers, 'From') ?? ''),
    contact,
    transport,
    routeSet: copied(headerValues(headers, 'Record-Route')),
    remoteTarget: copyOf(contactUri(message) ?? sourceUri(source)),
    nextSequence: firstSequence,
    remoteSequence: incoming.cseq.number,
    source,
  };
}

/** Record-Route values of a response, in the order in which our requests pass them. */
export function routeSetOf({ message }: IncomingResponse): readonly string[] {
  return copied(headerValues(message.headers, 'Record-Route').toReversed());
}

/** The dialog that a peer's response to our request makes (RFC 3261 12.1.2). */
export function dialogAsClient(request: SipRequest, response: IncomingResponse, transport: Transport): DialogState {
  const { message, callId, source } = response;
  return {
    callId: copyOf(callId),
    localTag: copyOf(response.fromTag ?? ''),
    remoteTag: copyOf(response.toTag ?? ''),
    local: copyOf(header(request.headers, 'From') ?? ''),
    remote: copyOf(header(message.headers, 'To') ?? ''),
    contact: copyOf(headerValues(request.headers, 'Contact')[0] ?? ''),
    transport,
    routeSet: routeSetOf(response),
    remoteTarget: copyOf(contactUri(message) ?? sourceUri(source)),
    nextSequence: nextCseq(response.cseq.number),
    remoteSequence: undefined,
    source,
  };
}

const NO_ROUTES: readonly string[] = [];

function copied(values: readonly string[]): readonly string[] {
  return values.length === 0 ? NO_ROUTES : values.map(copyOf);
}

/** A peer that gives no Contact is reached where it sends from: its call can be understood. */
function sourceUri({ address, port, transport }: Peer): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `sip:${host}:${port}${transport === 'udp' ? '' : `;transport=${transport}`}`;
}
