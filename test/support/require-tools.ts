import { spawnSync } from 'node:child_process';

/** Debian programs that the tests use as real peers. */
const TOOLS = [
  'sipp',
  'tshark',
  'kamailio',
  'baresip',
  'openssl',
  'svmap',
  'svwar',
  'svcrack',
  'docker-compose',
] as const;

const missing = TOOLS.filter((tool) => spawnSync('which', [tool]).status !== 0);
if (missing.length > 0) {
  console.error(`The tests need ${missing.join(', ')}. Install with: npm run setup:test`);
  process.exit(1);
}
