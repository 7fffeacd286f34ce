import { join } from 'node:path';
import { messageOf } from '../domain/errors.js';
import { id, type ServiceId } from '../domain/ids.js';
import { DrachtioServer } from '../adapters/drachtio/server.js';
import { fanOut } from '../adapters/journal/fan-out.js';
import type { FileJournal } from '../adapters/journal/file-journal.js';
import { MemoryJournal } from '../adapters/journal/memory.js';
import { LogNotifier } from '../adapters/notifier/log.js';
import { HealthFile } from '../adapters/store/health-file.js';
import { systemClock, systemRandom } from '../adapters/system/clock.js';
import { startAdmin, type AdminView } from '../admin/server.js';
import { aside } from '../calls/aside.js';
import { Desk } from '../calls/desk.js';
import type { Config } from '../config/config.js';
import { formatProblem, type LoadResult } from '../config/load.js';
import type { Journal, Log } from '../ports/journal.js';
import { EngineProcess } from './engine-process.js';
import { Alarms } from './alarms.js';
import { HealthKeeper } from './health-keeper.js';
import { Watch } from './watch.js';
import { alarmOfJournal, fileJournal } from './journal.js';
import { Prober } from './prober.js';
import { SipServers } from './sip-servers.js';

const CONNECT_WITHIN_MS = 5_000;

/** The gateway could not be started. The message says what is wrong and what to do. */
class StartError extends Error {
  override readonly name = 'StartError';
}

/** What came of an order to read the configuration again. */
export type Reloaded =
  | {
      readonly ok: true;
      readonly version: string;
      /** What differs, and waits for a restart. */
      readonly needsRestart: readonly string[];
    }
  | {
      readonly ok: false;
      /** The one that stays in force. */
      readonly version: string;
      readonly problems: readonly string[];
    };

/** A SIP server, and how to get in. */
interface ConnectedServer {
  readonly access: Config['sip']['servers'][number];
  readonly server: DrachtioServer;
}

/** The whole gateway, wired. */
export class Gateway {
  #config: Config;
  #loadedAt = new Date();
  readonly #load: () => LoadResult;
  readonly #log: Log;
  readonly #recent: MemoryJournal;
  readonly #onDisk: FileJournal;
  readonly #journal: Journal;
  readonly #version: string;
  readonly #members: readonly ConnectedServer[];
  readonly #server: SipServers;
  readonly #store: HealthFile;
  readonly #keeper: HealthKeeper;
  readonly #alarms: Alarms;
  readonly #watch: Watch;
  readonly #desk: Desk;
  readonly #prober: Prober;
  readonly #engine: EngineProcess | undefined;
  #closeAdmin: (() => Promise<void>) | undefined;

