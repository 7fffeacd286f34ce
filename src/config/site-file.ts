import type { z } from 'zod';
import { choice, contact, filePath, flag, host, name, port } from './scalars.js';
import { list, mapping } from './shapes.js';

/** Where drachtio-server, and so the embedded engine, waits for the application. */
const CONTROL_PORT = 9022;
const ADMIN_PORT = 8080;
const LOCAL = '127.0.0.1';

/** The site file: what this gateway is, and which dial plan and inventory it works from. */
export const siteFileSchema = mapping({
  site: name,
  dialplan: filePath,
  inventory: filePath,
  sip: mapping({
    engine: choice('embedded', 'drachtio').default('embedded'),
    contacts: list(contact, 'addresses to listen on').default([]),
    control: mapping({
      host: host.default(LOCAL),
      port: port.default(CONTROL_PORT),
      secretFile: filePath.optional(),
    }).prefault({}),
  }),
  admin: mapping({ address: host.default(LOCAL), port: port.default(ADMIN_PORT) }).prefault({}),
  journal: mapping({ directory: filePath.optional() }).prefault({}),
  log: mapping({ level: choice('trace', 'debug', 'info', 'warn', 'error').default('info') }).prefault({}),
  lab: flag.default(false),
});

export type SiteFile = z.infer<typeof siteFileSchema>;
