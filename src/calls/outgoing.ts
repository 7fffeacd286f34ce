import type { AttemptId, CallId } from '../domain/ids.js';
import type { ServiceClass, SipAddress } from '../domain/network.js';
import type { PlannedAttempt } from '../domain/attempt.js';
import type { InviteRequest, ReceivedRequest } from '../ports/sip-server.js';
import { quote, smallNumber } from '../sip/chars.js';
import { header, sameName, withoutHeader } from '../sip/headers.js';
import type { Header } from '../sip/message.js';
import type { Variant } from './call.js';
import { callerNumber, fromOf, ownAddress } from './caller.js';
import { callIdentifier, hasCallIdentifier, hopMarker } from './marks.js';
import { plainContent, type Content } from './plain.js';
import { hasSdp } from '../sip/sdp-in-body.js';
import { travelling } from './travelling.js';

const MAX_FORWARDS = 70;
const MOST_FORWARDS = 255;
const LEAST_HOPS_FOR_EMERGENCY = 10;

/** The methods that a peer may use in a dialog with us. Without UPDATE in it no peer sends one (RFC 3311 5.1). */
export const ALLOW: Header = { name: 'Allow', value: 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE, PRACK' };

/** What an attempt's INVITE is made from. */
export interface AttemptSource {
  readonly request: ReceivedRequest;
  readonly class: ServiceClass;
  readonly callId: CallId;
  /** This gateway's name in the hop marker. */
  readonly site: string;
}

/** An attempt, as far as its INVITE is concerned. */
export interface OutgoingAttempt {
  readonly id: AttemptId;
  readonly planned: PlannedAttempt;
  readonly variant: Variant;
  readonly minSe?: number;
}

/**
 * The INVITE of an attempt: the caller's, with what belongs to the leg replaced.
 *
 * What the caller said travels on byte for byte: identities, location, Call-Info, bodies (DESIGN 4.1).
 */
export function inviteFor(source: AttemptSource, attempt: OutgoingAttempt): InviteRequest {
  const { route, trunk } = attempt.planned;
  const { uri, to } = targetOf(numberDialled(attempt), route.domain ?? trunk.address);
  const leg: readonly Header[] = [
    { name: 'From', value: from(source, attempt) },
    { name: 'To', value: `<${to}>` },
    { name: 'Max-Forwards', value: String(maxForwards(source)) },
    ALLOW,
    ...reliability(source, attempt),
    ...interval(attempt),
  ];
  const content = contentFor(source, attempt, leg);
  const { resend, ask } = attempt.planned.deadlines;
  const again = {
    ...(resend === undefined ? {} : { resendAfter: resend }),
    ...(ask === undefined ? {} : { askAfter: ask }),
  };
  return {
    trunk: trunk.id,
    uri,
    nextHop: trunk.address,
    headers: [...leg, ...content.headers],
    body: content.body,
    ...again,
  };
}

/** What an attempt dials on its trunk. */
export function numberDialled({ variant, planned: { route } }: Pick<OutgoingAttempt, 'variant' | 'planned'>): string {
  return variant === 'second-form' ? (route.secondNumber ?? route.number) : route.number;
}

/** What goes on of the caller's message, with our call identifier and our hop marker. */
function contentFor(source: AttemptSource, attempt: OutgoingAttempt, leg: readonly Header[]): Content {
  const { request, callId, site } = source;
  const ours: readonly Header[] = [
    ...(hasCallIdentifier(request.headers) ? [] : [callIdentifier(callId)]),
    hopMarker(site, attempt.id),
  ];
  const carried = identified(source, attempt, travelling(request.headers));
  return attempt.variant === 'plain'
    ? plainContent(request, carried, ours, leg)
    : { headers: [...typeFirst(typed(carried, request.body)), ...ours], body: request.body };
}

/** No SIP server sends a body whose type is not said (RFC 3261 20.15), and the call must not end over it. */
function typed(headers: readonly Header[], body: string): readonly Header[] {
  if (body === '' || headers.some(({ name }) => sameName(name, 'Content-Type'))) {
    return headers;
  }
  const value = body.startsWith('v=') ? 'application/sdp' : 'application/octet-stream';
  return [...headers, { name: 'Content-Type', value }];
}

/** drachtio-server drops every header behind one that it cannot read: what the body needs goes in front. */
function typeFirst(headers: readonly Header[]): readonly Header[] {
  const isType = ({ name }: Header): boolean => sameName(name, 'Content-Type');
  return [...headers.filter(isType), ...headers.filter((each) => !isType(each))];
}

/**
 * The identities that go on. On an emergency call the wish not to be shown ends here (DESIGN 8), on others it travels.
 * A trunk that refused the caller's number sees its own instead.
 */
function identified(source: AttemptSource, attempt: OutgoingAttempt, carried: readonly Header[]): readonly Header[] {
  const shown = source.class === 'emergency' ? withoutHeader(carried, 'Privacy') : carried;
  const own = ownNumberShown(attempt);
  if (own === undefined) {
    return shown;
  }
  const others = withoutHeader(shown, 'P-Asserted-Identity', 'P-Preferred-Identity', 'Remote-Party-ID', 'Identity');
  return [{ name: 'P-Asserted-Identity', value: ownAddress(own) }, ...others];
}

/** With its own number the trunk still gets the caller's, as the name: some of them show it at the far end. */
function from(source: AttemptSource, attempt: OutgoingAttempt): string {
  const { headers } = source.request;
  const own = ownNumberShown(attempt);
  if (own === undefined) {
    return fromOf(headers, attempt.planned.trunk.ownNumber);
  }
  const caller = callerNumber(headers);
  return caller === '' ? ownAddress(own) : `${quote(caller)} ${ownAddress(own)}`;
}

function ownNumberShown({ variant, planned }: OutgoingAttempt): string | undefined {
  return variant === 'own-number' ? planned.trunk.ownNumber : undefined;
}

/**
 * Reliable provisional responses (RFC 3262) are offered only where the trunk asks for them. Without an offer in the
 * INVITE the first of them would bring the offer, and its PRACK would have to hold the caller's answer: never then.
 */
function reliability(source: AttemptSource, { planned, variant }: OutgoingAttempt): readonly Header[] {
  const isWanted = planned.trunk.reliableProvisionals === true && variant !== 'plain' && hasSdp(source.request);
  return isWanted ? [{ name: 'Supported', value: '100rel' }] : [];
}

/** We ask for no session timer; whoever adds one on the way learns how short it may be (RFC 4028 5). */
function interval({ variant, minSe }: OutgoingAttempt): readonly Header[] {
  return variant === 'min-se' && minSe !== undefined ? [{ name: 'Min-SE', value: String(minSe) }] : [];
}

/**
 * Where an attempt goes, and what its To says. The user part is a number or a URN of the dial plan, checked when it was
 * loaded. No server sends a `urn:` Request-URI for us, so the URN stands in To (DESIGN 6).
 */
function targetOf(number: string, address: SipAddress): { readonly uri: string; readonly to: string } {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  const port = address.port === 5060 ? '' : `:${address.port}`;
  const transport = address.transport === 'udp' ? '' : `;transport=${address.transport}`;
  const isUrn = number.startsWith('urn:');
  const user = isUrn ? '112' : number.replaceAll('#', '%23');
  const uri = `sip:${user}@${host}${port}${transport};user=phone`;
  return { uri, to: isUrn ? number : uri };
}

function maxForwards(source: AttemptSource): number {
  const given = smallNumber(header(source.request.headers, 'Max-Forwards') ?? '');
  const left = given === undefined ? MAX_FORWARDS : Math.min(Math.max(given - 1, 0), MOST_FORWARDS);
  return source.class === 'emergency' ? Math.max(left, LEAST_HOPS_FOR_EMERGENCY) : left;
}
