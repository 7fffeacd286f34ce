import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import t from 'tap';
import { parse } from 'yaml';
import { z } from 'zod';
import { generated } from '../support/configuration-docs.js';

t.test('the reference page and the schemas for editors are those of the loader', (t) => {
  for (const [path, text] of generated()) {
    const there = existsSync(path) ? readFileSync(path, 'utf8') : '';
    t.ok(there === text, `${path} is what npm run docs:config writes`);
  }
  t.end();
});

t.test('every key of every file is explained', (t) => {
  const page = generated().get('docs/configuration.md') ?? '';
  const rows = page.split('\n').filter((line) => line.startsWith('| `'));
  t.ok(rows.length > 100, `${rows.length} keys`);
  t.same(
    rows.filter((row) => /\|\s*\|$/.test(row)),
    [],
  );
  t.end();
});

const HANDED_OUT = [
  'config/compose.yaml',
  'config/example.yaml',
  'config/example/dialplan.yaml',
  'config/example/inventory.yaml',
  'config/lab.yaml',
  'dialplans/nl.yaml',
  'hardware/inventory.yaml',
];

t.test('an editor finds the schema of each file that we hand out, and nothing wrong in it', (t) => {
  for (const file of HANDED_OUT) {
    const text = readFileSync(file, 'utf8');
    const [, named = ''] = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text) ?? [];
    const schema = editorSchema(join(dirname(file), named));
    t.same(schema.safeParse(parse(text)).error?.issues ?? [], [], file);
    const slip = { ...(parse(text) as object), colour: 'red' };
    t.notOk(schema.safeParse(slip).success, `${file}: an unknown key`);
  }
  t.end();
});

t.test('an editor is told of a wrong value before the loader is', (t) => {
  const schema = editorSchema('config/schema/site.schema.json');
  const site = { site: 'west', dialplan: 'd.yaml', inventory: 'i.yaml', sip: {} };
  t.ok(schema.safeParse(site).success);
  t.notOk(schema.safeParse({ ...site, log: { level: 'loud' } }).success);
  t.notOk(schema.safeParse({ ...site, admin: { port: 70_000 } }).success);
  t.notOk(schema.safeParse({ ...site, site: undefined }).success);
  t.end();
});

function editorSchema(path: string): z.ZodType {
  return z.fromJSONSchema(JSON.parse(readFileSync(path, 'utf8')) as Parameters<typeof z.fromJSONSchema>[0]);
}
