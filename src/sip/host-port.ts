import { isDigits, trimBlanks } from './chars.js';

/** A host (an IPv6 address without its brackets) and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number | undefined;
}

/** Reads `host`, `host:port`, `[v6]:port`. A port that is no port is left away; a bare IPv6 address is all host. */
export function parseHostPort(text: string): HostPort {
  const trimmed = trimBlanks(text);
  if (trimmed.startsWith('[')) {
    const close = trimmed.indexOf(']');
    const end = close < 0 ? trimmed.length : close;
    return { host: trimmed.slice(1, end), port: port(trimmed.slice(end + 1)) };
  }
  const colon = trimmed.indexOf(':');
  if (colon < 0 || trimmed.includes(':', colon + 1)) {
    return { host: trimmed, port: undefined };
  }
  return { host: trimBlanks(trimmed.slice(0, colon)), port: port(trimmed.slice(colon)) };
}

/** The reverse: an IPv6 address gets its brackets. */
export function printHostPort({ host, port }: HostPort): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return port === undefined ? name : `${name}:${port}`;
}

function port(text: string): number | undefined {
  const digits = trimBlanks(trimBlanks(text).slice(1));
  const value = isDigits(digits) && digits.length <= 6 ? Number(digits) : 0;
  return value > 0 && value < 65536 ? value : undefined;
}
