import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';
import { frame, FrameReader } from './frames.js';
import { readOrder, type Order } from './order.js';

/** A connected application. */
export class App {
  readonly id = randomUUID();
  /** Verbs (lower-case methods) that it wants to be given. */
  readonly verbs = new Set<string>();
  authenticated = false;
  readonly #socket: Socket;
  readonly #reader = new FrameReader();
  #corked = false;

  /** @param onOrder called for each message, in order. @param onClose called once. */
  constructor(socket: Socket, onOrder: (app: App, order: Order) => void, onClose: (app: App) => void) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 1_000);
    socket.on('data', (data: Buffer) => {
      const payloads = this.#reader.push(data);
      if (payloads === undefined) {
        this.close();
        return;
      }
      for (const payload of payloads) {
        onOrder(this, readOrder(payload));
      }
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      onClose(this);
    });
  }

  get connected(): boolean {
    return !this.#socket.destroyed;
  }

  /** Sends a message of ours: it gets an id. */
  tell(payload: string): void {
    this.#write(`${randomUUID()}|${payload}`);
  }

  /** Answers a message of the application. */
  reply(order: Order, what: string): void {
    this.tell(`response|${order.id}|${what}`);
  }

  /** Closes the connection when what was sent is out. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  /** The messages of one tick leave in one write: on loopback the write is the dearest part of a message. */
  #write(payload: string): void {
    if (this.#socket.destroyed) {
      return;
    }
    if (!this.#corked) {
      this.#corked = true;
      this.#socket.cork();
      setImmediate(() => {
        this.#corked = false;
        this.#socket.uncork();
      });
    }
    this.#socket.write(frame(payload));
  }
}
