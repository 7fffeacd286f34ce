import { usesDrachtio } from './drachtio-server.js';

// Run before `npm run test:drachtio`: without a server it would say nothing about one.
if (!usesDrachtio) {
  process.stderr.write(
    'NOODROUTE_DRACHTIO is not set. Name a drachtio-server: the path of its program, or host:port:secret of one that runs.\n',
  );
  process.exit(1);
}
