import { Command, InvalidArgumentError, Option } from 'commander';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../config/config.js';
import { messageOf } from '../domain/errors.js';
import { FAULT_TERMS, parseFault, printFault } from '../lab/faults.js';
import type { LabAddress, LabPlan, SipPlan } from '../lab/plan.js';
import { explained, type Explanation } from './conventions.js';
import { packaged } from './packaged.js';

const CONTROL: LabAddress = { address: '127.0.0.1', port: 8081 };
const LAB_FILE = join('config', 'lab.yaml');
const SPEECH_FILE = join('config', 'lab', 'speech.wav');
/** Progress is shown when the start takes longer than this. */
const PROGRESS_AFTER_MS = 2_000;
const MOST_CALLS = 10_000;
const PARENT_EVERY_MS = 500;

const NO_LAB = 'no lab answers at --control';

const FAULT_HELP: Explanation = {
  examples: [
    ['noodroute lab fault kpn blackhole', 'nothing comes back from any trunk of KPN'],
    ['noodroute lab fault kpn reject --trunk kpn-a', '503 on one trunk'],
    ['noodroute lab fault kpn clear', 'KPN is back'],
  ],
  fails: `${NO_LAB}, or it has no such carrier or trunk`,
};

const CALL_HELP: Explanation = {
  examples: [
    ['noodroute lab call 112', 'one call of 2 s'],
    ['noodroute lab call 0900-8844 --count 20 --rate 5', '20 calls, 5 each second'],
    ['noodroute lab call 112 --json', 'for programs'],
  ],
  fails: `a call was not answered, or ${NO_LAB}`,
};

const STATE_HELP: Explanation = {
  examples: [
    ['noodroute lab state', 'what each carrier and answering point counted'],
    ['noodroute lab state --json', 'for programs'],
  ],
  fails: NO_LAB,
};

interface LabStartOptions {
  readonly config: string;
  readonly control: LabAddress;
  readonly answerAfter: number;
}

/** `noodroute lab`: the gateway with simulated carriers and answering points, and orders to a lab that runs. */
export function labCommand(): Command {
  const lab = new Command('lab')
    .description('Start the gateway with simulated carriers and answering points around it, all on loopback.')
    .enablePositionalOptions()
    .option('--config <file>', 'site file of the lab', LAB_FILE)
    .option('--answer-after <ms>', 'how long answering points ring', numberFrom(0, 600_000), 200)
    .addOption(controlOption())
    .action(async ({ config, control, answerAfter }: LabStartOptions) => {
      await start(labFile(config), control, answerAfter);
    });
  // The lab's own processes; nobody types this.
  const worker = new Command('process').argument('<name...>').action(async () => {
    const { serveLab } = await import('../lab/worker.js');
    serveLab();
  });
  lab
    .addCommand(explained(faultCommand(), FAULT_HELP))
    .addCommand(explained(callCommand(), CALL_HELP))
    .addCommand(explained(stateCommand(), STATE_HELP))
    .addCommand(explained(resultsCommand(), RESULTS_HELP))
    .addCommand(worker, { hidden: true });
  return explained(lab, {
    examples: [
      ['noodroute lab', 'ends with Ctrl-C'],
      ['noodroute lab call 112', 'in a second terminal: a call'],
      ['noodroute lab fault kpn blackhole', 'a carrier disappears'],
    ],
    fails: 'it cannot start: the site file is wrong, or a port is taken',
  });
}

function controlOption(): Option {
  return new Option('--control <address:port>', 'where the lab takes orders')
    .argParser(loopbackAddress)
    .default(CONTROL, hostPort(CONTROL));
}

function faultCommand(): Command {
  return new Command('fault')
    .description('Take a simulated carrier away, in one of many ways, or bring it back.')
    .argument('<carrier>', 'carrier of the lab, such as kpn')
    .argument('<fault...>', 'one or more, such as blackhole, or loss=5% delay=300ms')
    .option('--trunk <id>', 'only this trunk of the carrier')
    .option('--service <id>', 'only calls to this service')
    .addOption(controlOption())
    .addHelpText('after', () => `\nFaults:\n${faultHelp()}`)
    .action(async (carrier: string, words: readonly string[], options: FaultOptions, command: Command) => {
      const fault = readFault(words.join(' '), command);
      await orFail(async () => setFault(carrier, fault, options));
    });
}

