import { Command } from 'commander';
import { readFileSync } from 'node:fs';
import type { Config } from '../config/config.js';
import type { LoadResult } from '../config/load.js';
import { messageOf } from '../domain/errors.js';
import { explained } from './conventions.js';
import { packaged } from './packaged.js';

const LAB_ONLY = 'it names lab endpoints, which could answer a real 112 call';

/** `noodroute run FILE`: the gateway, for real. */
export function runCommand(): Command {
  const command = new Command('run')
    .description('Start the gateway (and the embedded SIP engine, unless the site uses drachtio-server).')
    .argument('<file>', 'site file')
    .action(async (file: string) => {
      await run(await loaded(file, false), async () => reloader(file, false));
    });
  return explained(command, {
    examples: [
      ['noodroute run site.yaml', 'prints {"ready":true} once calls are accepted; SIGHUP reads the files again'],
    ],
    fails: 'it cannot start: the site file is wrong, or a port is taken',
  });
}

/** The gateway of the lab: the same, but lab endpoints are allowed. Started by `noodroute lab`. */
export function labGatewayCommand(): Command {
  return new Command('lab-gateway').argument('<file>', 'site file').action(async (file: string) => {
    process.once('disconnect', () => process.kill(process.pid, 'SIGTERM'));
    await run(await loaded(file, true), async () => reloader(file, true));
  });
}

async function loaded(file: string, lab: boolean): Promise<Config> {
  const { loadConfig, formatProblem } = await import('../config/load.js');
  const result = loadConfig(file);
  if (!result.ok) {
    return fail(result.problems.map(formatProblem).join('\n'));
  }
  if (result.config.lab && !lab) {
    return fail(`${file}: ${LAB_ONLY}; start it with: noodroute lab`);
  }
  return result.config;
}

/** Reads the same file again, with the same rule about lab endpoints. */
async function reloader(file: string, lab: boolean): Promise<() => LoadResult> {
  const { loadConfig } = await import('../config/load.js');
  return () => {
    const result = loadConfig(file);
    const isWrong = result.ok && result.config.lab && !lab;
    return isWrong ? { ok: false, problems: [{ file, line: 1, column: 1, path: '', message: LAB_ONLY }] } : result;
  };
}

async function run(config: Config, load: () => Promise<() => LoadResult>): Promise<void> {
  const { createLog } = await import('../adapters/log/pino.js');
  const { Gateway } = await import('../app/gateway.js');
  const log = createLog(config.log.level);
  const gateway = new Gateway(config, log, ownVersion(), await load());
  process.on('uncaughtException', (error) => {
    log.error({ err: error }, 'a fault that nothing caught; calls go on');
  });
  process.on('unhandledRejection', (error) => {
    log.error({ err: error }, 'a promise that nothing caught; calls go on');
  });
  process.on('SIGHUP', () => {
    gateway.reload();
  });
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      void gateway.stop(signal).finally(() => process.exit(0));
    });
  }
  await gateway.start().catch(async (error: unknown) => {
    await gateway.stop('could not start');
    return fail(messageOf(error));
  });
  process.stdout.write('{"ready":true}\n');
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function ownVersion(): string {
  return (JSON.parse(readFileSync(packaged('package.json'), 'utf8')) as { readonly version: string }).version;
}
