import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { Command, Option } from 'commander';
import type { LogLevel } from '../adapters/log/pino.js';
import { messageOf } from '../domain/errors.js';
import type { Contact } from '../engine/agent/agent.js';
import type { RequestHandler } from '../engine/control/outbound.js';
import type { Engine, EngineOptions } from '../engine/engine.js';
import type { TlsIdentity } from '../engine/transport/tls-identity.js';
import type { Log } from '../ports/journal.js';
import { explained } from './conventions.js';
import {
  readContacts,
  readHostPort,
  readNameServer,
  readRequestHandler,
  readTryingAfter,
  type HostPort,
} from './engine-options.js';
import type { TlsFiles } from './tls-files.js';

interface EngineCommandOptions {
  readonly admin: HostPort;
  readonly adminTls?: HostPort;
  readonly contact: readonly Contact[];
  readonly secretFile?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsCa?: string;
  readonly tlsCallerCa?: string;
  readonly dnsServer?: readonly string[];
  readonly tryingAfter: number;
  readonly requestHandler?: readonly RequestHandler[];
  readonly forgiving?: boolean;
  readonly logLevel: LogLevel;
  readonly exitWithParent?: true;
}

const SECRET_VARIABLE = 'NOODROUTE_ENGINE_SECRET';
/** What drachtio-server takes where it is told nothing else. Everybody knows it. */
const WELL_KNOWN_SECRET = 'cymru';
/** Longer than the gateway needs to connect to an engine that it has just started, and to hand over the calls of the last one. */
const ADOPTS_FOR_MS = 2_000;
const LEVELS: readonly LogLevel[] = ['trace', 'debug', 'info', 'warn', 'error'];

/** `noodroute engine`: the embedded SIP engine as a process of its own. */
export function engineCommand(): Command {
  const command = new Command('engine')
    .description(
      'Run the embedded SIP engine alone: SIP on one side, drachtio wire protocol for applications on the other.',
    )
    .requiredOption('--admin <host:port>', 'where applications connect (TCP)', readHostPort)
    .requiredOption(
      '--contact <uri...>',
      'where to take SIP, e.g. sip:127.0.0.1:5060;transport=udp,tcp; may be given several times',
      readContacts,
    )
    .option(
      '--admin-tls <host:port>',
      'where applications connect over TLS, with --tls-cert and --tls-key',
      readHostPort,
    )
    .option('--secret-file <file>', 'what applications must show; without it the environment says')
    .option('--tls-cert <file>', 'our certificate for contacts over TLS, and the chain behind it (PEM)')
    .option('--tls-key <file>', 'its private key (PEM)')
    .option('--tls-ca <file>', 'who signs the certificates of servers that we call (PEM)')
    .option('--tls-caller-ca <file>', 'who signs the certificates of callers (PEM); with it they must show one')
    .option(
      '--dns-server <address>',
      'ask this name server, not those of the machine; several are tried',
      readNameServer,
    )
    .option(
      '--trying-after <ms>',
      'send 100 Trying so late (at most 200 ms): time for the application to drop what a stranger sends',
      readTryingAfter,
      0,
    )
    .option(
      '--request-handler <uri...>',
      'call an application that listens there for each new request: tcp://host:port, or method=tcp://host:port',
      readRequestHandler,
    )
    .option('--forgiving', 'take what belongs to a call and can be understood, also where it breaks the rules of SIP')
    .addOption(
      new Option('--log-level <level>', 'least important lines to write; debug shows every message')
        .choices(LEVELS)
        .default('info'),
    )
    .addOption(new Option('--exit-with-parent', 'end when standard input is closed').hideHelp())
    .addHelpText(
      'after',
      `\nThe secret is taken from --secret-file, else from ${SECRET_VARIABLE}; without either it is ${WELL_KNOWN_SECRET}, on loopback only.` +
        '\nSIGHUP reads the TLS files again; they are looked at every 5 s too. SIGTERM ends it.',
    )
    .action(async (options: EngineCommandOptions) => {
      await run(options, command);
    });
  return explained(command, {
    examples: [
      [
        "noodroute engine --admin 127.0.0.1:9022 --contact 'sip:127.0.0.1:5060;transport=udp,tcp'",
        'prints {"ready":true}',
      ],
      ['noodroute engine --admin 127.0.0.1:9022 --contact sips:192.0.2.1 --tls-cert c.pem --tls-key k.pem', 'TLS'],
    ],
    fails: 'it cannot start: a port is taken, a file cannot be read',
  });
}

async function run(options: EngineCommandOptions, command: Command): Promise<void> {
  const files = tlsFiles(options, command);
  const secret = secretOf(options, command);
  const { createLog } = await import('../adapters/log/pino.js');
  const log = createLog(options.logLevel);
  const identity = await identityOf(files, log);
  const engine = await start(options, { secret, ...(identity === undefined ? {} : { identity }) }, log);
  process.on('uncaughtException', reported(log));
  process.on('unhandledRejection', reported(log));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      log.info({ signal }, 'the SIP engine takes no new calls, and ends');
      void end(engine);
    });
  }
  answerQuestions(engine, options.exitWithParent === true);
  process.stdout.write('{"ready":true}\n');
}

