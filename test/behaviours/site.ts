import { once } from 'node:events';
import { createSocket } from 'node:dgram';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startEngine } from '../../src/engine/engine.js';
import { startDrachtio } from '../support/drachtio-server.js';
import { isIdle, newSrf, open, SECRET, timersOf, type Srf } from '../engine/rig.js';

/** A SIP server with one application on it: the embedded engine, or the drachtio-server that the environment names. */
export interface Site {
  readonly isDrachtio: boolean;
  /** What it says that it is. */
  readonly version: string;
  /** `host:port:secret`, where applications connect. */
  readonly control: string;
  /** `host:port`, where SIP is taken. */
  readonly sip: string;
  /** An address of this machine that the server reaches, for SIPp; each port is used once. */
  place(): { readonly address: string; readonly port: number };
  /** drachtio-srf as it is, connected. */
  readonly srf: Srf;
  /** 64*T1 of the server, in milliseconds. */
  readonly t1x64: number;
  /** What is still open in the embedded engine when all calls are over; empty for drachtio-server, which does not tell. */
  leftOpen(): Promise<string>;
  stop(): Promise<void>;
}

const T1 = 50;

/** @param host a loopback address for the server, where it is started here. */
export async function startSite(host: string): Promise<Site> {
  const named = process.env['NOODROUTE_DRACHTIO'] ?? '';
  const [, remote, port, secret] = /^([^/]+):(\d+):([^:]+)$/.exec(named) ?? [];
  if (remote !== undefined && secret !== undefined) {
    return remoteSite(remote, Number(port), secret);
  }
  return named === '' ? embeddedSite(host) : localDrachtioSite(host);
}

async function embeddedSite(host: string): Promise<Site> {
  const engine = await startEngine({
    contacts: [{ address: host, port: 5060 }],
    control: { host, port: 9022 },
    secret: SECRET,
    // A busy machine shall not make us send again what was answered.
    timers: { ...timersOf(T1), t1: 10 * T1 },
  });
  const { srf, version } = await application(host);
  return {
    ...placesOn(host),
    version,
    control: `${host}:9022:${SECRET}`,
    isDrachtio: false,
    sip: `${host}:5060`,
    srf,
    t1x64: 64 * T1,
    leftOpen: async () => ((await isIdle(engine)) ? '' : open(engine)),
    stop: async () => {
      srf.disconnect();
      await engine.close();
    },
  };
}

async function localDrachtioSite(host: string): Promise<Site> {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-drachtio-'));
  const server = await startDrachtio({ host, secret: SECRET, folder });
  const { srf, version } = await application(host);
  return {
    ...placesOn(host),
    ...DRACHTIO,
    version,
    control: `${host}:9022:${SECRET}`,
    sip: `${host}:5060`,
    srf,
    stop: async () => {
      srf.disconnect();
      await server.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** A server that runs already: it says itself where it takes SIP. */
async function remoteSite(host: string, port: number, secret: string): Promise<Site> {
  const { srf, version, hostports } = await application(host, port, secret);
  const sip = /udp\/([^,]+)/.exec(hostports)?.[1] ?? `${host}:5060`;
  return {
    ...placesOn(await addressTowards(sip)),
    ...DRACHTIO,
    version,
    control: `${host}:${port}:${secret}`,
    sip,
    srf,
    stop: async () => {
      srf.disconnect();
      return Promise.resolve();
    },
  };
}

/** Connects drachtio-srf as it is. */
async function application(
  host: string,
  port = 9022,
  secret = SECRET,
): Promise<{ readonly srf: Srf; readonly version: string; readonly hostports: string }> {
  const srf = newSrf();
  const said = new Promise<readonly string[]>((resolve, reject) => {
    srf.once('connect', (error: unknown, ...lists: readonly unknown[]) => {
      if (error instanceof Error) {
        reject(error);
      } else {
        resolve(lists.map(String));
      }
    });
  });
  srf.connect({ host, port, secret });
  const [hostports = '', version = ''] = await said;
  return { srf, version, hostports };
}

const DRACHTIO = { isDrachtio: true, t1x64: 32_000, leftOpen: async () => Promise.resolve('') } as const;
const FIRST_PORT = 15_060;

function placesOn(address: string): Pick<Site, 'place'> {
  let next = FIRST_PORT;
  return {
    place: () => {
      next += 1;
      return { address, port: next };
    },
  };
}

/** Our own address on the way to a server. */
async function addressTowards(hostPort: string): Promise<string> {
  const [host = '', port = ''] = hostPort.split(':');
  const socket = createSocket('udp4');
  socket.connect(Number(port), host);
  await once(socket, 'connect');
  const { address } = socket.address();
  socket.close();
  return address;
}
