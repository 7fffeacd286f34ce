import { cpSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parse } from 'yaml';
import { startDrachtioAs, usesDrachtio, type DrachtioProcess } from './drachtio-server.js';
import { startGatewayProcess, type TestGateway } from './gateway.js';

/** A service of docker-compose.yml, as far as tests look at it. */
export interface ComposeService {
  readonly image: string;
  readonly restart: string;
  readonly user: string;
  readonly read_only: boolean;
  readonly network_mode: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly volumes: readonly string[];
  readonly healthcheck: { readonly test: readonly string[] };
}

/** docker-compose.yml itself. */
export function readCompose(): Readonly<Record<'sip-server' | 'gateway', ComposeService>> {
  const text = readFileSync('docker-compose.yml', 'utf8');
  const { services } = parse(text, { merge: true }) as { readonly services: ReturnType<typeof readCompose> };
  return services;
}

/** The addresses of the example inventory, on loopback: 192.0.2.x is at 127.`net`.2.x, and so on. */
function moved(text: string, net: number): string {
  return text
    .replaceAll('192.0.2.', `127.${net}.2.`)
    .replaceAll('198.51.100.', `127.${net}.100.`)
    .replaceAll('203.0.113.', `127.${net}.113.`)
    .replaceAll('127.0.0.1', `127.${net}.2.1`);
}

/**
 * The site of docker-compose.yml without Docker: its files as they are, but for addresses and the paths of a container.
 * drachtio-server is started by the command of docker-compose.yml; without one, the embedded engine takes its place.
 */
export async function startComposeSite(net: number): Promise<TestGateway> {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-compose-'));
  cpSync('config', folder, { recursive: true });
  const secretFile = join(folder, 'secret');
  writeFileSync(secretFile, 'only-for-this-test\n');
  const here = (text: string): string =>
    moved(text, net)
      .replaceAll('/run/secrets/sip-server', secretFile)
      .replaceAll('/etc/drachtio', join(folder, 'compose'))
      .replaceAll('/var/lib/noodroute', join(folder, 'state'));
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((each) =>
    /\.(yaml|xml)$/.test(each),
  )) {
    writeFileSync(join(folder, name), here(readFileSync(join(folder, name), 'utf8')));
  }
  const host = `127.${net}.2.1`;
  return startGatewayProcess('run', {
    folder,
    file: 'compose.yaml',
    host,
    drachtio: await sipServer(folder, host, here),
  });
}

async function sipServer(
  folder: string,
  host: string,
  here: (text: string) => string,
): Promise<DrachtioProcess | undefined> {
  if (usesDrachtio) {
    const command = (readCompose()['sip-server'].entrypoint ?? []).map((word) => here(word.replaceAll('$$', '$')));
    return startDrachtioAs(command, { host, folder });
  }
  const file = join(folder, 'compose.yaml');
  const contacts = `contacts: [sip:${host}:5060;transport=udp, sip:${host}:5060;transport=tcp]`;
  writeFileSync(file, readFileSync(file, 'utf8').replace('engine: drachtio', `engine: embedded\n  ${contacts}`));
  return undefined;
}