interface CallOptions {
  readonly count: number;
  readonly rate: number;
  readonly hold: number;
  readonly caller: string;
  readonly json?: true;
  readonly control: LabAddress;
}

function callCommand(): Command {
  return new Command('call')
    .description('Call a service as a SIP phone does, and say what became of it.')
    .argument('<service>', '112, 0900-8844, another number, or a URI such as urn:service:sos')
    .option('--count <n>', 'calls', numberFrom(1, MOST_CALLS), 1)
    .option('--rate <n>', 'calls per second', numberFrom(0.01, 100), 1)
    .option('--hold <ms>', 'how long an answered call lasts', numberFrom(0, 3_600_000), 2_000)
    .option('--caller <number>', 'number of the caller', callerNumber, '0612345678')
    .option('--json', 'print one JSON object per call')
    .addOption(controlOption())
    .action(async (service: string, options: CallOptions) => {
      await orFail(async () => call(service, options));
    });
}

function stateCommand(): Command {
  return new Command('state')
    .description('Show what the simulated carriers and answering points saw.')
    .option('--json', 'print one JSON object instead of text')
    .addOption(controlOption())
    .action(async (options: { readonly json?: true; readonly control: LabAddress }) => {
      await orFail(async () => {
        const { labState } = await import('../lab/client.js');
        const { stateLines } = await import('../lab/lines.js');
        const state = await labState(options.control);
        print(options.json === true ? JSON.stringify(state) : stateLines(state).join('\n'));
      });
    });
}

interface FaultOptions {
  readonly trunk?: string;
  readonly service?: string;
  readonly control: LabAddress;
}

function faultHelp(): string {
  const width = Math.max(...FAULT_TERMS.map(([term]) => term.length));
  return FAULT_TERMS.map(([term, what]) => `  ${term.padEnd(width)}  ${what}`).join('\n');
}

/** The fault as it is written; one that makes no sense ends the program as a wrong command line does. */
function readFault(text: string, command: Command): string {
  try {
    return printFault(parseFault(text));
  } catch (error) {
    return command.error(`error: ${messageOf(error)}`);
  }
}

const RESULTS_HELP: Explanation = {
  examples: [
    ['noodroute lab results', 'a table of all calls: CSV'],
    ['noodroute lab results --json --since 10m', 'one JSON object per call, of the last ten minutes'],
  ],
  fails: 'no lab runs there',
};

interface ResultsOptions {
  readonly csv?: true;
  readonly json?: true;
  readonly since?: Date;
  readonly control: LabAddress;
}

function resultsCommand(): Command {
  return new Command('results')
    .description('Print what became of each call: who called, what was tried, who answered, after how long.')
    .addOption(new Option('--csv', 'as CSV with a line of names (the default)').conflicts('json'))
    .option('--json', 'print one JSON object per call')
    .option('--since <time>', 'only calls from then on: 30s, 10m, 2h, or 2019-06-24T12:00:00Z', moment)
    .addOption(controlOption())
    .action(async ({ json, since, control }: ResultsOptions) => {
      await orFail(async () => {
        const { labResults } = await import('../lab/client.js');
        const { csvOf } = await import('../lab/results.js');
        const calls = await labResults(control, since);
        const text = json === true ? calls.map((each) => `${JSON.stringify(each)}\n`).join('') : csvOf(calls);
        process.stdout.write(text);
      });
    });
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000 };

/** A time, or so long ago. */
function moment(text: string): Date {
  const [, count, unit = ''] = /^(\d+)([smh])$/.exec(text) ?? [];
  const time = count === undefined ? new Date(text) : new Date(Date.now() - Number(count) * (UNITS[unit] ?? 0));
  if (Number.isNaN(time.getTime())) {
    throw new InvalidArgumentError('expected 30s, 10m, 2h, or a time such as 2019-06-24T12:00:00Z');
  }
  return time;
}

