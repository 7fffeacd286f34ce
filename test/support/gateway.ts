import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { CallReport } from '../../src/domain/call-report.js';
import type { SavedHealth } from '../../src/domain/saved-health.js';
import { endProcess } from './end-process.js';
import { startDrachtio, usesDrachtio, type DrachtioProcess } from './drachtio-server.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
export const SECRET = 'only-for-tests';

/** A trunk of a test site. Each carrier has its own core, so trunks of two carriers are independent. */
export interface TestTrunk {
  readonly id: string;
  readonly carrier: string;
  /** `host:port`. */
  readonly address: string;
  readonly tier: number;
  readonly kind?: 'sip' | 'mobile';
}

/** A site for one test: the gateway's own addresses, and its trunks. */
export interface TestSite {
  /** The gateway listens here, SIP port 5060, admin port 8080, control port 9022. */
  readonly host: string;
  readonly trunks: readonly TestTrunk[];
  /** What every upstream is told when there is no path: `hold` by default. */
  readonly noPath?: 'hold' | 'wilt';
  /** OPTIONS probes; off by default, so that a silent far end is found by the calls under test. */
  readonly probeInterval?: string;
  /** Addresses of more SIP servers, with the secret of the tests. */
  readonly servers?: readonly string[];
  /** Where its journal is; otherwise in a folder that goes with the test. */
  readonly journal?: string;
  /** Changes a file of the site before it is written. */
  readonly edit?: (file: 'dialplan' | 'inventory', text: string) => string;
  /** What an earlier process knew of health and traffic. */
  readonly saved?: SavedHealth;
}

/** What an alarm says. */
interface AlarmLine {
  readonly kind: string;
  readonly severity: string;
  readonly text: string;
}

/** A running gateway with its embedded engine, or with the drachtio-server that the environment names. */
export interface TestGateway {
  /** Which SIP server carries its calls. Some promises differ (`docs/engines.md`). */
  readonly server: 'embedded engine' | 'drachtio-server';
  readonly sip: string;
  readonly pid: number;
  calls(): Promise<readonly CallReport[]>;
  health(): Promise<unknown>;
  /** The alarms that are on, the worst first. */
  alarms(): Promise<readonly AlarmLine[]>;
  /** `engine` is what is open in the embedded engine; drachtio-server does not tell. */
  stats(): Promise<{
    readonly openCalls: number;
    readonly dialogs: number;
    readonly channels: readonly { readonly trunk: string; readonly used: number; readonly total: number }[];
    /** Calls at answering points of which it is known how many they can take. */
    readonly destinations: readonly { readonly destination: string; readonly used: number; readonly total: number }[];
    readonly engine?: EngineCounts;
  }>;
  /** Changes its site files, and lets it read them again. */
  reload(site: TestSite, edit?: (inventory: string) => string): Promise<ReloadAnswer>;
  /** What the gateway logged so far. */
  log(): string;
  stop(): Promise<void>;
}

/** What the gateway says of an order to read its files again. */
export interface ReloadAnswer {
  readonly status: number;
  readonly ok: boolean;
  readonly version: string;
  readonly needsRestart?: readonly string[];
  readonly problems?: readonly string[];
}

interface EngineCounts {
  readonly dialogs: number;
  readonly [name: string]: unknown;
}

/** Starts a gateway for a test site. */
export async function startGateway(site: TestSite): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-site-'));
  writeSite(folder, site);
  if (site.saved !== undefined) {
    const journal = site.journal ?? join(folder, 'journal');
    mkdirSync(journal, { recursive: true });
    writeFileSync(join(journal, 'health.json'), JSON.stringify(site.saved));
  }
  const drachtio = usesDrachtio ? await startDrachtio({ host: site.host, secret: SECRET, folder }) : undefined;
  return startGatewayProcess('lab-gateway', { folder, file: 'site.yaml', host: site.host, drachtio });
}

/** Site files in a folder, which is removed with the gateway. */
export interface SiteFolder {
  readonly folder: string;
  readonly file: string;
  /** Where the gateway listens, as in {@link TestSite}. */
  readonly host: string;
  /** Its SIP server, where that is not its own engine. */
  readonly drachtio: DrachtioProcess | undefined;
}

