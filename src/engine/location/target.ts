import { parseUri, type SipUri } from '../../sip/uri.js';
import { defaultPort, type Peer, type Protocol } from '../transport/transport.js';

/** Where a request may go. */
export interface NextHop {
  readonly peer: Peer;
  /** Nobody chose UDP: a request that is too large for it goes over TCP first (RFC 3261 18.1.1). */
  readonly isOpen: boolean;
}

/** The one next hop of a URI that names an address; `undefined` where it names none, or a transport that we do not speak. */
export function hopsOf(uri: string): readonly NextHop[] | undefined {
  const peer = hopOf(uri);
  return peer === undefined ? undefined : [{ peer, isOpen: peer.transport === 'udp' && !/;transport=/i.test(uri) }];
}

/** The address of a SIP URI; `undefined` where it names none, or a host name, or a transport that we do not speak. */
export function hopOf(uri: string): Peer | undefined {
  const parsed = parseUri(uri);
  if (parsed.scheme !== 'sip' && parsed.scheme !== 'sips') {
    return undefined;
  }
  const address = hostOf(parsed);
  const transport = chosenProtocol(parsed) ?? (parsed.params.has('transport') ? undefined : 'udp');
  return transport !== undefined && isAddress(address)
    ? { address, port: parsed.port ?? defaultPort(transport), transport }
    : undefined;
}

/** Whether a SIP URI leaves the transport open, or names one that is among these. */
export function isSpoken(text: string, spoken: readonly Protocol[]): boolean {
  const uri = parseUri(text);
  if (uri.scheme !== 'sip' && uri.scheme !== 'sips') {
    return false;
  }
  const chosen = chosenProtocol(uri);
  return chosen === undefined ? !uri.params.has('transport') : spoken.includes(chosen);
}

/** The host that requests to a URI go to. */
export function hostOf({ params, host }: SipUri): string {
  return params.get('maddr') ?? host;
}

/** The transport that a URI names; `sips` is TLS all the way (RFC 3261 26.2.2). Undefined where it names none of ours. */
export function chosenProtocol({ scheme, params }: SipUri): Protocol | undefined {
  const named = params.get('transport')?.toLowerCase();
  if (scheme === 'sips') {
    return named === undefined || named === 'tcp' || named === 'tls' ? 'tls' : undefined;
  }
  return named === 'udp' || named === 'tcp' || named === 'tls' ? named : undefined;
}

/** Whether a host is an address and not a name. */
export function isAddress(host: string): boolean {
  return /^\d+\.\d+\.\d+\.\d+$/.test(host) || host.includes(':');
}
