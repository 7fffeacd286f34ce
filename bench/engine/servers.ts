import { fork, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ENGINE_NODE_OPTIONS } from '../../src/app/engine-process.js';
import { SECRET } from '../../test/engine/rig.js';
import { startDrachtio } from '../../test/support/drachtio-server.js';
import { childrenOf } from './processes.js';
import type { EngineReply } from './questions.js';

/** A SIP server under measurement. */
export interface Server {
  readonly name: 'embedded engine' | 'drachtio-server';
  readonly pid: number;
  /** What it holds; only the embedded engine says. */
  counts(): Promise<EngineReply | undefined>;
  stop(): Promise<void>;
}

/**
 * Starts the embedded engine. It ends with this process at the latest.
 *
 * @param profile a folder for a CPU profile of it.
 * @param t1 milliseconds, and with it all other timers; those of RFC 3261 where not given.
 */
export async function startEmbedded(host: string, profile?: string, t1?: number): Promise<Server> {
  const profiling = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`];
  const child = start(
    'engine-process.js',
    [host, SECRET, ...(t1 === undefined ? [] : [String(t1)])],
    [...ENGINE_NODE_OPTIONS, '--expose-gc', ...profiling],
  );
  await once<EngineReply>(child);
  return {
    name: 'embedded engine',
    pid: child.pid ?? 0,
    counts: async () => {
      const reply = once<EngineReply>(child);
      child.send('counts');
      return reply;
    },
    stop: async () => stop(child),
  };
}

/** Starts drachtio-server, where the environment says which program that is. */
export async function startDrachtioServer(host: string): Promise<Server> {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-bench-'));
  const before = new Set(childrenOf(process.pid));
  const drachtio = await startDrachtio({ host, secret: SECRET, folder });
  const shell = childrenOf(process.pid).find((pid) => !before.has(pid)) ?? 0;
  return {
    name: 'drachtio-server',
    pid: childrenOf(shell)[0] ?? 0,
    counts: async () => Promise.resolve(undefined),
    stop: async () => {
      await drachtio.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** The bare B2BUA application, connected to a server. */
export async function startApplication(host: string, target: string): Promise<{ pid: number; stop(): Promise<void> }> {
  const child = start('application.js', [host, target], []);
  await once(child);
  return { pid: child.pid ?? 0, stop: async () => stop(child) };
}

function start(file: string, args: readonly string[], execArgv: readonly string[]): ChildProcess {
  return fork(fileURLToPath(new URL(file, import.meta.url)), args, { execArgv: [...execArgv] });
}

async function once<T>(child: ChildProcess): Promise<T> {
  return new Promise((resolve, reject) => {
    const ended = (code: number | null): void => {
      reject(new Error(`a process of the bench ended with exit code ${code}`));
    };
    child.once('exit', ended);
    child.once('message', (message: T) => {
      child.removeListener('exit', ended);
      resolve(message);
    });
  });
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    await new Promise<void>((resolve) => {
      child.once('exit', () => {
        resolve();
      });
      child.disconnect();
    });
  }
}
