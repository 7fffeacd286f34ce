import type { z } from 'zod';
import { ms } from '../domain/time.js';
import { choice, cidr, duration, flag, host, integer, label, name, sipAddress, telephoneNumber } from './scalars.js';
import { list, mapping, table } from './shapes.js';

const riskGroups = list(name, 'risk groups').default([]);
const MAX_CHANNELS = 10_000;

const trunk = mapping({
  carrier: name,
  gateway: name.optional(),
  kind: choice('sip', 'e1', 'mobile'),
  address: sipAddress,
  channels: integer(1, MAX_CHANNELS),
  riskGroups,
  trusted180: flag.optional(),
  trusted183: flag.optional(),
  trustedBusy: flag.default(false),
  releaseDelay: duration(ms(0), ms(60_000)).default(ms(0)),
  reliableProvisionals: flag.default(false),
  ownNumber: telephoneNumber.optional(),
  probeInterval: duration(ms(100), ms(3_600_000)).default(ms(1_000)),
  enabled: flag.default(true),
});

/** The inventory: carriers, what can be lost together, and the hardware between us and the carriers. */
export const inventoryFileSchema = mapping({
  carriers: table(mapping({ name: label }), 'carriers'),
  riskGroups: table(label, 'what they are').default({}),
  sites: table(mapping({ name: label, riskGroups }), 'sites'),
  gateways: table(mapping({ family: name, site: name, address: host, riskGroups }), 'gateways').default({}),
  lines: table(
    mapping({
      gateway: name,
      trunk: name.optional(),
      kind: choice('e1', 'sim', 'sip'),
      channels: integer(1, MAX_CHANNELS),
      note: label.optional(),
    }),
    'lines',
  ).default({}),
  trunks: table(trunk, 'trunks'),
  ingresses: table(
    mapping({
      carrier: name.optional(),
      sources: list(cidr, 'CIDR blocks'),
      noPath: choice('hold', 'wilt').default('hold'),
    }),
    'ingresses',
  ),
});

export type InventoryFile = z.infer<typeof inventoryFileSchema>;
export type TrunkEntry = z.infer<typeof trunk>;
