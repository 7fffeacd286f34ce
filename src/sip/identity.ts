import { asciiLower } from './chars.js';
import { headerValues, type Header } from './headers.js';
import { parseNameAddr, type NameAddr } from './name-addr.js';
import { parseUri } from './uri.js';

/** Who the caller says to be, or is said to be. */
export interface CallerIdentity {
  /** Empty for the source `none`. */
  readonly uri: string;
  /** The display name as bytes: see `decodeUtf8`. */
  readonly display: string | undefined;
  readonly source: 'P-Asserted-Identity' | 'Remote-Party-ID' | 'From' | 'none';
  /** Whether it names nobody. A number that only asks not to be shown (Privacy) is not anonymous. */
  readonly anonymous: boolean;
}

/** Best first: the network's word (RFC 3325), then the older Remote-Party-ID, then the caller's own. */
const SOURCES = ['P-Asserted-Identity', 'Remote-Party-ID', 'From'] as const;
const NOBODY: CallerIdentity = { uri: '', display: undefined, source: 'none', anonymous: true };
const NAMELESS: ReadonlySet<string> = new Set(['', 'anonymous', 'unavailable', 'unknown', 'restricted', 'private']);

/** Every identity that the headers hold, best first. Values that hold no address are left out. */
export function callerIdentities(headers: readonly Header[]): readonly CallerIdentity[] {
  return SOURCES.flatMap((source) =>
    headerValues(headers, source).flatMap((value) => {
      const address = parseNameAddr(value);
      return address === undefined ? [] : [identity(source, address)];
    }),
  );
}

/** The best identity that names somebody; else the best one; else the source `none`. */
export function callerIdentity(headers: readonly Header[]): CallerIdentity {
  const all = callerIdentities(headers);
  return all.find((each) => !each.anonymous) ?? all[0] ?? NOBODY;
}

function identity(source: CallerIdentity['source'], { uri, display }: NameAddr): CallerIdentity {
  return { uri, display, source, anonymous: isAnonymous(uri) };
}

function isAnonymous(text: string): boolean {
  const uri = parseUri(text);
  if (uri.scheme === 'tel') {
    return NAMELESS.has(asciiLower(uri.number));
  }
  if (uri.scheme === 'sip' || uri.scheme === 'sips') {
    return NAMELESS.has(asciiLower(uri.user ?? '')) || asciiLower(uri.host) === 'anonymous.invalid';
  }
  return uri.scheme === 'other';
}
