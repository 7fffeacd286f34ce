import {
  asciiLower,
  COMMA,
  GREATER,
  isDigits,
  LESS,
  nextBlank,
  QUOTE,
  sameLetters,
  skipQuoted,
  trimBlanks,
} from './chars.js';
import { COMPACT, KNOWN, LISTS } from './header-names.js';

/** One header line: its name as spelled on the wire, its value trimmed and unfolded. */
export interface Header {
  readonly name: string;
  readonly value: string;
}

/** The usual spelling of a header name: `v` is `Via`, `call-id` is `Call-ID`, `x-foo` is `X-Foo`. */
export function canonicalName(name: string): string {
  const lower = longName(name);
  return KNOWN.get(lower) ?? lower.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

/** Whether two header names mean the same header, whatever their case and whether compact (RFC 3261 7.3.3) or not. */
export function sameName(a: string, b: string): boolean {
  if (a === b || sameLetters(a, b)) {
    return true;
  }
  // Of two names that differ, one must be compact to mean the same.
  return (a.length === 1) !== (b.length === 1) && longName(a) === longName(b);
}

/** The value of the first header with this name. */
export function header(headers: readonly Header[], name: string): string | undefined {
  for (const each of headers) {
    if (sameName(each.name, name)) {
      return each.value;
    }
  }
  return undefined;
}

/**
 * All values of a header, in order. Where the header is a list (RFC 3261 7.3.1), comma lists are taken apart; where it
 * is not (From, Date, Authorization, unknown headers), each line is one value.
 */
export function headerValues(headers: readonly Header[], name: string): readonly string[] {
  const isList = LISTS.has(longName(name));
  const values: string[] = [];
  for (const each of headers) {
    if (sameName(each.name, name)) {
      values.push(...(isList ? splitList(each.value) : [each.value]));
    }
  }
  return values;
}

/** Replaces all headers of this name by one, in the place of the first, or adds it at the end. */
export function setHeader(headers: readonly Header[], name: string, value: string): readonly Header[] {
  const first = headers.findIndex((each) => sameName(each.name, name));
  if (first < 0) {
    return [...headers, { name, value }];
  }
  return [...headers.slice(0, first), { name, value }, ...withoutHeader(headers.slice(first + 1), name)];
}

/** The headers without those of the given names. */
export function withoutHeader(headers: readonly Header[], ...names: string[]): readonly Header[] {
  const isNamed = ({ name }: Header): boolean => names.some((each) => sameName(each, name));
  return headers.some(isNamed) ? headers.filter((each) => !isNamed(each)) : headers;
}

/** The elements of a comma list, trimmed, without empty ones. Commas in quotes and in `<...>` do not separate. */
export function splitList(value: string): readonly string[] {
  if (!value.includes(',')) {
    const only = trimBlanks(value);
    return only === '' ? [] : [only];
  }
  const elements: string[] = [];
  let start = 0;
  while (start <= value.length) {
    const end = elementEnd(value, start);
    const element = trimBlanks(value.slice(start, end));
    if (element !== '') {
      elements.push(element);
    }
    start = end + 1;
  }
  return elements;
}

/** The sequence number and method of the CSeq header (RFC 3261 20.16); undefined where it cannot be read. */
export function cseq(headers: readonly Header[]): { readonly number: number; readonly method: string } | undefined {
  return parseCseq(header(headers, 'CSeq') ?? '');
}

/** The same, of its value. */
export function parseCseq(value: string): { readonly number: number; readonly method: string } | undefined {
  const end = nextBlank(value, 0);
  const digits = value.slice(0, end);
  const method = trimBlanks(value.slice(end));
  if (!isDigits(digits) || Number(digits) > 0xffffffff || method === '') {
    return undefined;
  }
  return { number: Number(digits), method };
}

/** The lower-case long form of a name. */
export function longName(name: string): string {
  const lower = asciiLower(name);
  return lower.length === 1 ? (COMPACT.get(lower) ?? lower) : lower;
}

/** The comma that ends the element which starts at `from`, or the end of the text. */
function elementEnd(value: string, from: number): number {
  let at = from;
  while (at < value.length) {
    const code = value.charCodeAt(at);
    if (code === COMMA) {
      return at;
    }
    at = code === QUOTE ? skipQuoted(value, at) : code === LESS ? skipBrackets(value, at) : at + 1;
  }
  return value.length;
}

function skipBrackets(value: string, from: number): number {
  let at = from;
  while (at < value.length && value.charCodeAt(at) !== GREATER) {
    at += 1;
  }
  return at;
}
