import type { Socket } from 'node:net';
import type { EngineClock, EngineTimer } from '../clock.js';
import { StreamFramer, type Frame } from './framing.js';
import { isResponseText, type Peer } from './transport.js';

/** Longer than the first three resends of a SYN, shorter than anybody waits for a call. */
const CONNECT_MS = 4_000;
/** A message must be complete after this. */
const INCOMPLETE_MS = 30_000;
const IDLE_MS = 120_000;
/** When requests got no byte back for so long, the next ones try a new connection. */
const SUSPECT_MS = 10_000;
/** ... and for so long, nothing waits for it any more: 64*T1. */
const DEAD_MS = 32_000;
/** How long what is left to read is thrown away, so that our last words arrive (an unread byte resets the connection). */
const LINGER_MS = 2_000;
/** A peer that does not read is given up when so much waits. */
const UNSENT_AT_MOST = 4 * 1024 * 1024;
const UNHEARD_AT_MOST = 256;
/** A request that was written longer before the end of its connection had its chance. */
const AGAIN_MS = 5_000;

/** What a connection tells of. */
export interface ConnectionEvents {
  frame(frame: Frame, connection: TcpConnection): void;
  /** @param unheard what the peer may not have read of our requests, where a new connection may carry it. */
  gone(connection: TcpConnection, unheard: readonly string[]): void;
}

/** One TCP connection, ours or the peer's. */
export class TcpConnection {
  readonly peer: Peer;
  readonly isInbound: boolean;
  readonly #socket: Socket;
  readonly #clock: EngineClock;
  readonly #events: ConnectionEvents;
  readonly #framer = new StreamFramer();
  readonly #opened: EngineTimer | undefined;
  /** Messages that wait until the connection is there. */
  #waiting: string[] | undefined;
  /** Requests written since the peer was last heard: one that has just closed the connection does not read them. */
  #unheard: { readonly text: string; readonly at: number }[] = [];
  #unheardSince: number | undefined;
  #messageSince: number | undefined;
  #lastUsed: number;
  #hasHeard = false;
  #isCorked = false;
  #closing = false;
  #lingering: EngineTimer | undefined;

  constructor(socket: Socket, peer: Peer, isInbound: boolean, clock: EngineClock, events: ConnectionEvents) {
    this.peer = peer;
    this.isInbound = isInbound;
    this.#socket = socket;
    this.#clock = clock;
    this.#events = events;
    this.#lastUsed = clock.now();
    this.#waiting = isInbound ? undefined : [];
    this.#opened = isInbound ? undefined : clock.setTimer(CONNECT_MS, () => socket.destroy());
    this.#listen(socket);
  }

  /** When something was last sent or received. */
  get lastUsed(): number {
    return this.#lastUsed;
  }

  /** Whether the peer ever sent anything. */
  get hasHeard(): boolean {
    return this.#hasHeard;
  }

  /** Whether it was closed here, so that its end says nothing about the peer. */
  get isClosing(): boolean {
    return this.#closing;
  }

  /** Whether messages can be written: it is open, or being opened. */
  get isUsable(): boolean {
    return !this.#closing && this.#socket.writable;
  }

  /** Whether requests on it went unanswered for so long that a new connection should be tried. */
  get isSuspect(): boolean {
    return this.#unheardFor() > SUSPECT_MS;
  }

  write(text: string): void {
    this.#lastUsed = this.#clock.now();
    if (!isResponseText(text) && text.length > 2) {
      this.#unheardSince ??= text.startsWith('ACK ') ? undefined : this.#lastUsed;
      this.#unheard.push({ text, at: this.#lastUsed });
      if (this.#unheard.length > UNHEARD_AT_MOST) {
        this.#unheard.shift();
      }
    }
    if (this.#waiting === undefined) {
      this.#put(text);
    } else {
      this.#waiting.push(text);
    }
  }

  /** Takes a message back that waits for the connection. */
  retract(text: string): void {
    this.#waiting = this.#waiting?.filter((each) => each !== text);
    this.#unheard = this.#unheard.filter((each) => each.text !== text);
  }

  /** Closes it after what was written has left. */
  finish(): void {
    if (!this.#closing) {
      this.#closing = true;
      this.#uncork();
      this.#socket.end();
      this.#lingering = this.#clock.setTimer(LINGER_MS, () => this.#socket.destroy());
    }
  }

  /** Closes it at once. */
  destroy(): void {
    this.#closing = true;
    this.#socket.destroy();
  }

  /** Closes it when it has been idle, half a message or unanswered for too long. */
  inspect(): void {
    const now = this.#clock.now();
    if (this.#unheardFor() > DEAD_MS) {
      this.#hasHeard = false;
      this.#socket.destroy();
    } else if (this.#messageSince !== undefined && now - this.#messageSince > INCOMPLETE_MS) {
      this.destroy();
    } else if (now - this.#lastUsed >= IDLE_MS) {
      this.finish();
    }
  }

  #unheardFor(): number {
    return this.#unheardSince === undefined ? 0 : this.#clock.now() - this.#unheardSince;
  }

  #listen(socket: Socket): void {
    socket.setEncoding('latin1');
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.on('error', () => undefined);
    socket.on('connect', () => {
      this.#opened?.cancel();
      const waiting = this.#waiting ?? [];
      this.#waiting = undefined;
      for (const text of waiting) {
        this.#put(text);
      }
    });
    socket.on('data', (piece: string) => {
      this.#read(piece);
    });
    socket.on('close', () => {
      this.#opened?.cancel();
      this.#lingering?.cancel();
      this.#events.gone(this, this.#unread());
    });
  }

  /** A connection on which nothing ever came back is not worth another try. */
  #unread(): readonly string[] {
    const since = this.#clock.now() - AGAIN_MS;
    const mayTryAgain = this.#hasHeard && !this.#closing && !this.isInbound;
    return mayTryAgain ? this.#unheard.filter(({ at }) => at >= since).map(({ text }) => text) : [];
  }

  #read(piece: string): void {
    this.#hasHeard = true;
    this.#unheard = [];
    this.#unheardSince = undefined;
    this.#lastUsed = this.#clock.now();
    const frames = this.#framer.push(piece);
    const isNew = this.#messageSince === undefined || frames.length > 0;
    this.#messageSince = this.#framer.isWithinMessage ? (isNew ? this.#lastUsed : this.#messageSince) : undefined;
    for (const frame of frames) {
      this.#events.frame(frame, this);
    }
  }

  /** What is written within one turn of the event loop leaves in one piece. */
  #put(text: string): void {
    if (!this.#isCorked) {
      this.#isCorked = true;
      this.#socket.cork();
      process.nextTick(() => {
        this.#uncork();
      });
    }
    this.#socket.write(text, 'latin1');
    if (this.#socket.writableLength > UNSENT_AT_MOST) {
      this.#socket.destroy();
    }
  }

  #uncork(): void {
    if (this.#isCorked) {
      this.#isCorked = false;
      this.#socket.uncork();
    }
  }
}
