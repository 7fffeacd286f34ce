import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import fc from 'fast-check';
import t from 'tap';
import { readAddress, readCidr } from '../../src/config/address.js';
import { loadConfig } from '../../src/config/load.js';
import { sharedFate } from '../../src/config/shared-fate.js';
import { didYouMean, editDistance } from '../../src/config/suggest.js';
import { id, type TrunkId } from '../../src/domain/ids.js';
import { change, good, lines, loaded, loadWith, type Name, SITE } from '../support/site-files.js';

/** A file of a folder of cases takes the place of the good file that its name begins with. It ends with what is expected. */
function cases(folder: string) {
  const names = readdirSync(folder).filter((name) => name.endsWith('.yaml'));
  return names.map((name) => {
    const text = readFileSync(`${folder}/${name}`, 'utf8');
    const expected = [...text.matchAll(/^# expect (.*)$/gm)].map((match) => match[1]);
    return { name, expected, result: loadWith({ [name.replace(/-.*/, '')]: text }) };
  });
}

t.test('each bad file gives exactly the problems that it names', (t) => {
  for (const { name, expected, result } of cases('test/config/bad')) {
    t.notOk(result.ok, name);
    t.ok(expected.length > 0, `${name} says what is expected`);
    t.same(lines(result), expected, name);
  }
  t.end();
});

t.test('each doubtful file loads with exactly the warnings that it names', (t) => {
  for (const { name, expected, result } of cases('test/config/warned')) {
    t.ok(result.ok, name);
    t.same(lines(result), expected, name);
  }
  t.end();
});

t.test('the files that we hand out load without a warning', (t) => {
  for (const file of ['config/lab.yaml', 'config/example.yaml', SITE]) {
    const result = loadConfig(file, { env: {} });
    t.same(lines(result), [], file);
    t.equal(result.ok && result.config.lab, file === 'config/lab.yaml', `${file}: lab`);
  }
  t.end();
});

t.test('the lab is where its users expect it', (t) => {
  const { network, sip, admin, numbering } = loaded(loadConfig('config/lab.yaml', { env: {} }));
  t.same(sip.contacts, ['sip:127.0.0.1:5060;transport=udp', 'sip:127.0.0.1:5060;transport=tcp']);
  t.same(sip.control, { host: '127.0.0.1', port: 9022 });
  t.same(admin, { address: '127.0.0.1', port: 8080 });
  const trunks = [...network.trunks.values()].map(({ id, address, channels }) => `${id} ${address.host} ${channels}`);
  t.same(trunks, ['kpn-a 127.0.20.1 120', 'kpn-b 127.0.20.2 120', 'second-a 127.0.30.1 120', 'mobile-a 127.0.40.1 8']);
  t.same(numbering.networkPrefixes, ['0140'], 'a number with a leading zero stays what was written');
  t.end();
});

t.test('the journal is in the working directory, or where the site file says, from where that file is', (t) => {
  t.same(loaded(loadConfig(SITE, { env: {} })).journal, { directory: 'var/journal' });
  t.same(loaded(loadConfig('config/lab.yaml', { env: {} })).journal, { directory: 'var/lab/journal' });
  t.same(loaded(loadConfig('config/example.yaml', { env: {} })).journal, { directory: '/var/lib/noodroute/journal' });
  t.end();
});

t.test('an upstream has no other way unless the inventory says so', (t) => {
  const { network } = loaded(loadWith(change('inventory', '192.0.2.0/24]', '192.0.2.0/24], noPath: wilt')));
  t.match(network.ingresses, [
    { id: 'kpn', noPath: 'hold' },
    { id: 'any', noPath: 'wilt' },
  ]);
  t.end();
});

t.test('trunks get their defaults by kind, and all that they are lost with', (t) => {
  const { network } = loaded(loadConfig(SITE, { env: {} }));
  const sip = network.trunks.get(id<TrunkId>('kpn-a'));
  const mobile = network.trunks.get(id<TrunkId>('lte-a'));
  t.match(sip, { trusted180: true, trusted183: false, probeInterval: 1_000, enabled: true });
  t.match(sip, { reliableProvisionals: false, ownNumber: undefined });
  t.match(mobile, {
    trusted180: false,
    trusted183: false,
    address: { host: '192.0.2.13', port: 5060, transport: 'udp' },
  });
  t.same([...(sip?.riskGroups ?? [])], ['kpn-core']);
  t.same([...(mobile?.riskGroups ?? [])], ['gateway:lte', 'mobile-core', 'site:west', 'ups-a']);
  const own = loaded(
    loadWith(
      change(
        'inventory',
        'channels: 30',
        'channels: 30, trusted183: true, probeInterval: 1.5s, reliableProvisionals: true, ownNumber: 088-0000112',
      ),
    ),
  );
  t.match(own.network.trunks.get(id<TrunkId>('kpn-a')), {
    trusted183: true,
    probeInterval: 1_500,
    reliableProvisionals: true,
    ownNumber: '0880000112',
  });
  t.end();
});

t.test('the configuration is frozen to the last value', (t) => {
  const config = loaded(loadConfig('config/example.yaml', { env: {} }));
  const open = thawed(config, 'config');
  t.same(open, []);
  const trunks = config.network.trunks as Map<unknown, unknown>;
  t.throws(() => trunks.clear(), /frozen/);
  t.throws(() => trunks.set('a', 1), /frozen/);
  for (const { riskGroups } of config.network.trunks.values()) {
    t.throws(() => (riskGroups as Set<unknown>).add('a'), /frozen/);
  }
  t.end();
});

/** The paths of all values that can be changed. */
function thawed(value: unknown, path: string): readonly string[] {
  if (typeof value !== 'object' || value === null) {
    return [];
  }
  const isCollection = value instanceof Map || value instanceof Set;
  const inner: readonly (readonly [unknown, unknown])[] = isCollection ? [...value.entries()] : Object.entries(value);
  const below = inner.flatMap(([key, each]) => thawed(each, `${path}.${String(key)}`));
  return Object.isFrozen(value) ? below : [path, ...below];
}

t.test('aliases and merge keys work', (t) => {
  const merged =
    '&kpn-a { carrier: kpn, kind: sip, address: 198.51.100.10:5060, channels: 30 }\n  kpn-b: { <<: *kpn-a, address: 198.51.100.11 }';
  const result = loadWith(
    change('inventory', '{ carrier: kpn, kind: sip, address: 198.51.100.10:5060, channels: 30 }', merged),
  );
  t.match(loaded(result).network.trunks.get(id<TrunkId>('kpn-b')), {
    channels: 30,
    address: { host: '198.51.100.11' },
  });
  t.end();
});

t.test('files that cannot be read are told as such', (t) => {
  const first = (path: string): string | undefined => lines(loadConfig(path, { env: {} }))[0];
  t.equal(first('nowhere/site.yaml'), 'nowhere/site.yaml:1:1: cannot read nowhere/site.yaml: there is no such file');
  t.equal(first('config'), 'config:1:1: cannot read config: it is a directory, expected a file');
  t.equal(
    first('package.json/x'),
    'package.json/x:1:1: cannot read package.json/x: a part of the path is no directory',
  );
  t.match(first('/dev/null'), /it is not a text file/);
  const latin1 = loadConfig(SITE, { env: {}, readFile: () => Uint8Array.of(0x61, 0xe9, 0x3a) });
  t.match(lines(latin1), ['site.yaml:1:1: cannot read site.yaml: it is not UTF-8 text']);
  const marked = loadWith({ site: `\u{feff}${good.site.replaceAll('\n', '\r\n')}` });
  t.ok(marked.ok, 'a byte order mark and CRLF do no harm');
  t.end();
});

t.test('the secret comes from the environment, else from a file, else it is the well-known one on loopback', (t) => {
  const site = good.site.replace('sip:\n', 'sip:\n  control: { host: 192.0.2.5, secretFile: secret.yaml }\n');
  const read = (texts: Readonly<Record<string, string>>, env = {}): string => loaded(loadWith(texts, env)).sip.secret;
  t.equal(read({}), 'cymru');
  t.equal(read({ site, secret: 'from-file\n' }), 'from-file');
  t.equal(read({ site, secret: 'from-file\n' }, { NOODROUTE_ENGINE_SECRET: 'from-environment' }), 'from-environment');
  const bad = loadWith({}, { NOODROUTE_ENGINE_SECRET: 'a|b' });
  t.match(lines(bad), [/^site.yaml:4:1: sip.control: NOODROUTE_ENGINE_SECRET is not usable/]);
  t.notMatch(lines(bad)[0], /a\|b/, 'no secret in a message');
  t.end();
});

t.test('words that are nearly right are found', (t) => {
  t.equal(editDistance('kitten', 'sitting'), 3);
  t.equal(editDistance('trnuk', 'trunk'), 1, 'a swap is one slip');
  t.equal(didYouMean('logging', ['log', 'lab']), 'did you mean "log"?');
  t.equal(didYouMean('zzz', ['log', 'lab']), undefined);
  t.equal(didYouMean('x'.repeat(100_000), ['log']), undefined, 'and no time is spent on nonsense');
  t.equal(didYouMean('kpn', []), undefined);
  t.end();
});

t.test('addresses and blocks', (t) => {
  t.same(readAddress('[2001:db8::1]:5061;transport=TLS'), { host: '2001:db8::1', port: 5061, transport: 'tls' });
  t.same(readAddress('sbc.example.nl'), { host: 'sbc.example.nl', port: 5060, transport: 'udp' });
  for (const text of ['', ':5060', '192.0.2', '192.0.2.1:0', '2001:db8::1', 'a b', '192.0.2.1;transport=sctp', '-a']) {
    t.equal(readAddress(text), undefined, text);
  }
  t.equal(readCidr('0.0.0.0/0'), '0.0.0.0/0');
  t.equal(readCidr('255.255.255.255/32'), '255.255.255.255/32');
  t.equal(readCidr('128.0.0.0/1'), '128.0.0.0/1');
  t.equal(readCidr('2001:DB8::/32'), '2001:db8::/32');
  for (const text of ['192.0.2.1/24', '192.0.2.0/33', '192.0.2/24', '2001:db8::/129', '10.0.0.0/-1', '192.0.0.1/1']) {
    t.equal(readCidr(text), undefined, text);
  }
  t.end();
});

t.test('P17 routes that share fate are not taken for independent', (t) => {
  const route = (trunk: string, ...riskGroups: string[]) => ({ trunk, riskGroups });
  t.same(sharedFate([route('a', 'x', 'y'), route('b', 'y'), route('c', 'y', 'z')]), {
    singlePoints: ['y'],
    hasIndependentPair: false,
  });
  const ring = [route('a', 'x', 'y'), route('b', 'y', 'z'), route('c', 'z', 'x')];
  t.same(sharedFate(ring), { singlePoints: [], hasIndependentPair: false }, 'each two share something');
  t.same(sharedFate([route('a', 'x'), route('a', 'x')]), { singlePoints: ['x'], hasIndependentPair: false });
  t.same(sharedFate([route('a', 'x'), route('b', 'y')]), { singlePoints: [], hasIndependentPair: true });
  t.end();
});

/** What YAML is made of, and what has broken loaders before. */
const PIECES = [
  ...[
    'a',
    'trunks',
    ': ',
    ':\n',
    '\n',
    '  ',
    '- ',
    '[',
    ']',
    '{',
    '}',
    '&x ',
    '*x',
    '<<: ',
    '? ',
    '"',
    "'",
    ', ',
    '112',
  ],
  ...['__proto__', 'constructor', '!!int ', '|\n', '\t', '#', '%YAML 1.1\n', '---\n', '...\n', '\u0000'],
];

t.test('no text makes the loader throw, and what is refused has a reason and a place', (t) => {
  const names: readonly Name[] = ['site', 'dialplan', 'inventory'];
  const held = (name: Name, text: string): void => {
    const result = loadWith({ [name]: text });
    const places = result.ok ? [] : result.problems;
    const isSound = result.ok || (places.length > 0 && places.every(({ line, column }) => line >= 1 && column >= 1));
    if (!isSound) {
      fail(name, text);
    }
  };
  const damaged = fc.constantFrom(...names).chain((name) => fc.tuple(fc.constant(name), damage(good[name])));
  const yaml = fc.array(fc.constantFrom(...PIECES), { maxLength: 40 }).map((pieces) => pieces.join(''));
  const json = fc.jsonValue().map((value) => JSON.stringify(value));
  const anything = fc.tuple(fc.constantFrom(...names), fc.oneof(fc.string({ unit: 'binary' }), yaml, json));
  fc.assert(
    fc.property(fc.oneof(damaged, anything), ([name, text]) => {
      held(name, text);
    }),
    { numRuns: 1_000 },
  );
  held('site', '['.repeat(50_000));
  held('inventory', `${'a:\n'.repeat(3)}${' - '.repeat(20_000)}`);
  t.equal(Reflect.get({}, 'x'), undefined, 'nothing leaks into all objects');
  t.end();
});

/** A good text with one part of it replaced by rubbish. */
function damage(text: string): fc.Arbitrary<string> {
  const rubbish = fc.oneof(fc.constantFrom('', ...PIECES), fc.string({ maxLength: 8 }));
  return fc.tuple(fc.nat(text.length), fc.nat(30), rubbish).map(([start, length, piece]) => {
    return text.slice(0, start) + piece + text.slice(start + length);
  });
}

function fail(name: string, text: string): never {
  throw new Error(`${name}: ${JSON.stringify(text)}`);
}

/** Runs `noodroute check` as a process of its own. */
async function check(...args: readonly string[]) {
  const command = new URL('../../src/cli/check.js', import.meta.url).href;
  const call = `checkCommand().parseAsync(${JSON.stringify(args)}, { from: 'user' })`;
  const script = `const { checkCommand } = await import(${JSON.stringify(command)}); await ${call};`;
  const argv = ['--input-type=module', '-e', script];
  const env = { ...process.env, NOODROUTE_ENGINE_SECRET: 'not-to-be-printed' };
  const run = promisify(execFile)(process.execPath, argv, { timeout: 20_000, env });
  return await run.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

t.test('noodroute check says what a good file amounts to', async (t) => {
  const { code, stdout, stderr } = await check('config/example.yaml');
  t.equal(code, 0);
  t.equal(stderr, '');
  t.match(stdout, 'config/example.yaml: good, 0 warnings');
  t.match(stdout, 'service 112 (emergency)\n  tier 1  kpn-sip     dials 112 for control-room-west\n');
  t.match(stdout, '  single points of failure: none\n');
  const json = await check('--json', 'config/lab.yaml');
  const report: unknown = JSON.parse(json.stdout);
  t.match(report, { ok: true, warnings: [], summary: { site: 'lab', lab: true, services: [{ id: '112' }, {}] } });
  t.notMatch(json.stdout, /not-to-be-printed|"resilience"/);
  const pairs = await check('--pairs', 'config/example.yaml');
  t.match(pairs.stdout, 'plan normal (Normal operation): 11 routes, in force at start; then without-kpn\n');
  t.match(pairs.stdout, '  lost alone, of 214 channels:\n    34 channels left    kpn-core\n');
  t.match(pairs.stdout, '    nothing left        kpn-core + site:east\n');
  const forPrograms = await check('--pairs', '--json', 'config/example.yaml');
  t.match(JSON.parse(forPrograms.stdout), {
    summary: { services: [{ resilience: { channels: 214, alone: [{ lost: [['kpn-core']], channelsLeft: 34 }] } }, {}] },
  });
});

t.test('noodroute check says what is wrong, and ends with 1', async (t) => {
  const { code, stdout, stderr } = await check('test/config/bad/site-unknown-key.yaml');
  t.equal(code, 1);
  t.equal(stdout, '');
  t.match(
    stderr,
    'bad/site-unknown-key.yaml:5:3: sip.enginee: unknown key, expected one of engine, contacts, control, servers, tls (did',
  );
  t.match(stderr, 'bad/site-unknown-key.yaml: 3 errors\n');
  const json = await check('nowhere.yaml', '--json');
  t.equal(json.code, 1);
  t.match(JSON.parse(json.stdout), { ok: false, problems: [{ file: 'nowhere.yaml', line: 1, column: 1 }] });
});
