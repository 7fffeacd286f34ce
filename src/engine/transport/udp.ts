import { createSocket, type Socket, type SocketOptions } from 'node:dgram';
import { lookup as resolve } from 'node:dns';
import { isIP } from 'node:net';
import type { EngineClock, EngineTimer } from '../clock.js';
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

/** More next hops than this use the listener, without news of refusals. */
const CONNECTED_AT_MOST = 256;
/** When all are in use, one that carried nothing for so long gives way to a new next hop. */
const GIVES_WAY_MS = 5_000;
/** A connected socket that carried nothing for so long is closed. */
const IDLE_MS = 120_000;
const SWEEP_MS = 30_000;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;
/** What an IP packet of 65,535 bytes has room for; IPv6 does not count its own header. */
const LARGEST_IPV4 = 65_507;
const LARGEST_IPV6 = 65_527;
/** A keep-alive of zeros or line ends, or a stray byte: no message is so short. */
const SHORTEST = 5;
/** Errors of a send that say nothing about the peer: our own firewall, buffers, or the size. A lost datagram. */
const LOST = new Set(['EPERM', 'ENOBUFS', 'ENOMEM', 'EAGAIN', 'EMSGSIZE']);

interface Connected {
  readonly socket: Socket;
  readonly peer: Peer;
  lastUsed: number;
  /** Messages that wait until the socket is connected. */
  waiting: Buffer[] | undefined;
}

/** How a UDP transport is made. */
export interface UdpOptions {
  readonly address: string;
  readonly port: number;
  readonly clock: EngineClock;
  readonly filter?: TransportFilter;
}

/**
 * UDP on one local address: a listener, and a connected socket for each next hop that gets requests.
 *
 * Only a connected socket hears that a port is unreachable. It is bound to the listener's address and port, so the kernel
 * gives it what that peer sends; all else still reaches the listener. Responses leave through the listener: nothing waits for
 * an answer to them, and callers are many.
 */
export class UdpTransport implements Transport {
  readonly protocol = 'udp';
  readonly address: string;
  readonly largest: number;
  readonly #clock: EngineClock;
  readonly #filter: TransportFilter | undefined;
  readonly #events: TransportEvents;
  readonly #listener: Socket;
  /** Asking the socket costs a system call. */
  readonly #port: number;
  /** The least recently used comes first. */
  readonly #connected = new Map<string, Connected>();
  #sweeper: EngineTimer | undefined;
  #closed = false;

  private constructor(listener: Socket, options: UdpOptions, events: TransportEvents) {
    this.#listener = listener;
    this.#port = listener.address().port;
    this.address = options.address;
    this.largest = isIP(options.address) === 6 ? LARGEST_IPV6 : LARGEST_IPV4;
    this.#clock = options.clock;
    this.#filter = options.filter;
    this.#events = events;
    this.#listen(listener);
    listener.on('error', ignore);
    this.#sweep();
  }

  /**
   * Binds the address.
   *
   * @throws with `code` EADDRINUSE when another program has the port: a plain bind comes first, because sockets that share an
   * address are bound without such an error.
   */
  static async open(options: UdpOptions, events: TransportEvents): Promise<UdpTransport> {
    const probe = createSocket({ type: familyOf(options.address), lookup });
    await bind(probe, options.port, options.address);
    const { port } = probe.address();
    await closed(probe);
    const listener = shareableSocket(options.address);
    await bind(listener, port, options.address);
    return new UdpTransport(listener, options, events);
  }

  get port(): number {
    return this.#closed ? 0 : this.#port;
  }

  /** How many next hops have a socket of their own. */
  get connections(): number {
    return this.#connected.size;
  }

  stats(): TransportStats {
    return { connections: this.#connected.size, closed: {} };
  }

  send(text: string, to: Peer): void {
    meetFate(this.#filter?.outgoing(text, to) ?? 0, this.#clock, () => {
      this.#transmit(text, to);
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#sweeper?.cancel();
    const sockets = [this.#listener, ...[...this.#connected.values()].map(({ socket }) => socket)];
    this.#connected.clear();
    await Promise.all(sockets.map(closed));
  }

  #transmit(text: string, to: Peer): void {
    if (this.#closed) {
      return;
    }
    if (!hasPort(to)) {
      this.#clock.setTimer(0, () => {
        this.#refused(to);
      });
      return;
    }
    const bytes = Buffer.from(text, 'latin1');
    const connected = isResponseText(text) ? undefined : this.#connectedTo(to);
    if (connected?.waiting === undefined) {
      this.#write(bytes, to, connected?.socket);
    } else {
      connected.waiting.push(bytes);
    }
  }

