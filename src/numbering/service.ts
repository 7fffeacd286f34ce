import type { ServiceId } from '../domain/ids.js';
import { header, type Header } from '../sip/headers.js';
import { parseNameAddr } from '../sip/name-addr.js';
import { dialled, type Dialled } from './dialled.js';
import { formsOf } from './forms.js';
import type { NumberingPlan, Rewrite, ServiceNumbers } from './plan.js';

export type { NumberingPlan, ServiceNumbers } from './plan.js';

/** Which service a request asks for, where it says so, and the number or URN as it is written there. */
export type Recognition =
  | { readonly service: ServiceId; readonly from: 'request-uri' | 'to'; readonly form: string }
  | undefined;

interface Candidate {
  readonly from: 'request-uri' | 'to';
  readonly dialled: Dialled;
}

/**
 * The service that a request asks for; undefined when it asks for none.
 *
 * The Request-URI decides. Where it names no service (an address, a direct line), the To does; but a URN says what it
 * wants, so `urn:service:test.sos` stays a test. Emergency numbers are looked for before any rewrite rule and after it:
 * no rule can turn 112 into something else. Never throws.
 */
export function recognise(
  request: { readonly uri: string; readonly headers: readonly Header[] },
  plan: NumberingPlan,
): Recognition {
  const candidates = candidatesOf(request, plan);
  return (
    firstMatch(candidates, (seen) => emergencyOnly(lookUp(seen, plan))) ??
    firstMatch(candidates, (seen) => lookUp(rewritten(seen, plan.rewrites ?? []), plan))
  );
}

function candidatesOf(
  request: { readonly uri: string; readonly headers: readonly Header[] },
  plan: NumberingPlan,
): readonly Candidate[] {
  const asked = dialled(request.uri);
  const first: readonly Candidate[] = asked === undefined ? [] : [{ from: 'request-uri', dialled: asked }];
  if (asked !== undefined && (asked.kind === 'urn' || lookUp(asked, plan) !== undefined)) {
    return first;
  }
  const to = dialledInTo(request.headers);
  return to === undefined ? first : [...first, { from: 'to', dialled: to }];
}

/** Without `<...>`, the phone-context of a number is read as a parameter of the header. */
function dialledInTo(headers: readonly Header[]): Dialled | undefined {
  const address = parseNameAddr(header(headers, 'To') ?? '');
  const found = address === undefined ? undefined : dialled(address.uri);
  return found?.kind === 'number'
    ? { ...found, context: found.context ?? address?.params.get('phone-context') }
    : found;
}

function firstMatch(
  candidates: readonly Candidate[],
  find: (seen: Dialled) => ServiceNumbers | undefined,
): Recognition {
  for (const { from, dialled } of candidates) {
    const service = find(dialled);
    if (service !== undefined) {
      return { service: service.id, from, form: dialled.written };
    }
  }
  return undefined;
}

function emergencyOnly(service: ServiceNumbers | undefined): ServiceNumbers | undefined {
  return service?.class === 'emergency' ? service : undefined;
}

function lookUp(seen: Dialled, plan: NumberingPlan): ServiceNumbers | undefined {
  const { numbers, short, urns } = formsOf(plan);
  if (seen.kind === 'number') {
    return (isForeign(seen, plan) ? short : numbers).get(seen.digits);
  }
  for (const [urn, service] of urns) {
    if (seen.urn === urn || seen.urn.startsWith(`${urn}.`)) {
      return service;
    }
  }
  return undefined;
}

/** Whether the number is local to another country. 112 is asked for there too, and still rings here. */
function isForeign({ digits, context }: Dialled & { kind: 'number' }, plan: NumberingPlan): boolean {
  return !digits.startsWith('+') && context?.startsWith('+') === true && !context.startsWith(`+${plan.countryCode}`);
}

function rewritten(seen: Dialled, rewrites: readonly Rewrite[]): Dialled {
  if (seen.kind === 'urn') {
    return seen;
  }
  for (const { match, replace } of rewrites) {
    const start = match.endsWith('*') ? match.slice(0, -1) : undefined;
    if (start !== undefined && seen.digits.startsWith(start)) {
      return { ...seen, digits: `${replace}${seen.digits.slice(start.length)}` };
    }
    if (seen.digits === match) {
      return { ...seen, digits: replace };
    }
  }
  return seen;
}
