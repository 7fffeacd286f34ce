import type { z } from 'zod';
import { choice, contact, filePath, flag, host, name, port } from './scalars.js';
import { list, mapping } from './shapes.js';

/** Where drachtio-server, and so the embedded engine, waits for the application. */
const CONTROL_PORT = 9022;
const ADMIN_PORT = 8080;
const LOCAL = '127.0.0.1';

const SECRET_FILE =
  'A file whose first line is the secret. Relative to the site file. NOODROUTE_ENGINE_SECRET in the environment goes first.';

const control = mapping({
  host: host.default(LOCAL).describe('The address of the SIP server.'),
  port: port.default(CONTROL_PORT).describe('Its port for applications (TCP).'),
  secretFile: filePath.optional().describe(SECRET_FILE),
});

const server = mapping({
  host: host.describe('The address of the SIP server.'),
  port: port.default(CONTROL_PORT).describe('Its port for applications (TCP).'),
  secretFile: filePath.optional().describe(SECRET_FILE),
});

const tls = mapping({
  certificateFile: filePath.describe('Our certificate, with those between it and its root (PEM).'),
  keyFile: filePath.describe('Its private key (PEM). For us alone to read.'),
  caFile: filePath
    .optional()
    .describe('Who signs the certificates of carriers that we call (PEM). By default those of the system.'),
  callerCaFile: filePath
    .optional()
    .describe('Who signs the certificates of callers (PEM). With it, callers over TLS must show one. By default none.'),
});

const sip = mapping({
  engine: choice('embedded', 'drachtio')
    .default('embedded')
    .describe('embedded: our own SIP engine, started as a process. drachtio: a drachtio-server that runs already.'),
  contacts: list(contact, 'addresses to listen on')
    .default([])
    .describe('Where the embedded engine listens, and carriers and gateways reach us.'),
  control: control.prefault({}).describe('How the gateway reaches the SIP server.'),
  servers: list(server, 'SIP servers')
    .default([])
    .describe('More SIP servers that run already; the gateway is connected to all of them.'),
  tls: tls.optional().describe('Needed where a contact says `transport=tls`. Paths are relative to the site file.'),
});

/** The site file: what this gateway is, and which dial plan and inventory it works from. */
export const siteFileSchema = mapping({
  site: name.describe('Where this gateway stands: one of the sites of the inventory.'),
  dialplan: filePath.describe('The dial plan. Relative to the site file.'),
  inventory: filePath.describe('The inventory. Relative to the site file.'),
  sip: sip.describe('The SIP server that carries the calls.'),
  admin: mapping({
    address: host.default(LOCAL).describe('The address to listen on.'),
    port: port.default(ADMIN_PORT).describe('The port to listen on.'),
  })
    .prefault({})
    .describe('The HTTP interface. It asks for no password: keep it on this machine.'),
  journal: mapping({
    directory: filePath
      .optional()
      .describe('The folder of its files. Relative to the site file. By default var/journal in the working directory.'),
  })
    .prefault({})
    .describe('Where calls and changes of state are written down.'),
  log: mapping({
    level: choice('trace', 'debug', 'info', 'warn', 'error').default('info').describe('The least that is logged.'),
  })
    .prefault({})
    .describe('What is logged.'),
  lab: flag
    .default(false)
    .describe('true: the carriers are simulated. Such a file serves `npm start` and `noodroute lab` only.'),
});

export type SiteFile = z.infer<typeof siteFileSchema>;
