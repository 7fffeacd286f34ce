import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { visibleCommands } from '../../../src/cli/conventions.js';
import { noodroute } from '../../../src/cli/program.js';

const MAIN = fileURLToPath(new URL('../../../src/main.js', import.meta.url));

/** Does what bash does at TAB, for each line of its input: a line of answers. */
const COMPLETE = `
source <("$0" "$1" completion bash)
complete -p noodroute >&2
while IFS= read -r COMP_LINE; do
  COMP_POINT=\${#COMP_LINE}
  _noodroute
  echo "\${COMPREPLY[*]}"
done
`;

/** What a real bash offers at the end of each line. */
function offered(lines: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const { stdout, stderr } = spawnSync('bash', ['-c', COMPLETE, process.execPath, MAIN], {
    encoding: 'utf8',
    input: lines.map((line) => `${line}\n`).join(''),
    timeout: 20_000,
  });
  t.equal(stderr, 'complete -F _noodroute noodroute\n', 'bash takes the script, and has nothing to complain about');
  const answers = stdout.split('\n');
  return new Map(lines.map((line, index) => [line, (answers[index] ?? '').split(' ').filter((word) => word !== '')]));
}

type Command = ReturnType<typeof noodroute>;

function all(command: Command, path: string): readonly (readonly [string, Command])[] {
  const below = visibleCommands(command).flatMap((each) => all(each, `${path} ${each.name()}`));
  return [[path, command], ...below];
}

t.test('bash completes every command and every option there is', async (t) => {
  const commands = all(noodroute(), 'noodroute');
  const answers = offered(commands.flatMap(([path]) => [`${path} `, `${path} --`]));
  for (const [path, command] of commands) {
    const below = visibleCommands(command).map((each) => each.name());
    if (below.length > 0) {
      t.same(answers.get(`${path} `), below, `${path} TAB`);
    }
    const flags = command
      .createHelp()
      .visibleOptions(command)
      .map(({ long }) => long);
    t.same(answers.get(`${path} --`), flags, `${path} --TAB`);
  }
});

t.test('bash completes what has begun: words, files, carriers, faults, values', async (t) => {
  const expected: Readonly<Record<string, readonly string[]>> = {
    'noodroute ch': ['check'],
    'noodroute check README': ['README.md'],
    'noodroute check --json config/ex': ['config/example', 'config/example.yaml'],
    'noodroute run config/example.y': ['config/example.yaml'],
    'noodroute lab --config config/l': ['config/lab', 'config/lab.yaml'],
    'noodroute lab --config=config/l': ['config/lab', 'config/lab.yaml'],
    'noodroute lab --config config/lab.yaml f': ['fault'],
    'noodroute lab fault k': ['kpn'],
    'noodroute lab fault kpn bl': ['blackhole'],
    'noodroute lab fault kpn slow lo': ['loss=5%'],
    'noodroute lab fault kpn re': ['refuse', 'reject', 'reset'],
    'noodroute lab fault --control 127.0.0.1:8081 kpn bl': ['blackhole'],
    'noodroute lab fault kpn --trunk kpn-': ['kpn-a', 'kpn-b'],
    'noodroute lab call 0': ['0900-8844'],
    'noodroute completion ': ['bash'],
    'noodroute lab-': [],
    'noodroute lab pro': [],
    'noodroute nonsense ': [],
  };
  const answers = offered(Object.keys(expected));
  for (const [line, words] of Object.entries(expected)) {
    t.same(answers.get(line)?.toSorted(), words, line);
  }
});
