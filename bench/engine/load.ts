import { runSipp, startSipp, type SippResult } from '../../test/support/sipp.js';
import { startApplication, type Server } from './servers.js';
import { usageOf } from './processes.js';

/** Calls from SIPp to SIPp, through a server and the bare application. */
export interface Load {
  readonly calls: number;
  /** New calls per second. */
  readonly rate: number;
  /** Milliseconds that a call lasts. */
  readonly duration: number;
  /** Calls at a time; without a limit where not given. */
  readonly atOnce?: number;
}

/** What one load came to. */
export interface Measured {
  readonly server: Server['name'];
  readonly answered: number;
  readonly failed: number;
  /** Answered calls per second. */
  readonly perSecond: number;
  /** Milliseconds of CPU per call. */
  readonly serverCpu: number;
  readonly applicationCpu: number;
}

/** The loopback addresses of a run. */
export interface Site {
  readonly server: string;
  readonly caller: string;
  readonly callee: string;
}

/** The addresses of one run: each server has its own. */
export function siteAt(net: number): Site {
  return { server: `127.${net}.1.1`, caller: `127.${net}.1.2`, callee: `127.${net}.1.3` };
}

/** Runs what is given between a SIPp that answers and an application, both at work. */
export async function atWork<T>({ server, callee }: Site, work: (applicationPid: number) => Promise<T>): Promise<T> {
  const answering = await startSipp({ scenario: 'uas', address: callee, countsOnly: true, more: ['-timeout', '3600'] });
  const application = await startApplication(server, `sip:uas@${callee}`);
  try {
    return await work(application.pid);
  } finally {
    await application.stop();
    await answering.stop();
  }
}

/** Sends the calls and counts the CPU that they cost. */
export async function measure(server: Server, site: Site, applicationPid: number, load: Load): Promise<Measured> {
  const before = [usageOf(server.pid).cpu, usageOf(applicationPid).cpu];
  const started = performance.now();
  const { successful, failed } = await call(site, load);
  const seconds = (performance.now() - started) / 1_000;
  const per = (pid: number, then = 0): number => (usageOf(pid).cpu - then) / Math.max(successful, 1);
  return {
    server: server.name,
    answered: successful,
    failed,
    perSecond: successful / seconds,
    serverCpu: per(server.pid, before[0]),
    applicationCpu: per(applicationPid, before[1]),
  };
}

/** The calls alone, by SIPp's own scenarios. */
export async function call(site: Site, { calls, rate, duration, atOnce }: Load): Promise<SippResult> {
  const limit = atOnce === undefined ? [] : ['-l', String(atOnce)];
  const more = [...limit, '-timeout', String(Math.ceil(calls / rate + duration / 1_000 + 120))];
  const target = `${site.server}:5060`;
  return runSipp({ scenario: 'uac', address: site.caller, target, calls, rate, duration, countsOnly: true, more });
}
