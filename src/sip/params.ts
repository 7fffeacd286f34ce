import { asciiLower, EQUALS, QUOTE, quote, SEMICOLON, skipBlanks, skipQuoted, trimBlanks, unquote } from './chars.js';

/** Parameters in the order of the wire. Names in lower case; values without quotes; undefined for a bare name. */
export type Params = ReadonlyMap<string, string | undefined>;

/** None at all. */
export const NO_PARAMS: Params = new Map();

/** Reads `;a=b;c;d="x"` (the first `;` may be missing). Of parameters with the same name the first counts. */
export function parseParams(text: string): Params {
  if (text === '') {
    return NO_PARAMS;
  }
  const params = new Map<string, string | undefined>();
  for (const segment of splitParams(text)) {
    const name = paramName(segment);
    if (name !== '' && !params.has(name)) {
      params.set(name, paramValue(segment));
    }
  }
  return params;
}

/** One parameter of such a text: the first of that lower-case name. Undefined where it is not there, or has no value. */
export function paramIn(text: string, name: string): string | undefined {
  const segment = splitParams(text).find((each) => paramName(each) === name);
  return segment === undefined ? undefined : paramValue(segment);
}

/** Parameters as they stand behind a header value: `;a=b;c;d="x y"`. What cannot stand bare is quoted. */
export function printParams(params: Params): string {
  let text = '';
  for (const [name, value] of params) {
    text += value === undefined ? `;${name}` : `;${name}=${needsQuotes(value) ? quote(value) : value}`;
  }
  return text;
}

/** The pieces between semicolons; those in quotes do not separate. */
export function splitParams(text: string): readonly string[] {
  const segments: string[] = [];
  let start = 0;
  while (start < text.length) {
    const end = segmentEnd(text, start);
    segments.push(text.slice(start, end));
    start = end + 1;
  }
  return segments;
}

/** The lower-case name of one piece, `tag` of ` Tag = x`. */
export function paramName(segment: string): string {
  const equals = segment.indexOf('=');
  return asciiLower(trimBlanks(equals < 0 ? segment : segment.slice(0, equals)));
}

function paramValue(segment: string): string | undefined {
  const equals = segment.indexOf('=');
  if (equals < 0) {
    return undefined;
  }
  const value = trimBlanks(segment.slice(equals + 1));
  return value.charCodeAt(0) === QUOTE ? unquote(value.slice(0, skipQuoted(value, 0))) : value;
}

/** A quote opens a string only as the first character of a value. */
function segmentEnd(text: string, from: number): number {
  let at = from;
  while (at < text.length && text.charCodeAt(at) !== SEMICOLON && text.charCodeAt(at) !== EQUALS) {
    at += 1;
  }
  if (text.charCodeAt(at) === EQUALS) {
    at = skipBlanks(text, at + 1);
    at = text.charCodeAt(at) === QUOTE ? skipQuoted(text, at) : at;
  }
  const end = text.indexOf(';', at);
  return end < 0 ? text.length : end;
}

function needsQuotes(value: string): boolean {
  return value === '' || !/^[!#-'*+\-./0-9:=?@A-Z[\]^_`a-z|~$%]*$/.test(value);
}
