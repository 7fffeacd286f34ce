import { spawn, type ChildProcess } from 'node:child_process';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { messageOf } from '../domain/errors.js';
import type { ProcessState } from './state.js';

const MAIN = fileURLToPath(new URL('../main.js', import.meta.url));

const RESTART_AFTER_MS = 200;
/** Each start that fails doubles the pause before the next, up to this. */
const RESTART_AFTER_AT_MOST_MS = 5_000;
/** A process that ran so long is started again without a longer pause. */
const STEADY_AFTER_MS = 10_000;
/** Longer than it takes on a machine that does much else. */
export const READY_WITHIN_MS = 20_000;
/** A process that was asked to end is killed after this. */
const END_WITHIN_MS = 4_000;
const KEPT_LINES = 20;

/** A process of the lab could not be started. The message is one line for the user. */
export class LabStartError extends Error {
  override readonly name = 'LabStartError';
}

/** What a process is, and what it tells. */
export interface SupervisedSpec {
  /** Such as `carrier kpn`. */
  readonly name: string;
  /** Arguments of `noodroute`. */
  readonly args: readonly string[];
  /** Resolves when the fresh process works; rejects when it cannot. */
  ready(child: ChildProcess): Promise<void>;
  /** Something happened to it that the user should see, in one line. */
  say(line: string): void;
  /** A line on its standard error. */
  logged?(line: string): void;
}

/**
 * A child process that is kept running. It has a channel to us, and ends by itself when that closes; it is in a process
 * group of its own, so that a Ctrl-C at the terminal reaches us alone.
 */
export class Supervised {
  readonly name: string;
  readonly #spec: SupervisedSpec;
  #child: ChildProcess | undefined;
  #lastLines: string[] = [];
  #restarts = 0;
  #pause = RESTART_AFTER_MS;
  #running = false;
  #stopping = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(spec: SupervisedSpec) {
    this.name = spec.name;
    this.#spec = spec;
  }

  /** The running process. */
  get child(): ChildProcess | undefined {
    return this.#running ? this.#child : undefined;
  }

  get state(): ProcessState {
    return { pid: this.child?.pid, running: this.#running, restarts: this.#restarts };
  }

  /**
   * Starts the process and resolves when it works. From then on it is started again whenever it dies.
   *
   * @throws LabStartError with what the process said.
   */
  async start(): Promise<void> {
    const child = this.#spawn();
    const startedAt = performance.now();
    try {
      await this.#ready(child);
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    this.#running = true;
    const died = (): void => {
      this.#running = false;
      this.#died(child, performance.now() - startedAt);
    };
    if (hasEnded(child)) {
      died();
    } else {
      child.once('exit', died);
    }
  }

  /** Ends the process, and resolves when it is gone. */
  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#timer);
    const child = this.#child;
    if (child === undefined || hasEnded(child)) {
      return;
    }
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => child.kill('SIGKILL'), END_WITHIN_MS);
      child.once('exit', () => {
        clearTimeout(timer);
        resolve();
      });
      child.kill('SIGTERM');
    });
  }

  #spawn(): ChildProcess {
    const child = spawn(process.execPath, [MAIN, ...this.#spec.args], {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    this.#child = child;
    this.#lastLines = [];
    if (child.stderr !== null) {
      createInterface({ input: child.stderr }).on('line', (line) => {
        this.#lastLines = [...this.#lastLines.slice(1 - KEPT_LINES), line];
        this.#spec.logged?.(line);
      });
    }
    return child;
  }

  async #ready(child: ChildProcess): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new LabStartError(`the ${this.name} did not come up within ${READY_WITHIN_MS / 1000} s`));
      }, READY_WITHIN_MS);
      const failed = (): void => {
        reject(new LabStartError(this.#lastWords()));
      };
      child.once('close', failed);
      child.once('error', failed);
      this.#spec
        .ready(child)
        .then(resolve, reject)
        .finally(() => {
          clearTimeout(timer);
          child.removeListener('close', failed);
        });
    });
  }

  /** The first line of plain text that it wrote: what follows only comes from it. */
  #lastWords(): string {
    const said = this.#lastLines.find((line) => line.trim() !== '' && !line.startsWith('{'));
    return said ?? `the ${this.name} ended at once and did not say why`;
  }

  #died(child: ChildProcess, livedMs: number): void {
    if (this.#stopping) {
      return;
    }
    this.#pause = livedMs > STEADY_AFTER_MS ? RESTART_AFTER_MS : this.#pause;
    const how = child.signalCode ?? `exit code ${child.exitCode}`;
    this.#spec.say(`${this.name} died (${how}) and is started again`);
    this.#startAgain();
  }

  #startAgain(): void {
    this.#timer = setTimeout(() => {
      this.#restarts += 1;
      this.start().then(
        () => {
          this.#spec.say(`${this.name} is up again`);
        },
        (error: unknown) => {
          this.#failedAgain(error);
        },
      );
    }, this.#pause);
    this.#pause = Math.min(2 * this.#pause, RESTART_AFTER_AT_MOST_MS);
  }

  #failedAgain(error: unknown): void {
    if (!this.#stopping) {
      this.#spec.say(`${this.name} could not be started again: ${messageOf(error)}`);
      this.#startAgain();
    }
  }
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}
