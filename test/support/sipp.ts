import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

/** How a SIPp process is started. */
export interface SippOptions {
  /** A file in `test/sipp/`, or a built-in scenario (`uac`, `uas`). */
  readonly scenario: string;
  /** Own address. */
  readonly address: string;
  readonly port?: number;
  /** `host:port` to call; none for a far end. */
  readonly target?: string;
  /** User part of the Request-URI. */
  readonly service?: string;
  readonly calls?: number;
  /** New calls per second. */
  readonly rate?: number;
  /** Milliseconds that a call lasts. */
  readonly duration?: number;
  /** Counts alone, no log of messages and times: they cost more than the calls. */
  readonly countsOnly?: boolean;
  /** What stands in the scenario for `%name%`: SIPp has no variables in the first line of a response. */
  readonly words?: Readonly<Record<string, string>>;
  readonly more?: readonly string[];
}

/** What SIPp itself counted and measured. */
export interface SippResult {
  readonly exitCode: number | null;
  readonly successful: number;
  readonly failed: number;
  /** Response times in milliseconds, by the name of the timer in the scenario. */
  readonly times: Readonly<Record<string, readonly number[]>>;
  /** The same with the moment of each, in milliseconds since SIPp started. */
  readonly timed: readonly TimedResponse[];
  /** Every message that it sent and received. */
  readonly messages: string;
  /** The Call-IDs of the requests of a method that it received. */
  readonly received: (method: string) => ReadonlySet<string>;
  readonly output: string;
}

/** A response time, and when the response came. */
export interface TimedResponse {
  /** The timer of the scenario. */
  readonly name: string;
  readonly at: number;
  readonly ms: number;
}

/** A running SIPp. */
export interface Sipp {
  readonly done: Promise<SippResult>;
  /** From now on nothing is answered, and nothing is refused: what comes waits in the socket. */
  silence(): void;
  /** Ends a far end and gives what it counted. */
  stop(): Promise<SippResult>;
}

const BUILT_IN = new Set(['uac', 'uas']);

/**
 * Starts SIPp, Debian's independent SIP peer, and waits until it has its port. It is bounded in time, and ended with the
 * test at the latest.
 */
export async function startSipp(options: SippOptions): Promise<Sipp> {
  const sipp = launch(options);
  await Promise.race([bound(options.address, options.port ?? 5060), sipp.done]);
  return sipp;
}

