import { randomInt } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import type { EngineClock, EngineTimer } from '../engine/clock.js';
import { isLoopback, type LabAddress } from './plan.js';
import { SAMPLES_PER_PACKET, type Codec, type Speech } from './speech.js';
import type { RtpCounts } from './state.js';

const PACKET_MS = 20;
/** After a stall, no more packets than this are sent at once; the rest is left away. */
const CATCH_UP_PACKETS = 5;
const RTP_HEADER_BYTES = 12;
const PAYLOAD_TYPES: Readonly<Record<Codec, number>> = { PCMU: 0, PCMA: 8 };

/** Even ports below those that the machine gives out by itself. */
const FIRST_PORT = 16_384;
const PORT_PAIRS = 8_000;
const PORTS_TRIED = 200;

/** Where media goes, and as what. */
export interface MediaTarget extends LabAddress {
  readonly codec: Codec;
}

/** Gives every sender its turn each 20 ms, by one timer. */
export class Pacer {
  readonly #clock: EngineClock;
  readonly #senders = new Set<(now: number) => void>();
  #timer: EngineTimer | undefined;

  constructor(clock: EngineClock) {
    this.#clock = clock;
  }

  add(sender: (now: number) => void): void {
    this.#senders.add(sender);
    if (this.#timer === undefined) {
      this.#tick(this.#clock.now());
    }
  }

  remove(sender: (now: number) => void): void {
    this.#senders.delete(sender);
  }

  #tick(due: number): void {
    const now = this.#clock.now();
    for (const sender of this.#senders) {
      sender(now);
    }
    const next = Math.max(due + PACKET_MS, now);
    this.#timer =
      this.#senders.size === 0
        ? undefined
        : this.#clock.setTimer(next - now, () => {
            this.#tick(next);
          });
  }
}

/** The media of one call: speech out, in packets of 20 ms, and counts of what comes in from anywhere. */
export class RtpStream {
  readonly address: string;
  readonly port: number;
  readonly #socket: Socket;
  readonly #speech: Speech;
  readonly #pacer: Pacer;
  readonly #source = randomInt(0x1_0000_0000);
  readonly #counts = { sent: 0, received: 0, receivedBytes: 0 };
  #target: MediaTarget | undefined;
  #lastSource: LabAddress | undefined;
  #sequence = randomInt(0x1_0000);
  #played = 0;
  #startedAt: number | undefined;
  #closed = false;

  private constructor(socket: Socket, speech: Speech, pacer: Pacer) {
    const { address, port } = socket.address();
    this.address = address;
    this.port = port;
    this.#socket = socket;
    this.#speech = speech;
    this.#pacer = pacer;
    socket.on('message', (packet, from) => {
      this.#received(packet, from);
    });
    socket.on('error', () => undefined);
  }

  /**
   * Opens a stream on a free even port.
   *
   * @throws when no port is free.
   */
  static async open(address: string, speech: Speech, pacer: Pacer): Promise<RtpStream> {
    return new RtpStream(await bindEvenPort(address), speech, pacer);
  }

  get counts(): RtpCounts {
    return { ...this.#counts };
  }

  /**
   * Starts sending, or sends elsewhere; `undefined` stops. To an address that is not on this machine nothing is ever
   * sent: there the source of what came in stands for it, where that is on this machine.
   */
  aim(target: MediaTarget | undefined): void {
    this.#target = target;
    this.#startedAt = undefined;
    if (target === undefined || this.#closed) {
      this.#pacer.remove(this.#turn);
    } else {
      this.#pacer.add(this.#turn);
    }
  }

  close(): void {
    if (!this.#closed) {
      this.#closed = true;
      this.#pacer.remove(this.#turn);
      this.#socket.close();
    }
  }

  readonly #turn = (now: number): void => {
    const target = this.#target;
    if (target === undefined || this.#closed) {
      return;
    }
    this.#startedAt ??= now - this.#played * PACKET_MS;
    const due = Math.floor((now - this.#startedAt) / PACKET_MS) + 1;
    this.#played = Math.max(this.#played, due - CATCH_UP_PACKETS);
    while (this.#played < due) {
      this.#send(target);
    }
  };

  #send({ codec, ...address }: MediaTarget): void {
    const to = isLoopback(address.address) ? address : this.#lastSource;
    if (to !== undefined) {
      this.#socket.send(this.#packet(codec), to.port, to.address, () => undefined);
      this.#counts.sent += 1;
    }
    this.#played += 1;
    this.#sequence = (this.#sequence + 1) & 0xffff;
  }

  /** RFC 3550 5.1. The first packet of speech has the marker (RFC 3551 4.1). */
  #packet(codec: Codec): Buffer {
    const speech = this.#speech[codec];
    const at = (this.#played * SAMPLES_PER_PACKET) % speech.length;
    const packet = Buffer.allocUnsafe(RTP_HEADER_BYTES + SAMPLES_PER_PACKET);
    packet.writeUInt8(0x80, 0);
    packet.writeUInt8(PAYLOAD_TYPES[codec] | (this.#counts.sent === 0 ? 0x80 : 0), 1);
    packet.writeUInt16BE(this.#sequence, 2);
    packet.writeUInt32BE((this.#played * SAMPLES_PER_PACKET) % 0x1_0000_0000, 4);
    packet.writeUInt32BE(this.#source, 8);
    speech.copy(packet, RTP_HEADER_BYTES, at, at + SAMPLES_PER_PACKET);
    return packet;
  }

  #received(packet: Buffer, from: { readonly address: string; readonly port: number }): void {
    const isRtp = packet.length >= RTP_HEADER_BYTES && (packet[0] ?? 0) >> 6 === 2;
    if (isRtp && isLoopback(from.address)) {
      this.#lastSource = { address: from.address, port: from.port };
      this.#counts.received += 1;
      this.#counts.receivedBytes += packet.length;
    }
  }
}

let nextPair = randomInt(PORT_PAIRS);

/** Ports are used in turn, so that late packets of one call do not reach the next. */
async function bindEvenPort(address: string): Promise<Socket> {
  let problem: unknown;
  for (let tries = 0; tries < PORTS_TRIED; tries += 1) {
    nextPair = (nextPair + 1) % PORT_PAIRS;
    const socket = createSocket('udp4');
    try {
      await bind(socket, FIRST_PORT + 2 * nextPair, address);
      return socket;
    } catch (error) {
      problem = error;
      socket.close();
    }
  }
  throw problem;
}

async function bind(socket: Socket, port: number, address: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port, address, exclusive: true }, () => {
      socket.removeListener('error', reject);
      resolve();
    });
  });
}
