import { isBlank, trimBlanks } from './chars.js';
import type { Header } from './headers.js';

/** More header lines than this are not read: looking one up takes time in proportion to their number. */
const HEADERS_AT_MOST = 1_000;
/** Characters of the longest header. */
const LONGEST_HEADER = 128 * 1024;

/** A text and how far it has been read. */
export interface Scan {
  readonly text: string;
  at: number;
  /** The first LF at or behind `at`, as far as it is known. */
  lf?: number;
}

/** Takes the text up to the next line end, and steps over that: CRLF, LF or CR (RFC 3261 7.5 asks for CRLF). */
export function takeLine(scan: Scan): string {
  const lf = nextLf(scan);
  const line = scan.text.slice(scan.at, lf);
  const cr = line.indexOf('\r');
  if (cr < 0 || cr === line.length - 1) {
    scan.at = lf + (lf < scan.text.length || cr < 0 ? 1 : 0);
    return cr < 0 ? line : line.slice(0, cr);
  }
  scan.at += cr + 1;
  return line.slice(0, cr);
}

/** The text is searched once, whatever ends its lines. */
function nextLf(scan: Scan): number {
  if (scan.lf === undefined || scan.lf < scan.at) {
    const found = scan.text.indexOf('\n', scan.at);
    scan.lf = found < 0 ? scan.text.length : found;
  }
  return scan.lf;
}

/**
 * Takes header lines up to and with the empty line. Folded lines are joined by one space. The error names the first line
 * that is no header; or it is `too many headers` or `header too long` where some are left out, or `truncated` where the text
 * stops within a line. All other headers are there.
 */
export function takeHeaders(scan: Scan): { readonly headers: readonly Header[]; readonly error: string | undefined } {
  const headers: Header[] = [];
  let error: string | undefined;
  while (scan.at < scan.text.length) {
    const line = takeLine(scan);
    if (line === '') {
      return { headers, error };
    }
    const colon = line.indexOf(':');
    const name = trimBlanks(line.slice(0, Math.max(colon, 0)));
    if (name === '' || isBlank(line.charCodeAt(0))) {
      error ??= `bad header line: ${line.slice(0, 60)}`;
      continue;
    }
    const value = unfolded(line.slice(colon + 1), scan);
    if (headers.length >= HEADERS_AT_MOST) {
      error ??= 'too many headers';
    } else if (value.length > LONGEST_HEADER) {
      error ??= 'header too long';
    } else {
      headers.push({ name, value });
    }
  }
  return { headers, error: error ?? (endsInLine(scan) ? 'truncated' : undefined) };
}

/** Whether the text stopped in the middle of its last header line. */
function endsInLine(scan: Scan): boolean {
  return scan.at > scan.text.length;
}

/** The value of a header with the lines that continue it, each joined by one space. */
function unfolded(first: string, scan: Scan): string {
  const start = trimBlanks(first);
  if (!isBlank(scan.text.charCodeAt(scan.at))) {
    return start;
  }
  const parts = [start];
  while (isBlank(scan.text.charCodeAt(scan.at))) {
    parts.push(trimBlanks(takeLine(scan)));
  }
  return parts.filter((part) => part !== '').join(' ');
}
