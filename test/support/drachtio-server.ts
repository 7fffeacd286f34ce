import { spawn, type ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';

/** The environment names the program, where the tests are to run on drachtio-server. */
const PROGRAM = process.env['NOODROUTE_DRACHTIO'];
const READY_WITHIN_MS = 15_000;

/** Whether the gateways under test use drachtio-server instead of the embedded engine. */
export const usesDrachtio = PROGRAM !== undefined && PROGRAM !== '';

/** Runs the program until our end of the pipe is closed, by us or by the end of the test process. */
const ENDS_WITH_TEST = 'exec 3<&0; "$@" & server=$!; { cat; kill "$server"; } <&3 & wait "$server"';

/** A drachtio-server of a test. */
export interface DrachtioProcess {
  /** What it logged so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Where a drachtio-server of a test listens. */
export interface DrachtioSite {
  /** SIP over UDP and TCP at port 5060, the control connection at port 9022. */
  readonly host: string;
  readonly secret: string;
  /** For its configuration file. */
  readonly folder: string;
}

/** Starts drachtio-server and waits until it takes orders. It is ended with the test at the latest. */
export async function startDrachtio(site: DrachtioSite): Promise<DrachtioProcess> {
  const file = join(site.folder, 'drachtio.conf.xml');
  writeFileSync(file, configuration(site));
  return startDrachtioAs([PROGRAM ?? '', '-f', file], site);
}

/** The same with a command line of its own, in which `drachtio` is the program. */
export async function startDrachtioAs(
  command: readonly string[],
  { host, folder }: Omit<DrachtioSite, 'secret'>,
): Promise<DrachtioProcess> {
  const child = spawn('sh', ['-c', ENDS_WITH_TEST, 'sh', ...command], {
    cwd: folder,
    env: { ...process.env, PATH: `${dirname(PROGRAM ?? '')}:${process.env['PATH'] ?? ''}` },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const log: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => log.push(data.toString('latin1')));
  }
  await takesOrders(host, child, log);
  return {
    log: () => log.join(''),
    stop: async () => stop(child),
  };
}

function configuration({ host, secret }: DrachtioSite): string {
  return `<drachtio>
  <admin port="9022" secret="${secret}">${host}</admin>
  <sip><contacts><contact>sip:${host}:5060;transport=udp,tcp</contact></contacts></sip>
  <cdrs>true</cdrs>
  <logging><console/><sofia-loglevel>0</sofia-loglevel><loglevel>warning</loglevel></logging>
</drachtio>
`;
}

/** A port in use ends it with exit code 0, so that only a connection proves that it is up. */
async function takesOrders(host: string, child: ChildProcess, log: readonly string[]): Promise<void> {
  const end = Date.now() + READY_WITHIN_MS;
  while (Date.now() < end && child.exitCode === null) {
    if (await accepts(host)) {
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  await stop(child);
  throw new Error(`drachtio-server did not come up:\n${log.join('')}`);
}

async function accepts(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host, port: 9022 });
    const answer = (is: boolean) => () => {
      socket.destroy();
      resolve(is);
    };
    socket.once('connect', answer(true));
    socket.once('error', answer(false));
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise<void>((resolve) => {
      child.once('exit', () => {
        resolve();
      });
      child.stdin?.end();
    });
  }
}
