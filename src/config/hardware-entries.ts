import type { z } from 'zod';
import {
  choice,
  filePath,
  flag,
  host,
  integer,
  label,
  name,
  telephoneNumber,
  userName,
  variableName,
} from './scalars.js';
import { labelOr, list, mapping } from './shapes.js';

const MAX_CHANNELS = 10_000;
const riskGroups = list(name, 'risk groups').default([]);

/** Something that can be lost, and what it is lost with. */
export const riskGroup = labelOr(
  mapping({
    name: label.describe('What it is.'),
    riskGroups: riskGroups.describe(
      'What it is lost with itself: a fibre with its duct, a leased line with its owner.',
    ),
  }),
);

/** A part of the media world. */
export const zone = labelOr(
  mapping({
    name: label.describe('What people call it.'),
    reaches: list(name, 'zones').default([]).describe('Other zones to and from which RTP flows without a relay.'),
  }),
);

/** Who we say we are, and where the password is. Never the password itself. */
export const credentials = mapping({
  user: userName.describe('The name that the carrier gave us.'),
  realm: label.optional().describe('Answer this realm only. By default any.'),
  secretFile: filePath.optional().describe('A file whose first line is the password. Relative to the site file.'),
  secretVariable: variableName.optional().describe('An environment variable that holds the password.'),
});

/** A box that leads to lines. */
export const gateway = mapping({
  family: name.describe('The kind of box: one of the folders of hardware/ where there is a profile for it.'),
  model: label.optional().describe('The type that is written on it.'),
  firmware: label.optional().describe('The version that was accepted.'),
  site: name.describe('Where it stands.'),
  address: host.describe('Where it speaks SIP.'),
  management: mapping({
    address: host.describe('Where its management interface is.'),
    riskGroups: riskGroups.describe('What it is managed with: a fault there may take every box that it manages.'),
  })
    .optional()
    .describe('How it is managed.'),
  riskGroups: riskGroups.describe('What it is lost with, beside its site: fibres, power feeds.'),
});

/** A line, or a SIM card. */
export const line = mapping({
  gateway: name.describe('The gateway that it is in.'),
  trunk: name.optional().describe('The trunk that it carries calls of.'),
  kind: choice('e1', 'sim', 'sip').describe('What it is: an E1 (primary rate), a SIM card, or a SIP line.'),
  port: integer(0, 999).optional().describe('The span of an E1, or the port of a SIM, as the gateway counts them.'),
  channels: integer(1, MAX_CHANNELS)
    .optional()
    .describe('Calls at once. By default 30 on an E1, 1 on a SIM or SIP line.'),
  circuit: label.optional().describe('What the carrier calls it, for fault reports.'),
  riskGroups: riskGroups.describe('What it is lost with. What all lines of a trunk share, the trunk is lost with.'),
  note: label.optional().describe('For people.'),
  crc4: flag.optional().describe('E1 only: whether frames are checked (CRC-4).'),
  clock: choice('line', 'own').optional().describe('E1 only: who gives the clock. Mostly the carrier: line.'),
  card: label.optional().describe('SIM only: what is written on the card. Not its ICCID: that is a key to it.'),
  homeNetwork: name.optional().describe('SIM only: the carrier in whose network it is at home. It is lost with it.'),
  operator: label.optional().describe('SIM only: who sold it, where that is not its home network.'),
  contract: choice('contract', 'prepaid').optional().describe('SIM only. A prepaid card runs out, and may bar 0900.'),
  radios: list(choice('volte', 'umts', 'gsm'), 'radios')
    .optional()
    .describe('SIM only: over which radios its calls may go.'),
  ownNumber: telephoneNumber.optional().describe('SIM only: its number (MSISDN), to which a called party calls back.'),
  barred: list(name, 'services').default([]).describe('Services that cannot be dialled over it, such as 0900 numbers.'),
});

export type LineEntry = z.infer<typeof line>;
