import { asciiLower, smallNumber } from './chars.js';
import { cseq, header, headerValues, sameName, type Header } from './headers.js';
import type { ParseResult, SipMessage, SipRequest, SipResponse } from './message.js';
import { METHODS, OF_A_CALL } from './methods.js';
import { OPTION_TAGS } from './option-tags.js';
import { parseUri } from './uri.js';

/** What is wrong with a message, as RFC 3261 and RFC 4475 judge it. */
export interface Fault {
  /** In words of ours alone, so that faults can be counted by it. */
  readonly kind: string;
  /** The answer to a request. A response with a fault is dropped. */
  readonly status: 400 | 416 | 420 | 501 | 505;
  /** Whether it is plain all the same what the sender wants. */
  readonly isClear: boolean;
  /** The option tags that nobody has defined, of a request that gets 420. */
  readonly unsupported?: readonly string[];
}

/** A message with its fault, if any. */
export interface Examined {
  /** As far as it could be read; its Request-URI without `<...>` and headers in it (RFC 4475 3.1.2.7 and 3.1.2.11). */
  readonly message: SipMessage | undefined;
  readonly fault: Fault | undefined;
}

const SINGLE = ['From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards'] as const;
/** Without the first three nothing can be matched, or answered. */
const NEEDED = ['Via', 'Call-ID', 'CSeq', 'From', 'To'] as const;
/** Via values with an empty element or an empty parameter. */
const EMPTY_PART = /^[ \t]*[;,]|[;,][ \t]*(?:[;,]|$)/;
const SPOKEN: ReadonlySet<string> = new Set(['sip', 'sips', 'tel', 'urn']);

/**
 * Judges a message: what `parseMessage` could not read, and what breaks a rule that concerns the message alone. Of several faults
 * it names the worst.
 */
export function examine(parsed: ParseResult): Examined {
  const read = parsed.ok ? parsed.message : parsed.partial;
  const message = read?.kind === 'request' ? withPlainUri(read) : read;
  if (message === undefined) {
    return { message, fault: parsed.ok ? undefined : fault(parsed.error) };
  }
  const faults = [
    parsed.ok ? undefined : unread(parsed.error),
    ...(message.kind === 'request' ? requestFaults(message) : responseFaults(message)),
  ].filter((each) => each !== undefined);
  return { message, fault: faults.find(({ isClear }) => !isClear) ?? faults[0] };
}

/** Whether a message belongs to a call: an INVITE, what can follow it, or the response to one of them. */
export function isOfACall(message: SipMessage): boolean {
  return OF_A_CALL.has(message.kind === 'request' ? message.method : (cseq(message.headers)?.method ?? ''));
}

/**
 * A message that is understood in spite of its fault, put right: of headers that may stand only once the first stays; a From or To
 * that is missing is made up. The bytes of all others stay.
 */
export function mended(message: SipMessage): SipMessage {
  const seen = new Set<string>();
  const kept = message.headers.filter(({ name, value }) => {
    const single = SINGLE.find((each) => sameName(each, name));
    const isKept = single === undefined || (value !== '' && !seen.has(single));
    seen.add(isKept ? (single ?? '') : '');
    return isKept;
  });
  const added: Header[] = [];
  if (message.kind === 'request' && !seen.has('From')) {
    added.push({ name: 'From', value: '"Anonymous" <sip:anonymous@anonymous.invalid>' });
  }
  if (message.kind === 'request' && !seen.has('To')) {
    added.push({ name: 'To', value: `<${message.uri}>` });
  }
  return kept.length === message.headers.length && added.length === 0
    ? message
    : { ...message, headers: [...kept, ...added] };
}

function withPlainUri(request: SipRequest): SipRequest {
  const { uri } = request;
  const bare = uri.startsWith('<') && uri.endsWith('>') ? uri.slice(1, -1) : uri;
  const mark = bare.includes('?') ? bare.indexOf('?', bare.indexOf('@') + 1) : -1;
  const plain = mark > 0 && /^sips?:/i.test(bare) ? bare.slice(0, mark) : bare;
  return plain === uri ? request : { ...request, uri: plain };
}