async function setFault(carrier: string, fault: string, { trunk, service, control }: FaultOptions): Promise<void> {
  const { setLabFault } = await import('../lab/client.js');
  await setLabFault(control, carrier, fault, {
    ...(trunk === undefined ? {} : { trunk }),
    ...(service === undefined ? {} : { service }),
  });
  const where = `${trunk ?? carrier}${service === undefined ? '' : ` for ${service}`}`;
  print(`${where}: ${fault === 'clear' ? 'no fault' : fault}`);
}

async function call(service: string, options: CallOptions): Promise<void> {
  const { labState } = await import('../lab/client.js');
  const { placeCalls } = await import('../lab/caller.js');
  const { resultLine } = await import('../lab/lines.js');
  const { loadSpeech } = await import('../lab/speech.js');
  const { sip } = await labState(options.control);
  const results = await placeCalls(
    {
      gateway: (await sipPlans(sip))[0] ?? { ...CONTROL, transport: 'udp' },
      service,
      caller: options.caller,
      count: options.count,
      rate: options.rate,
      holdMs: options.hold,
      speech: loadSpeech(packaged(SPEECH_FILE)),
    },
    (result) => {
      print(options.json === true ? JSON.stringify({ service, ...result }) : resultLine(service, result));
    },
  );
  const answered = results.filter((each) => each.answered).length;
  if (options.json !== true && results.length > 1) {
    print(`${answered} of ${results.length} calls answered`);
  }
  process.exitCode = answered === results.length ? 0 : 1;
}

async function start(file: string, control: LabAddress, answersAfter: number): Promise<void> {
  const config = await loaded(file);
  const { labPlan } = await import('../lab/plan.js');
  const { Lab } = await import('../lab/lab.js');
  const plan = orStop(() => labPlan(config.network));
  const progress = new Progress();
  const lab = new Lab({
    file,
    plan,
    sip: await sipPlans(config.sip.contacts),
    ...(config.sip.engine === 'embedded'
      ? { engine: { address: config.sip.control.host, port: config.sip.control.port } }
      : {}),
    admin: config.admin,
    control,
    answersAfter,
    speech: packaged(SPEECH_FILE),
    say: (line) => {
      print(`${new Date().toTimeString().slice(0, 8)} ${line}`);
    },
    progress: progress.update,
  });
  endWith(async () => lab.stop());
  await orFail(async () => {
    await lab.checkAddresses();
    print(introduction(file, config, plan, control).join('\n'));
    await lab.start().finally(progress.done);
    print('noodroute ready');
  });
}

/** The addresses in a list of contacts, those over UDP first. */
async function sipPlans(contacts: readonly string[]): Promise<readonly SipPlan[]> {
  const { readContact } = await import('../config/address.js');
  return contacts
    .flatMap((text) => readContact(text) ?? [])
    .map(({ host, port, transport }): SipPlan => ({
      address: host,
      port,
      transport: transport === 'tcp' ? 'tcp' : 'udp',
    }))
    .toSorted((a, b) => b.transport.localeCompare(a.transport));
}

async function loaded(file: string): Promise<Config> {
  const { loadConfig, formatProblem } = await import('../config/load.js');
  const result = loadConfig(file);
  if (!result.ok) {
    return fail(result.problems.map(formatProblem).join('\n'));
  }
  if (!result.config.lab) {
    return fail(`${file}: the lab needs a site file with "lab: true"`);
  }
  if (result.config.sip.contacts.length === 0) {
    return fail(`${file}: the lab needs sip.contacts, where calls reach the SIP server`);
  }
  return result.config;
}