function launch(options: SippOptions): Sipp {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-sipp-'));
  const child = spawn('sipp', argumentsOf(options, folder), { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  child.stdout.on('data', (data: Buffer) => output.push(data.toString('latin1')));
  child.stderr.on('data', (data: Buffer) => output.push(data.toString('latin1')));
  const endWithTest = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', endWithTest);
  const done = new Promise<SippResult>((resolvePromise) => {
    child.once('exit', (exitCode) => {
      process.removeListener('exit', endWithTest);
      const result = read(folder, exitCode, output.join(''));
      rmSync(folder, { recursive: true, force: true });
      resolvePromise(result);
    });
  });
  const silence = (): void => {
    child.kill('SIGSTOP');
  };
  return { done, silence, stop: async () => stop(child, done) };
}

/** Runs SIPp to its end. */
export async function runSipp(options: SippOptions): Promise<SippResult> {
  return launch(options).done;
}

/** Waits until a program has the UDP port, as the kernel tells. */
export async function bound(address: string, port: number): Promise<void> {
  const [a = 0, b = 0, c = 0, d = 0] = address.split('.').map(Number);
  const hex = (value: number, digits: number): string => value.toString(16).toUpperCase().padStart(digits, '0');
  const entry = `${[d, c, b, a].map((byte) => hex(byte, 2)).join('')}:${hex(port, 4)}`;
  for (let waited = 0; waited < 10_000; waited += 20) {
    if (readFileSync('/proc/net/udp', 'latin1').includes(` ${entry} `)) {
      return;
    }
    await new Promise((resolvePromise) => setTimeout(resolvePromise, 20));
  }
}

async function stop(child: ChildProcess, done: Promise<SippResult>): Promise<SippResult> {
  child.kill('SIGUSR1');
  child.kill('SIGCONT');
  const killer = setTimeout(() => child.kill('SIGKILL'), 3_000);
  const result = await done;
  clearTimeout(killer);
  return result;
}

function argumentsOf(options: SippOptions, folder: string): string[] {
  const { scenario, address, port, target, service, calls, rate, duration, countsOnly, more = [] } = options;
  return [
    ...(BUILT_IN.has(scenario) ? ['-sn', scenario] : ['-sf', scenarioFile(options, folder)]),
    ...['-i', address, '-p', String(port ?? 5060), '-nostdin', '-timeout', '120'],
    ...['-trace_stat', '-stf', join(folder, 'stat.csv'), '-fd', '1'],
    ...(countsOnly === true ? [] : ['-trace_rtt', '-rtt_freq', '1']),
    ...(countsOnly === true ? [] : ['-trace_msg', '-message_file', join(folder, 'messages.log')]),
    ...(service === undefined ? [] : ['-s', service]),
    ...(calls === undefined ? [] : ['-m', String(calls), '-l', String(Math.max(calls, 1))]),
    ...(rate === undefined ? [] : ['-r', String(rate)]),
    ...(duration === undefined ? [] : ['-d', String(duration)]),
    ...more,
    ...(target === undefined ? [] : [target]),
  ];
}

function scenarioFile({ scenario, words }: SippOptions, folder: string): string {
  const file = resolve('test', 'sipp', scenario);
  if (words === undefined) {
    return file;
  }
  const written = join(folder, scenario);
  writeFileSync(
    written,
    readFileSync(file, 'latin1').replaceAll(/%(\w+)%/g, (_, name: string) => words[name] ?? ''),
  );
  return written;
}

function read(folder: string, exitCode: number | null, output: string): SippResult {
  const stat = text(join(folder, 'stat.csv')).trim().split('\n');
  const names = stat[0]?.split(';') ?? [];
  const last = stat.at(-1)?.split(';') ?? [];
  const count = (name: string): number => Number(last[names.indexOf(name)] ?? Number.NaN);
  const messages = text(join(folder, 'messages.log'));
  const timed = timedResponses(folder);
  return {
    exitCode,
    successful: count('SuccessfulCall(C)'),
    failed: count('FailedCall(C)'),
    times: times(timed),
    timed,
    messages,
    received: (method) => received(messages, method),
    output,
  };
}

/** SIPp's log has a line of dashes before each message, and says below it whether it was sent or received. */
function received(messages: string, method: string): ReadonlySet<string> {
  const ids = new Set<string>();
  for (const entry of messages.split(/^-{20,}.*$/m)) {
    const isReceived = /message received/.test(entry) && new RegExp(`^${method} `, 'm').test(entry);
    const callId = /^(?:Call-ID|i)\s*:\s*(\S+)/im.exec(entry)?.[1];
    if (isReceived && callId !== undefined) {
      ids.add(callId);
    }
  }
  return ids;
}

/** SIPp writes the response times as `time;milliseconds;name`, into a file named after the scenario and its pid. */
function timedResponses(folder: string): readonly TimedResponse[] {
  const file = globRtt(folder);
  const lines = file === undefined ? [] : text(file).trim().split('\n').slice(1);
  return lines.map((line) => {
    const [at, value, name = ''] = line.split(';');
    return { name: name.trim(), at: Number(at), ms: Number(value) };
  });
}

function times(timed: readonly TimedResponse[]): Record<string, number[]> {
  const result: Record<string, number[]> = {};
  for (const { name, ms } of timed) {
    (result[name] ??= []).push(ms);
  }
  return result;
}

function globRtt(folder: string): string | undefined {
  const found = readdirSync(folder).find((name) => name.endsWith('_rtt.csv'));
  return found === undefined ? undefined : join(folder, found);
}

function text(path: string): string {
  return existsSync(path) ? readFileSync(path, 'latin1') : '';
}

/** The Call-IDs of the messages in SIPp's log that look like this. */
export function callIdsOf(messages: string, pattern: RegExp): ReadonlySet<string> {
  return new Set(momentsOf(messages, pattern).keys());
}

/** The same, with the last moment of such a message, in milliseconds since 1970. */
export function momentsOf(messages: string, pattern: RegExp): ReadonlyMap<string, number> {
  const moments = messages.split(/^-{20,} /m).flatMap((entry) => {
    const callId = /^Call-ID:\s*(\S+)/im.exec(entry)?.[1];
    const [at = ''] = entry.split('\n', 1);
    return callId !== undefined && pattern.test(entry) ? [[callId, Date.parse(at.replace(' ', 'T'))] as const] : [];
  });
  return new Map(moments);
}
