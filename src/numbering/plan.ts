import type { ServiceId } from '../domain/ids.js';
import type { ServiceClass } from '../domain/network.js';

/** The numbers and URNs by which people and networks ask for one service. Digits only. */
export interface ServiceNumbers {
  readonly id: ServiceId;
  readonly class: ServiceClass;
  /** Short codes, such as `112`. They have no area and no premium prefix. */
  readonly short: readonly string[];
  /** Ordinary numbers in national form, such as `09008844`. */
  readonly national: readonly string[];
  /** Such as `urn:service:sos`, which also stands for its sub-services (`urn:service:sos.police`). */
  readonly urns: readonly string[];
}

/** A change of a dialled number, before it is looked up. */
export interface Rewrite {
  /** The whole number, or with a last `*` the start of it. Digits, with a leading `+` where it has one. */
  readonly match: string;
  /** What stands in the place of the part that matched. */
  readonly replace: string;
}

/** How numbers are written where the gateway stands, and which of them are services. */
export interface NumberingPlan {
  readonly services: readonly ServiceNumbers[];
  /** Without plus: `31`. */
  readonly countryCode: string;
  readonly internationalPrefix: string;
  readonly nationalPrefix: string;
  /** What a PBX may leave in front of a short code: `0`, `9`. */
  readonly outsideLinePrefixes: readonly string[];
  /** What a carrier may put in front of a short code to route it: `0140`. */
  readonly networkPrefixes: readonly string[];
  /** The first that matches is applied, once. None of them can hide an emergency number. */
  readonly rewrites?: readonly Rewrite[];
}