function unread(error: string): Fault {
  if (error.startsWith('unsupported version')) {
    return { kind: 'unsupported version', status: 505, isClear: false };
  }
  return error.startsWith('bad header line')
    ? clear('bad header line')
    : fault(error, READABLE_ALL_THE_SAME.has(error));
}

const READABLE_ALL_THE_SAME: ReadonlySet<string> = new Set(['truncated', 'too many headers', 'header too long']);

function requestFaults(request: SipRequest): readonly (Fault | undefined)[] {
  return [
    missing(request),
    mismatched(request),
    repeated(request),
    badVia(request),
    badUri(request),
    badLength(request),
    unknownExtension(request),
  ];
}

function responseFaults(response: SipResponse): readonly (Fault | undefined)[] {
  // RFC 3261 8.1.3.3: it is the response to somebody else's request.
  const isAstray = headerValues(response.headers, 'Via').length > 1;
  const isNumbered = cseq(response.headers) !== undefined;
  return [
    isNumbered ? undefined : fault('bad CSeq'),
    repeated(response),
    isAstray ? clear('more than one Via in a response') : undefined,
    badLength(response),
  ];
}

function missing({ headers }: SipRequest): Fault | undefined {
  const name = NEEDED.find((each) => (header(headers, each) ?? '') === '');
  if (name === 'Via' || name === 'Call-ID' || name === 'CSeq') {
    return fault(`no ${name}`);
  }
  if (cseq(headers) === undefined) {
    return fault('bad CSeq');
  }
  return name === undefined ? undefined : clear(`no ${name}`);
}

function mismatched({ method, headers }: SipRequest): Fault | undefined {
  if ((cseq(headers)?.method ?? method) === method) {
    return undefined;
  }
  return { kind: 'the method in CSeq is another', status: METHODS.has(method) ? 400 : 501, isClear: true };
}

function repeated({ headers }: SipMessage): Fault | undefined {
  const name = SINGLE.find((single) => headers.filter((each) => sameName(each.name, single)).length > 1);
  return name === undefined ? undefined : clear(`more than one ${name}`);
}

function badVia({ headers }: SipRequest): Fault | undefined {
  const isBad = headers.some(
    ({ name, value }) => sameName(name, 'Via') && EMPTY_PART.test(value) && !value.includes('"'),
  );
  return isBad ? clear('bad Via') : undefined;
}

function badUri({ uri: text }: SipRequest): Fault | undefined {
  const uri = parseUri(text);
  if (!SPOKEN.has(uri.scheme)) {
    return { kind: 'unsupported URI scheme', status: 416, isClear: false };
  }
  if (/[ \t]/.test(text)) {
    return clear('a blank in the Request-URI');
  }
  const isSip = uri.scheme === 'sip' || uri.scheme === 'sips';
  // RFC 3261 25.1: an IPv6 address stands in brackets.
  const isBare = isSip && uri.host.includes(':') && !text.includes('[');
  return isBare || (isSip && uri.host === '') ? clear('bad host in the Request-URI') : undefined;
}

function badLength({ headers }: SipMessage): Fault | undefined {
  const lengths = new Set(
    headers.filter(({ name }) => sameName(name, 'Content-Length')).map(({ value }) => smallNumber(value)),
  );
  if (lengths.has(undefined)) {
    return clear('bad Content-Length');
  }
  return lengths.size > 1 ? clear('more than one Content-Length') : undefined;
}

/** RFC 3261 8.2.2.3: an ACK and a CANCEL are never refused for it. */
function unknownExtension({ method, headers }: SipRequest): Fault | undefined {
  const unsupported =
    method === 'ACK' || method === 'CANCEL'
      ? []
      : headerValues(headers, 'Require').filter((tag) => !OPTION_TAGS.has(asciiLower(tag)));
  return unsupported.length === 0
    ? undefined
    : { kind: 'unknown extension required', status: 420, isClear: true, unsupported };
}

function clear(kind: string): Fault {
  return fault(kind, true);
}

function fault(kind: string, isClear = false): Fault {
  return { kind, status: 400, isClear };
}
