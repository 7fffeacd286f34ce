import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { loadConfig } from '../../src/config/load.js';
import { readCompose } from '../support/compose-site.js';

const dockerfile = readFileSync('Dockerfile', 'utf8');
const packageJson = JSON.parse(readFileSync('package.json', 'utf8')) as {
  readonly version: string;
  readonly bin: { readonly noodroute: string };
};

/** What is copied from the checkout, stage by stage. */
function copied(): readonly (readonly string[])[] {
  return dockerfile
    .split(/^FROM .*$/m)
    .map((stage) =>
      [...stage.matchAll(/^COPY (?!--from)(.*) \S+$/gm)].flatMap(([, sources = '']) => sources.split(' ')),
    );
}

t.test("Debian's docker-compose takes docker-compose.yml", async (t) => {
  const { status, stdout, stderr } = spawnSync('docker-compose', ['config'], { encoding: 'utf8', timeout: 20_000 });
  t.same([status, stderr], [0, '']);
  t.match(stdout, 'image: drachtio/drachtio-server:0.9.10');
});

t.test('both services start again, have little, and can be asked how they are', async (t) => {
  for (const [name, service] of Object.entries(readCompose())) {
    t.match(service, { restart: 'always', network_mode: 'host', read_only: true, user: '1000:1000' }, name);
    t.match(service.image, /:\d+\.\d+\.\d+$/, `${name}: the version is pinned`);
    t.equal(service.healthcheck.test[0], 'CMD', name);
    for (const volume of service.volumes) {
      const [source = ''] = volume.split(':');
      t.ok(source === 'state' || existsSync(source), `${volume} is there`);
    }
  }
  t.equal(readCompose().gateway.image, `noodroute:${packageJson.version}`);
});

t.test('the site of docker-compose.yml and the configuration of its drachtio-server fit together', async (t) => {
  const result = loadConfig('config/compose.yaml', { env: { NOODROUTE_ENGINE_SECRET: 'x' } });
  t.ok(result.ok, JSON.stringify(result.ok || result.problems));
  const xml = readFileSync('config/compose/drachtio.conf.xml', 'utf8');
  const [, port, host] = /<admin port="(\d+)">([\d.]+)<\/admin>/.exec(xml) ?? [];
  t.match(result, { config: { sip: { engine: 'drachtio', control: { host, port: Number(port) } } } });
  t.notMatch(xml, /secret=/, 'the secret is in a file of its own');
});

t.test('what the Dockerfile copies is there, and gets past .dockerignore', async (t) => {
  const allowed = readFileSync('.dockerignore', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('!'));
  for (const source of new Set(copied().flat())) {
    t.ok(existsSync(source), `${source} is there`);
    t.ok(allowed.includes(`!${source}`), `${source} is not ignored`);
  }
  t.match(dockerfile, `"/opt/noodroute/${packageJson.bin.noodroute}"`, 'the entry point is the command of the package');
  t.match(dockerfile, /\nUSER node\n/);
});

t.test(
  'the program runs from what the last stage copies and the dependencies of the lock file, no others',
  async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'noodroute-image-'));
    t.teardown(() => {
      rmSync(folder, { recursive: true });
    });
    for (const source of copied().at(-1) ?? []) {
      cpSync(source, join(folder, source), { recursive: true });
    }
    cpSync(fileURLToPath(new URL('../../src', import.meta.url)), join(folder, 'dist'), { recursive: true });
    const { packages } = JSON.parse(readFileSync('package-lock.json', 'utf8')) as {
      readonly packages: Readonly<Record<string, { readonly dev?: true; readonly optional?: true }>>;
    };
    for (const [path, { dev, optional }] of Object.entries(packages)) {
      if (/^node_modules\/(@[^/]+\/)?[^/]+$/.test(path) && dev !== true && optional !== true) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        symlinkSync(resolve(path), join(folder, path));
      }
    }
    const node = (...words: readonly string[]) =>
      spawnSync(process.execPath, ['--preserve-symlinks', '--preserve-symlinks-main', ...words], {
        cwd: folder,
        encoding: 'utf8',
        env: { NODE_ENV: 'production', NOODROUTE_ENGINE_SECRET: 'x' },
        timeout: 20_000,
      });
    t.equal(node('dist/main.js', '--version').stdout, `${packageJson.version}\n`);
    t.match(node('dist/main.js', 'check', 'config/compose.yaml'), { status: 0, stdout: /^config\/compose.yaml: good/ });
    for (const part of ['app/gateway.js', 'adapters/log/pino.js', 'engine/engine.js', 'lab/lab.js']) {
      t.match(node('-e', `import('./dist/${part}')`), { status: 0, stderr: '' }, `${part} finds all that it imports`);
    }
  },
);
