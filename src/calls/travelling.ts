import { asciiLower } from '../sip/chars.js';
import { canonicalName } from '../sip/headers.js';
import type { Header } from '../sip/message.js';

/**
 * What belongs to a leg and is never copied to another (DESIGN 4.1): it names a hop, a dialog or a transaction, or says
 * what one peer can do. Beside the plain cases:
 * - User-Agent and Server name the sender of a leg, and that is us; carriers refuse the names that scanners use.
 * - Expires (RFC 3261 20.19) would stop the ringing of an emergency call; how long we search is our decision.
 * - Replaces, Join, Target-Dialog (RFC 3891, 3911, 4538) name dialogs that exist on the other leg only.
 * - Path, Service-Route, Security-* (RFC 3327, 3608, 3329) bind a user agent to its own registrar or proxy.
 */
const LEG_HEADERS: ReadonlySet<string> = new Set([
  'via', 'route', 'record-route', 'path', 'service-route', 'max-forwards',
  'from', 'to', 'contact', 'call-id', 'cseq', 'content-length',
  'require', 'supported', 'unsupported', 'allow', 'allow-events',
  'session-expires', 'min-se', 'rseq', 'rack', 'replaces', 'join', 'target-dialog', 'refer-to', 'refer-sub',
  'authorization', 'www-authenticate', 'authentication-info', 'date', 'timestamp', 'expires', 'retry-after',
  'user-agent', 'server', 'warning', 'security-client', 'security-server', 'security-verify',
]); // prettier-ignore

/** Orders of ours to the embedded engine, and credentials and demands that are for a proxy. */
const LEG_PREFIXES = ['x-noodroute-', 'proxy-'] as const;

/** RFC 3261 25.1: what else a header name holds makes the next hop refuse the whole message. */
const TOKEN = /^[!%'*+\-.0-9A-Z_`a-z~]+$/;

/**
 * The headers that go on from one leg to the other, their values byte for byte. Compact names are written out (RFC 3261
 * 7.3.3): the control connection does not know them all.
 */
export function travelling(headers: readonly Header[]): readonly Header[] {
  return headers
    .filter(travels)
    .map(({ name, value }) => ({ name: name.length === 1 ? canonicalName(name) : name, value }));
}

function travels({ name }: Header): boolean {
  const lower = asciiLower(canonicalName(name));
  return TOKEN.test(name) && !LEG_HEADERS.has(lower) && !LEG_PREFIXES.some((prefix) => lower.startsWith(prefix));
}
