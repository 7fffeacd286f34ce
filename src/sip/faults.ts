import { asciiLower, smallNumber, trimBlanks } from './chars.js';
import { cseq, longName, parseCseq, sameName, splitList, type Header } from './headers.js';
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
/** The form of nearly every Request-URI. */
const USUAL_URI = /^sips?:(?:[\w.+-]+@)?[\w.-]+(?::\d+)?(?:;[^\s<>"?]*)?$/;
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
  const first = parsed.ok ? undefined : unread(parsed.error);
  return { message, fault: message.kind === 'request' ? requestFault(message, first) : responseFault(message, first) };
}

/** The worse of two: the first that leaves unclear what the sender wants, or the first. */
function worse(first: Fault | undefined, second: Fault | undefined): Fault | undefined {
  return first === undefined || (first.isClear && second?.isClear === false) ? second : first;
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
  const bare = uri.startsWith('<') && uri.endsWith('>') ? trimBlanks(uri.slice(1, -1)) : uri;
  const mark = bare.includes('?') ? bare.indexOf('?', bare.indexOf('@') + 1) : -1;
  const plain = mark > 0 && /^sips?:/i.test(bare) ? trimBlanks(bare.slice(0, mark)) : bare;
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

/** What the headers of a message say about what all messages must have, read in one go. */
interface Survey {
  /** The first of those of which there is none, or whose first value is empty. */
  readonly missing: (typeof NEEDED)[number] | undefined;
  readonly sequence: ReturnType<typeof parseCseq>;
  /** The first header that stands twice and may not. */
  readonly repeated: Surveyed | undefined;
  readonly vias: readonly string[];
  readonly lengths: readonly string[];
  readonly required: readonly string[];
}

type Surveyed = (typeof NEEDED)[number] | (typeof SINGLE)[number] | 'Content-Length' | 'Require';

const SURVEYED: ReadonlyMap<string, Surveyed> = new Map(
  [...NEEDED, ...SINGLE, 'Content-Length' as const, 'Require' as const].flatMap((name): [string, Surveyed][] => [
    [name, name],
    [name.toLowerCase(), name],
  ]),
);

/** How long their names are, compact ones among them: most other names need no closer look. */
const LENGTHS: ReadonlySet<number> = new Set([1, ...[...SURVEYED.keys()].map(({ length }) => length)]);

const NONE: readonly string[] = [];

function survey(headers: readonly Header[]): Survey {
  let vias = NONE;
  let lengths = NONE;
  let required = NONE;
  let from: string | undefined;
  let to: string | undefined;
  let callId: string | undefined;
  let sequence: string | undefined;
  let hops: string | undefined;
  let repeated: Surveyed | undefined;
  for (const { name, value } of headers) {
    const known = SURVEYED.get(name) ?? (LENGTHS.has(name.length) ? SURVEYED.get(longName(name)) : undefined);
    switch (known) {
      case undefined:
        break;
      case 'Via':
        vias = vias === NONE ? [value] : [...vias, value];
        break;
      case 'Content-Length':
        lengths = lengths === NONE ? [value] : [...lengths, value];
        break;
      case 'Require':
        required = [...required, ...splitList(value)];
        break;
      case 'From':
        repeated ??= from === undefined ? undefined : known;
        from ??= value;
        break;
      case 'To':
        repeated ??= to === undefined ? undefined : known;
        to ??= value;
        break;
      case 'Call-ID':
        repeated ??= callId === undefined ? undefined : known;
        callId ??= value;
        break;
      case 'CSeq':
        repeated ??= sequence === undefined ? undefined : known;
        sequence ??= value;
        break;
      case 'Max-Forwards':
        repeated ??= hops === undefined ? undefined : known;
        hops ??= value;
    }
  }
  const missing = missingOf(vias[0], callId, sequence, from, to);
  return { missing, sequence: parseCseq(sequence ?? ''), repeated, vias, lengths, required };
}

/** In the order of `NEEDED`. */
function missingOf(...values: readonly (string | undefined)[]): Survey['missing'] {
  return NEEDED[values.findIndex((value) => (value ?? '') === '')];
}

function requestFault({ method, uri, headers }: SipRequest, first: Fault | undefined): Fault | undefined {
  const seen = survey(headers);
  let found = worse(first, missing(seen));
  found = worse(found, mismatched(method, seen));
  found = worse(found, repeated(seen));
  found = worse(found, badVia(seen));
  found = worse(found, badUri(uri));
  found = worse(found, badLength(seen));
  return worse(found, unknownExtension(method, seen));
}

function responseFault({ headers }: SipResponse, first: Fault | undefined): Fault | undefined {
  const seen = survey(headers);
  const via = seen.vias[0] ?? '';
  // RFC 3261 8.1.3.3: with a second Via it is the response to somebody else's request.
  const isAstray = seen.vias.length > 1 || (via.includes(',') && splitList(via).length > 1);
  let found = worse(first, seen.sequence === undefined ? fault('bad CSeq') : undefined);
  found = worse(found, repeated(seen));
  found = worse(found, isAstray ? clear('more than one Via in a response') : undefined);
  return worse(found, badLength(seen));
}

function missing({ missing: name, sequence }: Survey): Fault | undefined {
  if (name === 'Via' || name === 'Call-ID' || name === 'CSeq') {
    return fault(`no ${name}`);
  }
  if (sequence === undefined) {
    return fault('bad CSeq');
  }
  return name === undefined ? undefined : clear(`no ${name}`);
}

function mismatched(method: string, { sequence }: Survey): Fault | undefined {
  if ((sequence?.method ?? method) === method) {
    return undefined;
  }
  return { kind: 'the method in CSeq is another', status: METHODS.has(method) ? 400 : 501, isClear: true };
}

function repeated({ repeated: name }: Survey): Fault | undefined {
  return name === undefined ? undefined : clear(`more than one ${name}`);
}

function badVia({ vias }: Survey): Fault | undefined {
  return vias.some((value) => EMPTY_PART.test(value) && !value.includes('"')) ? clear('bad Via') : undefined;
}

function badUri(text: string): Fault | undefined {
  if (USUAL_URI.test(text)) {
    return undefined;
  }
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

function badLength({ lengths }: Survey): Fault | undefined {
  const first = lengths[0];
  if (first === undefined || (lengths.length === 1 && smallNumber(first) !== undefined)) {
    return undefined;
  }
  const numbers = new Set(lengths.map(smallNumber));
  if (numbers.has(undefined)) {
    return clear('bad Content-Length');
  }
  return numbers.size > 1 ? clear('more than one Content-Length') : undefined;
}

/** RFC 3261 8.2.2.3: an ACK and a CANCEL are never refused for it. */
function unknownExtension(method: string, { required }: Survey): Fault | undefined {
  const isExempt = required.length === 0 || method === 'ACK' || method === 'CANCEL';
  const unsupported = isExempt ? [] : required.filter((tag) => !OPTION_TAGS.has(asciiLower(tag)));
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
