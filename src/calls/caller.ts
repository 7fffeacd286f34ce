import { callerIdentities, callerIdentity } from '../sip/identity.js';
import type { Header } from '../sip/message.js';
import { parseNameAddr, printNameAddr, withoutTag } from '../sip/name-addr.js';
import { header } from '../sip/headers.js';
import { parseUri } from '../sip/uri.js';

const ANONYMOUS = '<sip:anonymous@anonymous.invalid>';

/** A From that any parser reads: a name, quoted or of bare words, and an address in brackets; or a bare address. */
const CLEAN_FROM =
  /^(?:(?:"(?:[^"\\]|\\.)*"|[-.!%*_+`'~0-9A-Za-z ]*)\s*<[^<>"\s]+>|[^<>";,?\s]+)(?:\s*;[^<>"]*(?:"(?:[^"\\]|\\.)*"[^<>"]*)*)?$/;

/** The number of a caller, or what stands for it; empty where nobody is named. */
export function callerNumber(headers: readonly Header[]): string {
  const identity = callerIdentity(headers);
  return identity.anonymous ? '' : numberIn(identity.uri);
}

/** The user part of a sip: URI, the number of a tel: URI, else the URI itself. */
function numberIn(text: string): string {
  const uri = parseUri(text);
  switch (uri.scheme) {
    case 'sip':
    case 'sips':
      return uri.user ?? uri.host;
    case 'tel':
      return uri.number;
    case 'urn':
    case 'other':
      return text;
  }
}

/**
 * The From of an attempt, without a tag: the SIP server gives the leg one of its own.
 *
 * What the caller sent goes on byte for byte, display name and parameters too. Where the grammar is broken it is written
 * anew with the same bytes in it, since a server that cannot read From sends nothing at all. Where From names no address:
 * P-Asserted-Identity, Remote-Party-ID, the trunk's own number, nobody, in this order (DESIGN 8).
 */
export function fromOf(headers: readonly Header[], ownNumber: string | undefined): string {
  const value = header(headers, 'From') ?? '';
  const from = parseNameAddr(value);
  if (from !== undefined && isAddress(from.uri)) {
    const untagged = withoutTag(value);
    return CLEAN_FROM.test(untagged) ? untagged : printNameAddr({ ...from, params: new Map() });
  }
  const other = callerIdentities(headers).find(({ uri, source }) => source !== 'From' && isAddress(uri));
  if (other !== undefined) {
    return printNameAddr({ display: other.display, uri: other.uri, params: new Map() });
  }
  return ownNumber === undefined ? ANONYMOUS : ownAddress(ownNumber);
}

/**
 * The trunk's own number as an address. The SIP server puts its own host in the place of `localhost`.
 */
export function ownAddress(ownNumber: string): string {
  return `<sip:${ownNumber}@localhost;user=phone>`;
}

/** Whether a URI can stand in a header: it has a scheme that telephony knows, and nothing that ends it early. */
function isAddress(text: string): boolean {
  const uri = parseUri(text);
  const isKnown = uri.scheme === 'tel' || ((uri.scheme === 'sip' || uri.scheme === 'sips') && uri.host !== '');
  return isKnown && !/[<>"\s]/.test(text);
}
