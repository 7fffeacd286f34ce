import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { visibleCommands } from '../../../src/cli/conventions.js';
import { noodroute } from '../../../src/cli/program.js';

const MAIN = fileURLToPath(new URL('../../../src/main.js', import.meta.url));

function run(...words: readonly string[]) {
  return spawnSync(process.execPath, [MAIN, ...words], { encoding: 'utf8', timeout: 20_000 });
}

type Command = ReturnType<typeof noodroute>;

function all(command: Command, path: string): readonly (readonly [string, Command])[] {
  const below = visibleCommands(command).flatMap((each) => all(each, `${path} ${each.name()}`));
  return [[path, command], ...below];
}

function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({ writeOut: (part) => (text += part) }).outputHelp();
  return text;
}

t.test('every command says what it does, what it takes, gives examples, and its exit codes', async (t) => {
  for (const [path, command] of all(noodroute(), 'noodroute')) {
    t.match(command.description(), /^[A-Z].*\.$/, `${path}: a sentence`);
    const help = helpOf(command);
    t.match(
      help,
      /\nExamples:\n {2}(source <\()?noodroute /,
      `${path}: examples; explained() of src/cli/conventions.ts adds them`,
    );
    t.match(help, /\nExit code: 0 done; 1 .*; 2 this command line makes no sense\./, `${path}: exit codes`);
    const { registeredArguments, options } = command;
    for (const { description } of [...registeredArguments, ...options.filter(({ hidden }) => !hidden)]) {
      t.not(description, '', `${path}: every argument and option is described`);
    }
  }
});

t.test('docs/commands.md names every command', async (t) => {
  const page = readFileSync('docs/commands.md', 'utf8');
  const paths = all(noodroute(), 'noodroute')
    .map(([path]) => path)
    .slice(1);
  t.same(
    paths.filter((path) => !page.includes(`\`${path}`)),
    [],
    'its table has a line for each command',
  );
});

t.test('0: what was asked for is done', async (t) => {
  for (const words of [
    ['--help'],
    ['--version'],
    ['help', 'run'],
    ['lab', 'fault', '--help'],
    ['check', 'config/example.yaml'],
  ]) {
    const { status, stderr } = run(...words);
    t.same([status, stderr.replace(/^warning:.*\n/gm, '')], [0, ''], words.join(' '));
  }
});

t.test('1: it failed, or the file is wrong', async (t) => {
  const failures = [
    ['check', 'no-such-file.yaml'],
    ['run', 'no-such-file.yaml'],
    ['run', 'config/lab.yaml'],
    ['lab', '--config', 'no-such-file.yaml'],
    ['lab', 'state', '--control', '127.9.9.9:1'],
    ['engine', '--admin', '127.9.9.9:9', '--contact', 'sip:127.9.9.9', '--secret-file', 'no-such-file'],
  ];
  for (const words of failures) {
    const { status, stderr } = run(...words);
    t.equal(status, 1, words.join(' '));
    t.match(stderr, /^([^\n]{10,}\n){1,2}$/, `${words.join(' ')}: said in a line or two`);
    t.notMatch(stderr, /Error|\.js:/, 'and not as a crash');
  }
});

t.test('2: the command line makes no sense, and what it should be', async (t) => {
  const mistakes: readonly (readonly [readonly string[], RegExp])[] = [
    [['chekc', 'x'], /unknown command 'chekc'\n\(Did you mean check\?\)\n\(noodroute --help/],
    [['lab', 'cal', '112'], /unknown command 'cal'\n\(did you mean "call"\?\)\n\(noodroute lab --help/],
    [
      ['lab', 'call', '112', '--cuont', '2'],
      /unknown option '--cuont'\n\(Did you mean --count\?\)\n\(noodroute lab call --help/,
    ],
    [
      ['lab', 'call', '112', '--count', '0'],
      /'--count <n>' argument '0' is invalid. expected a number from 1 to 10000/,
    ],
    [
      ['lab', 'fault', 'kpn', 'blakhole'],
      /blakhole is no fault, expected one or more of blackhole, .*\n\(noodroute lab fault --help/,
    ],
    [['check'], /missing required argument 'file'/],
    [['check', 'a', 'b'], /too many arguments/],
    [['completion', 'fish'], /Allowed choices are bash/],
    [['engine'], /required option '--admin/],
    [[], /^Usage: noodroute/],
  ];
  for (const [words, message] of mistakes) {
    const { status, stdout, stderr } = run(...words);
    t.equal(status, 2, `noodroute ${words.join(' ')}`);
    t.match(stderr, message);
    t.equal(stdout, '');
  }
});
