import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CallReport } from '../../src/domain/call-report.js';
import { labResults, labState, setLabFault } from '../../src/lab/client.js';
import type { FaultPlace } from '../../src/lab/fault-places.js';
import type { CallResult } from '../../src/lab/results.js';
import type { LabState } from '../../src/lab/state.js';
import { startDrachtio, usesDrachtio } from './drachtio-server.js';
import { endProcess } from './end-process.js';
import { until } from './until.js';

const SECRET = 'only-for-tests';
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

/** The lab of `npm start` as a process, moved to another loopback network. */
export interface TestLab {
  /** Which SIP server carries its calls. Some promises differ (`docs/engines.md`). */
  readonly server: 'embedded engine' | 'drachtio-server';
  /** `host:port` of the gateway. */
  readonly sip: string;
  readonly pid: number;
  /** Its site file. */
  readonly file: string;
  /** Where its gateway keeps the journal. */
  readonly journal: string;
  /** What it printed so far. */
  readonly lines: readonly string[];
  state(): Promise<LabState>;
  fault(carrier: string, fault: string, where?: FaultPlace): Promise<void>;
  /** `host:port` where it takes orders. */
  readonly control: string;
  results(since?: Date): Promise<readonly CallResult[]>;
  calls(): Promise<readonly CallReport[]>;
  stats(): Promise<LabStats>;
  stop(): Promise<void>;
}

/** What is open in the gateway and its engine. */
export interface LabStats {
  readonly openCalls: number;
  readonly dialogs: number;
  /** drachtio-server does not tell. */
  readonly engine?: Readonly<Record<string, unknown>>;
}

/**
 * Starts the lab with the project's own lab files, at 127.`net`.x.y in place of 127.0.x.y.
 *
 * @param inventory changes the inventory first.
 * @param more options of `noodroute lab`.
 */
export async function startLab(
  net: number,
  inventory = (text: string): string => text,
  more: readonly string[] = [],
): Promise<TestLab> {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-lab-'));
  const file = moved(folder, net, inventory);
  const host = `127.${net}.0.1`;
  const control = { address: host, port: 8081 };
  const drachtio = usesDrachtio ? await startDrachtio({ host, secret: SECRET, folder }) : undefined;
  const child = spawn(process.execPath, [MAIN, 'lab', '--config', file, '--control', `${host}:8081`, ...more], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on('line', (line) => lines.push(line));
  }
  const endWithTest = (): void => {
    child.kill('SIGTERM');
  };
  process.once('exit', endWithTest);
  await until(() => lines.includes('noodroute ready') || child.exitCode !== null, 20_000);
  if (!lines.includes('noodroute ready')) {
    await drachtio?.stop();
    throw new Error(`the lab did not come up:\n${lines.join('\n')}`);
  }
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://${host}:8080${path}`, { signal: AbortSignal.timeout(5_000) });
    return (await response.json()) as T;
  };
  return {
    server: drachtio === undefined ? 'embedded engine' : 'drachtio-server',
    sip: `${host}:5060`,
    pid: child.pid ?? 0,
    file,
    journal: join(folder, 'var/lab/journal'),
    lines,
    state: async () => labState(control),
    fault: async (carrier, fault, where) => {
      await setLabFault(control, carrier, fault, where);
    },
    control: `${host}:8081`,
    results: async (since) => labResults(control, since),
    calls: async () => get('/calls'),
    stats: async () => get('/stats'),
    stop: async () => {
      process.removeListener('exit', endWithTest);
      await endProcess(child, 8_000);
      await drachtio?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The lab's three files, with every address but the ingress of all callers moved. */
function moved(folder: string, net: number, inventory: (text: string) => string): string {
  for (const name of ['config/lab.yaml', 'dialplans/nl.yaml', 'hardware/inventory.yaml']) {
    const own = readFileSync(name, 'utf8');
    const text = (name.endsWith('inventory.yaml') ? inventory(own) : own).replaceAll(
      /\b127\.0\.(?!0\.0\/)/g,
      `127.${net}.`,
    );
    mkdirSync(join(folder, name, '..'), { recursive: true });
    writeFileSync(join(folder, name), usesDrachtio ? onDrachtio(text) : text);
  }
  writeFileSync(join(folder, 'config/secret'), `${SECRET}\n`);
  return join(folder, 'config/lab.yaml');
}

function onDrachtio(text: string): string {
  return text
    .replace('engine: embedded', 'engine: drachtio')
    .replace(/(control: \{ host: [\d.]+, port: 9022) \}/, '$1, secretFile: secret }');
}
