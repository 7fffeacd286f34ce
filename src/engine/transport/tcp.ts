import { connect, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { EngineClock, EngineTimer } from '../clock.js';
import { Tally } from '../tally.js';
import type { Frame } from './framing.js';
import { givesWay, INBOUND_LIMITS, type InboundConnection, type InboundLimits } from './inbound.js';
import { StreamListener, type ListenerOptions } from './stream-listener.js';
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
  type TransportStats,
} from './transport.js';

const SWEEP_MS = 5_000;
/** Halves of messages on all connections together, in bytes. */
const UNREAD_AT_MOST = 64 * 1024 * 1024;

/** How a TCP transport is made. */
export interface TcpOptions extends ListenerOptions {
  readonly clock: EngineClock;
  readonly filter?: TransportFilter;
  /** One connection of peers more, and the least useful one is closed. `INBOUND_LIMITS` by default. */
  readonly limits?: InboundLimits;
}

/** A connection whose handshake is not done. */
interface Arriving extends InboundConnection {
  destroy(): void;
}

/**
 * TCP or TLS on one local address: a listener, and connections to peers that get requests (RFC 3261 18).
 *
 * Requests to an address and port share a connection. Responses go back on the connection of their request, or, when that is
 * gone, to the address in its Via. A connection that the peer closes while a request is on its way is tried once more: the
 * peer may have closed it before it saw the request, and takes a second copy for a retransmission.
 */
export class TcpTransport implements Transport {
  readonly protocol: 'tcp' | 'tls';
  readonly address: string;
  readonly #options: TcpOptions;
  readonly #clock: EngineClock;
  readonly #events: TransportEvents;
  #listener: StreamListener | undefined;
  /** The connection of each peer that new messages use. */
  readonly #current = new Map<string, TcpConnection>();
  readonly #all = new Set<TcpConnection>();
  /** By the raw connection below. */
  readonly #arriving = new Map<Socket, Arriving>();
  readonly #ended = new Tally();
  readonly #ofConnections: ConnectionEvents = {
    frame: (frame, connection) => {
      this.#received(frame, connection);
    },
    gone: (connection, unheard) => {
      this.#gone(connection, unheard);
    },
    held: () => {
      this.#boundHeld();
    },
    ended: (why) => {
      this.#ended.count(why);
    },
  };
  #sweeper: EngineTimer | undefined;
  #closed = false;

  private constructor(options: TcpOptions, events: TransportEvents) {
    this.protocol = options.identity === undefined ? 'tcp' : 'tls';
    this.address = options.address;
    this.#options = options;
    this.#clock = options.clock;
    this.#events = events;
    this.#sweep();
  }

  /**
   * Listens on the address.
   *
   * @throws with `code` EADDRINUSE when another program has the port.
   */
  static async open(options: TcpOptions, events: TransportEvents): Promise<TcpTransport> {
    const transport = new TcpTransport(options, events);
    await transport.#open();
    return transport;
  }

  async #open(): Promise<void> {
    try {
      this.#listener = await StreamListener.open(this.#options, {
        arrived: (socket) => {
          this.#arrived(socket);
        },
        opened: (socket) => {
          this.#accept(socket);
        },
        failed: (why) => {
          this.#ended.count(why);
        },
      });
    } catch (error) {
      this.#sweeper?.cancel();
      throw error;
    }
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  /** How many connections are open, or being opened. */
  get connections(): number {
    return this.#all.size;
  }

  stats(): TransportStats {
    return { connections: this.#all.size + this.#arriving.size, closed: this.#ended.counts() };
  }

  send(text: string, to: Peer, otherwise?: Peer): void {
    meetFate(this.#options.filter?.outgoing(text, to) ?? 0, this.#clock, () => {
      this.#transmit(text, to, otherwise);
    });
  }

  retract(text: string, to: Peer): boolean {
    return this.#current.get(peerKey(to))?.retract(text) ?? false;
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sweeper?.cancel();
    const stopped = this.#listener?.close();
    for (const connection of [...this.#all, ...this.#arriving.values()]) {
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
    return connection?.isUsable === true && connection.isShown(peer) ? connection : undefined;
  }

  #dial(peer: Peer): TcpConnection | undefined {
    if (!hasPort(peer)) {
      this.#clock.setTimer(0, () => {
        this.#refused(peer);
      });
      return undefined;
    }
    return this.#add(new TcpConnection(this.#connect(peer), peer, false, this.#clock, this.#ofConnections));
  }

  #connect({ address, port, name }: Peer): Socket {
    const way = { host: address, port, localAddress: this.address };
    const { identity } = this.#options;
    if (identity === undefined) {
      return connect(way);
    }
    return connectTls({ ...way, ...identity.towardsServers, ...(name === undefined ? {} : { servername: name }) });
  }

  /** Room is made before the handshake: half ones are the cheapest to make. */
  #arrived(socket: Socket): void {
    const { remoteAddress } = socket;
    if (this.#closed || remoteAddress === undefined) {
      socket.destroy();
      return;
    }
    const address = plainAddress(remoteAddress);
    this.#makeRoom(address);
    if (this.#options.identity !== undefined) {
      const destroy = (): void => {
        socket.destroy();
      };
      this.#arriving.set(socket, { peer: { address }, hasHeard: false, lastUsed: this.#clock.now(), destroy });
      socket.once('close', () => {
        this.#arriving.delete(socket);
      });
    }
  }

  #accept(socket: Socket): void {
    const { remoteAddress, remotePort } = socket;
    if (this.#closed || remoteAddress === undefined || remotePort === undefined) {
      socket.destroy();
      return;
    }
    this.#forgetArriving(remoteAddress, remotePort);
    const peer: Peer = { address: plainAddress(remoteAddress), port: remotePort, transport: this.protocol };
    this.#add(new TcpConnection(socket, peer, true, this.#clock, this.#ofConnections));
  }

  #add(connection: TcpConnection): TcpConnection {
    this.#all.add(connection);
    this.#current.set(peerKey(connection.peer), connection);
    return connection;
  }

  /** The handshake of a raw connection is done: from here on it counts as the one on top of it. */
  #forgetArriving(address: string, port: number): void {
    for (const socket of this.#arriving.keys()) {
      if (socket.remotePort === port && socket.remoteAddress === address) {
        this.#arriving.delete(socket);
      }
    }
  }

  #makeRoom(source: string): void {
    const inbound = [...this.#all].filter(({ isInbound, isClosing }) => isInbound && !isClosing);
    const limits = this.#options.limits ?? INBOUND_LIMITS;
    const way = givesWay<Arriving>([...inbound, ...this.#arriving.values()], source, limits);
    if (way !== undefined) {
      this.#ended.count(way.why);
      way.connection.destroy();
    }
  }

  /** Whoever holds most of what nobody can read yet gives way. */
  #boundHeld(): void {
    const all = [...this.#all];
    if (all.reduce((sum, { heldBytes }) => sum + heldBytes, 0) > UNREAD_AT_MOST) {
      this.#ended.count('too much of half messages');
      all.toSorted((a, b) => b.heldBytes - a.heldBytes)[0]?.destroy();
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
        return connection.pong();
      case 'too large':
        this.#ended.count('message too large');
        this.#events.tooLarge?.(frame.text, peer, this);
        return connection.finish();
      case 'garbage':
        this.#ended.count('not SIP');
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