  #write(bytes: Buffer, to: Peer, connected: Socket | undefined): void {
    const done = (error: Error | null): void => {
      this.#sendFailed(to, error);
    };
    if (connected === undefined) {
      this.#listener.send(bytes, to.port, to.address, done);
    } else {
      connected.send(bytes, done);
    }
  }

  #sendFailed(to: Peer, error: NodeJS.ErrnoException | null): void {
    if (error?.code !== undefined && !LOST.has(error.code)) {
      this.#refused(to);
    }
  }

  #refused(peer: Peer): void {
    if (!this.#closed) {
      this.#events.refused(peer);
    }
  }

  #connectedTo(peer: Peer): Connected | undefined {
    const key = peerKey(peer);
    const known = this.#connected.get(key);
    if (known !== undefined) {
      known.lastUsed = this.#clock.now();
      this.#connected.delete(key);
      this.#connected.set(key, known);
      return known;
    }
    return isIP(peer.address) !== 0 && this.#hasRoom() ? this.#connect(key, peer) : undefined;
  }

  #hasRoom(): boolean {
    const [oldest] = this.#connected.values();
    if (oldest !== undefined && this.#connected.size >= CONNECTED_AT_MOST) {
      if (oldest.lastUsed > this.#clock.now() - GIVES_WAY_MS) {
        return false;
      }
      this.#forget(oldest);
    }
    return true;
  }

  #connect(key: string, peer: Peer): Connected {
    const socket = shareableSocket(this.address);
    const fresh: Connected = { socket, peer, lastUsed: this.#clock.now(), waiting: [] };
    this.#connected.set(key, fresh);
    this.#listen(socket);
    socket.on('error', (error) => {
      this.#socketFailed(fresh, error);
    });
    socket.bind(this.port, this.address, () => {
      if (this.#isCurrent(fresh)) {
        socket.connect(peer.port, peer.address, (error?: Error | null) => {
          this.#ready(fresh, error ?? undefined);
        });
      }
    });
    return fresh;
  }

  #ready(fresh: Connected, error: Error | undefined): void {
    const waiting = fresh.waiting ?? [];
    fresh.waiting = undefined;
    if (!this.#isCurrent(fresh)) {
      return;
    }
    if (error !== undefined) {
      this.#forget(fresh);
      this.#refused(fresh.peer);
      return;
    }
    for (const bytes of waiting) {
      this.#write(bytes, fresh.peer, fresh.socket);
    }
  }

  /** A refusal leaves the socket as it is. One that could not even be bound is our own fault: the listener does its work. */
  #socketFailed(connected: Connected, error: NodeJS.ErrnoException): void {
    if (!this.#isCurrent(connected)) {
      return;
    }
    const { waiting, peer } = connected;
    if (waiting !== undefined) {
      this.#forget(connected);
      for (const bytes of waiting) {
        this.#write(bytes, peer, undefined);
      }
      return;
    }
    if (error.code !== 'ECONNREFUSED') {
      this.#forget(connected);
    }
    this.#refused(peer);
  }

  #isCurrent(connected: Connected): boolean {
    return this.#connected.get(peerKey(connected.peer)) === connected;
  }

  #forget(connected: Connected): void {
    if (this.#isCurrent(connected)) {
      this.#connected.delete(peerKey(connected.peer));
      closed(connected.socket).catch(ignore);
    }
  }

  #listen(socket: Socket): void {
    socket.on('message', (bytes, remote) => {
      const from: Peer = { address: remote.address, port: remote.port, transport: 'udp' };
      const text = bytes.length < SHORTEST ? '' : bytes.toString('latin1');
      meetFate(text === '' ? 'drop' : (this.#filter?.incoming(text, from) ?? 0), this.#clock, () => {
        this.#deliver(text, from);
      });
    });
  }

  #deliver(text: string, from: Peer): void {
    if (!this.#closed) {
      this.#events.received(text, from, this);
    }
  }

  #sweep(): void {
    this.#sweeper = this.#clock.setTimer(SWEEP_MS, () => {
      const oldest = this.#clock.now() - IDLE_MS;
      for (const connected of this.#connected.values()) {
        if (connected.lastUsed < oldest) {
          this.#forget(connected);
        }
      }
      this.#sweep();
    });
  }
}

function ignore(): void {
  // The listener hears of no peer, and a socket that is being closed of nothing that matters.
}

function familyOf(address: string): 'udp4' | 'udp6' {
  return isIP(address) === 6 ? 'udp6' : 'udp4';
}

/** Addresses need no resolver: a socket is then bound and connected within one turn of the event loop. */
const lookup: NonNullable<SocketOptions['lookup']> = (hostname, options, callback) => {
  const family = isIP(hostname);
  if (family === 0) {
    resolve(hostname, options, callback);
  } else {
    callback(null, hostname, family);
  }
};

function shareableSocket(address: string): Socket {
  return createSocket({ type: familyOf(address), reuseAddr: true, recvBufferSize: RECEIVE_BUFFER_BYTES, lookup });
}

async function bind(socket: Socket, port: number, address: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind(port, address, () => {
      socket.removeAllListeners('error');
      resolve();
    });
  });
}

async function closed(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    try {
      socket.close(() => {
        resolve();
      });
    } catch {
      resolve();
    }
  });
}
