import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { runTorture, tortureDocument } from './table.js';

// Writes docs/torture.md: `npm run docs:torture`.
writeFileSync(resolve('docs', 'torture.md'), tortureDocument(await runTorture(46)));
process.exit(0);
