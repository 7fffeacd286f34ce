import type { Draft } from '../draft.js';
import type { Files } from '../files.js';
import type { Problem } from '../problem.js';

/** The files for TLS must be there, and be PEM. */
export function readableFiles({ site: { source, value } }: Draft, files: Files): readonly Problem[] {
  return Object.entries(value.sip.tls ?? {}).flatMap(([key, path]) => {
    const message = path === undefined ? undefined : complaint(key, path, files);
    return message === undefined ? [] : [source.problem(['sip', 'tls', key], message)];
  });
}

function complaint(key: string, path: string, files: Files): string | undefined {
  const read = files.read(path);
  if (!read.ok) {
    return read.message;
  }
  const what = key === 'keyFile' ? 'PRIVATE KEY' : 'CERTIFICATE';
  const isPem = new RegExp(`^-----BEGIN [A-Z ]*${what}-----`, 'm').test(read.text);
  return isPem ? undefined : `${read.file} holds no ${what.toLowerCase()}, expected PEM text`;
}
