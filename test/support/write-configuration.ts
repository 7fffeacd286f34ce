import { writeFileSync } from 'node:fs';
import { generated } from './configuration-docs.js';

// Writes docs/configuration.md and the JSON schemas for editors.

for (const [path, text] of generated()) {
  writeFileSync(path, text);
  console.log(`${path} written`);
}
