import type { z } from 'zod';
import { ms } from '../domain/time.js';
import { credentials, gateway, line, riskGroup, zone } from './hardware-entries.js';
import { choice, cidr, duration, flag, integer, label, name, rate, sipAddress, telephoneNumber } from './scalars.js';
import { list, mapping, table } from './shapes.js';

const MAX_CHANNELS = 10_000;
const LONGEST_PROBE_INTERVAL = ms(3_600_000);
const riskGroups = list(name, 'risk groups').default([]);

const trunk = mapping({
  carrier: name.describe('The carrier to which it hands calls.'),
  gateway: name.optional().describe('The gateway that it is on. None: the carrier is reached directly.'),
  kind: choice('sip', 'e1', 'mobile').describe('How it reaches the public network.'),
  address: sipAddress.describe('Where its requests go: `host:port;transport=udp`, with port 5060 and udp by default.'),
  channels: integer(1, MAX_CHANNELS).describe('Calls that it can carry at once.'),
  reserved: integer(0, MAX_CHANNELS)
    .default(0)
    .describe('How many of its channels are kept free for emergency calls. Fewer than `channels`.'),
  riskGroups: riskGroups.describe('What it is lost with, beside its carrier, its gateway and what its lines share.'),
  trusted180: flag
    .optional()
    .describe(
      'Whether 180 Ringing says that the far end really rings. By default true for sip and e1, false for mobile.',
    ),
  trusted183: flag
    .optional()
    .describe(
      'The same for 183 Session Progress. By default false, unless the acceptance test showed that it is real.',
    ),
  trustedBusy: flag
    .default(false)
    .describe('Whether a busy that is said to come from the user (RFC 8606 `location=U`) is to be believed.'),
  releaseDelay: duration(ms(0), ms(60_000))
    .default(ms(0))
    .describe('How long its gateway keeps a channel after a call ended. "Full" within that time is no evidence.'),
  reliableProvisionals: flag
    .default(false)
    .describe('Whether reliable ringing (100rel, RFC 3262) is offered. Only where the carrier asks for it.'),
  numberForm: choice('as-written', 'national', 'international', 'e164')
    .default('as-written')
    .describe(
      'How the numbers of its routes are dialled: 0880000112, 0031880000112 or +31880000112. Short codes stay.',
    ),
  secondForm: choice('as-written', 'national', 'international', 'e164')
    .optional()
    .describe('How the same numbers are dialled once more where the carrier does not know them (404, 410, 484, 604).'),
  ownNumber: telephoneNumber
    .optional()
    .describe("The number that the carrier knows it by. Shown where the carrier refuses the caller's number (403)."),
  credentials: credentials
    .optional()
    .describe('What the gateway shows to this trunk, and to no other, where it asks who calls (401, 407).'),
  probeInterval: duration(ms(100), LONGEST_PROBE_INTERVAL)
    .default(ms(1_000))
    .describe('Time between OPTIONS while idle.'),
  quickProbes: mapping({
    spacing: duration(ms(50), LONGEST_PROBE_INTERVAL).default(ms(50)).describe('Time between two of them.'),
    atMost: integer(0, 9).default(9).describe('How many of them per doubt. 0 forbids them.'),
  })
    .optional()
    .describe('What the far end tolerates of quick OPTIONS after a first miss.'),
  zone: name.optional().describe('The part of the media world that it leads to.'),
  enabled: flag.default(true).describe('false takes it out of service.'),
});

const ingress = mapping({
  carrier: name.optional().describe('The carrier from which calls come in here.'),
  sources: list(cidr, 'CIDR blocks').describe('Addresses from which requests are accepted. The longest match wins.'),
  noPath: choice('hold', 'wilt')
    .default('hold')
    .describe(
      'What the upstream is told when no path is left. hold: it has no other way, so its calls wait here. wilt: it has one, so it is told quickly.',
    ),
  upstreamRingLimit: duration(ms(10_000), ms(600_000))
    .default(ms(90_000))
    .describe('After so long the upstream gives up a call that only rings.'),
  holdAnswer: flag
    .default(false)
    .describe('Whether a waiting call may be answered with an announcement before `upstreamRingLimit`.'),
  expectedBusyHour: table(rate, 'calls per hour')
    .default({})
    .describe('Calls per hour of each service in its busiest hour, until a rate is learned.'),
  zone: name.optional().describe('The part of the media world in which its callers are.'),
});

const carrier = mapping({
  name: label.describe('What people call it.'),
  riskGroups: riskGroups.describe('What its network is lost with: `kpn-core` for one that only resells KPN.'),
});

const site = mapping({
  name: label.describe('What people call it.'),
  riskGroups: riskGroups.describe('What every gateway there is lost with, beside the site itself.'),
});

/** The inventory: carriers, what can be lost together, and the hardware between us and the carriers. */
export const inventoryFileSchema = mapping({
  carriers: table(carrier, 'carriers').describe(
    'Operators whose networks can disappear. The network of `kpn` is a risk group by itself, `kpn-core`.',
  ),
  riskGroups: table(riskGroup, 'what they are')
    .default({})
    .describe('What trunks can share and lose together: fibres, ducts, power feeds, management systems.'),
  zones: table(zone, 'zones').default({}).describe('Parts of the media world inside which RTP flows directly.'),
  sites: table(site, 'sites').describe('Where hardware stands. A site is a risk group by itself.'),
  gateways: table(gateway, 'gateways')
    .default({})
    .describe('Boxes between us and lines. Each is a risk group by itself.'),
  lines: table(line, 'lines').default({}).describe('The physical lines and SIM cards in the gateways.'),
  trunks: table(trunk, 'trunks').describe('Ways to hand a call to a carrier.'),
  ingresses: table(ingress, 'ingresses').describe('Where calls come in from. Other sources are refused.'),
});

export type InventoryFile = z.infer<typeof inventoryFileSchema>;
export type TrunkEntry = z.infer<typeof trunk>;