async function start(
  {
    contact: contacts,
    admin,
    adminTls,
    tryingAfter,
    requestHandler: handlers = [],
    forgiving = false,
    dnsServer = [],
    logLevel,
  }: EngineCommandOptions,
  more: Pick<EngineOptions, 'secret' | 'identity'>,
  log: Log,
): Promise<Engine> {
  const { startEngine } = await import('../engine/engine.js');
  const { dnsNames } = await import('../engine/location/dns.js');
  const logMessages = logLevel === 'debug' || logLevel === 'trace';
  const names = dnsNames(dnsServer);
  const control = { ...admin, ...(adminTls === undefined ? {} : { tls: adminTls }) };
  const engine = await startEngine({
    contacts,
    control,
    handlers,
    tryingAfter,
    forgiving,
    adoptsFor: ADOPTS_FOR_MS,
    names,
    log,
    logMessages,
    ...more,
  }).catch((error: unknown) => fail(whyNot(error, contacts)));
  const listens = contacts.map(({ transport = 'udp', address, port }) => `${transport}/${address}:${port}`);
  log.info({ listens, control: `${control.host}:${control.port}` }, 'the SIP engine listens');
  return engine;
}

async function end(engine: Engine): Promise<void> {
  await engine.drain();
  await engine.close();
  process.exit(0);
}

function secretOf({ secretFile, admin, adminTls = admin }: EngineCommandOptions, command: Command): string {
  const given = secretFile === undefined ? (process.env[SECRET_VARIABLE] ?? '') : secretIn(secretFile);
  if (given !== '') {
    return given;
  }
  if (secretFile !== undefined) {
    return fail(`${secretFile}: the secret is empty`);
  }
  const open = [admin.host, adminTls.host].find((host) => !/^(127\.\d+\.\d+\.\d+|::1|localhost)$/.test(host));
  if (open !== undefined) {
    command.error(
      `error: applications need a secret to connect on ${open}: give --secret-file or ${SECRET_VARIABLE} (${WELL_KNOWN_SECRET}, which everybody knows, is for loopback)`,
    );
  }
  return WELL_KNOWN_SECRET;
}

function secretIn(path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    return fail(`the secret cannot be read: ${messageOf(error)}`);
  }
}

function tlsFiles(options: EngineCommandOptions, command: Command): TlsFiles | undefined {
  const { tlsCert: cert, tlsKey: key, tlsCa: ca, tlsCallerCa: callerCa, contact, adminTls } = options;
  const wanted = adminTls !== undefined || contact.some(({ transport }) => transport === 'tls');
  if (cert !== undefined && key !== undefined) {
    return { cert, key, ca, callerCa };
  }
  if (wanted || cert !== undefined || key !== undefined || ca !== undefined || callerCa !== undefined) {
    command.error('error: TLS needs both --tls-cert and --tls-key');
  }
  return undefined;
}

/** What the files hold, read anew with SIGHUP and when they change. */
async function identityOf(files: TlsFiles | undefined, log: Log): Promise<TlsIdentity | undefined> {
  process.on('SIGHUP', () => undefined);
  if (files === undefined) {
    return undefined;
  }
  const { reloadIdentity, tlsIdentity, watchTls } = await import('./tls-files.js');
  const identity = (() => {
    try {
      return tlsIdentity(files);
    } catch (error) {
      return fail(messageOf(error));
    }
  })();
  const reload = (): void => {
    try {
      reloadIdentity(identity, files);
      log.info({ files }, 'new connections over TLS use what is in the files now');
    } catch (error) {
      log.error({ err: messageOf(error) }, 'the TLS files cannot be used: what was in force stays');
    }
  };
  process.on('SIGHUP', reload);
  watchTls(files, reload);
  return identity;
}

/** `stats` on standard input gives one JSON line: what is open. */
function answerQuestions(engine: Engine, exitWithParent: boolean): void {
  const input = createInterface({ input: process.stdin });
  input.on('line', (line) => {
    if (line === 'stats') {
      process.stdout.write(`${JSON.stringify({ stats: engine.stats() })}\n`);
    } else if (line === 'ping') {
      process.stdout.write('{"pong":true}\n');
    }
  });
  input.once('close', () => {
    if (exitWithParent) {
      process.exit(0);
    }
  });
}

/** A fault that nothing caught: said, and survived. */
function reported(log: Log): (error: unknown) => void {
  return (error) => {
    log.error({ err: error }, 'a fault in the SIP engine that nothing caught');
  };
}

/** What Node says about a socket that could not be bound. */
interface Failure {
  readonly code?: string;
  readonly syscall?: string;
  readonly address?: string;
  readonly port?: number;
}

function whyNot(error: unknown, contacts: readonly Contact[]): string {
  const { code, syscall, address = '', port = '' } = error as Failure;
  const isStream = syscall === 'listen';
  const of = contacts.filter(({ transport }) => (transport !== 'udp') === isStream);
  const transport = of.find((each) => each.address === address && each.port === port)?.transport ?? 'tcp';
  const what = `${transport.toUpperCase()} ${address}:${port}`;
  const known = code === undefined ? undefined : WHY_NOT[code];
  return known === undefined ? messageOf(error) : `${what} ${known}`;
}

const WHY_NOT: Readonly<Record<string, string>> = {
  EADDRINUSE: 'is taken by another program: end that one, or choose another port',
  EADDRNOTAVAIL: 'is no address of this machine: choose one of its own',
  EACCES: 'needs more rights: ports below 1024 are for root',
};

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
