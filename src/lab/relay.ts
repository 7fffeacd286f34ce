import { createSocket, type Socket } from 'node:dgram';
import type { EngineClock } from '../engine/clock.js';
import { isThere } from './active-faults.js';
import type { Disturbance } from './faults.js';
import type { LabAddress } from './plan.js';
import { diceOf, type Dice } from './random.js';

/** One trunk's place in the relay. */
export interface RelayPlan extends LabAddress {
  readonly trunk: string;
  /** Where the carrier hands its datagrams to the relay: a port on the same address. 0 for any free one. */
  readonly inner: number;
}

/** How datagrams of a trunk fare. */
export interface RelayOrder {
  readonly disturbance?: Disturbance;
  readonly flapMs?: number;
  /** Nobody listens on the trunk's address. */
  readonly closed?: boolean;
}

/** What the relay did with datagrams, both ways. */
export interface RelayCounts {
  passed: number;
  lost: number;
  /** Longer than the path takes. */
  tooLong: number;
}

/** The address and port of the outside peer stand before each datagram between carrier and relay. */
export const ENVELOPE_BYTES = 6;
/** IPv4 and UDP. */
const HEADER_BYTES = 28;
const BUFFER_BYTES = 4 * 1024 * 1024;

/** A datagram with the peer that it came from, or goes to. */
export function sealed({ address, port }: LabAddress, datagram: Buffer): Buffer {
  const envelope = Buffer.alloc(ENVELOPE_BYTES);
  address.split('.').forEach((part, index) => envelope.writeUInt8(Number(part), index));
  envelope.writeUInt16BE(port, 4);
  return Buffer.concat([envelope, datagram]);
}

/** The reverse. Port 0 is a greeting: it only says where the carrier is. */
export function unsealed(bytes: Buffer): { readonly peer: LabAddress; readonly datagram: Buffer } {
  return {
    peer: { address: [...bytes.subarray(0, 4)].join('.'), port: bytes.readUInt16BE(4) },
    datagram: bytes.subarray(ENVELOPE_BYTES),
  };
}

/**
 * A stretch of bad road in front of a trunk: it has the trunk's address, loses and delays datagrams, and hands the rest to
 * the carrier. What it loses comes again with the same seed and the same datagrams.
 */
export class Relay {
  readonly #plan: RelayPlan;
  readonly #clock: EngineClock;
  readonly #dice: { readonly in: Dice; readonly out: Dice };
  readonly #inside: Socket;
  readonly counts: RelayCounts = { passed: 0, lost: 0, tooLong: 0 };
  #outside: Socket | undefined;
  #carrier: LabAddress | undefined;
  #order: RelayOrder = {};
  #since = 0;

  private constructor(plan: RelayPlan, inside: Socket, seed: number, clock: EngineClock) {
    this.#plan = plan;
    this.#clock = clock;
    this.#inside = inside;
    this.#dice = { in: diceOf(seed, `${plan.trunk} in`), out: diceOf(seed, `${plan.trunk} out`) };
    inside.on('message', (bytes, { address, port }) => {
      this.#fromCarrier(bytes, { address, port });
    });
    inside.on('error', ignore);
  }

  /**
   * Opens the carrier's side. The trunk's own address is taken by the first order.
   *
   * @throws with `code` EADDRINUSE and the like when it cannot.
   */
  static async open(plan: RelayPlan, seed: number, clock: EngineClock): Promise<Relay> {
    const inside = createSocket({ type: 'udp4', recvBufferSize: BUFFER_BYTES });
    await bound(inside, plan.address, plan.inner);
    return new Relay(plan, inside, seed, clock);
  }

  /** Where the carrier hands over its datagrams. */
  get inner(): number {
    return this.#inside.address().port;
  }

  async set(order: RelayOrder): Promise<void> {
    this.#order = order;
    this.#since = this.#clock.now();
    if (order.closed === true) {
      this.#outside?.close();
      this.#outside = undefined;
    } else {
      this.#outside ??= await this.#listen();
    }
  }

  close(): void {
    this.#inside.close();
    this.#outside?.close();
    this.#outside = undefined;
  }

  /** The carrier may still be bound to the address: the socket that was bound last gets what comes. */
  async #listen(): Promise<Socket> {
    const socket = createSocket({ type: 'udp4', reuseAddr: true, recvBufferSize: BUFFER_BYTES });
    socket.on('message', (datagram, { address, port }) => {
      const arrived = this.#clock.now();
      this.#pass(datagram, this.#dice.in, arrived, () => {
        if (this.#carrier !== undefined) {
          this.#inside.send(sealed({ address, port }, datagram), this.#carrier.port, this.#carrier.address);
        }
      });
    });
    await bound(socket, this.#plan.address, this.#plan.port);
    socket.on('error', ignore);
    return socket;
  }

  #fromCarrier(bytes: Buffer, from: LabAddress): void {
    if (bytes.length < ENVELOPE_BYTES) {
      return;
    }
    this.#carrier = from;
    const { peer, datagram } = unsealed(bytes);
    if (peer.port !== 0) {
      this.#pass(datagram, this.#dice.out, this.#clock.now(), () => {
        this.#outside?.send(datagram, peer.port, peer.address, ignore);
      });
    }
  }

  #pass(datagram: Buffer, dice: Dice, now: number, go: () => void): void {
    const { disturbance, flapMs } = this.#order;
    const fate = [dice(), dice()] as const;
    const isBad = disturbance !== undefined && isThere(flapMs === undefined ? {} : { flapMs }, now - this.#since);
    if (!isBad) {
      this.counts.passed += 1;
      go();
    } else if (datagram.length + HEADER_BYTES > (disturbance.mtu ?? Number.POSITIVE_INFINITY)) {
      this.counts.tooLong += 1;
    } else if (fate[0] < disturbance.loss) {
      this.counts.lost += 1;
    } else {
      this.counts.passed += 1;
      later(this.#clock, disturbance.delayMs + fate[1] * disturbance.jitterMs, go);
    }
  }
}

function later(clock: EngineClock, delay: number, go: () => void): void {
  if (delay > 0) {
    clock.setTimer(delay, go);
  } else {
    go();
  }
}

async function bound(socket: Socket, address: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, () => {
      socket.removeListener('error', reject);
      resolve();
    });
  });
}

function ignore(): void {
  // A relay is told of no peer that is gone.
}
