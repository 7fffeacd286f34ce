import { z } from 'zod';
import {
  id,
  type Brand,
  type CarrierId,
  type DestinationId,
  type IngressId,
  type ServiceId,
  type TrunkId,
} from '../../domain/ids.js';
import type { SavedHealth } from '../../domain/saved-health.js';
import { ms } from '../../domain/time.js';

const age = z.number().min(0).transform(ms);
const points = z.number().min(0);
const score = z.object({ score: points, isBad: z.boolean() });

function name<T extends Brand<string, string>>() {
  return z.string().transform((text) => id<T>(text));
}

const roundTrip = z.object({ smoothed: age, deviation: age, samples: z.number().int().min(0) });

const trunk = z.object({
  trunk: name<TrunkId>(),
  service: name<ServiceId>(),
  state: z.enum(['unproven', 'up', 'suspect', 'down', 'recovering']),
  cause: z.string(),
  age,
  proven: z.boolean(),
  probed: z.boolean(),
  holdDown: age,
  returnedAge: age.optional(),
  by: z.enum(['probe', 'call', 'line', 'carrier']).optional(),
  left: age.optional(),
  points,
  downPoints: points,
  mute: points,
  inVain: points.optional(),
  failures: points,
  rates: z.object({ half: score, tenth: score, cuts: score }),
  last: z
    .object({
      age,
      kind: z.enum([
        ...(['silent', 'stalled', 'refused', 'rejected', 'full', 'callee', 'number', 'config', 'loop'] as const),
        ...(['ours', 'cancelled', 'none'] as const),
      ]),
      reason: z.string(),
    })
    .optional(),
  roundTrip: roundTrip.optional(),
});

const carrier = z.object({
  carrier: name<CarrierId>(),
  service: name<ServiceId>(),
  state: z.enum(['present', 'doubted', 'absent', 'returning']),
  cause: z.string(),
  age,
});

const byHour = z.array(points).length(24);
const traffic = z.object({ ingress: name<IngressId>(), service: name<ServiceId>(), calls: byHour, hours: byHour });

/** A gateway has not nearly as many trunks and destinations. */
const mostTimes = 1_000;
const mostWays = 200;

const way = z.object({
  service: name<ServiceId>(),
  destination: name<DestinationId>(),
  late: age.optional(),
  raised: age,
});
const timesOfTrunk = z.object({
  trunk: name<TrunkId>(),
  age,
  firstResponse: roundTrip.optional(),
  firstProvisional: roundTrip.optional(),
  raised: age,
  ways: z.array(way).max(mostWays),
});

/** Times that cannot be read are learned anew. What is down must not be forgotten because of them. */
const times = z
  .array(z.unknown())
  .max(mostTimes)
  .catch([])
  .transform((all) => all.flatMap((each) => timesOfTrunk.safeParse(each).data ?? []));

const rings = z
  .array(z.unknown())
  .max(mostTimes)
  .catch([])
  .transform((all) => all.flatMap((each) => way.safeParse(each).data ?? []));

/** What a health file may hold. */
export const savedHealthSchema: z.ZodType<SavedHealth> = z.object({
  at: z.number(),
  trunks: z.array(trunk),
  carriers: z.array(carrier),
  traffic: z.array(traffic).default([]),
  times,
  rings,
});
