import type { Socket } from 'node:net';
import { TLSSocket } from 'node:tls';
import type { EngineClock, EngineTimer } from '../clock.js';
import { StreamFramer, type Frame } from './framing.js';
import { isShownBy } from './tls-identity.js';
import { isResponseText, type Peer } from './transport.js';

/** Longer than the first three resends of a SYN, shorter than anybody waits for a call. */
const CONNECT_MS = 4_000;
/** A message must be complete after this. */
const INCOMPLETE_MS = 30_000;
const IDLE_MS = 120_000;
/** Our own connections are kept longer, and pinged when nothing came for so long (RFC 5626 4.4.1). */
const OWN_IDLE_MS = 600_000;
const PING_AFTER_MS = 20_000;
/** An answer to a ping that takes longer than this is none (RFC 5626 4.4.1). */
const PONG_WITHIN_MS = 10_000;
const PING = '\r\n\r\n';
const PONG = '\r\n';
/** When requests got no byte back for so long, the next ones try a new connection. */
const SUSPECT_MS = 10_000;
/** ... and for so long, nothing waits for it any more: 64*T1. */
const DEAD_MS = 32_000;
/** How long what is left to read is thrown away, so that our last words arrive (an unread byte resets the connection). */
const LINGER_MS = 2_000;
/** A peer that does not read is given up when so many bytes wait, or when they wait so long. */
const UNSENT_AT_MOST = 2 * 1024 * 1024;
const UNSENT_MS = 10_000;
/** Less of a message than this is not worth a look at what all connections hold together. */
const HELD_WORTH_A_LOOK = 64 * 1024;
const UNHEARD_AT_MOST = 256;
/** A request that was written longer before the end of its connection had its chance. */
const AGAIN_MS = 5_000;

