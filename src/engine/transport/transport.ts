import type { EngineClock } from '../clock.js';

/** What carries messages: RFC 3261 18. */
export type Protocol = 'udp' | 'tcp' | 'tls';

/** Where a message came from, or goes to. Over TCP and TLS the port may be that of one connection. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly transport: Protocol;
  /** Over TLS: the domain that the certificate of the peer must show (RFC 5922); its address where not given. */
  readonly name?: string;
}

/** The port of a protocol where a URI names none (RFC 3261 19.1.2). */
export function defaultPort(protocol: Protocol): number {
  return protocol === 'tls' ? 5061 : 5060;
}

/** What a transport tells of. */
export interface TransportEvents {
  /** A message arrived. One character is one byte. */
  received(text: string, from: Peer, transport: Transport): void;
  /**
   * The peer cannot be reached: its host says that nobody listens there (ICMP port unreachable, a refused connection), there
   * is no way to it, or a connection to it ended.
   */
  refused(peer: Peer): void;
  /** A message above the limits of a stream began; `text` is its start, and its headers may be cut. */
  tooLarge?(text: string, from: Peer, transport: Transport): void;
}

/** Sends and receives messages on one local address. */
export interface Transport {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** Bytes of the longest message that can be sent; without it there is no limit. */
  readonly largest?: number;
  /**
   * Sends a message. Whatever goes wrong is told later, by `refused`.
   *
   * @param otherwise where a response goes when its connection is gone (RFC 3261 18.2.2).
   */
  send(text: string, to: Peer, otherwise?: Peer): void;
  /**
   * Takes a message back that still waits for its connection: it must not leave when the network comes back.
   *
   * @returns whether it waited.
   */
  retract?(text: string, to: Peer): boolean;
  /** What is open, and what was closed here, by the reason. */
  stats?(): TransportStats;
  close(): Promise<void>;
}

/** What a transport holds, and what it had to end. */
export interface TransportStats {
  /** Connections, or next hops with a socket of their own. */
  readonly connections: number;
  /** Connections that were ended or not taken here, by the reason. */
  readonly closed: Readonly<Record<string, number>>;
}

/** Decides what happens to a message: `drop`, or a delay in milliseconds. The laboratory's faults use it. */
export interface TransportFilter {
  incoming(text: string, from: Peer): 'drop' | number;
  outgoing(text: string, to: Peer): 'drop' | number;
}

/** Does what a filter decided. */
export function meetFate(fate: 'drop' | number, clock: EngineClock, action: () => void): void {
  if (fate === 'drop') {
    return;
  }
  if (fate > 0) {
    clock.setTimer(fate, action);
  } else {
    action();
  }
}

/** Whether the network below resends what is lost, so that transactions need not (RFC 3261 17). */
export function isReliable({ protocol }: Pick<Transport, 'protocol'>): boolean {
  return protocol !== 'udp';
}

/** Whether a message is a response (RFC 3261 7.2). */
export function isResponseText(text: string): boolean {
  return text.startsWith('SIP/2.0 ');
}

/** Whether the port of a peer is one. */
export function hasPort({ port }: Peer): boolean {
  return port > 0 && port < 65_536;
}

/** Peers as map keys. */
export function peerKey(peer: Peer): string {
  return `${peer.transport}:${peer.address}:${peer.port}`;
}
