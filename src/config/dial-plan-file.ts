import type { z } from 'zod';
import {
  choice,
  integer,
  label,
  name,
  number,
  numberPattern,
  numberToDial,
  prefix,
  replacement,
  urn,
} from './scalars.js';
import { list, mapping, table } from './shapes.js';

const route = mapping({
  service: name,
  destination: name,
  trunk: name,
  number: numberToDial,
  tier: integer(1, 99),
});

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
  destinations: table(mapping({ name: label }), 'destinations'),
  // A route that is wrong is cut out, so that the others can still be checked under their own index.
  routes: list(route.optional(), 'routes'),
});

export type DialPlanFile = z.infer<typeof dialPlanFileSchema>;
export type RouteEntry = z.infer<typeof route>;
