import { asciiLower } from '../sip/chars.js';
import { canonicalName, headerValues, sameName } from '../sip/headers.js';
import type { Header } from '../sip/message.js';
import { isCallIdentifier, isHopMarker } from './marks.js';
import { hasSdp, sdpIn } from '../sip/sdp-in-body.js';

/** RFC 3261 18.1.1: above this a UDP request may be cut on its way, or has to go over TCP. */
const PLAIN_AT_MOST = 1_300;
/** What the SIP server adds: start line, Via, Call-ID, CSeq, Contact, From tag, Content-Length. */
const SERVER_ADDS = 420;

/** Says who calls, or keeps the call's place. Goes on however large the message is. */
const ESSENTIAL: ReadonlySet<string> = new Set([
  'p-asserted-identity', 'p-preferred-identity', 'remote-party-id', 'privacy', 'priority',
]); // prettier-ignore

/**
 * What a trunk may have refused the richer message for: what describes the parts of the body that are gone, signatures
 * over it (RFC 8224), and priorities that it may not know (RFC 4412 answers 417).
 */
const TOO_RICH: ReadonlySet<string> = new Set([
  'content-type', 'content-disposition', 'content-encoding', 'content-id', 'content-language', 'content-transfer-encoding',
  'mime-version', 'identity', 'identity-info', 'resource-priority',
]); // prettier-ignore

/** What a message holds beside what belongs to its leg. */
export interface Content {
  readonly headers: readonly Header[];
  readonly body: string;
}

/**
 * The same call once more, plain: its session description alone, nothing required, and other headers only while the
 * message stays under 1,300 bytes. Identity, call identifier and hop markers always stay. A description that we cannot
 * read (an encoded body) stays as it is: to drop it would turn the caller's offer into none.
 *
 * @param carried what would travel on.
 * @param ours what we add to it.
 * @param leg the headers of the leg: their bytes count.
 */
export function plainContent(
  request: Content,
  carried: readonly Header[],
  ours: readonly Header[],
  leg: readonly Header[],
): Content {
  const sdp = sdpIn(request);
  if (sdp === undefined && hasSdp(request)) {
    return { headers: [...carried, ...ours], body: request.body };
  }
  const body = sdp ?? '';
  const described = body === '' ? [] : [{ name: 'Content-Type', value: 'application/sdp' }];
  const wanted = carried.flatMap(simplified);
  const essential = wanted.filter(isEssential);
  let room = PLAIN_AT_MOST - SERVER_ADDS - size([...leg, ...ours, ...described, ...essential]) - body.length;
  const kept = wanted.filter((each) => {
    if (isEssential(each)) {
      return true;
    }
    const fits = size([each]) <= room;
    room -= fits ? size([each]) : 0;
    return fits;
  });
  return { headers: [...described, ...kept, ...ours], body };
}

/** The header without what points into a part of the body that is gone (`cid:`, RFC 2392). */
function simplified(each: Header): readonly Header[] {
  if (TOO_RICH.has(asciiLower(canonicalName(each.name)))) {
    return [];
  }
  if (!/<\s*cid:/i.test(each.value)) {
    // The call identifier must not be lost with a long neighbour in the same line.
    return sameName(each.name, 'Call-Info') ? values(each) : [each];
  }
  return values(each).filter(({ value }) => !/<\s*cid:/i.test(value));
}

function values(each: Header): readonly Header[] {
  return headerValues([each], each.name).map((value) => ({ name: each.name, value }));
}

function isEssential(each: Header): boolean {
  return (
    ESSENTIAL.has(asciiLower(each.name)) ||
    isHopMarker(each) ||
    (sameName(each.name, 'Call-Info') && isCallIdentifier(each.value))
  );
}

/** About how many bytes a request of ours with this content has on the wire. */
export function bytesOf({ headers, body }: Content): number {
  return SERVER_ADDS + size(headers) + body.length;
}

function size(headers: readonly Header[]): number {
  return headers.reduce((total, { name, value }) => total + name.length + value.length + 4, 0);
}
