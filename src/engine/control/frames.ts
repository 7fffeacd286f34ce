import type { Socket } from 'node:net';

/** A frame longer than this is no frame of an application. */
const LONGEST_FRAME = 16 * 1024 * 1024;
const LONGEST_LENGTH = 8;

/** Reads `length#payload` frames from a stream that may be cut anywhere. One character is one byte. */
export class FrameReader {
  /** Bytes of the longest payload that is taken. */
  longest = LONGEST_FRAME;
  readonly #unread: Buffer[] = [];
  #size = 0;
  /** Bytes until the next frame can be complete. */
  #needed = 0;

  /** @returns the payloads that are complete by now; `undefined` where the stream is no stream of frames. */
  push(data: Buffer): readonly string[] | undefined {
    this.#unread.push(data);
    this.#size += data.length;
    return this.#size < this.#needed ? [] : this.#read();
  }

  #read(): readonly string[] | undefined {
    const [first] = this.#unread;
    const bytes = this.#unread.length === 1 && first !== undefined ? first : Buffer.concat(this.#unread);
    const payloads: string[] = [];
    let at = 0;
    for (;;) {
      const frame = nextFrame(bytes, at, this.longest);
      if (frame === 'garbage') {
        return undefined;
      }
      if (typeof frame === 'number') {
        this.#keep(bytes.subarray(at), frame);
        return payloads;
      }
      payloads.push(frame.payload);
      at = frame.end;
    }
  }

  #keep(rest: Buffer, needed: number): void {
    this.#unread.length = 0;
    if (rest.length > 0) {
      this.#unread.push(rest);
    }
    this.#size = rest.length;
    this.#needed = needed;
  }
}

/**
 * Sends payloads as frames over a socket. Those of one turn of the event loop leave in one write: the write is the dearest part
 * of a message. `setImmediate` comes after all sockets that had something to say in the turn; a microtask would come after each.
 */
export class FrameWriter {
  readonly #socket: Pick<Socket, 'write' | 'writableLength'>;
  #unsent = '';

  constructor(socket: Pick<Socket, 'write' | 'writableLength'>) {
    this.#socket = socket;
  }

  /** Bytes that have not reached the other side's kernel. */
  get waiting(): number {
    return this.#unsent.length + this.#socket.writableLength;
  }

  write(payload: string): void {
    if (this.#unsent === '') {
      setImmediate(() => {
        this.flush();
      });
    }
    this.#unsent += `${payload.length}#${payload}`;
  }

  /** Sends what waits now. */
  flush(): void {
    const bytes = this.#unsent;
    this.#unsent = '';
    if (bytes !== '') {
      this.#socket.write(bytes, 'latin1');
    }
  }
}

/** A frame and where it ends, or how many bytes it has at least. */
type Frame = { readonly payload: string; readonly end: number } | number | 'garbage';

function nextFrame(bytes: Buffer, start: number, longest: number): Frame {
  let length = 0;
  let at = start;
  for (let digit = digitAt(bytes, at); digit !== undefined; digit = digitAt(bytes, at)) {
    length = length * 10 + digit;
    at += 1;
    if (at - start > LONGEST_LENGTH) {
      return 'garbage';
    }
  }
  if (at === bytes.length) {
    return at - start + 1;
  }
  if (bytes[at] !== HASH || length === 0 || length > longest) {
    return 'garbage';
  }
  const end = at + 1 + length;
  return bytes.length < end ? end - start : { payload: bytes.toString('latin1', at + 1, end), end };
}

const HASH = 0x23;

function digitAt(bytes: Buffer, at: number): number | undefined {
  const digit = (bytes[at] ?? 0) - 0x30;
  return digit >= 0 && digit <= 9 ? digit : undefined;
}
