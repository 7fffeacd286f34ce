import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import t from 'tap';

t.test('the command of the package runs by itself, as npx starts it', async (t) => {
  const { bin, version } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly bin: { readonly noodroute: string };
    readonly version: string;
  };
  const { status, stdout, error } = spawnSync(bin.noodroute, ['--version'], { encoding: 'utf8', timeout: 10_000 });
  t.equal(error, undefined);
  t.equal(status, 0);
  t.equal(stdout.trim(), version);
});
