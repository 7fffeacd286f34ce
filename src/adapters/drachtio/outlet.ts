import type { WireSocket } from './srf.js';

/**
 * drachtio-server reads at most so many bytes at a time, and adds them to a ring that holds the messages it has not read to
 * their end. A ring that is full overwrites its oldest bytes: the control connection is garbage from there on, and with it
 * every call. One message longer than the ring stops it for good.
 */
const READ_AT_ONCE = 8_192;
const RING = 12_228;
/** A message up to this length fits into the ring whatever follows it. */
const SAFE_IN_COMPANY = RING - READ_AT_ONCE;
/** A message that was not confirmed after this time has been read all the same. */
const READ_WITHIN_MS = 200;
const AUTHENTICATE = 'authenticate|';
/** Only the embedded engine takes whatever comes. */
const EMBEDDED = 'noodroute';

interface Frame {
  readonly id: string;
  readonly text: string;
}

/** The sending side of one control connection: never more on the way than the SIP server can hold. */
export class Outlet {
  readonly #socket: WireSocket;
  readonly #waiting: Frame[] = [];
  /** What was written, and not confirmed by a response yet. Every message gets one. */
  readonly #unconfirmed = new Set<string>();
  /** The message that is too long to have another behind it. */
  #alone: string | undefined;
  #authentication: string | undefined;
  #limited = true;
  #unsent = '';
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: WireSocket) {
    this.#socket = socket;
  }

  /** Sends a message, as soon as there is room for it. False where the SIP server could never take it. */
  send(id: string, message: string): boolean {
    const text = `${id}|${message}`;
    if (!this.#limited) {
      this.#write(text);
      return true;
    }
    if (text.length > RING) {
      return false;
    }
    if (message.startsWith(AUTHENTICATE)) {
      this.#authentication = id;
    }
    this.#waiting.push({ id, text });
    this.#pump();
    return true;
  }

  /** Looks at a message of the SIP server: a response says that what it answers was read. */
  heard(message: string): void {
    if (!this.#limited || !message.startsWith('|response|', message.indexOf('|'))) {
      return;
    }
    const [, , id = '', , , version = ''] = message.split('|', 6);
    if (id === this.#authentication && version.includes(EMBEDDED)) {
      this.#limited = false;
    }
    this.#unconfirmed.delete(id);
    this.#pump();
  }

  #pump(): void {
    for (let next = this.#waiting[0]; next !== undefined && this.#hasRoom(next); next = this.#waiting[0]) {
      this.#waiting.shift();
      this.#unconfirmed.add(next.id);
      this.#alone = next.text.length > SAFE_IN_COMPANY ? next.id : undefined;
      this.#write(next.text);
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#waiting.length > 0) {
      this.#timer = setTimeout(() => {
        this.#unconfirmed.clear();
        this.#pump();
      }, READ_WITHIN_MS);
    }
  }

  #hasRoom({ text }: Frame): boolean {
    if (!this.#limited) {
      return true;
    }
    return text.length > SAFE_IN_COMPANY
      ? this.#unconfirmed.size === 0
      : this.#alone === undefined || !this.#unconfirmed.has(this.#alone);
  }

  /** The messages of one turn of the event loop leave in one write, which is the dearest part of each. */
  #write(text: string): void {
    if (this.#unsent === '') {
      setImmediate(() => {
        const bytes = this.#unsent;
        this.#unsent = '';
        this.#socket.write(bytes, 'latin1');
      });
    }
    this.#unsent += `${text.length}#${text}`;
  }
}
