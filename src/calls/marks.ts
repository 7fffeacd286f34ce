import { id, type AttemptId, type CallId } from '../domain/ids.js';
import { asciiLower } from '../sip/chars.js';
import { headerValues, sameName } from '../sip/headers.js';
import type { Header } from '../sip/message.js';
import { parseParams } from '../sip/params.js';

const IDENTIFIER = /^<urn:emergency:uid:callid:([^:>]+):noodroute>/;

/** The NENA call identifier, the same on every attempt: the PSAP's key against doubles (NENA-STA-010, 2.1.6). */
export function callIdentifier(callId: CallId): Header {
  return { name: 'Call-Info', value: `<urn:emergency:uid:callid:${callId}:noodroute>;purpose=emergency-CallId` };
}

/** Whether a Call-Info value is a NENA call identifier, of whoever made it. */
export function isCallIdentifier(value: string): boolean {
  return /;\s*purpose\s*=\s*"?emergency-callid\b/i.test(value);
}

/** Whether the call has an identifier already. */
export function hasCallIdentifier(headers: readonly Header[]): boolean {
  return headerValues(headers, 'Call-Info').some(isCallIdentifier);
}

/** The calls whose identifier was made by a gateway such as this one. */
export function identifiedCalls(headers: readonly Header[]): readonly CallId[] {
  return headerValues(headers, 'Call-Info')
    .filter(isCallIdentifier)
    .flatMap((value) => IDENTIFIER.exec(value)?.[1] ?? [])
    .map((text) => id<CallId>(text));
}

/** Not `X-Noodroute-`: those are orders to the embedded engine, which takes them out. */
const MARKER = 'X-Passed-Through';
const PRODUCT = 'noodroute';

/** The trace that each gateway leaves on the INVITEs that it sends: who it is, and on which attempt. */
export function hopMarker(site: string, attempt: AttemptId): Header {
  return { name: MARKER, value: `${PRODUCT};site=${site};attempt=${attempt}` };
}

/** Whether a header is a hop marker, ours or of another gateway. */
export function isHopMarker({ name }: Header): boolean {
  return sameName(name, MARKER);
}

/** The attempt that left the marker of this site; undefined where a message did not pass here before. */
export function markedAttempt(headers: readonly Header[], site: string): AttemptId | undefined {
  for (const value of headerValues(headers, MARKER)) {
    // Some boxes join repeated headers that they do not know with commas.
    for (const mark of value.split(',')) {
      const semicolon = mark.indexOf(';');
      const params = parseParams(mark.slice(semicolon));
      const isOurs =
        asciiLower(mark.slice(0, Math.max(semicolon, 0)).trim()) === PRODUCT && params.get('site') === site;
      if (isOurs) {
        return id<AttemptId>(params.get('attempt') ?? '');
      }
    }
  }
  return undefined;
}
