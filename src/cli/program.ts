import { Command } from 'commander';
import { checkCommand } from './check.js';
import { completionCommand } from './completion.js';
import { explained, withConventions } from './conventions.js';
import { engineCommand } from './engine.js';
import { journalCommand } from './journal.js';
import { labCommand } from './lab.js';
import { reloadCommand } from './reload.js';
import { routeCommand } from './route.js';
import { explainCommand } from './explain.js';
import { simulateCommand } from './simulate.js';
import { labGatewayCommand, runCommand } from './run.js';

/** `noodroute` with every command. A command fetches what it needs when it runs, so that the light ones start quickly. */
export function noodroute(): Command {
  const program = new Command('noodroute')
    .description('Emergency call-routing gateway: keeps 112 and 0900-8844 reachable when a carrier disappears.')
    .version('0.1.0', '-V, --version', 'show the version')
    .enablePositionalOptions();
  program.addCommand(runCommand());
  program.addCommand(reloadCommand());
  program.addCommand(routeCommand());
  program.addCommand(explainCommand());
  program.addCommand(checkCommand());
  program.addCommand(journalCommand());
  program.addCommand(simulateCommand());
  program.addCommand(labCommand());
  program.addCommand(engineCommand());
  program.addCommand(completionCommand());
  program.addCommand(labGatewayCommand(), { hidden: true });
  return withConventions(
    explained(program, {
      examples: [
        ['noodroute lab', 'the gateway with simulated carriers around it'],
        ['noodroute check site.yaml', 'everything that is wrong with a site file'],
        ['noodroute run site.yaml', 'the gateway, for real'],
        ['noodroute help lab fault', 'what a command takes'],
      ],
      fails: 'what was asked for failed',
    }),
  );
}
