import { spawnSync } from 'node:child_process';
import { mkdtempSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import t from 'tap';

const CRUISER = join('node_modules', '.bin', 'depcruise');

function cruise(folder: string): { status: number | null; output: string } {
  const { status, stdout } = spawnSync(CRUISER, [folder, '--config', '.dependency-cruiser.json'], { encoding: 'utf8' });
  return { status, output: stdout };
}

t.test('every import follows the arrows of the design', async (t) => {
  const { status, output } = cruise('src');
  t.equal(status, 0, output);
});

t.test('a wrong arrow is found', async (t) => {
  const rules = JSON.parse(readFileSync('.dependency-cruiser.json', 'utf8')) as { forbidden: { name: string }[] };
  const folder = mkdtempSync('.build-arrow-');
  t.teardown(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  mkdirSync(join(folder, 'src', 'sip'), { recursive: true });
  mkdirSync(join(folder, 'src', 'calls'), { recursive: true });
  writeFileSync(join(folder, 'src', 'calls', 'desk.ts'), 'export const desk = 1;\n');
  writeFileSync(
    join(folder, 'src', 'sip', 'bad.ts'),
    "import { desk } from '../calls/desk.js';\nexport const bad = desk;\n",
  );
  const config = join(folder, 'rules.json');
  const { forbidden } = rules;
  writeFileSync(
    config,
    JSON.stringify({
      forbidden: forbidden.filter(({ name }) => name === 'sip-imports-nothing'),
      options: { tsPreCompilationDeps: true },
    }),
  );
  const { status, stdout } = spawnSync(join('..', CRUISER), ['src', '--config', 'rules.json'], {
    encoding: 'utf8',
    cwd: folder,
  });
  t.not(status, 0);
  t.match(stdout, /sip-imports-nothing/);
});
