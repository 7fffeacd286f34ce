import { id, type TrunkId } from '../domain/ids.js';
import { isLoopback } from './address.js';
import type { Credentials, SipServerAccess } from './config.js';
import type { Draft } from './draft.js';
import type { Files } from './files.js';
import type { ConfigPath, Problem } from './problem.js';
import { Secret } from './secret.js';
import type { TrunkEntry } from './inventory-file.js';
import type { YamlFile } from './yaml-file.js';

/** What drachtio-server expects where nobody chose a secret. Good enough only where nobody else can connect. */
const WELL_KNOWN = 'cymru';
const VARIABLE = 'NOODROUTE_ENGINE_SECRET';
/** What fits into a frame of the control connection. */
const CONTROL_SECRET = /^[!-{}~]{1,256}$/;
const PASSWORD = /^[^\0\r\n]{1,256}$/;

/** Every secret that the configuration names, and why some of them are not to be had. */
export interface Secrets {
  readonly problems: readonly Problem[];
  /** That of `sip.control`. */
  readonly control: string;
  /** Those of `sip.servers`. */
  readonly servers: readonly SipServerAccess[];
  readonly credentials: ReadonlyMap<TrunkId, Credentials>;
}

/** A secret, or why there is none. */
type Found = { readonly ok: true; readonly text: string } | { readonly ok: false; readonly problem: Problem };

/** Where a secret is named. */
interface Place {
  readonly source: YamlFile;
  readonly path: ConfigPath;
}

/** Reads every secret. Those that are missing are empty, with a problem. */
export function readSecrets({ site, inventory }: Draft, files: Files): Secrets {
  const { control, servers } = site.value.sip;
  const own = controlSecret(control, { source: site.source, path: ['sip', 'control'] }, files);
  const others = servers.map((server, index) => {
    return controlSecret(server, { source: site.source, path: ['sip', 'servers', index] }, files);
  });
  const passwords = Object.entries(inventory.value.trunks).flatMap(([name, { credentials }]) => {
    const place = { source: inventory.source, path: ['trunks', name, 'credentials'] };
    return credentials === undefined ? [] : [{ name, credentials, found: password(credentials, place, files) }];
  });
  const all = [own, ...others, ...passwords.map(({ found }) => found)];
  return {
    problems: all.flatMap((found) => (found.ok ? [] : [found.problem])),
    control: textOf(own),
    servers: servers.map(({ host, port }, index) => ({ host, port, secret: new Secret(textOf(others[index])) })),
    credentials: new Map(
      passwords.map(({ name, credentials: { user, realm }, found }) => {
        return [id<TrunkId>(name), { user, realm, password: new Secret(textOf(found)) }];
      }),
    ),
  };
}

function textOf(found: Found | undefined): string {
  return found?.ok === true ? found.text : '';
}

/** From the environment, else from a file, else the well-known one on loopback. */
function controlSecret(
  { host, secretFile }: { readonly host: string; readonly secretFile?: string | undefined },
  place: Place,
  files: Files,
): Found {
  const given = files.env[VARIABLE];
  if (given !== undefined && given !== '') {
    const message = `${VARIABLE} is not usable, expected printable characters without | and spaces`;
    return CONTROL_SECRET.test(given) ? { ok: true, text: given } : missing(place, message);
  }
  if (secretFile !== undefined) {
    return inFile(secretFile, place, files, CONTROL_SECRET, 'one line of printable characters without | and spaces');
  }
  return isLoopback(host)
    ? { ok: true, text: WELL_KNOWN }
    : missing(place, `no secret for ${host}, expected secretFile or ${VARIABLE}`);
}

/** From a variable or a file, whichever the inventory names. */
function password(
  { secretFile, secretVariable }: NonNullable<TrunkEntry['credentials']>,
  place: Place,
  files: Files,
): Found {
  if (secretFile !== undefined && secretVariable === undefined) {
    return inFile(secretFile, place, files, PASSWORD, 'one line of text');
  }
  if (secretVariable === undefined || secretFile !== undefined) {
    return missing(place, 'expected either secretFile or secretVariable');
  }
  const text = files.env[secretVariable] ?? '';
  const message = `the environment variable ${secretVariable} holds no password, expected one line of text`;
  return PASSWORD.test(text) ? { ok: true, text } : missing(place, message, 'secretVariable');
}

function inFile(path: string, place: Place, files: Files, pattern: RegExp, expected: string): Found {
  const read = files.read(path);
  if (!read.ok) {
    return missing(place, read.message, 'secretFile');
  }
  const text = read.text.trim();
  const message = `${read.file} holds no usable secret, expected ${expected}`;
  return pattern.test(text) ? { ok: true, text } : missing(place, message, 'secretFile');
}

function missing({ source, path }: Place, message: string, key?: string): Found {
  return { ok: false, problem: source.problem(key === undefined ? path : [...path, key], message) };
}

/** Warns of files with a secret that everybody on the machine can read. */
export function openSecrets({ site, inventory }: Draft, files: Files): readonly Problem[] {
  const { control, servers, tls } = site.value.sip;
  const inSite = (path: ConfigPath, file: string | undefined) => ({ source: site.source, path, file });
  const named = [
    inSite(['sip', 'control', 'secretFile'], control.secretFile),
    inSite(['sip', 'tls', 'keyFile'], tls?.keyFile),
    ...servers.map(({ secretFile }, index) => inSite(['sip', 'servers', index, 'secretFile'], secretFile)),
    ...Object.entries(inventory.value.trunks).map(([name, { credentials }]) => {
      const path = ['trunks', name, 'credentials', 'secretFile'];
      return { source: inventory.source, path, file: credentials?.secretFile };
    }),
  ];
  return named.flatMap(({ source, path, file }) => {
    if (file === undefined || !files.isReadableByAll(file)) {
      return [];
    }
    return [source.problem(path, `everybody on this machine can read ${files.resolve(file)}, expected chmod 600`)];
  });
}
