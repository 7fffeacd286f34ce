import { QUOTE, quote, skipBlanks, skipQuoted, trimBlanks, unquote } from './chars.js';
import { paramIn, paramName, parseParams, printParams, splitParams, type Params } from './params.js';

/** A `name-addr` or `addr-spec` with the parameters of the header around it (RFC 3261 20.10). */
export interface NameAddr {
  /** Without quotes and escapes. Bytes: see `decodeUtf8`. */
  readonly display: string | undefined;
  readonly uri: string;
  readonly params: Params;
}

/** The parts of a value: all of it up to the end of the address, and what follows from the first `;` on. */
interface Parts {
  readonly display: string | undefined;
  readonly uri: string;
  readonly head: string;
  readonly rest: string;
}

/**
 * Reads one From, To, Contact, Route ... value. Without `<...>` all parameters belong to the header. Forgiven: a missing
 * `>`, quotes that are never closed, a quoted name before a bare URI. Undefined when there is no address at all.
 */
export function parseNameAddr(value: string): NameAddr | undefined {
  const { display, uri, rest } = takeApart(value);
  if (uri === '' && !value.includes('<')) {
    return undefined;
  }
  return { display, uri, params: parseParams(rest) };
}

/** Always with `<...>`, and with the name in quotes. */
export function printNameAddr(address: NameAddr): string {
  const display = address.display === undefined ? '' : `${quote(address.display)} `;
  return `${display}<${address.uri}>${printParams(address.params)}`;
}

/** The tag of a From or To value; undefined where there is none, or an empty one. */
export function tagOf(value: string): string | undefined {
  const usual = USUAL_TAG.exec(value);
  if (usual !== null) {
    return usual[1];
  }
  const tag = paramIn(takeApart(value).rest, 'tag');
  return tag === '' ? undefined : tag;
}

/** The same From or To value with this tag, in place of any other. The other parameters stay byte for byte. */
export function withTag(value: string, tag: string): string {
  const { head, rest } = takeApart(value);
  const others = splitParams(rest).filter((segment) => trimBlanks(segment) !== '' && paramName(segment) !== 'tag');
  return [head, `tag=${tag}`, ...others].join(';');
}

/** The same From or To value without its tag. Everything else stays byte for byte. */
export function withoutTag(value: string): string {
  const { head, rest } = takeApart(value);
  const segments = splitParams(rest);
  const isTagged = segments.some((segment) => paramName(segment) === 'tag');
  const kept = segments.filter((segment) => trimBlanks(segment) !== '' && paramName(segment) !== 'tag');
  const untouched = value.startsWith(head) ? value : head + rest;
  return isTagged ? [head, ...kept].join(';') : untouched;
}

/** The form of nearly every From and To: one address in brackets, and at most a tag behind it. */
const USUAL_TAG = /^[^"<>;=]*<[^<>"]*>(?:;tag=([^\s";,=]+))?$/;

function takeApart(value: string): Parts {
  const start = skipBlanks(value, 0);
  const name = quotedName(value, start);
  const from = start + name.length;
  const less = value.indexOf('<', from);
  return less < 0 || isBehindBareUri(value, from, less) ? bare(value, name, from) : bracketed(value, name, from, less);
}

/** The quoted display name at `start`, or nothing where there is none or it is never closed. */
function quotedName(value: string, start: number): string {
  if (value.charCodeAt(start) !== QUOTE) {
    return '';
  }
  const end = skipQuoted(value, start);
  return end === value.length ? '' : value.slice(start, end);
}

/** Whether the `<` at `less` stands in a parameter of an address without brackets. */
function isBehindBareUri(value: string, from: number, less: number): boolean {
  const semicolon = value.indexOf(';', from);
  return semicolon >= 0 && semicolon < less && value.slice(from, semicolon).includes(':');
}

function bracketed(value: string, name: string, from: number, less: number): Parts {
  const greater = value.indexOf('>', less);
  const uri = trimBlanks(value.slice(less + 1, greater < 0 ? value.length : greater));
  const head = greater < 0 ? `${value}>` : value.slice(0, greater + 1);
  const display = name === '' ? bareName(value.slice(from, less)) : unquote(name);
  return { display, uri, head, rest: greater < 0 ? '' : fromSemicolon(value, greater) };
}

function bareName(text: string): string | undefined {
  const name = trimBlanks(text);
  return name === '' ? undefined : name.startsWith('"') ? unquote(name) : name;
}

function bare(value: string, name: string, from: number): Parts {
  const semicolon = value.indexOf(';', from);
  const end = semicolon < 0 ? value.length : semicolon;
  const display = name === '' ? undefined : unquote(name);
  return { display, uri: trimBlanks(value.slice(from, end)), head: value.slice(0, end), rest: value.slice(end) };
}

function fromSemicolon(value: string, from: number): string {
  const semicolon = value.indexOf(';', from);
  return semicolon < 0 ? '' : value.slice(semicolon);
}