/** What a connection tells of. */
export interface ConnectionEvents {
  frame(frame: Frame, connection: TcpConnection): void;
  /** @param unheard what the peer may not have read of our requests, where a new connection may carry it. */
  gone(connection: TcpConnection, unheard: readonly string[]): void;
  /** It holds much of a message that cannot be read yet. */
  held(): void;
  /** It is ended here, and why. */
  ended(why: string): void;
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
  /** When a message was last sent or received, and when anything came at all. */
  #lastUsed: number;
  #lastHeard: number;
  #pingedAt: number | undefined;
  /** Whether the peer ever answered a ping: from such a one silence is a sign. */
  #answersPings = false;
  /** Since when something waits that the peer does not read. */
  #stuckSince: number | undefined;
  #hasHeard = false;
  #hasSpoken = false;
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
    this.#lastHeard = clock.now();
    this.#waiting = isInbound ? undefined : [];
    this.#opened = isInbound ? undefined : clock.setTimer(CONNECT_MS, () => socket.destroy());
    this.#listen(socket);
  }

  /** When something was last sent or received. */
  get lastUsed(): number {
    return this.#lastUsed;
  }

  /** Whether the peer ever sent a message: line ends alone are no reason to keep it. */
  get hasHeard(): boolean {
    return this.#hasSpoken;
  }

  /** Whether it was closed here, so that its end says nothing about the peer. */
  get isClosing(): boolean {
    return this.#closing;
  }

  /** Whether messages can be written: it is open, or being opened. */
  get isUsable(): boolean {
    return !this.#closing && this.#socket.writable;
  }

  /** Whether requests or a ping on it went unanswered for so long that a new connection should be tried. */
  get isSuspect(): boolean {
    return this.#unheardFor() > SUSPECT_MS || this.#pingUnansweredFor() > PONG_WITHIN_MS;
  }

  /** How much of a message it holds that cannot be read yet. */
  get heldBytes(): number {
    return this.#framer.heldBytes;
  }

  /** Whether the peer is who it should be: over TLS its certificate says so. Before the handshake it is who was called. */
  isShown({ name }: Peer): boolean {
    const { name: called } = this.peer;
    return (
      name === undefined || name === called || (this.#socket instanceof TLSSocket && isShownBy(this.#socket, name))
    );
  }

  write(text: string): void {
    this.#lastUsed = this.#clock.now();
    if (!isResponseText(text)) {
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

  /** Answers a ping of the peer, who keeps the connection by it. */
  pong(): void {
    this.#lastUsed = this.#clock.now();
    this.#put(PONG);
  }

  /** Takes a message back that waits for the connection. @returns whether it waited. */
  retract(text: string): boolean {
    const waited = this.#waiting?.includes(text) === true;
    if (waited) {
      this.#waiting = this.#waiting?.filter((each) => each !== text);
      this.#unheard = this.#unheard.filter((each) => each.text !== text);
    }
    return waited;
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
    if (this.#socket.destroyed) {
      return;
    }
    if (this.#unheardFor() > DEAD_MS) {
      this.#lose('no answer');
    } else if (this.#answersPings && this.#pingUnansweredFor() > PONG_WITHIN_MS) {
      this.#lose('no pong');
    } else if (now - (this.#stuckSince ?? now) > UNSENT_MS) {
      this.#lose('reads too slowly');
    } else if (this.#messageSince !== undefined && now - this.#messageSince > INCOMPLETE_MS) {
      this.#events.ended('half a message too long');
      this.destroy();
    } else if (now - this.#lastUsed >= (this.isInbound ? IDLE_MS : OWN_IDLE_MS)) {
      this.#events.ended('idle');
      this.finish();
    } else {
      this.#pingWhereIdle(now);
    }
  }

  /** Closes it as dead: whoever waits on it hears so. */
  #lose(why: string): void {
    this.#events.ended(why);
    this.#hasHeard = false;
    this.#socket.destroy();
  }

  /** Only who opened a connection keeps it (RFC 5626 4.4). */
  #pingWhereIdle(now: number): void {
    const isOpen = this.#waiting === undefined && !this.#closing;
    if (!this.isInbound && isOpen && this.#pingedAt === undefined && now - this.#lastHeard >= PING_AFTER_MS) {
      this.#pingedAt = now;
      this.#put(PING);
    }
  }

  #pingUnansweredFor(): number {
    return this.#pingedAt === undefined ? 0 : this.#clock.now() - this.#pingedAt;
  }

  #unheardFor(): number {
    return this.#unheardSince === undefined ? 0 : this.#clock.now() - this.#unheardSince;
  }

  #listen(socket: Socket): void {
    socket.setEncoding('latin1');
    socket.setNoDelay(true);
    socket.setKeepAlive(true, 30_000);
    socket.on('error', () => undefined);
    socket.on(socket instanceof TLSSocket ? 'secureConnect' : 'connect', () => {
      this.#opened?.cancel();
      const waiting = this.#waiting ?? [];
      this.#waiting = undefined;
      for (const text of waiting) {
        this.#put(text);
      }
    });
    socket.on('drain', () => {
      this.#stuckSince = undefined;
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
    this.#lastHeard = this.#clock.now();
    this.#answersPings ||= this.#pingedAt !== undefined && piece === PONG;
    this.#pingedAt = undefined;
    const frames = this.#framer.push(piece);
    this.#lastUsed = frames.length > 0 || this.#framer.isWithinMessage ? this.#lastHeard : this.#lastUsed;
    if (this.#framer.heldBytes > HELD_WORTH_A_LOOK) {
      this.#events.held();
    }
    const isNew = this.#messageSince === undefined || frames.length > 0;
    this.#messageSince = this.#framer.isWithinMessage ? (isNew ? this.#lastHeard : this.#messageSince) : undefined;
    for (const frame of frames) {
      this.#hasSpoken ||= frame.kind === 'message';
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
    if (!this.#socket.write(text, 'latin1')) {
      this.#stuckSince ??= this.#clock.now();
    }
    if (this.#socket.writableLength > UNSENT_AT_MOST) {
      this.#lose('reads too slowly');
    }
  }

  #uncork(): void {
    if (this.#isCorked) {
      this.#isCorked = false;
      this.#socket.uncork();
    }
  }
}
