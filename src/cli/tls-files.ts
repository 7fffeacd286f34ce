import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { messageOf } from '../domain/errors.js';
import { TlsIdentity, type TlsMaterial } from '../engine/transport/tls-identity.js';

/** The files that hold what we show over TLS, and whom we believe (PEM). */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Who signs the certificates of servers that we call. */
  readonly ca: string | undefined;
  /** Who signs the certificates of callers. */
  readonly callerCa: string | undefined;
}

/** How often the files are looked at, in milliseconds. */
const LOOK_EVERY_MS = 5_000;

/** @throws where a file cannot be read, or what is in them cannot be used: the message names them. */
export function tlsIdentity(files: TlsFiles): TlsIdentity {
  return blaming(files, () => new TlsIdentity(read(files)));
}

/**
 * Uses what is in the files from now on: connections that are open keep what they began with.
 *
 * @throws where it cannot be used; what was in force stays.
 */
export function reloadIdentity(identity: TlsIdentity, files: TlsFiles): void {
  blaming(files, () => {
    identity.replace(read(files));
  });
}

/** Tells when one of the files changes. @returns how to stop. */
export function watchTls(files: TlsFiles, changed: () => void): () => void {
  const paths = named(files);
  for (const path of paths) {
    watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, changed);
  }
  return () => {
    for (const path of paths) {
      unwatchFile(path, changed);
    }
  };
}

function read({ cert, key, ca, callerCa }: TlsFiles): TlsMaterial {
  const text = (path: string): string => readFileSync(path, 'latin1');
  return {
    ...{ cert: text(cert), key: text(key) },
    ...(ca === undefined ? {} : { ca: text(ca) }),
    ...(callerCa === undefined ? {} : { callerCa: text(callerCa) }),
  };
}

function named({ cert, key, ca, callerCa }: TlsFiles): readonly string[] {
  return [cert, key, ca, callerCa].filter((path) => path !== undefined);
}

function blaming<Result>(files: TlsFiles, use: () => Result): Result {
  try {
    return use();
  } catch (error) {
    throw new Error(`TLS cannot be used with ${named(files).join(', ')}: ${messageOf(error)}`, { cause: error });
  }
}
