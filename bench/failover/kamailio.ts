import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { endWithChildren, killGroup } from '../../test/support/end-process.js';
import { bound } from '../../test/support/sipp.js';

/** A destination that Kamailio took out, or took back. */
export interface DispatcherEvent {
  readonly what: 'down' | 'up';
  readonly uri: string;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** Kamailio's dispatcher in front of the lab's trunks. */
export interface Dispatcher {
  /** `host:port` to call. */
  readonly sip: string;
  readonly events: readonly DispatcherEvent[];
  stop(): Promise<void>;
}

/** A way to the answering point: where, what to dial there, and its place in the order. */
export interface DispatcherRoute {
  readonly uri: string;
  readonly number: string;
  /** The same for 0900-8844. */
  readonly police: string;
  /** Higher goes first. */
  readonly priority: number;
}

/** Starts it with `kamailio.cfg`, on 127.`net`.0.9. */
export async function startDispatcher(net: number, routes: readonly DispatcherRoute[]): Promise<Dispatcher> {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-dispatcher-'));
  const list = join(folder, 'dispatcher.list');
  writeFileSync(
    list,
    routes
      .map(({ uri, number, police, priority }) => `1 ${uri} 0 ${priority} number=${number};police=${police}\n`)
      .join(''),
  );
  const file = join(folder, 'kamailio.cfg');
  const config = readFileSync('bench/failover/kamailio.cfg', 'utf8');
  writeFileSync(file, config.replaceAll('@NET@', String(net)).replaceAll('@LIST@', list));
  const options = ['-f', file, '-DD', '-E', '-m', '64', '-M', '8', '-P', join(folder, 'pid'), '-Y', folder];
  const child = spawn('kamailio', options, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
  const events: DispatcherEvent[] = [];
  const said: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    said.push(line);
    const [, what, uri] = /dispatcher (down|up) (\S+)/.exec(line) ?? [];
    if ((what === 'down' || what === 'up') && uri !== undefined) {
      events.push({ what, uri, at: Date.now() });
    }
  });
  const endWithUs = (): void => {
    killGroup(child);
  };
  process.once('exit', endWithUs);
  await bound(`127.${net}.0.9`, 5060);
  if (child.exitCode !== null) {
    throw new Error(`kamailio did not start:\n${said.join('\n')}`);
  }
  return {
    sip: `127.${net}.0.9:5060`,
    events,
    stop: async () => {
      if (child.exitCode !== null) {
        throw new Error(`kamailio ended by itself:\n${said.join('\n')}`);
      }
      process.removeListener('exit', endWithUs);
      await endWithChildren(child);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
