import { createSocket, type Socket } from 'node:dgram';
import type { EngineClock, EngineTimer } from '../engine/clock.js';
import { meetFate, type Peer, type Transport, type TransportEvents } from '../engine/transport/transport.js';
import { UdpTransport, type UdpOptions } from '../engine/transport/udp.js';
import type { LabAddress } from './plan.js';
import { ENVELOPE_BYTES, sealed, unsealed } from './relay.js';

const GREET_EVERY_MS = 1_000;
const NOBODY: LabAddress = { address: '0.0.0.0', port: 0 };

/** UDP on a trunk's address: by its own sockets, or through a relay that has the address. */
export class RelayableUdp implements Transport {
  readonly protocol = 'udp';
  readonly address: string;
  readonly port: number;
  readonly #options: UdpOptions;
  readonly #events: TransportEvents;
  #direct: UdpTransport | undefined;
  #relayed: Socket | undefined;
  #greeting: EngineTimer | undefined;

  private constructor(options: UdpOptions, events: TransportEvents) {
    this.address = options.address;
    this.port = options.port;
    this.#options = options;
    this.#events = {
      ...events,
      received: (text, from) => {
        events.received(text, from, this);
      },
      refused: (peer) => {
        events.refused(peer);
      },
    };
  }

  /**
   * Takes the address, or, with a relay, what the relay hands over.
   *
   * @param relay where it takes our datagrams.
   * @throws with `code` EADDRINUSE when another program has the port.
   */
  static async open(options: UdpOptions, events: TransportEvents, relay?: LabAddress): Promise<RelayableUdp> {
    const transport = new RelayableUdp(options, events);
    if (relay === undefined) {
      transport.#direct = await UdpTransport.open(options, transport.#events);
    } else {
      await transport.relayThrough(relay);
    }
    return transport;
  }

  /** From now on everything goes through the relay, which has taken the address. What is open goes on. */
  async relayThrough(relay: LabAddress): Promise<void> {
    if (this.#relayed !== undefined) {
      return;
    }
    const socket = await connected(relay);
    socket.on('message', (bytes) => {
      this.#received(bytes);
    });
    socket.on('error', ignore);
    this.#relayed = socket;
    this.#greet(this.#options.clock, socket);
    const direct = this.#direct;
    this.#direct = undefined;
    await direct?.close();
  }

  send(text: string, to: Peer): void {
    if (this.#direct !== undefined) {
      this.#direct.send(text, to);
      return;
    }
    meetFate(this.#options.filter?.outgoing(text, to) ?? 0, this.#options.clock, () => {
      this.#relayed?.send(sealed(to, Buffer.from(text, 'latin1')), ignore);
    });
  }

  async close(): Promise<void> {
    this.#greeting?.cancel();
    this.#relayed?.close();
    this.#relayed = undefined;
    await this.#direct?.close();
  }

  /** The relay may be started again: it has to hear where we are before it can hand anything over. */
  #greet(clock: EngineClock, socket: Socket): void {
    socket.send(sealed(NOBODY, Buffer.alloc(0)), ignore);
    this.#greeting = clock.setTimer(GREET_EVERY_MS, () => {
      this.#greet(clock, socket);
    });
  }

  #received(bytes: Buffer): void {
    if (bytes.length <= ENVELOPE_BYTES) {
      return;
    }
    const { peer, datagram } = unsealed(bytes);
    const from: Peer = { ...peer, transport: 'udp' };
    const text = datagram.toString('latin1');
    meetFate(this.#options.filter?.incoming(text, from) ?? 0, this.#options.clock, () => {
      this.#events.received(text, from, this);
    });
  }
}

async function connected({ address, port }: LabAddress): Promise<Socket> {
  const socket = createSocket('udp4');
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(0, address, () => {
      socket.connect(port, address, () => {
        socket.removeListener('error', reject);
        resolve();
      });
    });
  });
  return socket;
}

function ignore(): void {
  // The relay may be gone for a moment: then datagrams are lost, as they are on a bad road.
}
