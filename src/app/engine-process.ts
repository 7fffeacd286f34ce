import { messageOf } from '../domain/errors.js';
import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { between, ms, type Instant } from '../domain/time.js';
import type { TlsFiles } from '../config/config.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Log } from '../ports/journal.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

/**
 * What Node.js is told for the engine: calls that are being set up die young. With the usual 16 MB, more of them were moved and
 * traced than need be; it costs some 50 MB under load.
 */
export const ENGINE_NODE_OPTIONS: readonly string[] = ['--max-semi-space-size=32', '--min-semi-space-size=32'];

/** An engine that died is started again at once; one that dies again within this time waits before. */
const SOON = ms(5_000);
/** Without this pause, a fault at its start would take the whole processor. */
const PAUSE = ms(200);
/** Longer than it takes to bind a few sockets on a busy machine. */
const READY_WITHIN = ms(8_000);
/** After this, an engine that was asked to stop is killed. */
const STOP_WITHIN = ms(2_000);

/** What the embedded engine is started with. */
export interface EngineSettings {
  readonly contacts: readonly string[];
  readonly control: { readonly host: string; readonly port: number };
  readonly secret: string;
  /** Needed where a contact is over TLS (PEM). */
  readonly tls: TlsFiles | undefined;
  readonly logLevel: string;
}

/** The embedded engine could not be started. The message says what is wrong and what to do. */
class EngineStartError extends Error {
  override readonly name = 'EngineStartError';
}

/** We say within this time whom to leave without any sign of us; everybody else gets a 100 after it. */
const TRYING_AFTER = ms(20);

/** The engine has so long to say what is open. */
const STATS_WITHIN = ms(1_000);

/** The engine is asked so often whether it lives. */
const PING_EVERY = ms(1_000);
/** One that has left so many questions open hangs: no call of it would ever end. */
const UNANSWERED_AT_MOST = 5;

/** Keeps the embedded engine running as a process of its own. */
export class EngineProcess {
  readonly #settings: EngineSettings;
  readonly #clock: Clock;
  readonly #log: Log;
  #child: ChildProcess | undefined;
  #stopping = false;
  #diedAt: Instant | undefined;
  #ping: Timer | undefined;
  /** How many pings in a row have no answer. Not a time: when this process is held up, the answers wait to be read. */
  #unanswered = 0;
  /** Who asked for counts, in order. */
  #questions: ((stats: unknown) => void)[] = [];

  constructor(settings: EngineSettings, clock: Clock, log: Log) {
    this.#settings = settings;
    this.#clock = clock;
    this.#log = log;
  }

  /**
   * Starts the engine and resolves when it listens. From then on it is started again whenever it dies.
   *
   * @throws EngineStartError with what the engine said.
   */
  async start(): Promise<void> {
    const child = this.#spawn();
    await this.#ready(child);
    child.once('exit', (code, signal) => {
      this.#ping?.cancel();
      this.#died(code, signal);
    });
    this.#unanswered = 0;
    this.#pingLater(child);
  }

  #pingLater(child: ChildProcess): void {
    this.#ping = this.#clock.setTimer(PING_EVERY, () => {
      if (this.#unanswered >= UNANSWERED_AT_MOST) {
        this.#log.error({ pid: child.pid }, `the SIP engine has not answered ${this.#unanswered} times, and is killed`);
        child.kill('SIGKILL');
        return;
      }
      this.#unanswered += 1;
      child.stdin?.write('ping\n', () => undefined);
      this.#pingLater(child);
    });
  }

  /** What is open in the engine, as plain JSON; undefined where it does not say so in time. */
  async stats(): Promise<unknown> {
    return new Promise((resolve) => {
      const timer = this.#clock.setTimer(STATS_WITHIN, () => {
        resolve(undefined);
      });
      this.#questions.push((stats) => {
        timer.cancel();
        resolve(stats);
      });
      this.#child?.stdin?.write('stats\n', () => undefined);
    });
  }

  /** Ends the engine and resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#ping?.cancel();
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) {
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = this.#clock.setTimer(STOP_WITHIN, () => child.kill('SIGKILL'));
      child.once('exit', () => {
        timer.cancel();
        resolve();
      });
      child.kill('SIGTERM');
    });
  }

  #spawn(): ChildProcess {
    const { contacts, control, secret, tls, logLevel } = this.#settings;
    const options = [...contacts.flatMap((contact) => ['--contact', contact]), ...tlsOptions(tls)];
    const args = [MAIN, 'engine', '--admin', `${control.host}:${control.port}`, ...options, '--log-level', logLevel];
    // The engine ends with us: it watches the pipe that is its standard input.
    const more = ['--trying-after', String(TRYING_AFTER), '--forgiving', '--exit-with-parent'];
    const child = spawn(process.execPath, [...ENGINE_NODE_OPTIONS, ...args, ...tlsOptions(tls), ...more], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...process.env, NOODROUTE_ENGINE_SECRET: secret },
    });
    // A pipe to a process that has just died is no reason to die too.
    child.stdin.on('error', () => undefined);
    this.#questions = [];
    this.#child = child;
    return child;
  }

  async #ready(child: ChildProcess): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = this.#clock.setTimer(READY_WITHIN, () => {
        child.kill('SIGKILL');
        reject(new EngineStartError(`the SIP engine did not come up within ${READY_WITHIN} ms`));
      });
      child.once('exit', (code) => {
        timer.cancel();
        reject(new EngineStartError(`the SIP engine stopped with exit code ${code ?? 'none'}; see its message above`));
      });
      this.#lines(child, (line) => {
        if (line.includes('"ready":true')) {
          timer.cancel();
          child.removeAllListeners('exit');
          resolve();
        } else if (line.includes('"pong":true')) {
          this.#unanswered = 0;
        } else {
          this.#questions.shift()?.(statsIn(line));
        }
      });
    });
  }

  #lines(child: ChildProcess, onLine: (line: string) => void): void {
    if (child.stdout !== null) {
      createInterface({ input: child.stdout }).on('line', onLine);
    }
  }

  #died(code: number | null, signal: string | null): void {
    if (this.#stopping) {
      return;
    }
    this.#log.error({ code, signal }, `the SIP engine died (${signal ?? `exit code ${code}`}) and is started again`);
    const now = this.#clock.now();
    const isAgain = this.#diedAt !== undefined && between(this.#diedAt, now) < SOON;
    this.#diedAt = now;
    this.#clock.setTimer(isAgain ? PAUSE : ms(0), () => {
      this.#restart();
    });
  }

  #restart(): void {
    if (this.#stopping) {
      return;
    }
    this.start().catch((error: unknown) => {
      this.#log.error({ err: messageOf(error) }, 'the SIP engine could not be started again');
      this.#died(null, null);
    });
  }
}

function tlsOptions(tls: TlsFiles | undefined): readonly string[] {
  if (tls === undefined) {
    return [];
  }
  const { certificateFile, keyFile, caFile, callerCaFile } = tls;
  const servers = caFile === undefined ? [] : ['--tls-ca', caFile];
  const callers = callerCaFile === undefined ? [] : ['--tls-caller-ca', callerCaFile];
  return ['--tls-cert', certificateFile, '--tls-key', keyFile, ...servers, ...callers];
}

function statsIn(line: string): unknown {
  try {
    return (JSON.parse(line) as { readonly stats?: unknown }).stats;
  } catch {
    return undefined;
  }
}
