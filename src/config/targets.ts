import type { SipAddress } from '../domain/network.js';
import { showAddress } from './address.js';
import { allWithin, coreOf, type Chains } from './risk-groups.js';
import type { AddressEntry, DialPlanFile, RouteEntry } from './dial-plan-file.js';

/** One thing that a route may dial. */
export interface Target {
  readonly number: string;
  readonly domain: SipAddress | undefined;
  /** The destination's name for it; undefined where the route says the number itself. */
  readonly address: string | undefined;
  readonly weight: number;
  /** The carrier that hosts the number, where the file says so. */
  readonly hostedBy: string | undefined;
  readonly riskGroups: readonly string[];
}

/**
 * What a route dials: its own number, else the address of its destination that it names, else any of them. Empty when the
 * file does not say.
 */
export function targetsOf(route: RouteEntry, { destinations }: DialPlanFile): readonly Target[] {
  const { number, hostedBy } = route;
  if (number !== undefined) {
    return [{ number, domain: undefined, address: undefined, weight: 1, hostedBy, riskGroups: [] }];
  }
  return Object.entries(destinations[route.destination]?.addresses ?? {})
    .filter(([name]) => route.address === undefined || route.address === name)
    .flatMap(([name, entry]) => targetOf(name, entry) ?? []);
}

/** An address of a destination as something to dial. Undefined when it has neither a number nor a SIP address. */
export function targetOf(address: string, entry: AddressEntry): Target | undefined {
  const { weight, hostedBy, riskGroups } = entry;
  const number = entry.number ?? entry.address?.user;
  const domain = entry.number === undefined ? entry.address?.domain : undefined;
  return number === undefined ? undefined : { number, domain, address, weight, hostedBy, riskGroups };
}

/** The name of a route: the same in every plan. */
export function routeKey({ service, trunk }: RouteEntry, { number, domain }: Target): string {
  return `${service}/${trunk}/${number}${domain === undefined ? '' : `@${showAddress(domain)}`}`;
}

/** What a target is lost with: its host's network, what the file names beside, and all that these are lost with. */
export function targetGroups({ hostedBy, riskGroups }: Target, chains: Chains): readonly string[] {
  return allWithin([...(hostedBy === undefined ? [] : [coreOf(hostedBy)]), ...riskGroups], chains);
}
