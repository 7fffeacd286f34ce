import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import t from 'tap';
import { examine } from '../../src/sip/faults.js';
import { parseMessage, printMessage } from '../../src/sip/message.js';
import { IPV6_TORTURE, TORTURE } from '../torture/cases.js';
import { tortureMessage } from '../torture/notation.js';
import { runTorture, tortureDocument } from '../torture/table.js';

const ALL = [...TORTURE, ...IPV6_TORTURE];

t.test('all messages are there', async (t) => {
  t.equal(TORTURE.length, 49);
  t.equal(IPV6_TORTURE.length, 12);
  t.equal(new Set(ALL.map(({ name }) => name)).size, 61);
});

t.test('the parser finds what the RFC finds', async (t) => {
  for (const { name, fault } of ALL) {
    const { message, fault: found } = examine(parseMessage(tortureMessage(name)));
    t.equal(found?.kind, fault, name);
    if (message !== undefined) {
      const printed = printMessage(message);
      const again = parseMessage(printed);
      t.equal(again.ok ? printMessage(again.message) : again.error, again.ok ? printed : again.error, `${name} again`);
    }
  }
});

t.test('a running engine does as the RFC demands', { timeout: 60_000 }, async (t) => {
  const rows = await runTorture(47);
  for (const { of, strict, forgiving } of rows) {
    t.ok(of.allowed.includes(strict), `${of.name}: ${strict}, expected ${of.allowed.join(' or ')}`);
    t.equal(forgiving, of.forgiven ?? strict, `${of.name}, forgiving`);
  }
  t.equal(
    readFileSync(resolve('docs', 'torture.md'), 'utf8'),
    tortureDocument(rows),
    'docs/torture.md: npm run docs:torture',
  );
});
