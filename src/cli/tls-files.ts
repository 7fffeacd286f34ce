import { readFileSync, unwatchFile, watchFile } from 'node:fs';
import { messageOf } from '../domain/errors.js';
import { TlsIdentity, type TlsMaterial } from '../engine/transport/tls-identity.js';

/** The files that hold what we show over TLS, and whom we believe (PEM). */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string | undefined;
}

/** How often the files are looked at, in milliseconds. */
const LOOK_EVERY_MS = 5_000;

/** @throws where a file cannot be read, or what is in them cannot be used: the message names them. */
export function tlsIdentity(files: TlsFiles): TlsIdentity {
  return named(files, () => new TlsIdentity(read(files)));
}

/**
 * Uses what is in the files from now on: connections that are open keep what they began with.
 *
 * @throws where it cannot be used; what was in force stays.
 */
export function reloadIdentity(identity: TlsIdentity, files: TlsFiles): void {
  named(files, () => {
    identity.replace(read(files));
  });
}

/** Tells when one of the files changes. @returns how to stop. */
export function watchTls(files: TlsFiles, changed: () => void): () => void {
  const paths = [files.cert, files.key, ...(files.ca === undefined ? [] : [files.ca])];
  for (const path of paths) {
    watchFile(path, { interval: LOOK_EVERY_MS, persistent: false }, changed);
  }
  return () => {
    for (const path of paths) {
      unwatchFile(path, changed);
    }
  };
}

function read({ cert, key, ca }: TlsFiles): TlsMaterial {
  const text = (path: string): string => readFileSync(path, 'latin1');
  return { cert: text(cert), key: text(key), ...(ca === undefined ? {} : { ca: text(ca) }) };
}

function named<Result>({ cert, key, ca }: TlsFiles, use: () => Result): Result {
  try {
    return use();
  } catch (error) {
    const files = [cert, key, ...(ca === undefined ? [] : [ca])].join(', ');
    throw new Error(`TLS cannot be used with ${files}: ${messageOf(error)}`, { cause: error });
  }
}
