import { isIP, isIPv4 } from 'node:net';
import type { SipAddress, Transport } from '../domain/network.js';

/** A user, and where it is. */
interface UserAddress {
  readonly user: string;
  readonly domain: SipAddress;
}

const DEFAULT_PORT = 5060;
const ADDRESS = /^(\[[0-9a-f:.]+\]|[^:;[\]\s]+)(?::(\d{1,5}))?(?:;transport=(udp|tcp|tls))?$/i;
const HOST_NAME = /^(?!.*-(?:\.|$))[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9][a-z0-9-]*)*$/i;
/** What people write when they mean an IPv4 address. */
const LOOKS_LIKE_IPV4 = /^[0-9.]+$/;

/** `host:port;transport=udp`, with port 5060 and UDP where they are left out; undefined when it is something else. */
export function readAddress(text: string): SipAddress | undefined {
  const [, bracketed, port, transport] = ADDRESS.exec(text) ?? [];
  const host = bracketed === undefined ? undefined : readHost(bracketed.replace(/^\[|\]$/g, ''));
  const number = port === undefined ? DEFAULT_PORT : readPort(port);
  return host === undefined || number === undefined
    ? undefined
    : { host, port: number, transport: (transport?.toLowerCase() ?? 'udp') as Transport };
}

/** A user at a host: `112@192.0.2.50:5060`, with or without `sip:` in front. */
export function readUserAddress(text: string): UserAddress | undefined {
  const [, user, where] = /^(?:sip:)?([a-z0-9+*._-]{1,64})@(.+)$/i.exec(text) ?? [];
  const domain = where === undefined ? undefined : readAddress(where);
  return user === undefined || domain === undefined ? undefined : { user, domain };
}

/** An address as it is written in the files, for messages. */
export function showAddress({ host, port, transport }: SipAddress): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port};transport=${transport}`;
}

/** An address to listen on: `sip:127.0.0.1:5060;transport=udp`. It needs an IP address: a name could mean several. */
export function readContact(text: string): SipAddress | undefined {
  const address = /^sips?:/i.test(text) ? readAddress(text.replace(/^sips?:/i, '')) : undefined;
  return address !== undefined && isIP(address.host) !== 0 ? address : undefined;
}

/** An IP address or a host name; undefined when it is neither. */
export function readHost(text: string): string | undefined {
  const isHost = isIP(text) !== 0 || (HOST_NAME.test(text) && !LOOKS_LIKE_IPV4.test(text));
  return isHost ? text.toLowerCase() : undefined;
}

/** A port, 1 to 65535. */
export function readPort(text: string): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}

/** Whether packets to this host never leave the machine. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIPv4(host) && host.startsWith('127.'));
}

/** Whether listening here is listening on every address. */
export function isWildcard(host: string): boolean {
  return host === '0.0.0.0' || host === '::';
}

/**
 * A CIDR block such as `192.0.2.0/24`, as written but in lower case.
 * Undefined when it is none, or when it has bits set behind its prefix.
 */
export function readCidr(text: string): string | undefined {
  const [, address, prefix] = /^([0-9a-f:.]+)\/(\d{1,3})$/i.exec(text) ?? [];
  const version = address === undefined ? 0 : isIP(address);
  const length = Number(prefix);
  if (address === undefined || version === 0 || length > (version === 4 ? 32 : 128)) {
    return undefined;
  }
  return version === 6 || (ipv4Number(address) & hostMask(length)) === 0 ? text.toLowerCase() : undefined;
}

function ipv4Number(address: string): number {
  return address.split('.').reduce((number, part) => (number << 8) | Number(part), 0);
}

function hostMask(prefix: number): number {
  return prefix === 0 ? -1 : prefix === 32 ? 0 : (1 << (32 - prefix)) - 1;
}
