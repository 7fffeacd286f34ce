import type { Argument, Command, Option } from 'commander';
import { visibleCommands } from './conventions.js';

type Words = ReadonlyMap<string, readonly string[]>;

/**
 * A completion script for bash.
 *
 * It reads the line up to the cursor itself, because bash splits at `:` and `=` too. One `case` says where each word
 * leads (to a command, or to an option that waits for its value), the other what can stand at the cursor: the command with
 * `--` for its options, with an option for the values of that, and with a number for its n-th argument.
 *
 * @param words what can be typed for an argument or a value, by its name in the help; `file` completes files.
 */
export function bashCompletion(program: Command, words: Words): string {
  const name = program.name();
  const steps = everywhere(program, name, stepsOf);
  const choices = everywhere(program, name, (command, path) => choicesOf(command, path, words));
  return `# Completion for bash: source <(${name} completion bash)
_${name}() {
  local line=\${COMP_LINE:0:COMP_POINT} at='${name}' argument=0 option='' word words current
  read -ra words <<< "$line"
  [[ $line == *[[:space:]] ]] && words+=('')
  current=\${words[-1]}
  for word in "\${words[@]:1:\${#words[@]}-2}"; do
    if [[ -n $option ]]; then
      option=''
      continue
    fi
    case "$at $word" in
${indented(steps)}
      *' -'*) ;;
      *) argument=$((argument + 1)) ;;
    esac
  done
  if [[ -z $option && $current == --*=* ]]; then
    option=\${current%%=*} current=\${current#*=}
  elif [[ -z $option && $current == -* ]]; then
    option='--'
  fi
  COMPREPLY=()
  case "$at \${option:-$argument}" in
${indented(choices)}
  esac
}
complete -F _${name} ${name}
`;
}

function everywhere(
  command: Command,
  path: string,
  lines: (command: Command, path: string) => readonly string[],
): readonly string[] {
  return [
    ...lines(command, path),
    ...visibleCommands(command).flatMap((below) => everywhere(below, `${path} ${below.name()}`, lines)),
  ];
}

function stepsOf(command: Command, path: string): readonly string[] {
  const valued = optionsOf(command).filter((option) => option.required || option.optional);
  return [
    ...visibleCommands(command).map((below) => `'${path} ${below.name()}') at='${path} ${below.name()}' argument=0 ;;`),
    ...valued.flatMap(flagsOf).map((flag) => `'${path} ${flag}') option='${flag}' ;;`),
  ];
}

function choicesOf(command: Command, path: string, words: Words): readonly string[] {
  const options = optionsOf(command);
  const below = visibleCommands(command).map((each) => each.name());
  return [
    ...choice(
      `'${path} --'`,
      options.map((option) => option.long ?? option.short ?? ''),
    ),
    ...choice(`'${path} 0'`, below),
    ...options.flatMap((option) =>
      flagsOf(option).flatMap((flag) =>
        choice(`'${path} ${flag}'`, option.argChoices ?? named(valueNameOf(option), words)),
      ),
    ),
    ...command.registeredArguments.flatMap((argument, index) =>
      choice(patternOf(argument, path, index), argument.argChoices ?? named(argument.name(), words)),
    ),
  ];
}

function patternOf(argument: Argument, path: string, index: number): string {
  return argument.variadic ? `'${path} '[${index}-9]*` : `'${path} ${index}'`;
}

function choice(pattern: string, words: readonly string[] | 'files'): readonly string[] {
  if (words === 'files') {
    return [`${pattern}) compopt -o filenames 2> /dev/null; mapfile -t COMPREPLY < <(compgen -f -- "$current") ;;`];
  }
  const list = words.join(' ');
  return words.length === 0 ? [] : [`${pattern}) mapfile -t COMPREPLY < <(compgen -W '${list}' -- "$current") ;;`];
}

function named(name: string, words: Words): readonly string[] | 'files' {
  return name === 'file' || name === 'folder' ? 'files' : (words.get(name) ?? []);
}

function optionsOf(command: Command): readonly Option[] {
  return command.createHelp().visibleOptions(command);
}

function flagsOf({ long, short }: Option): readonly string[] {
  return [long, short].filter((flag) => flag !== undefined && flag !== null);
}

/** `file` of `--config <file>`; of `--trunk <id>` it is `trunk`. */
function valueNameOf(option: Option): string {
  const [, value = ''] = /[<[]([\w-]+)/.exec(option.flags) ?? [];
  return value === 'id' ? option.name() : value;
}

function indented(lines: readonly string[]): string {
  return lines.map((line) => `      ${line}`).join('\n');
}
