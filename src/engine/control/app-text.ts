import { LAST_CSEQ } from '../agent/numbering.js';
import { header, parseCseq, sameName, withoutHeader } from '../../sip/headers.js';
import { parseUncounted, type Header, type SipMessage } from '../../sip/message.js';
import { METHODS } from '../../sip/methods.js';
import { parseNameAddr } from '../../sip/name-addr.js';
import { parseUri, type Uri } from '../../sip/uri.js';
import { appName, type AppName } from './app-names.js';

/** What a request of the application may ask of this server beyond SIP. The headers never leave it. */
export interface Wishes {
  /** CANCEL: stop the resends, and end by ourselves whatever still comes. */
  readonly giveUp: boolean;
  /** INVITE: milliseconds until the first resend. */
  readonly t1: number | undefined;
  /** INVITE: milliseconds after which it is sent again although 100 came. */
  readonly askAfter: number | undefined;
  /** INVITE and the 200 to one: no session timer ends the call. */
  readonly keep: boolean;
  /** A response: nothing leaves, and the request is forgotten. */
  readonly drop: boolean;
  /** A 2xx to INVITE, an ACK, or any other request in a dialog: the id of the dialog that it is paired with. */
  readonly pair: string | undefined;
  /** The body is an INVITE that a lost server received: where it came from, and what was said to it. */
  readonly adopt: string | undefined;
  /** The body is an INVITE that a lost server sent; `heard` where a provisional response had come. */
  readonly resume: string | undefined;
  /** The body is an INVITE that a lost server sent, and that is to be cancelled. */
  readonly cancelLost: boolean;
}

/** A message of the application, made ready. */
export interface AppMessage {
  readonly message: SipMessage;
  readonly wishes: Wishes;
}

const NO_WISHES = wishesOf([]);

/**
 * Reads the SIP text of an application. Its Content-Length is ignored: srf counts characters. The body is what follows the
 * first empty line.
 *
 * @returns what is wrong, as a sentence for the application.
 */
export function readAppText(text: string): AppMessage | string {
  const split = text.indexOf('\r\n\r\n');
  const head = split < 0 ? text : text.slice(0, split);
  const body = split < 0 ? '' : text.slice(split + 4);
  const parsed = parseUncounted(split > 0 && !/^[\r\n]/.test(text) ? text : `${head}\r\n\r\n`);
  if (!parsed.ok) {
    return `Invalid message: ${parsed.error}`;
  }
  const { message } = parsed;
  const bad = badHeader(head, message.headers);
  if (bad !== undefined) {
    return `Invalid message: ${bad}`;
  }
  if (message.kind === 'request' && !METHODS.has(message.method)) {
    return `invalid request-uri: ${message.method} ${message.uri}`;
  }
  const headers = withContentType(toSend(message.headers), body);
  if (headers === undefined) {
    return 'missing content-type';
  }
  const wishes = message.headers.some(({ name }) => appName(name).isWish) ? wishesOf(message.headers) : NO_WISHES;
  return {
    message:
      message.kind === 'request'
        ? { kind: 'request', method: message.method, uri: message.uri, headers, body }
        : { kind: 'response', status: message.status, reason: message.reason, headers, body },
    wishes,
  };
}

/**
 * Whether a new request may go out with this Request-URI: `sip:` and `sips:` with a host; `tel:` and `urn:` only where the
 * application names the next hop.
 */
export function isSendable(uri: string, nextHop: string | undefined): boolean {
  const parsed = parseUri(uri);
  const isNumber = parsed.scheme === 'tel' || parsed.scheme === 'urn';
  const isSip = isSipUri(parsed, uri);
  return (nextHop === undefined ? isSip : isSipUri(parseUri(nextHop), nextHop)) && (isNumber ? !/\s/.test(uri) : isSip);
}

function isSipUri(uri: Uri, text: string): boolean {
  return (uri.scheme === 'sip' || uri.scheme === 'sips') && uri.host !== '' && !/[\s<>]/.test(text);
}

