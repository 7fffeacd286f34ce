import { createSocket, type Socket } from 'node:dgram';
import { isIP } from 'node:net';
import type { EngineClock, EngineTimer } from '../clock.js';
import { peerKey, type Peer, type Transport, type TransportEvents, type TransportFilter } from './transport.js';

/** More next hops than this use the listener, without news of refusals. */
const CONNECTED_AT_MOST = 256;
/** A connected socket that carried nothing for so long is closed. */
const IDLE_MS = 120_000;
const SWEEP_MS = 30_000;
const RECEIVE_BUFFER_BYTES = 4 * 1024 * 1024;

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
 * UDP on one local address: a listener, and a connected socket for each next hop in use.
 *
 * Only a connected socket hears that a port is unreachable. It is bound to the listener's address and port, so the kernel
 * gives it what that peer sends; all else still reaches the listener.
 */
export class UdpTransport implements Transport {
  readonly protocol = 'udp';
  readonly address: string;
  readonly #clock: EngineClock;
  readonly #filter: TransportFilter | undefined;
  readonly #events: TransportEvents;
  readonly #listener: Socket;
  readonly #connected = new Map<string, Connected>();
  #sweeper: EngineTimer | undefined;
  #closed = false;

  private constructor(listener: Socket, options: UdpOptions, events: TransportEvents) {
    this.#listener = listener;
    this.address = options.address;
    this.#clock = options.clock;
    this.#filter = options.filter;
    this.#events = events;
    this.#listen(listener);
    this.#sweep();
  }

  /**
   * Binds the address.
   *
   * @throws with `code` EADDRINUSE when another program has the port: a plain bind comes first, because sockets that share an
   * address are bound without such an error.
   */
  static async open(options: UdpOptions, events: TransportEvents): Promise<UdpTransport> {
    const probe = createSocket({ type: familyOf(options.address) });
    await bind(probe, options.port, options.address);
    const { port } = probe.address();
    await closed(probe);
    const listener = shareableSocket(options.address);
    await bind(listener, port, options.address);
    return new UdpTransport(listener, options, events);
  }

  get port(): number {
    return this.#closed ? 0 : this.#listener.address().port;
  }

  send(text: string, to: Peer): void {
    const fate = this.#filter?.outgoing(text, to) ?? 0;
    if (fate === 'drop' || this.#closed) {
      return;
    }
    if (fate > 0) {
      this.#clock.setTimer(fate, () => {
        this.#transmit(text, to);
      });
      return;
    }
    this.#transmit(text, to);
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
    const bytes = Buffer.from(text, 'latin1');
    const connected = this.#connectedTo(to);
    if (connected === undefined) {
      this.#listener.send(bytes, to.port, to.address, ignore);
    } else if (connected.waiting === undefined) {
      connected.lastUsed = this.#clock.now();
      connected.socket.send(bytes, ignore);
    } else {
      connected.waiting.push(bytes);
    }
  }

  #connectedTo(peer: Peer): Connected | undefined {
    const known = this.#connected.get(peerKey(peer));
    if (known !== undefined || this.#connected.size >= CONNECTED_AT_MOST || isIP(peer.address) === 0) {
      return known;
    }
    const socket = shareableSocket(this.address);
    const fresh: Connected = { socket, peer, lastUsed: this.#clock.now(), waiting: [] };
    this.#connected.set(peerKey(peer), fresh);
    this.#listen(socket);
    socket.on('error', () => {
      this.#forget(fresh);
      this.#events.refused(peer);
    });
    socket.bind(this.#listener.address().port, this.address, () => {
      this.#connect(fresh);
    });
    return fresh;
  }

  #connect(fresh: Connected): void {
    fresh.socket.connect(fresh.peer.port, fresh.peer.address, (error?: Error) => {
      if (error !== undefined && error !== null) {
        return;
      }
      for (const bytes of fresh.waiting ?? []) {
        fresh.socket.send(bytes, ignore);
      }
      fresh.waiting = undefined;
    });
  }

  #forget(connected: Connected): void {
    if (this.#connected.get(peerKey(connected.peer)) === connected) {
      this.#connected.delete(peerKey(connected.peer));
      closed(connected.socket).catch(ignore);
    }
  }

  #listen(socket: Socket): void {
    socket.on('message', (bytes, remote) => {
      const from: Peer = { address: remote.address, port: remote.port, transport: 'udp' };
      const text = bytes.toString('latin1');
      const fate = this.#filter?.incoming(text, from) ?? 0;
      if (fate === 'drop' || text.length < 4) {
        return;
      }
      if (fate > 0) {
        this.#clock.setTimer(fate, () => {
          this.#events.received(text, from, this);
        });
        return;
      }
      this.#events.received(text, from, this);
    });
    if (socket === this.#listener) {
      socket.on('error', ignore);
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
  // A datagram that could not be sent is a lost datagram: the transaction's timers deal with it.
}

function familyOf(address: string): 'udp4' | 'udp6' {
  return isIP(address) === 6 ? 'udp6' : 'udp4';
}

function shareableSocket(address: string): Socket {
  return createSocket({ type: familyOf(address), reuseAddr: true, recvBufferSize: RECEIVE_BUFFER_BYTES });
}

async function bind(socket: Socket, port: number, address: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, () => {
      socket.removeListener('error', reject);
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
