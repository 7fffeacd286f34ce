import { isBlank, skipBlanks, trimBlanks } from './chars.js';
import { nameIn } from './header-names.js';
import type { Header } from './headers.js';

/** More header lines than this are not read: looking one up takes time in proportion to their number. */
const HEADERS_AT_MOST = 1_000;
/** Characters of the longest header. */
const LONGEST_HEADER = 128 * 1024;

/** A text and how far it has been read. */
export interface Scan {
  readonly text: string;
  at: number;
  /** The first LF, CR and colon at or behind `at`, as far as they are known; the length of the text for none. */
  lf: number;
  cr: number;
  colon: number;
  /** Whether what has been read is written as we would write it. */
  isPlain: boolean;
}

/** @param at where reading begins. */
export function scanOf(text: string, at: number): Scan {
  return { text, at, lf: -1, cr: -1, colon: -1, isPlain: at === 0 };
}

/** Takes the text up to the next line end, and steps over that: CRLF, LF or CR (RFC 3261 7.5 asks for CRLF). */
export function takeLine(scan: Scan): string {
  const start = scan.at;
  return scan.text.slice(start, stepOverLine(scan));
}

/** Steps over a line. @returns where it ends, without its line end. The text is searched once, whatever ends its lines. */
function stepOverLine(scan: Scan): number {
  const { text, at } = scan;
  scan.lf = scan.lf < at ? placeOf(text, '\n', at) : scan.lf;
  scan.cr = scan.cr < at ? placeOf(text, '\r', at) : scan.cr;
  const { lf, cr } = scan;
  scan.isPlain &&= cr === lf - 1 && lf < text.length;
  if (cr >= lf) {
    scan.at = lf + 1;
    return lf;
  }
  scan.at = cr < lf - 1 ? cr + 1 : Math.min(lf + 1, text.length);
  return cr;
}

function colonFrom(scan: Scan, from: number): number {
  scan.colon = scan.colon < from ? placeOf(scan.text, ':', from) : scan.colon;
  return scan.colon;
}

function placeOf(text: string, char: string, from: number): number {
  const found = text.indexOf(char, from);
  return found < 0 ? text.length : found;
}

/**
 * Takes header lines up to and with the empty line. Folded lines are joined by one space. The error names the first line
 * that is no header; or it is `too many headers` or `header too long` where some are left out, or `truncated` where the text
 * stops within a line. All other headers are there.
 */
export function takeHeaders(scan: Scan): { readonly headers: readonly Header[]; readonly error: string | undefined } {
  const { text } = scan;
  const headers: Header[] = [];
  let error: string | undefined;
  while (scan.at < text.length) {
    const start = scan.at;
    const end = stepOverLine(scan);
    if (end === start) {
      return { headers, error };
    }
    const colon = colonFrom(scan, start);
    const nameEnd = colon < end ? skipBlanksBack(text, start, colon) : start;
    if (nameEnd === start || isBlank(text.charCodeAt(start))) {
      scan.isPlain = false;
      error ??= `bad header line: ${text.slice(start, Math.min(end, start + 60))}`;
      continue;
    }
    const value = unfolded(trimmed(text, colon + 1, end), scan);
    scan.isPlain &&= colon === nameEnd && value !== '' && colon + 2 + value.length === end && text[colon + 1] === ' ';
    if (headers.length >= HEADERS_AT_MOST) {
      error ??= 'too many headers';
    } else if (value.length > LONGEST_HEADER) {
      error ??= 'header too long';
    } else {
      headers.push({ name: nameIn(text, start, nameEnd), value });
    }
  }
  scan.isPlain = false;
  return { headers, error: error ?? (endsInLine(scan) ? 'truncated' : undefined) };
}

function trimmed(text: string, start: number, end: number): string {
  const from = skipBlanks(text, start);
  return from >= end ? '' : text.slice(from, skipBlanksBack(text, from, end));
}

/** The end of a piece without the blanks at its end. */
function skipBlanksBack(text: string, start: number, end: number): number {
  let at = end;
  while (at > start && isBlank(text.charCodeAt(at - 1))) {
    at -= 1;
  }
  return at;
}

/** Whether the text stopped in the middle of its last header line. */
function endsInLine(scan: Scan): boolean {
  return scan.at > scan.text.length;
}

/** The value of a header with the lines that continue it, each joined by one space. */
function unfolded(first: string, scan: Scan): string {
  if (!isBlank(scan.text.charCodeAt(scan.at))) {
    return first;
  }
  scan.isPlain = false;
  const parts = [first];
  while (isBlank(scan.text.charCodeAt(scan.at))) {
    parts.push(trimBlanks(takeLine(scan)));
  }
  return parts.filter((part) => part !== '').join(' ');
}
