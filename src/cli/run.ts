import { messageOf } from '../domain/errors.js';
import { Command } from 'commander';
import { createLog } from '../adapters/log/pino.js';
import { EngineStartError } from '../app/engine-process.js';
import { Gateway, StartError } from '../app/gateway.js';
import type { Config } from '../config/config.js';
import { loadConfig } from '../config/load.js';
import { formatProblem } from '../config/problem.js';

/** `noodroute run FILE`: the gateway, for real. */
export function runCommand(): Command {
  return new Command('run')
    .description('Start the gateway (and the embedded SIP engine, unless the site uses drachtio-server).')
    .argument('<file>', 'site file')
    .action(async (file: string) => {
      await run(loaded(file, false));
    });
}

/** The gateway of the lab: the same, but lab endpoints are allowed. Started by `noodroute lab`. */
export function labGatewayCommand(): Command {
  return new Command('lab-gateway').argument('<file>', 'site file').action(async (file: string) => {
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    await run(loaded(file, true));
  });
}

function loaded(file: string, lab: boolean): Config {
  const result = loadConfig(file);
  if (!result.ok) {
    return fail(result.problems.map(formatProblem).join('\n'));
  }
  if (result.config.lab && !lab) {
    return fail(`${file}: it names lab endpoints, which could answer a real 112 call; start it with: noodroute lab`);
  }
  return result.config;
}

async function run(config: Config): Promise<void> {
  const log = createLog(config.log.level);
  const gateway = new Gateway(config, log);
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'a fault that nothing caught; calls go on');
  });
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'a promise that nothing caught; calls go on');
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      void gateway.stop().finally(() => process.exit(0));
    });
  }
  await gateway.start().catch(async (error: unknown) => {
    await gateway.stop();
    return error instanceof StartError || error instanceof EngineStartError
      ? fail(error.message)
      : fail(messageOf(error));
  });
  process.stdout.write('{"ready":true}\n');
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
