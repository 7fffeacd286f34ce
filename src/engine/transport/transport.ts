/** Where a message came from, or goes to. */
export interface Peer {
  readonly address: string;
  readonly port: number;
  readonly transport: 'udp' | 'tcp';
}

/** What a transport tells of. */
export interface TransportEvents {
  /** A message arrived. One character is one byte. */
  received(text: string, from: Peer, transport: Transport): void;
  /** The peer cannot be reached: its host says that nobody listens there (ICMP port unreachable), or there is no way to it. */
  refused(peer: Peer): void;
}

/** Sends and receives messages on one local address. */
export interface Transport {
  readonly protocol: 'udp' | 'tcp';
  readonly address: string;
  readonly port: number;
  /** Bytes of the longest message that can be sent; without it there is no limit. */
  readonly largest?: number;
  /** Sends a message. Whatever goes wrong is told later, by `refused`. */
  send(text: string, to: Peer): void;
  close(): Promise<void>;
}

/** Decides what happens to a datagram: `drop`, or a delay in milliseconds. The laboratory's faults use it. */
export interface TransportFilter {
  incoming(text: string, from: Peer): 'drop' | number;
  outgoing(text: string, to: Peer): 'drop' | number;
}

/** Whether a message is a response (RFC 3261 7.2). */
export function isResponseText(text: string): boolean {
  return text.startsWith('SIP/2.0 ');
}

/** Peers as map keys. */
export function peerKey(peer: Peer): string {
  return `${peer.address}:${peer.port}`;
}
