import { Argument, Command } from 'commander';
import { explained } from './conventions.js';
import { packaged } from './packaged.js';

/** `noodroute completion SHELL`: a script that makes the shell complete our commands, made from the commands themselves. */
export function completionCommand(): Command {
  const command = new Command('completion')
    .description('Print a script that lets the shell complete commands, options, files, carriers and faults.')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash']))
    .action(async () => {
      const { bashCompletion } = await import('./bash-completion.js');
      process.stdout.write(bashCompletion(rootOf(command), await wordsByName()));
    });
  return explained(command, {
    examples: [
      ['source <(noodroute completion bash)', 'in this shell'],
      ['noodroute completion bash > /etc/bash_completion.d/noodroute', 'for everybody, from the next login'],
    ],
    fails: 'it cannot be printed',
  });
}

function rootOf(command: Command): Command {
  return command.parent === null ? command : rootOf(command.parent);
}

/** What can be typed for an argument or an option's value, by its name in the help. The names are those of the lab. */
async function wordsByName(): Promise<ReadonlyMap<string, readonly string[]>> {
  const { loadConfig } = await import('../config/load.js');
  const { FAULT_TERMS } = await import('../lab/faults.js');
  const result = loadConfig(packaged('config/lab.yaml'));
  const network = result.ok ? result.config.network : undefined;
  return new Map<string, readonly string[]>([
    ['carrier', [...(network?.carriers.keys() ?? [])]],
    ['trunk', [...(network?.trunks.keys() ?? [])]],
    ['service', [...(network?.services.keys() ?? [])]],
    ['fault', FAULT_TERMS.map(([term]) => term.replace(/\[.*$/, ''))],
  ]);
}
