import { asciiLower, isBlank, LF, CR, trimBlanks } from './chars.js';
import { scanOf, takeHeaders } from './header-lines.js';
import type { Header } from './headers.js';
import { parseParams } from './params.js';

/** One part of a multipart body. */
export interface MimePart {
  /** The boundary line in front of it, with both its line ends. */
  readonly delimiter: string;
  readonly headers: readonly Header[];
  /** The exact bytes behind the empty line. */
  readonly body: string;
  /** The exact bytes of headers and body. */
  readonly raw: string;
}

/** A multipart body (RFC 2046 5.1) that loses nothing: `printMultipart` gives the same bytes back. */
export interface Multipart {
  readonly boundary: string;
  /** What stands before the first boundary line. */
  readonly preamble: string;
  readonly parts: readonly MimePart[];
  /** The last boundary line; empty where it is missing. */
  readonly close: string;
  /** What stands after the last boundary line, from its line end on. */
  readonly epilogue: string;
}

/** A boundary line: where its line end in front starts, where it ends, and whether it is the last one. */
interface Delimiter {
  readonly start: number;
  readonly end: number;
  readonly isClose: boolean;
}

/**
 * Takes a multipart body apart. Line ends may be LF; the last boundary line may be missing. Parts that are multipart
 * themselves are read by calling it again. Undefined when the type is not multipart, names no boundary, or the body
 * has no boundary line.
 */
export function parseMultipart(contentType: string, body: string): Multipart | undefined {
  const boundary = boundaryOf(contentType);
  const delimiters = boundary === undefined ? [] : findDelimiters(body, boundary);
  const [first] = delimiters;
  if (boundary === undefined || first === undefined) {
    return undefined;
  }
  const close = delimiters.find((each) => each.isClose);
  const parts = delimiters.filter((each) => !each.isClose);
  return {
    boundary,
    preamble: body.slice(0, first.start),
    parts: parts.map((each, index) => readPart(body, each, (parts[index + 1] ?? close)?.start ?? body.length)),
    close: close === undefined ? '' : body.slice(close.start, close.end),
    epilogue: close === undefined ? '' : body.slice(close.end),
  };
}

/** The bytes of the body: those that were read, with what was changed since. */
export function printMultipart(multipart: Multipart): string {
  const parts = multipart.parts.map((part) => part.delimiter + part.raw).join('');
  return multipart.preamble + parts + multipart.close + multipart.epilogue;
}

function boundaryOf(contentType: string): string | undefined {
  const semicolon = contentType.indexOf(';');
  const type = asciiLower(trimBlanks(contentType.slice(0, Math.max(semicolon, 0))));
  const boundary = type.startsWith('multipart/')
    ? parseParams(contentType.slice(semicolon)).get('boundary')
    : undefined;
  return boundary === '' ? undefined : boundary;
}

/** All boundary lines up to and with the closing one. */
function findDelimiters(body: string, boundary: string): readonly Delimiter[] {
  const mark = `--${boundary}`;
  const found: Delimiter[] = [];
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, at + mark.length)) {
    const delimiter = delimiterAt(body, at, at + mark.length, found.at(-1)?.end ?? 0);
    if (delimiter !== undefined) {
      found.push(delimiter);
    }
    if (delimiter?.isClose === true) {
      return found;
    }
  }
  return found;
}

/** The boundary line whose dashes are at `at`; undefined where more than blanks follows, or it starts within a line. */
function delimiterAt(body: string, at: number, afterMark: number, previousEnd: number): Delimiter | undefined {
  const isClose = body.startsWith('--', afterMark);
  const end = lineRest(body, isClose ? afterMark + 2 : afterMark);
  if (end === undefined || (at > 0 && body.charCodeAt(at - 1) !== LF)) {
    return undefined;
  }
  const start = Math.max(previousEnd, at - lineEndBefore(body, at));
  return { start, end: isClose ? end : end + lineEndAt(body, end), isClose };
}

/** The end of the line, where only blanks lie before it. */
function lineRest(body: string, from: number): number | undefined {
  let at = from;
  while (isBlank(body.charCodeAt(at))) {
    at += 1;
  }
  return at >= body.length || lineEndAt(body, at) > 0 ? at : undefined;
}

function lineEndAt(body: string, at: number): number {
  if (body.charCodeAt(at) === LF) {
    return 1;
  }
  return body.charCodeAt(at) === CR && body.charCodeAt(at + 1) === LF ? 2 : 0;
}

function lineEndBefore(body: string, at: number): number {
  if (at === 0) {
    return 0;
  }
  return body.charCodeAt(at - 2) === CR ? 2 : 1;
}

/** Where the headers cannot be read, all of the part is its body. */
function readPart(body: string, delimiter: Delimiter, end: number): MimePart {
  const raw = body.slice(delimiter.end, end);
  const scan = scanOf(raw, 0);
  const { headers, error } = takeHeaders(scan);
  const isHeaded = error === undefined || error === 'truncated';
  return {
    delimiter: body.slice(delimiter.start, delimiter.end),
    headers: isHeaded ? headers : [],
    body: isHeaded ? raw.slice(scan.at) : raw,
    raw,
  };
}
