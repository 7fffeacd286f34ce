import { createInterface } from 'node:readline';
import { Command, InvalidArgumentError, Option } from 'commander';
import { messageOf } from '../domain/errors.js';
import type { Contact } from '../engine/agent/agent.js';
import type { Engine } from '../engine/engine.js';
import { parseUri } from '../sip/uri.js';
import { explained } from './conventions.js';

interface EngineCommandOptions {
  readonly admin: { readonly host: string; readonly port: number };
  readonly contact: readonly Contact[];
  readonly tryingAfter: number;
  readonly forgiving?: true;
  readonly exitWithParent?: true;
}

const SECRET_VARIABLE = 'NOODROUTE_ENGINE_SECRET';

/** `noodroute engine`: the embedded SIP engine as a process of its own. */
export function engineCommand(): Command {
  const command = new Command('engine')
    .description(
      'Run the embedded SIP engine alone: SIP on one side, drachtio wire protocol for applications on the other.',
    )
    .requiredOption('--admin <host:port>', 'where applications connect (TCP)', readHostPort)
    .requiredOption('--contact <uri...>', 'where to take SIP, e.g. sip:127.0.0.1:5060;transport=udp', readContacts)
    .option(
      '--trying-after <ms>',
      'send 100 Trying so late (at most 200 ms): time for the application to drop what a stranger sends',
      readTryingAfter,
      0,
    )
    .option('--forgiving', 'take what belongs to a call and can be understood, also where it breaks the rules of SIP')
    .addOption(
      new Option('--log-level <level>', 'accepted for the gateway; the engine reports only what ends it').hideHelp(),
    )
    .addOption(new Option('--exit-with-parent', 'end when standard input is closed').hideHelp())
    .addHelpText('after', `\nThe secret that applications must show is taken from the environment: ${SECRET_VARIABLE}.`)
    .action(async (options: EngineCommandOptions) => {
      await run(options);
    });
  return explained(command, {
    examples: [['noodroute engine --admin 127.0.0.1:9022 --contact sip:127.0.0.1:5060', 'prints {"ready":true}']],
    fails: 'it cannot start: no secret, or a port is taken',
  });
}

async function run(options: EngineCommandOptions): Promise<void> {
  const secret = process.env[SECRET_VARIABLE] ?? '';
  if (secret === '') {
    return fail(`${SECRET_VARIABLE} is not set: applications need a secret to connect`);
  }
  process.on('uncaughtException', report);
  process.on('unhandledRejection', report);
  const { startEngine } = await import('../engine/engine.js');
  const { contact: contacts, admin: control, tryingAfter, forgiving = false } = options;
  const engine = await startEngine({ contacts, control, secret, tryingAfter, forgiving }).catch((error: unknown) =>
    fail(whyNot(error)),
  );
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      void engine.close().finally(() => process.exit(0));
    });
  }
  answerQuestions(engine, options.exitWithParent === true);
  process.stdout.write('{"ready":true}\n');
}

/** `stats` on standard input gives one JSON line: what is open. */
function answerQuestions(engine: Engine, exitWithParent: boolean): void {
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    if (line === 'stats') {
      process.stdout.write(`${JSON.stringify({ stats: engine.stats() })}\n`);
    }
  });
  input.once('close', () => {
    if (exitWithParent) {
      process.exit(0);
    }
  });
}

/** A fault that nothing caught: said, and survived. */
function report(error: unknown): void {
  const stack = error instanceof Error ? error.stack : undefined;
  process.stderr.write(
    `${JSON.stringify({ level: 50, msg: 'a fault in the SIP engine that nothing caught', stack })}\n`,
  );
}

function whyNot(error: unknown): string {
  const { code, address, port, syscall } = error as {
    readonly code?: string;
    readonly address?: string;
    readonly port?: number;
    readonly syscall?: string;
  };
  const what = `${syscall === 'listen' ? 'TCP' : 'UDP'} ${address ?? ''}:${port ?? ''}`;
  if (code === 'EADDRINUSE') {
    return `${what} is taken by another program: end that one, or choose another port`;
  }
  return code === 'EADDRNOTAVAIL' ? `${what}: this machine has no such address` : messageOf(error);
}

function readHostPort(text: string): EngineCommandOptions['admin'] {
  const [, host = '', port = ''] = /^\[?(.+?)\]?:(\d+)$/.exec(text) ?? [];
  if (host === '') {
    throw new InvalidArgumentError('expected host:port');
  }
  return { host, port: Number(port) };
}

/** RFC 3261 17.2.1: the 100 comes within 200 ms. */
function readTryingAfter(text: string): number {
  if (!/^\d{1,3}$/.test(text) || Number(text) > 200) {
    throw new InvalidArgumentError('expected milliseconds from 0 to 200');
  }
  return Number(text);
}

function readContacts(text: string, before: readonly Contact[] = []): readonly Contact[] {
  const uri = parseUri(text);
  if (uri.scheme !== 'sip') {
    throw new InvalidArgumentError('expected a SIP URI such as sip:127.0.0.1:5060;transport=udp');
  }
  const transport = uri.params.get('transport')?.toLowerCase() ?? 'udp';
  if (transport !== 'udp' && transport !== 'tcp') {
    throw new InvalidArgumentError(`the engine does not speak ${transport} yet, expected udp or tcp`);
  }
  return [...before, { address: uri.host, port: uri.port ?? 5060, transport }];
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
