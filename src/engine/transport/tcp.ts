import { connect, createServer, isIP, type Server, type Socket } from 'node:net';
import type { EngineClock, EngineTimer } from '../clock.js';
import type { Frame } from './framing.js';
import { TcpConnection, type ConnectionEvents } from './tcp-connection.js';
import {
  hasPort,
  isResponseText,
  meetFate,
  peerKey,
  type Peer,
  type Transport,
  type TransportEvents,
  type TransportFilter,
} from './transport.js';

const SWEEP_MS = 5_000;
const INBOUND_AT_MOST = 1_000;

/** How a TCP transport is made. */
export interface TcpOptions {
  readonly address: string;
  readonly port: number;
  readonly clock: EngineClock;
  readonly filter?: TransportFilter;
  /** Most connections of peers at a time, 1,000 by default. One more, and the least useful one is closed. */
  readonly inboundAtMost?: number;
}

/**
 * TCP on one local address: a listener, and connections to peers that get requests (RFC 3261 18).
 *
 * Requests to an address and port share a connection. Responses go back on the connection of their request, or, when that is
 * gone, to the address in its Via. A connection that the peer closes while a request is on its way is tried once more: the
 * peer may have closed it before it saw the request, and takes a second copy for a retransmission.
 */
export class TcpTransport implements Transport {
  readonly protocol = 'tcp';
  readonly address: string;
  readonly #options: TcpOptions;
  readonly #clock: EngineClock;
  readonly #events: TransportEvents;
  readonly #server: Server;
  /** The connection of each peer that new messages use. */
  readonly #current = new Map<string, TcpConnection>();
  readonly #all = new Set<TcpConnection>();
  readonly #ofConnections: ConnectionEvents = {
    frame: (frame, connection) => {
      this.#received(frame, connection);
    },
    gone: (connection, unheard) => {
      this.#gone(connection, unheard);
    },
  };
  #sweeper: EngineTimer | undefined;
  #closed = false;

  private constructor(server: Server, options: TcpOptions, events: TransportEvents) {
    this.#server = server;
    this.address = options.address;
    this.#options = options;
    this.#clock = options.clock;
    this.#events = events;
    server.on('connection', (socket) => {
      this.#accept(socket);
    });
    server.on('error', () => undefined);
    this.#sweep();
  }

  /**
   * Listens on the address.
   *
   * @throws with `code` EADDRINUSE when another program has the port.
   */
  static async open(options: TcpOptions, events: TransportEvents): Promise<TcpTransport> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: options.address, port: options.port, exclusive: true }, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
    return new TcpTransport(server, options, events);
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  /** How many connections are open, or being opened. */
  get connections(): number {
    return this.#all.size;
  }

  send(text: string, to: Peer, otherwise?: Peer): void {
    meetFate(this.#options.filter?.outgoing(text, to) ?? 0, this.#clock, () => {
      this.#transmit(text, to, otherwise);
    });
  }

  retract(text: string, to: Peer): void {
    this.#current.get(peerKey(to))?.retract(text);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sweeper?.cancel();
    const stopped = new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
    for (const connection of this.#all) {
      connection.destroy();
    }
    await stopped;
  }

  #transmit(text: string, to: Peer, otherwise: Peer | undefined): void {
    if (this.#closed) {
      return;
    }
    const open = this.#usable(to);
    if (open !== undefined && (open.isInbound || !open.isSuspect || isResponseText(text))) {
      open.write(text);
    } else if (otherwise === undefined) {
      this.#dial(to)?.write(text);
    } else {
      (this.#usable(otherwise) ?? this.#dial(otherwise))?.write(text);
    }
  }

  #usable(peer: Peer): TcpConnection | undefined {
    const connection = this.#current.get(peerKey(peer));
    return connection?.isUsable === true ? connection : undefined;
  }

  #dial(peer: Peer): TcpConnection | undefined {
    if (!hasPort(peer)) {
      this.#clock.setTimer(0, () => {
        this.#refused(peer);
      });
      return undefined;
    }
    const socket = connect({ host: peer.address, port: peer.port, localAddress: this.address });
    return this.#add(new TcpConnection(socket, peer, false, this.#clock, this.#ofConnections));
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (this.#closed || remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    this.#makeRoom();
    const peer: Peer = { address: plainAddress(remoteAddress), port: remotePort, transport: 'tcp' };
    this.#add(new TcpConnection(socket, peer, true, this.#clock, this.#ofConnections));
  }

  #add(connection: TcpConnection): TcpConnection {
    this.#all.add(connection);
    this.#current.set(peerKey(connection.peer), connection);
    return connection;
  }

  /** Those who open connections and say nothing must not keep callers out: they go first, then who was idle longest. */
  #makeRoom(): void {
    const inbound = [...this.#all].filter(({ isInbound, isClosing }) => isInbound && !isClosing);
    if (inbound.length >= (this.#options.inboundAtMost ?? INBOUND_AT_MOST)) {
      const silent = inbound.filter(({ hasHeard }) => !hasHeard);
      const candidates = silent.length > 0 ? silent : inbound;
      candidates.reduce((oldest, each) => (each.lastUsed < oldest.lastUsed ? each : oldest)).destroy();
    }
  }

  #received(frame: Frame, connection: TcpConnection): void {
    const { peer } = connection;
    switch (frame.kind) {
      case 'message':
        return meetFate(this.#options.filter?.incoming(frame.text, peer) ?? 0, this.#clock, () => {
          this.#deliver(frame.text, peer);
        });
      case 'ping':
        return connection.write('\r\n');
      case 'too large':
        this.#events.tooLarge?.(frame.text, peer, this);
        return connection.finish();
      case 'garbage':
        this.#deliver(frame.text, peer);
        return connection.finish();
    }
  }

  #deliver(text: string, from: Peer): void {
    if (!this.#closed) {
      this.#events.received(text, from, this);
    }
  }

  #gone(connection: TcpConnection, unheard: readonly string[]): void {
    const { peer } = connection;
    this.#all.delete(connection);
    const isCurrent = this.#current.get(peerKey(peer)) === connection;
    if (isCurrent) {
      this.#current.delete(peerKey(peer));
    }
    if (this.#closed || connection.isClosing) {
      return;
    }
    for (const text of unheard) {
      this.#transmit(text, peer, undefined);
    }
    if (isCurrent && unheard.length === 0) {
      this.#refused(peer);
    }
  }

  #refused(peer: Peer): void {
    if (!this.#closed) {
      this.#events.refused(peer);
    }
  }

  #sweep(): void {
    this.#sweeper = this.#clock.setTimer(SWEEP_MS, () => {
      for (const connection of this.#all) {
        connection.inspect();
      }
      this.#sweep();
    });
  }
}

/** A socket for both families shows IPv4 addresses as `::ffff:192.0.2.1`. */
function plainAddress(address: string): string {
  const mapped = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : '';
  return isIP(mapped) === 4 ? mapped : address;
}