/** Starts a gateway with site files that are there; `run` takes only files without lab endpoints. */
export async function startGatewayProcess(
  command: 'run' | 'lab-gateway',
  { folder, file, host, drachtio }: SiteFolder,
): Promise<TestGateway> {
  const child = spawn(process.execPath, [MAIN, command, join(folder, file)], {
    // That of the lab ends with the test process at the latest, because it watches the channel.
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const log: string[] = [];
  child.stderr?.on('data', (data: Buffer) => log.push(data.toString('utf8')));
  const endWithTest = (): void => {
    child.kill('SIGKILL');
  };
  process.once('exit', endWithTest);
  await ready(child, log).catch(async (error: unknown) => {
    await drachtio?.stop();
    throw error;
  });
  const get = async <T>(path: string): Promise<T> => {
    const response = await fetch(`http://${host}:8080${path}`, { signal: AbortSignal.timeout(5_000) });
    return (await response.json()) as T;
  };
  return {
    server: drachtio === undefined ? 'embedded engine' : 'drachtio-server',
    sip: `${host}:5060`,
    pid: child.pid ?? 0,
    calls: async () => get('/calls'),
    health: async () => get('/health'),
    alarms: async () => get('/alarms'),
    stats: async () => get('/stats'),
    reload: async (changed, edit) => {
      writeSite(folder, changed);
      if (edit !== undefined) {
        const file = join(folder, 'inventory.yaml');
        writeFileSync(file, edit(readFileSync(file, 'utf8')));
      }
      const response = await fetch(`http://${host}:8080/reload`, { method: 'POST' });
      return { status: response.status, ...((await response.json()) as Omit<ReloadAnswer, 'status'>) };
    },
    log: () => log.join('') + (drachtio?.log() ?? ''),
    stop: async () => {
      process.removeListener('exit', endWithTest);
      await endProcess(child);
      await drachtio?.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function ready(child: ChildProcess, log: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new Error(`the gateway did not come up:\n${log.join('')}`));
    }, 15_000);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the gateway stopped with exit code ${code}:\n${log.join('')}`));
    });
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', (line) => {
        if (line.includes('"ready":true')) {
          clearTimeout(timer);
          resolve();
        }
      });
    }
  });
}

function writeSite(folder: string, site: TestSite): void {
  const { edit = (_: string, text: string): string => text } = site;
  const carriers = [...new Set(site.trunks.map(({ carrier }) => carrier))];
  writeFileSync(
    join(folder, 'site.yaml'),
    `site: test
lab: true
dialplan: dialplan.yaml
inventory: inventory.yaml
sip:
  engine: ${usesDrachtio ? 'drachtio' : 'embedded'}
  contacts: [sip:${site.host}:5060;transport=udp]
  control: { host: ${site.host}, port: 9022, secretFile: secret }
  servers: [${(site.servers ?? []).map((host) => `{ host: ${host}, secretFile: secret }`).join(', ')}]
admin: { address: ${site.host}, port: 8080 }
journal: { directory: ${site.journal ?? 'journal'} }
log: { level: info }
`,
  );
  writeFileSync(join(folder, 'secret'), `${SECRET}\n`);
  writeFileSync(
    join(folder, 'dialplan.yaml'),
    edit(
      'dialplan',
      `numbering: { countryCode: 31, internationalPrefix: 00, nationalPrefix: 0 }
services:
  112: { class: emergency, short: [112], urns: [urn:service:sos] }
  0900-8844: { class: priority, national: [0900-8844] }
destinations:
  meldkamer: { name: Emergency centre }
  politie: { name: Police service centre }
routes:
${site.trunks.map(routeLines).join('')}`,
    ),
  );
  writeFileSync(
    join(folder, 'inventory.yaml'),
    edit(
      'inventory',
      `carriers:
${carriers.map((id) => `  ${id}: { name: ${id} }\n`).join('')}sites:
  test: { name: Test }
trunks:
${site.trunks.map((trunk) => trunkLine(trunk, site.probeInterval ?? '1h')).join('')}ingresses:
${carriers.map((id) => ingressLine(id, site)).join('')}  local: { sources: [127.0.0.0/8], noPath: ${site.noPath ?? 'hold'} }
`,
    ),
  );
}

function routeLines({ id, tier, kind }: TestTrunk): string {
  const [emergency, police] = kind === 'mobile' ? ['088-0000112', '088-0008844'] : ['112', '0900-8844'];
  return `  - { service: 112, destination: meldkamer, trunk: ${id}, number: ${emergency}, tier: ${tier} }
  - { service: 0900-8844, destination: politie, trunk: ${id}, number: ${police}, tier: ${tier} }
`;
}

/** A carrier's calls come from where its trunks are. */
function ingressLine(carrier: string, { trunks, noPath = 'hold' }: TestSite): string {
  const sources = trunks
    .filter((trunk) => trunk.carrier === carrier)
    .map(({ address }) => `${address.slice(0, address.lastIndexOf(':'))}/32`);
  const list = [...new Set(sources)].join(', ');
  return `  ${carrier}: { carrier: ${carrier}, sources: [${list}], noPath: ${noPath} }\n`;
}

function trunkLine({ id, carrier, address, kind }: TestTrunk, probeInterval: string): string {
  return `  ${id}: { carrier: ${carrier}, kind: ${kind ?? 'sip'}, address: ${address}, channels: 500, probeInterval: ${probeInterval} }
`;
}