  /**
   * @param version of the program.
   * @param load reads the configuration again.
   */
  constructor(config: Config, log: Log, version: string, load: () => LoadResult) {
    const clock = systemClock;
    const random = systemRandom;
    this.#config = config;
    this.#load = load;
    this.#log = log;
    this.#version = version;
    this.#recent = new MemoryJournal(log);
    this.#onDisk = fileJournal(config, log, (trouble) => {
      alarmOfJournal(this.#alarms, trouble);
    });
    this.#journal = fanOut(this.#recent, this.#onDisk);
    const member = (): DrachtioServer => new DrachtioServer(clock, log, (trunk) => this.#config.credentials.get(trunk));
    const [first, ...others] = config.sip.servers.map((access) => ({ access, server: member() }));
    this.#members = first === undefined ? [] : [first, ...others];
    this.#server = new SipServers(
      clock,
      first?.server ?? member(),
      others.map(({ server }) => server),
    );
    this.#store = new HealthFile(join(config.journal.directory, 'health.json'), log);
    this.#keeper = new HealthKeeper(config.network, clock, this.#journal, log, this.#server, this.#store);
    const notifiers = [new LogNotifier(log)];
    this.#alarms = new Alarms({ clock, random, journal: this.#journal, log, notifiers });
    this.#watch = new Watch(() => this.#keeper.watched, this.#alarms, clock);
    this.#recent.subscribe((record) => {
      aside(log, 'the watch for alarms', () => {
        this.#watch.see(record);
      });
    });
    this.#prober = new Prober(config.network.trunks.values(), this.#keeper, this.#server, clock, random, log);
    this.#desk = new Desk({
      server: this.#server,
      clock,
      random,
      log,
      journal: this.#journal,
      dispatcher: this.#keeper,
      numbering: () => this.#config.numbering,
      site: config.site,
    });
    this.#keeper.onBetter((service) => {
      this.#desk.retryHeld(service);
    });
    this.#keeper.onTrunkGone((trunk, service) => {
      this.#desk.trunkGone(trunk, service);
    });
    const { contacts, control, engine, secret, tls } = config.sip;
    this.#engine =
      engine === 'embedded'
        ? new EngineProcess({ contacts, control, secret, tls, logLevel: config.log.level }, clock, log)
        : undefined;
  }

  /**
   * Starts everything; resolves when calls are accepted.
   *
   * @throws StartError, or an error of the operating system that names the port in use.
   */
  async start(): Promise<void> {
    const { admin } = this.#config;
    this.#journal.record({ type: 'process-started', version: this.#version, pid: process.pid });
    this.#recordConfiguration();
    this.#closeAdmin = await startAdmin(this.#adminView(), admin).catch((error: unknown) => {
      throw new StartError(`the admin interface cannot listen on ${admin.address}:${admin.port}: ${messageOf(error)}`);
    });
    await this.#engine?.start();
    await this.#connect();
    this.#prober.start();
    this.#watch.start();
  }

  /**
   * Reads the configuration again. One that is wrong changes nothing. Calls go on, and what was learned is kept.
   */
  reload(): Reloaded {
    const { version } = this.#config.source;
    const loaded = this.#load();
    if (!loaded.ok) {
      const problems = loaded.problems.map(formatProblem);
      this.#log.error({ version, problems }, 'the new configuration is wrong; the old one stays in force');
      return { ok: false, version, problems };
    }
    const { config } = loaded;
    const needsRestart = restartKeys(this.#config, config);
    const { network, numbering, credentials, source } = config;
    this.#config = { ...this.#config, network, numbering, credentials, source };
    this.#loadedAt = new Date();
    this.#keeper.reload(config.network);
    this.#prober.reload(config.network.trunks.values());
    this.#recordConfiguration();
    this.#log.warn(
      { version: config.source.version, before: version, needsRestart },
      'a new configuration is in force',
    );
    return { ok: true, version: config.source.version, needsRestart };
  }

  #recordConfiguration(): void {
    this.#journal.record({ type: 'configuration-loaded', ...this.#config.source });
  }

  /**
   * Stops everything, and writes down why. Answered calls lose their control; a drain comes before it where one is wanted.
   */
  async stop(cause: string): Promise<void> {
    this.#prober.stop();
    this.#watch.stop();
    this.#keeper.close();
    await this.#store.close();
    for (const { server } of this.#members) {
      server.close();
    }
    await this.#engine?.stop();
    await this.#closeAdmin?.();
    this.#journal.record({ type: 'process-stopped', cause });
    await this.#onDisk.close();
  }

  /** To all servers; the first one that is there is enough to begin. */
  async #connect(): Promise<void> {
    const all = this.#members.map(({ access: { host, port } }) => `${host}:${port}`).join(', ');
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new StartError(`no SIP server takes orders on ${all}`));
      }, CONNECT_WITHIN_MS);
      for (const { server, access } of this.#members) {
        server.onConnection((connected) => {
          if (connected) {
            clearTimeout(timer);
            resolve();
          }
        });
        server.connect({ host: access.host, port: access.port, secret: access.secret.reveal() });
      }
    });
    this.#log.info({ servers: all }, 'calls are accepted');
  }

  #route(service: string, without: readonly string[]): ReturnType<AdminView['route']> {
    const { network } = this.#config;
    const [unknown] = this.#keeper.unknownNames(without);
    if (unknown !== undefined) {
      return { error: `${unknown} is no carrier, trunk or risk group of this site` };
    }
    const plan = this.#keeper.explain(id<ServiceId>(service), without);
    const known = [...network.services.keys()].join(', ');
    return plan === undefined ? { error: `there is no service ${service}, only ${known}` } : { plan };
  }

  #adminView(): AdminView {
    const journal = this.#recent;
    return {
      ready: () =>
        this.#server.connected
          ? { ready: true, why: 'calls are accepted' }
          : { ready: false, why: 'the SIP server is not connected' },
      health: () => this.#keeper.snapshot(),
      alarms: () => this.#alarms.active(),
      stats: async () => ({
        openCalls: this.#desk.openCalls,
        dialogs: this.#server.dialogs,
        channels: this.#keeper.channels(),
        destinations: this.#keeper.seats(),
        phantomRings: this.#desk.phantomRings,
        engine: await this.#engine?.stats(),
      }),
      configuration: () => ({ ...this.#config.source, loadedAt: this.#loadedAt.toISOString() }),
      route: (service, without) => this.#route(service, without),
      reload: () => this.reload(),
      recent: (type) => journal.recent(type),
      subscribe: (listener) => journal.subscribe(listener),
    };
  }
}

/** What only a restart brings into force: where we stand, what we listen on, and where things are kept. */
function restartKeys(before: Config, now: Config): readonly string[] {
  const keys = ['site', 'sip', 'admin', 'journal', 'log', 'lab'] as const;
  return keys.filter((key) => JSON.stringify(before[key]) !== JSON.stringify(now[key]));
}