/** `@localhost` in what the application wrote stands for the address that the request leaves from. */
export function withAddress(headers: readonly Header[], address: string): readonly Header[] {
  if (!headers.some(({ value }) => value.includes('localhost'))) {
    return headers;
  }
  return headers.map((each) =>
    each.value.includes('localhost') && NAMES_LOCALHOST.some((name) => sameName(name, each.name))
      ? { name: each.name, value: each.value.replace(/([@:])localhost(?=[>;]|$)/, `$1${address}`) }
      : each,
  );
}

const NAMES_LOCALHOST = ['From', 'To', 'Contact', 'P-Asserted-Identity'] as const;

const OF_THE_DIALOG = ['From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards', 'RAck'] as const;

/** What a request in a dialog says beside what the dialog knows. */
export function dialogHeaders(headers: readonly Header[]): readonly Header[] {
  return withoutHeader(headers, ...OF_THE_DIALOG);
}

/** What a CANCEL may carry of its own: mostly Reason (RFC 3326). */
export function cancelHeaders(headers: readonly Header[]): readonly Header[] {
  return withoutHeader(dialogHeaders(headers), 'Contact', 'P-Asserted-Identity', 'Content-Type');
}

/** The headers of a response of the application, without those that come from the request. */
export function responseHeaders(headers: readonly Header[]): readonly Header[] {
  return withoutHeader(headers, 'Call-ID', 'CSeq', 'From', 'To');
}

/** What would change the meaning of the message when it is sent, or could not be read there. Nothing is dropped in silence. */
function badHeader(head: string, headers: readonly Header[]): string | undefined {
  if (/\r(?!\n)|(?<!\r)\n/.test(head)) {
    return 'a line end inside a header';
  }
  const unnamed = headers.find(({ name }) => !appName(name).isToken);
  if (unnamed !== undefined) {
    return `bad header name: ${unnamed.name}`;
  }
  const unread = headers.find(({ name, value }) => !isReadable(appName(name).holds, value));
  return unread === undefined ? undefined : `bad value of ${unread.name}: ${unread.value.slice(0, 60)}`;
}

function isReadable(holds: AppName['holds'], value: string): boolean {
  switch (holds) {
    case 'hops':
      return /^\d{1,3}$/.test(value) && Number(value) < 256;
    case 'sequence':
      return Number.parseInt(value, 10) <= LAST_CSEQ && (parseCseq(value) !== undefined || /^\d{1,10}$/.test(value));
    case 'call id':
      return value !== '' && !/\s/.test(value);
    case 'address':
      return value === '*' || value.includes('<') || parseNameAddr(value) !== undefined;
    case 'anything':
      return true;
  }
}

/** Without what the server writes itself, in the usual spelling. */
function toSend(headers: readonly Header[]): readonly Header[] {
  const kept: Header[] = [];
  for (const each of headers) {
    const { isWrittenHere, spelling } = appName(each.name);
    if (!isWrittenHere) {
      kept.push(spelling === each.name ? each : { name: spelling, value: each.value });
    }
  }
  return kept;
}

function withContentType(headers: readonly Header[], body: string): readonly Header[] | undefined {
  if (body === '' || header(headers, 'Content-Type') !== undefined) {
    return headers;
  }
  return body.startsWith('v=0') ? [...headers, { name: 'Content-Type', value: 'application/sdp' }] : undefined;
}

function wishesOf(headers: readonly Header[]): Wishes {
  return {
    giveUp: header(headers, 'X-Noodroute-Give-Up') !== undefined,
    t1: milliseconds(header(headers, 'X-Noodroute-T1')),
    askAfter: milliseconds(header(headers, 'X-Noodroute-Ask')),
    keep: header(headers, 'X-Noodroute-Keep') !== undefined,
    drop: header(headers, 'X-Noodroute-Drop') !== undefined,
    pair: header(headers, 'X-Noodroute-Pair'),
    adopt: header(headers, 'X-Noodroute-Adopt'),
    resume: header(headers, 'X-Noodroute-Resume'),
    cancelLost: header(headers, 'X-Noodroute-Cancel') !== undefined,
  };
}

function milliseconds(value: string | undefined): number | undefined {
  const number = Number(value);
  return number > 0 ? number : undefined;
}
