import { isIP } from 'node:net';
import { InvalidArgumentError } from 'commander';
import type { Contact } from '../engine/agent/agent.js';
import type { RequestHandler } from '../engine/control/outbound.js';
import { defaultPort, type Protocol } from '../engine/transport/transport.js';
import { parseUri } from '../sip/uri.js';

/** A host and a port. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

export function readHostPort(text: string): HostPort {
  const [, host = '', port = ''] = /^\[?(.+?)\]?:(\d{1,5})$/.exec(text) ?? [];
  if (host === '' || Number(port) > 65_535) {
    throw new InvalidArgumentError('expected host:port');
  }
  return { host, port: Number(port) };
}

/** `tcp://host:port`, with the method in front where it is not for all: `invite=tcp://127.0.0.1:3001`. */
export function readRequestHandler(text: string, before: readonly RequestHandler[] = []): readonly RequestHandler[] {
  const [, method = '*', host = '', port = ''] = /^(?:([a-z*]+)=)?tcp:\/\/\[?(.+?)\]?:(\d{1,5})$/i.exec(text) ?? [];
  if (host === '' || Number(port) > 65_535) {
    throw new InvalidArgumentError('expected tcp://host:port, or a method before it: invite=tcp://127.0.0.1:3001');
  }
  return [...before, { method, host, port: Number(port) }];
}

/** RFC 3261 17.2.1: the 100 comes within 200 ms. */
export function readTryingAfter(text: string): number {
  if (!/^\d{1,3}$/.test(text) || Number(text) > 200) {
    throw new InvalidArgumentError('expected milliseconds from 0 to 200');
  }
  return Number(text);
}

/** An address of a name server, with a port where it is not 53. */
export function readNameServer(text: string, before: readonly string[] = []): readonly string[] {
  const [, address = text] = /^\[?([^\]]+?)\]?:\d{1,5}$/.exec(text) ?? [];
  if (isIP(text) === 0 && isIP(address) === 0) {
    throw new InvalidArgumentError('expected the address of a name server, such as 192.0.2.53');
  }
  return [...before, text];
}

/** One contact for each transport of the list in the URI. */
export function readContacts(text: string, before: readonly Contact[] = []): readonly Contact[] {
  const uri = parseUri(text);
  if (uri.scheme !== 'sip' && uri.scheme !== 'sips') {
    throw new InvalidArgumentError('expected a SIP URI such as sip:127.0.0.1:5060;transport=udp,tcp');
  }
  if (isIP(uri.host) === 0) {
    throw new InvalidArgumentError(`expected an address of this machine, not the name '${uri.host}'`);
  }
  const words = uri.params.get('transport')?.toLowerCase().split(',') ?? [uri.scheme === 'sips' ? 'tls' : 'udp'];
  const transports = [...new Set(words.map(readTransport))];
  if (uri.port !== undefined && transports.includes('tcp') && transports.includes('tls')) {
    throw new InvalidArgumentError('tcp and tls cannot share a port: give each a --contact of its own');
  }
  const contacts = transports.map((transport) => ({
    address: uri.host,
    port: uri.port ?? defaultPort(transport),
    transport,
  }));
  return [...before, ...contacts];
}

function readTransport(word: string): Protocol {
  if (word !== 'udp' && word !== 'tcp' && word !== 'tls') {
    throw new InvalidArgumentError(`the engine does not speak ${word}, expected udp, tcp or tls`);
  }
  return word;
}
