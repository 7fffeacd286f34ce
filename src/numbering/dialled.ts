import { parseUri, type SipUri } from '../sip/uri.js';

/** What a URI asks for: a URN, or a number. */
export type Dialled =
  | { readonly kind: 'urn'; /** Lower case. */ readonly urn: string; readonly written: string }
  | {
      readonly kind: 'number';
      /** Digits, with a leading `+` where it has one. */
      readonly digits: string;
      /** The phone-context (RFC 3966 5.1.5). */
      readonly context: string | undefined;
      readonly written: string;
    };

const MAX_NUMBER = 128;

/**
 * What a URI asks for: escapes decoded, separators, parameters of the user part and a last `#` taken away. A number may
 * also stand where the host should be (`sip:112`), or without a scheme (`112`, `112@host`). Undefined for anything else.
 */
export function dialled(text: string): Dialled | undefined {
  const uri = parseUri(text);
  if (uri.scheme === 'urn') {
    return toUrn(`urn:${uri.nid}:${uri.nss}`);
  }
  if (uri.scheme === 'tel') {
    return toNumber(before(uri.number, '@'), uri.params.get('phone-context'));
  }
  return uri.scheme === 'other' ? toNumber(before(text.trim(), '@'), undefined) : fromSip(uri, text);
}

function fromSip(uri: SipUri, text: string): Dialled | undefined {
  const urn = text.slice(text.indexOf(':') + 1);
  if (/^urn:/i.test(urn)) {
    return toUrn(urn);
  }
  const context = uri.params.get('phone-context');
  if (uri.user === undefined) {
    return uri.host.includes('.') ? undefined : toNumber(uri.host, context);
  }
  return toNumber(before(uri.user, '@'), context);
}

function toUrn(text: string): Dialled {
  const written = text.split(/[;?#@>]/, 1)[0] ?? '';
  return { kind: 'urn', urn: unescape(written).toLowerCase(), written };
}

function toNumber(text: string, outerContext: string | undefined): Dialled | undefined {
  const [written = '', ...params] = unescape(text).split(';');
  const digits = written.replace(/[-.() ]/g, '').replace(/#$/, '');
  if (digits.length > MAX_NUMBER || !/^\+?[0-9]+$/.test(digits)) {
    return undefined;
  }
  const inner = params.find((param) => /^phone-context=/i.test(param))?.slice('phone-context='.length);
  return { kind: 'number', digits, context: unescape(inner ?? outerContext ?? '') || undefined, written };
}

function unescape(text: string): string {
  return text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function before(text: string, mark: string): string {
  return text.split(mark, 1)[0] ?? '';
}
