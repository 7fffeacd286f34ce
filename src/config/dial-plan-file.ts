import type { z } from 'zod';
import { ms } from '../domain/time.js';
import {
  choice,
  duration,
  integer,
  label,
  name,
  number,
  numberPattern,
  numberToDial,
  prefix,
  replacement,
  urn,
  userAddress,
} from './scalars.js';
import { list, mapping, table } from './shapes.js';

const MOST_CHANNELS = 10_000;
/** A control room that lets it ring is given so long before another one is tried as well. */
const RINGS_FOR = ms(25_000);

const address = mapping({
  number: numberToDial.optional().describe('The number to dial. Dashes, dots and spaces do not count.'),
  address: userAddress.optional().describe('Or a SIP address of its own: `112@192.0.2.50`.'),
  weight: integer(1, 100).default(1).describe('Its share of the calls, against the other addresses.'),
  channels: integer(1, MOST_CHANNELS)
    .optional()
    .describe('Calls that it can take at once. While it has so many, calls go to the next address.'),
  hostedBy: name
    .optional()
    .describe('The carrier that hosts the number. It is lost with that network, whoever dials it.'),
  riskGroups: list(name, 'risk groups').default([]).describe('What else it is lost with.'),
});

const destination = mapping({
  name: label.describe('What people call it.'),
  addresses: table(address, 'addresses')
    .default({})
    .describe('Where it answers. Not needed where its routes say themselves what to dial.'),
  channels: integer(1, MOST_CHANNELS)
    .optional()
    .describe(
      'Calls that it can answer at once, over all addresses. While it has so many, calls go to the next of `takeOver`; where all are full, it is tried all the same.',
    ),
  ringsFor: duration(ms(1_000), ms(300_000))
    .default(RINGS_FOR)
    .describe('How long it may ring before the next of `takeOver` is tried as well. 20 to 30 s is customary.'),
  takeOver: list(name, 'destinations')
    .default([])
    .describe(
      'Who is tried when it rings too long or is truly busy, in this order. Two may take over from each other.',
    ),
});

const route = mapping({
  service: name.describe('The service that it carries.'),
  destination: name.describe('Where it leads to.'),
  trunk: name.describe('The trunk that it goes over.'),
  number: numberToDial.optional().describe('What to dial there.'),
  address: name.optional().describe('Or which address of the destination. Neither: any of them, by weight.'),
  hostedBy: name.optional().describe('The carrier that hosts `number`.'),
  tier: integer(1, 99).describe('Lower tiers are tried first. Within a tier the gateway chooses.'),
});

// A route that is wrong is cut out, so that the others can still be checked under their own index.
const routes = list(route.optional(), 'routes');

const plan = mapping({
  name: label.optional().describe('What people call it.'),
  routes: routes.optional().describe('The routes that are in force with it.'),
  next: list(name, 'plans').default([]).describe('The plans that are tried when all of its attempts failed, in order.'),
});

const numbering = mapping({
  countryCode: prefix.describe('Without plus: `31`.'),
  internationalPrefix: prefix.describe('What is dialled before a country code: `00`.'),
  nationalPrefix: prefix.describe('What is dialled before an area code: `0`.'),
  outsideLinePrefixes: list(prefix, 'prefixes')
    .default([])
    .describe('What a PBX may leave in front of a short code: with `9`, 9112 is 112 too.'),
  networkPrefixes: list(prefix, 'prefixes')
    .default([])
    .describe('What a carrier may put in front of a short code to route it: `0140`.'),
  rewrites: list(
    mapping({
      match: numberPattern.describe('A number, or the start of one and a `*`.'),
      replace: replacement.describe('What stands in the place of the part that matched.'),
    }),
    'rewrite rules',
  )
    .default([])
    .describe(
      'Changes of a dialled number. The first that matches is applied, once; none can hide an emergency number.',
    ),
});

const service = mapping({
  class: choice('emergency', 'priority').describe(
    'emergency: never refused, tried until answered. priority: waits or is shed first.',
  ),
  short: list(number, 'numbers').default([]).describe('Short codes: `112`.'),
  national: list(number, 'numbers').default([]).describe('Numbers in national form: `0900-8844`.'),
  urns: list(urn, 'URNs').default([]).describe('Service URNs. Each stands for all below it too.'),
});

/** The plan to which the routes at the top of the file belong. */
export const NORMAL_PLAN = 'normal';

/** The dial plan: what people dial, where it is answered, and over which trunks it gets there. */
export const dialPlanFileSchema = mapping({
  numbering: numbering.describe('How numbers are written where the gateway stands.'),
  services: table(service, 'services').describe('What people dial.'),
  destinations: table(destination, 'destinations').describe('The answering points.'),
  routes: routes.optional().describe('The routes of the plan `normal`. A file with one plan needs no more.'),
  plans: table(plan, 'plans').default({}).describe('Named sets of routes, each of which can be put in force.'),
  defaultPlan: name.default(NORMAL_PLAN).describe('The plan that is in force at start.'),
});

export type DialPlanFile = z.infer<typeof dialPlanFileSchema>;
export type RouteEntry = z.infer<typeof route>;
export type AddressEntry = z.infer<typeof address>;
export type PlanEntry = z.infer<typeof plan>;
