import { asciiLower, trimBlanks } from './chars.js';
import { parseHostPort, printHostPort } from './host-port.js';
import { NO_PARAMS, type Params } from './params.js';

/** A SIP or SIPS URI (RFC 3261 19.1). All parts as written, escapes kept; an IPv6 host without its brackets. */
export interface SipUri {
  readonly scheme: 'sip' | 'sips';
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly host: string;
  readonly port: number | undefined;
  readonly params: Params;
  /** What follows the `?`. */
  readonly headers: string | undefined;
}

/** A telephone number (RFC 3966). The number as written, visual separators kept. */
export interface TelUri {
  readonly scheme: 'tel';
  readonly number: string;
  readonly params: Params;
}

/** A URN (RFC 8141), such as `urn:service:sos.police` (RFC 5031). Upper and lower case as written. */
export interface UrnUri {
  readonly scheme: 'urn';
  readonly nid: string;
  readonly nss: string;
}

/** Anything else, as written. */
export interface OtherUri {
  readonly scheme: 'other';
  readonly text: string;
}

export type Uri = SipUri | TelUri | UrnUri | OtherUri;

/**
 * Reads a URI. Never fails: what cannot be read is `other`. Forgiven: `<...>` around it, any case of the scheme, a port
 * that is no port (left away), an `@` in the user part.
 */
export function parseUri(text: string): Uri {
  const uri = withoutBrackets(text);
  const colon = uri.indexOf(':');
  const scheme = asciiLower(uri.slice(0, Math.max(colon, 0)));
  const rest = uri.slice(colon + 1);
  if ((scheme === 'sip' || scheme === 'sips') && rest !== '') {
    return parseSip(scheme, rest);
  }
  if (scheme === 'tel' && rest !== '') {
    const [number, after] = cut(rest, rest.indexOf(';'));
    return { scheme, number, params: parseUriParams(after) };
  }
  return (scheme === 'urn' ? parseUrn(rest) : undefined) ?? { scheme: 'other', text };
}

/** The URI as text. `parseUri` of it gives the same URI. */
export function printUri(uri: Uri): string {
  if (uri.scheme === 'tel') {
    return `tel:${uri.number}${printUriParams(uri.params)}`;
  }
  if (uri.scheme === 'urn') {
    return `urn:${uri.nid}:${uri.nss}`;
  }
  return uri.scheme === 'other' ? uri.text : printSip(uri);
}

function withoutBrackets(text: string): string {
  const trimmed = trimBlanks(text);
  return trimmed.startsWith('<') && trimmed.endsWith('>') ? trimBlanks(trimmed.slice(1, -1)) : trimmed;
}

function parseSip(scheme: 'sip' | 'sips', text: string): SipUri {
  const at = userEnd(text);
  const colon = text.indexOf(':');
  const hasPassword = colon >= 0 && colon < at;
  const user = at < 0 ? undefined : text.slice(0, hasPassword ? colon : at);
  const password = hasPassword ? text.slice(colon + 1, at) : undefined;
  const question = text.indexOf('?', at + 1);
  const end = question < 0 ? text.length : question;
  const semicolon = text.indexOf(';', at + 1);
  const hasParams = semicolon >= 0 && semicolon < end;
  const { host, port } = parseHostPort(text.slice(at + 1, hasParams ? semicolon : end));
  const params = hasParams ? parseUriParams(text.slice(semicolon + 1, end)) : NO_PARAMS;
  return { scheme, user, password, host, port, params, headers: question < 0 ? undefined : text.slice(question + 1) };
}

/** The `@` before the host: the first one, or the last of those before the host's parameters. */
function userEnd(text: string): number {
  const first = text.indexOf('@');
  if (first < 0) {
    return -1;
  }
  const semicolon = text.indexOf(';', first);
  const end = semicolon < 0 ? text.length : semicolon;
  const question = text.indexOf('?', first);
  return text.lastIndexOf('@', question < 0 ? end : Math.min(end, question));
}

function parseUrn(rest: string): UrnUri | undefined {
  const [nid, nss] = cut(rest, rest.indexOf(':'));
  return nid === '' || nss === undefined || nss === '' ? undefined : { scheme: 'urn', nid, nss };
}

/** The text before and after one character; the second is undefined where there is no such character. */
function cut(text: string, at: number): readonly [string, string | undefined] {
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + 1)];
}

function printSip(uri: SipUri): string {
  const password = uri.password === undefined ? '' : `:${uri.password}`;
  const userInfo = uri.user === undefined ? '' : `${uri.user}${password}@`;
  const headers = uri.headers === undefined ? '' : `?${uri.headers}`;
  return `${uri.scheme}:${userInfo}${printHostPort(uri)}${printUriParams(uri.params)}${headers}`;
}

/** Quotes and blanks mean nothing in a URI: a value is what stands there. */
function parseUriParams(text: string | undefined): Params {
  if (text === undefined) {
    return NO_PARAMS;
  }
  const params = new Map<string, string | undefined>();
  for (const segment of text.split(';')) {
    const [name, value] = cut(segment, segment.indexOf('='));
    const key = asciiLower(trimBlanks(name));
    if (key !== '' && !params.has(key)) {
      params.set(key, value);
    }
  }
  return params;
}

function printUriParams(params: Params): string {
  let text = '';
  for (const [name, value] of params) {
    text += value === undefined ? `;${name}` : `;${name}=${value}`;
  }
  return text;
}