/** What listens where, and how to use it. */
function introduction(file: string, config: Config, plan: LabPlan, control: LabAddress): readonly string[] {
  const [contact = ''] = config.sip.contacts;
  const target = contact.replace(/^sips?:/i, '').replace(/;.*$/, '');
  const uri = target.replace(/:5060$/, '');
  const options = hostPort(control) === hostPort(CONTROL) ? '' : ` --control ${hostPort(control)}`;
  const trunks = plan.carriers.flatMap(({ name, trunks: all }) =>
    all.map(
      ({ id, address, port, transport, channels }) =>
        `  ${id.padEnd(10)} ${address}:${port} ${transport.toUpperCase()}, ${channels} channels of ${name}`,
    ),
  );
  return [
    `noodroute lab with ${file}: everything around the gateway is simulated, and nothing leaves this machine`,
    `  ${'gateway'.padEnd(10)} ${config.sip.contacts.join(', ')}; http://${config.admin.address}:${config.admin.port}`,
    ...trunks,
    ...plan.points.map(({ id, name, address, port }) => `  ${id.padEnd(10)} ${address}:${port} UDP, ${name}`),
    `  ${'control'.padEnd(10)} http://${hostPort(control)}/state`,
    'call it from a second terminal:',
    `  sipp -sn uac -s 112 ${target} -m 1`,
    `  npx noodroute lab call 112${options}`,
    `  baresip -e "/dial sip:112@${uri}"        (with net_interface ${target.split(':')[0]} in its configuration)`,
    'take a carrier away, and bring it back (blackhole, refuse, reject, lie, slow, clear):',
    `  npx noodroute lab fault ${plan.carriers[0]?.id ?? 'CARRIER'} blackhole${options}`,
  ];
}

/** Shows what has come up, when it takes long: rewriting one line at a terminal, line by line elsewhere. */
class Progress {
  readonly #startedAt = performance.now();
  #shown = false;

  readonly update = (ready: readonly string[], total: number): void => {
    if (performance.now() - this.#startedAt < PROGRESS_AFTER_MS || ready.length === total) {
      return;
    }
    const text = `starting: ${ready.length} of ${total} up, the last one ${ready.at(-1) ?? ''}`;
    this.#shown = process.stdout.isTTY;
    process.stdout.write(process.stdout.isTTY ? `\r\u001b[2K${text}` : `${text}\n`);
  };

  readonly done = (): void => {
    if (this.#shown) {
      process.stdout.write('\r\u001b[2K');
    }
    this.#shown = false;
  };
}

/** Ends everything with us: at a signal, when nobody reads what we print, or when npm is gone. */
function endWith(stop: () => Promise<void>): void {
  let stopping = false;
  const end = (): void => {
    if (!stopping) {
      stopping = true;
      stop()
        .catch(() => undefined)
        .finally(() => process.exit(0));
    }
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, end);
  }
  process.stdout.on('error', end);
  if (process.env['npm_lifecycle_event'] !== undefined) {
    endWithParent(end);
  }
}

/** Under npm a shell stands above us, which passes no signal on when npm is told to end. */
function endWithParent(end: () => void): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) {
      end();
    }
  }, PARENT_EVERY_MS).unref();
}

async function orFail(action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    fail(messageOf(error));
  }
}

function orStop<T>(make: () => T): T {
  try {
    return make();
  } catch (error) {
    return fail(messageOf(error));
  }
}

/** The file as given, or where it is not there, the one that came with the program. */
function labFile(file: string): string {
  return file === LAB_FILE && !existsSync(file) ? packaged(LAB_FILE) : file;
}

function loopbackAddress(text: string): LabAddress {
  const [, address, port] = /^(127(?:\.\d{1,3}){3}|localhost):(\d{1,5})$/.exec(text) ?? [];
  if (address === undefined || Number(port) < 1 || Number(port) > 65_535) {
    throw new InvalidArgumentError('expected a loopback address and port, such as 127.0.0.1:8081');
  }
  return { address: address === 'localhost' ? '127.0.0.1' : address, port: Number(port) };
}

function numberFrom(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!(value >= least && value <= most)) {
      throw new InvalidArgumentError(`expected a number from ${least} to ${most}`);
    }
    return value;
  };
}

function callerNumber(text: string): string {
  if (!/^[\w+.-]{1,40}$/.test(text)) {
    throw new InvalidArgumentError('expected a number, such as 0612345678');
  }
  return text;
}

function hostPort({ address, port }: LabAddress): string {
  return `${address}:${port}`;
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}
