import { Command } from 'commander';

/** Placeholder until the laboratory lands. */
export function labCommand(): Command {
  return new Command('lab');
}
