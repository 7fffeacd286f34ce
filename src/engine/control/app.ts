import { randomUuid } from '../random.js';
import type { Socket } from 'node:net';
import { FrameReader, FrameWriter } from './frames.js';
import { readOrder, type Order } from './order.js';

/** Who has not shown the secret has no reason to send more. */
const LONGEST_BEFORE = 4_096;
/** An application that reads nothing is gone, as far as calls are concerned. */
const UNREAD_AT_MOST = 64 * 1024 * 1024;
/** A refused one that does not close its side. */
const ENDED_WITHIN_MS = 1_000;

/** What the connection of an application tells of. */
export interface AppEvents {
  /** Called for each message, in order. */
  order(app: App, order: Order): void;
  /** Called once. */
  closed(app: App): void;
}

/** A connected application. */
export class App {
  readonly id = randomUuid();
  readonly #socket: Socket;
  readonly #events: AppEvents;
  readonly #reader = new FrameReader();
  readonly #writer: FrameWriter;
  /** Verbs (lower-case methods) that it wants to be given, and the turn in which it was given one last. */
  readonly #verbs = new Map<string, bigint>();
  #tags: readonly string[] = [];
  #authenticated = false;
  #onReady: () => void = () => undefined;
  #ended = false;

  constructor(socket: Socket, events: AppEvents) {
    this.#socket = socket;
    this.#events = events;
    this.#writer = new FrameWriter(socket);
    this.#reader.longest = LONGEST_BEFORE;
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 1_000);
    socket.on('data', (data: Buffer) => {
      this.#read(data);
    });
    socket.on('error', () => undefined);
    socket.once('close', () => {
      events.closed(this);
    });
  }

  get connected(): boolean {
    return !this.#socket.destroyed && !this.#ended;
  }

  get authenticated(): boolean {
    return this.#authenticated;
  }

  /** It has shown the secret, and says what it is called. */
  authenticate(tags: readonly string[]): void {
    this.#authenticated = true;
    this.#tags = tags;
    this.#reader.longest = new FrameReader().longest;
  }

  /** Called once, when it has shown the secret and was told so. */
  onReady(tell: () => void): void {
    this.#onReady = tell;
  }

  /** It was told that the secret is right. */
  ready(): void {
    this.#onReady();
    this.#onReady = () => undefined;
  }

  /** Whether the other one can stand in for it: both have a tag in common, or none at all. */
  isKinOf(other: App): boolean {
    const isTagless = this.#tags.length === 0 && other.#tags.length === 0;
    return isTagless || this.#tags.some((tag) => other.#tags.includes(tag));
  }

  /** It wants requests with this verb; to say so twice changes nothing. */
  wants(verb: string): void {
    this.#verbs.set(verb, this.#verbs.get(verb) ?? 0n);
  }

  wantsNoMore(verb: string): void {
    this.#verbs.delete(verb);
  }

  /** The turn in which it was given this verb last, 0 for never; undefined where it does not want it. */
  lastServed(verb: string): bigint | undefined {
    return this.#verbs.get(verb);
  }

  served(verb: string, turn: bigint): void {
    this.#verbs.set(verb, turn);
  }

  /** Sends a message of ours: it gets an id. */
  tell(payload: string): void {
    this.#write(`${randomUuid()}|${payload}`);
  }

  /** Answers a message of the application. */
  reply(order: Order, what: string): void {
    this.tell(`response|${order.id}|${what}`);
  }

  /** Closes the connection when what was sent is out. What still comes is not read. */
  end(): void {
    this.#ended = true;
    this.#writer.flush();
    this.#socket.end();
    setTimeout(() => {
      this.#socket.destroy();
    }, ENDED_WITHIN_MS).unref();
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(data: Buffer): void {
    const payloads = this.#ended ? [] : this.#reader.push(data);
    if (payloads === undefined) {
      return this.close();
    }
    for (const payload of payloads) {
      if (this.connected) {
        this.#events.order(this, readOrder(payload));
      }
    }
  }

  #write(payload: string): void {
    if (!this.connected) {
      return;
    }
    if (this.#writer.waiting > UNREAD_AT_MOST) {
      return this.close();
    }
    this.#writer.write(payload);
  }
}
