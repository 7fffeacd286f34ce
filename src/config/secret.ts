import { isLoopback } from './address.js';
import type { Part } from './draft.js';
import type { Files } from './files.js';
import type { Problem } from './problem.js';
import type { SiteFile } from './site-file.js';

/** What drachtio-server expects where nobody chose a secret. Good enough only where nobody else can connect. */
const WELL_KNOWN = 'cymru';
const VARIABLE = 'NOODROUTE_ENGINE_SECRET';

/** A secret, or why there is none. */
export type SecretResult =
  | { readonly ok: true; readonly secret: string }
  | { readonly ok: false; readonly problem: Problem };

/** The secret of the control connection: from the environment, else from a file, else the well-known one on loopback. */
export function readSecret({ source, value }: Part<SiteFile>, files: Files): SecretResult {
  const { host, secretFile } = value.sip.control;
  const given = files.env[VARIABLE];
  if (given !== undefined && given !== '') {
    return usable(given) ?? refuse(`${VARIABLE} is not usable, expected printable characters without | and spaces`);
  }
  if (secretFile !== undefined) {
    const read = files.read(secretFile);
    const path = ['sip', 'control', 'secretFile'];
    return read.ok
      ? (usable(read.text.trim()) ??
          refuse(
            `${read.file} holds no usable secret, expected one line of printable characters without | and spaces`,
            path,
          ))
      : refuse(read.message, path);
  }
  return isLoopback(host)
    ? { ok: true, secret: WELL_KNOWN }
    : refuse(`no secret for ${host}, expected secretFile or ${VARIABLE}`);

  function refuse(message: string, path: readonly string[] = ['sip', 'control']): SecretResult {
    return { ok: false, problem: source.problem(path, message) };
  }
}

function usable(secret: string): SecretResult | undefined {
  return /^[!-{}~]{1,256}$/.test(secret) ? { ok: true, secret } : undefined;
}
