import { asciiLower, CR, isBlank, LF, nextBlank, skipBlanks, smallNumber, trimBlanks } from './chars.js';
import { scanOf, takeHeaders, takeLine, type Scan } from './header-lines.js';
import { header, sameName, type Header } from './headers.js';

export type { Header } from './headers.js';

/** A SIP request. All text is one character per byte. */
export interface SipRequest {
  readonly kind: 'request';
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly Header[];
  readonly body: string;
}

/** A SIP response. All text is one character per byte. */
export interface SipResponse {
  readonly kind: 'response';
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly Header[];
  readonly body: string;
}

export type SipMessage = SipRequest | SipResponse;

/** A message, or what is wrong with it and as much of it as could be understood. */
export type ParseResult =
  | { readonly ok: true; readonly message: SipMessage }
  | { readonly ok: false; readonly error: string; readonly partial: SipMessage | undefined };

type StartLine =
  | { readonly kind: 'request'; readonly method: string; readonly uri: string; readonly error: string | undefined }
  | { readonly kind: 'response'; readonly status: number; readonly reason: string; readonly error: string | undefined };

/**
 * Reads one message (RFC 3261 7), as a datagram holds it.
 *
 * Forgiven: a line end of LF or CR alone, empty lines in front, blanks around the colon, folded lines, extra blanks in
 * the start line, a missing or senseless Content-Length (the body is what is there), a Content-Length below what is
 * there (the body is cut), no empty line after the headers. Errors: `empty`, `not SIP`, `bad status`, `no Request-URI`,
 * `unsupported version ...`, `bad header line: ...`, `too many headers`, `header too long`, `truncated`. Never throws; takes
 * time in proportion to the length. What breaks a rule that it does not know of is the business of `examine`.
 */
export function parseMessage(bytes: string): ParseResult {
  return parse(scanOf(bytes, skipLineEnds(bytes)), takeBody);
}

/** The same, and whether `printMessage` would write the same bytes. */
export function parseReceived(bytes: string): { readonly parsed: ParseResult; readonly isPlain: boolean } {
  const scan = scanOf(bytes, skipLineEnds(bytes));
  const parsed = parse(scan, takeBody);
  return { parsed, isPlain: parsed.ok && scan.isPlain && isCounted(parsed.message, scan) };
}

/** Whether the start line, the one Content-Length and the body are as we would write them. */
function isCounted(message: SipMessage, { text, at }: Scan): boolean {
  const { headers, body } = message;
  const lengths = headers.filter(({ name }) => isLength(name));
  const [only] = lengths;
  const isCountedOnce = lengths.length === 1 && smallNumber(only?.value ?? '') === body.length;
  return isCountedOnce && at + body.length === text.length && text.startsWith(`${printStartLine(message)}\r\n`);
}

/** The same for a text whose Content-Length means nothing: all that follows the headers is the body. */
export function parseUncounted(text: string): ParseResult {
  return parse(scanOf(text, skipLineEnds(text)), (scan) => ({ body: scan.text.slice(scan.at) }));
}

type BodyTaker = (scan: Scan, headers: readonly Header[]) => { readonly body: string; readonly error?: string };

function parse(scan: Scan, takeBody: BodyTaker): ParseResult {
  if (scan.at >= scan.text.length) {
    return { ok: false, error: 'empty', partial: undefined };
  }
  const start = parseStartLine(takeLine(scan));
  if (start === undefined) {
    return { ok: false, error: 'not SIP', partial: undefined };
  }
  return parseRest(start, scan, takeBody);
}

/**
 * The message as it goes on the wire, with CRLF line ends. Content-Length is set to the length of the body: in the place
 * of the first one that is there, or at the end. A line end inside a value becomes a space, so no value makes a header.
 */
export function printMessage(message: SipMessage): string {
  const length = message.body.length;
  let text = `${printStartLine(message)}\r\n`;
  let hasLength = false;
  for (const { name, value } of message.headers) {
    if (!isLength(name)) {
      text += `${oneLine(name)}: ${oneLine(value)}\r\n`;
    } else if (!hasLength) {
      hasLength = true;
      text += `${oneLine(name)}: ${smallNumber(value) === length ? value : length}\r\n`;
    }
  }
  return hasLength ? `${text}\r\n${message.body}` : `${text}Content-Length: ${length}\r\n\r\n${message.body}`;
}

