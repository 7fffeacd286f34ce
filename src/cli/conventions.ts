import type { Command } from 'commander';
import { didYouMean } from '../config/suggest.js';

/** The command line makes no sense. (0: done; 1: what was asked for failed.) */
const USAGE_ERROR = 2;

/** What the help of a command says after its options. */
export interface Explanation {
  /** Command lines to copy, each with what it does. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** When it ends with 1. */
  readonly fails: string;
}

/** Gives the help of a command examples and exit codes. */
export function explained(command: Command, { examples, fails }: Explanation): Command {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`);
  return command.addHelpText(
    'after',
    `\nExamples:\n${lines.join('\n')}\n\nExit code: 0 done; 1 ${fails}; ${USAGE_ERROR} this command line makes no sense.`,
  );
}

/** Makes a command and all below it answer a wrong command line alike: what is wrong, where the help is, exit code 2. */
export function withConventions(command: Command, path = command.name()): Command {
  command
    .helpOption('-h, --help', 'show this help')
    .showHelpAfterError(`(${path} --help shows what there is)`)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : USAGE_ERROR));
  for (const below of command.commands) {
    withConventions(below, `${path} ${below.name()}`);
  }
  return command.commands.length > 0 && command.registeredArguments.length === 0 ? namesUnknown(command) : command;
}

/** A command that does something itself takes a misspelt command below it for an argument of its own. */
function namesUnknown(command: Command): Command {
  return command.allowExcessArguments().hook('preAction', (_, acting) => {
    const [word] = command.args;
    if (word !== undefined && acting === command) {
      const hint = didYouMean(
        word,
        visibleCommands(command).map((below) => below.name()),
      );
      command.error(`error: unknown command '${word}'${hint === undefined ? '' : `\n(${hint})`}`);
    }
  });
}

/** The commands below a command that people use: not those that the program starts itself. */
export function visibleCommands(command: Command): readonly Command[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .filter((below) => below.name() !== 'help');
}
