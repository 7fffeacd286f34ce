#!/usr/bin/env node
import { Command } from 'commander';
import { checkCommand } from './cli/check.js';
import { engineCommand } from './cli/engine.js';
import { labCommand } from './cli/lab.js';
import { labGatewayCommand, runCommand } from './cli/run.js';

const program = new Command('noodroute')
  .description('Emergency call-routing gateway: keeps 112 and 0900-8844 reachable when a carrier disappears.')
  .version('0.1.0')
  .enablePositionalOptions()
  .showHelpAfterError('(noodroute --help shows what there is)');

program.addCommand(runCommand());
program.addCommand(checkCommand());
program.addCommand(labCommand());
program.addCommand(engineCommand());
program.addCommand(labGatewayCommand(), { hidden: true });

await program.parseAsync();