/** How long `printMessage` would make it. */
export function printedLength(message: SipMessage): number {
  const { headers, body } = message;
  const isCounted = headers.some(({ name }) => isLength(name));
  let length = printStartLine(message).length + (isCounted ? 0 : `${LENGTH}: ${body.length}\r\n`.length);
  for (const { name, value } of headers) {
    length += name.length + value.length + ': \r\n'.length;
  }
  return length + '\r\n\r\n'.length + body.length;
}

function isLength(name: string): boolean {
  return (name.length === LENGTH.length || name.length === 1) && sameName(name, LENGTH);
}

const LENGTH = 'Content-Length';

function parseRest(start: StartLine, scan: Scan, takeBody: BodyTaker): ParseResult {
  const { headers, error: headerError } = takeHeaders(scan);
  const { body, error: bodyError } = takeBody(scan, headers);
  const message = messageOf(start, headers, body);
  const error = start.error ?? headerError ?? bodyError;
  return error === undefined ? { ok: true, message } : { ok: false, error, partial: message };
}

function messageOf(start: StartLine, headers: readonly Header[], body: string): SipMessage {
  return start.kind === 'request'
    ? { kind: 'request', method: start.method, uri: start.uri, headers, body }
    : { kind: 'response', status: start.status, reason: start.reason, headers, body };
}

function skipLineEnds(text: string): number {
  let at = 0;
  while (text.charCodeAt(at) === CR || text.charCodeAt(at) === LF) {
    at += 1;
  }
  return at;
}

function parseStartLine(text: string): StartLine | undefined {
  const line = trimBlanks(text);
  return isSip(line) ? parseStatusLine(line) : parseRequestLine(line);
}

function isSip(text: string): boolean {
  return text.startsWith('SIP/') || asciiLower(text.slice(0, 4)) === 'sip/';
}

function parseStatusLine(line: string): StartLine {
  const afterVersion = nextBlank(line, 0);
  const from = skipBlanks(line, afterVersion);
  const to = nextBlank(line, from);
  const status = smallNumber(line.slice(from, to)) ?? 0;
  const reason = line.slice(skipBlanks(line, to));
  const error = versionError(line.slice(0, afterVersion)) ?? (status < 100 || status > 699 ? 'bad status' : undefined);
  return { kind: 'response', status, reason, error };
}

/** The URI is all that stands between the first and the last run of blanks. */
function parseRequestLine(line: string): StartLine | undefined {
  const afterMethod = nextBlank(line, 0);
  const beforeVersion = lastBlank(line);
  const version = line.slice(beforeVersion + 1);
  if (!isSip(version)) {
    return undefined;
  }
  const method = line.slice(0, afterMethod);
  const uri = trimBlanks(line.slice(afterMethod, Math.max(afterMethod, beforeVersion)));
  const error = versionError(version) ?? (uri === '' ? 'no Request-URI' : undefined);
  return { kind: 'request', method, uri, error };
}

function lastBlank(line: string): number {
  let at = line.length - 1;
  while (at >= 0 && !isBlank(line.charCodeAt(at))) {
    at -= 1;
  }
  return at;
}

function versionError(version: string): string | undefined {
  return version === 'SIP/2.0' || asciiLower(version) === 'sip/2.0'
    ? undefined
    : `unsupported version ${version.slice(0, 20)}`;
}

function takeBody(scan: Scan, headers: readonly Header[]): { readonly body: string; readonly error?: string } {
  const rest = scan.at >= scan.text.length ? '' : scan.text.slice(scan.at);
  const length = smallNumber(header(headers, 'Content-Length') ?? '');
  if (length === undefined || length === rest.length) {
    return { body: rest };
  }
  return length < rest.length ? { body: rest.slice(0, length) } : { body: rest, error: 'truncated' };
}

function printStartLine(message: SipMessage): string {
  return message.kind === 'request'
    ? `${oneLine(message.method)} ${oneLine(message.uri)} SIP/2.0`
    : `SIP/2.0 ${message.status} ${oneLine(message.reason)}`;
}

function oneLine(text: string): string {
  return text.includes('\n') || text.includes('\r') ? text.replace(/[\r\n]+/g, ' ') : text;
}
