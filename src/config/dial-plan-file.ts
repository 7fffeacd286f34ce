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
  number: numberToDial.optional(),
  address: userAddress.optional(),
  weight: integer(1, 100).default(1),
  channels: integer(1, MOST_CHANNELS).optional(),
  hostedBy: name.optional(),
  riskGroups: list(name, 'risk groups').default([]),
});

const destination = mapping({
  name: label,
  addresses: table(address, 'addresses').default({}),
  channels: integer(1, MOST_CHANNELS).optional(),
  ringsFor: duration(ms(1_000), ms(300_000)).default(RINGS_FOR),
  takeOver: list(name, 'destinations').default([]),
});

const route = mapping({
  service: name,
  destination: name,
  trunk: name,
  number: numberToDial.optional(),
  address: name.optional(),
  hostedBy: name.optional(),
  tier: integer(1, 99),
});

// A route that is wrong is cut out, so that the others can still be checked under their own index.
const routes = list(route.optional(), 'routes');

const plan = mapping({
  name: label.optional(),
  routes: routes.optional(),
  next: list(name, 'plans').default([]),
});

/** The plan to which the routes at the top of the file belong. */
export const NORMAL_PLAN = 'normal';

/** The dial plan: what people dial, where it is answered, and over which trunks it gets there. */
export const dialPlanFileSchema = mapping({
  numbering: mapping({
    countryCode: prefix,
    internationalPrefix: prefix,
    nationalPrefix: prefix,
    outsideLinePrefixes: list(prefix, 'prefixes').default([]),
    networkPrefixes: list(prefix, 'prefixes').default([]),
    rewrites: list(mapping({ match: numberPattern, replace: replacement }), 'rewrite rules').default([]),
  }),
  services: table(
    mapping({
      class: choice('emergency', 'priority'),
      short: list(number, 'numbers').default([]),
      national: list(number, 'numbers').default([]),
      urns: list(urn, 'URNs').default([]),
    }),
    'services',
  ),
  destinations: table(destination, 'destinations'),
  routes: routes.optional(),
  plans: table(plan, 'plans').default({}),
  defaultPlan: name.default(NORMAL_PLAN),
});

export type DialPlanFile = z.infer<typeof dialPlanFileSchema>;
export type RouteEntry = z.infer<typeof route>;
export type AddressEntry = z.infer<typeof address>;
export type PlanEntry = z.infer<typeof plan>;
