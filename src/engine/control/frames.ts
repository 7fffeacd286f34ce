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
    let rest = Buffer.concat(this.#unread);
    const payloads: string[] = [];
    for (;;) {
      const frame = nextFrame(rest, this.longest);
      if (frame === 'garbage') {
        return undefined;
      }
      if ('needed' in frame) {
        this.#keep(rest, frame.needed);
        return payloads;
      }
      payloads.push(frame.payload);
      rest = rest.subarray(frame.end);
    }
  }

  #keep(rest: Buffer, needed: number): void {
    this.#unread.length = 0;
    this.#unread.push(rest);
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

type Frame = { readonly payload: string; readonly end: number } | { readonly needed: number } | 'garbage';

function nextFrame(bytes: Buffer, longest: number): Frame {
  const hash = bytes.subarray(0, LONGEST_LENGTH + 1).indexOf('#');
  if (hash < 0) {
    return bytes.length > LONGEST_LENGTH || !isDigits(bytes) ? 'garbage' : { needed: bytes.length + 1 };
  }
  const digits = bytes.subarray(0, hash);
  const length = hash > 0 && isDigits(digits) ? Number(digits.toString('latin1')) : 0;
  if (length === 0 || length > longest) {
    return 'garbage';
  }
  const end = hash + 1 + length;
  return bytes.length < end ? { needed: end } : { payload: bytes.toString('latin1', hash + 1, end), end };
}

function isDigits(bytes: Buffer): boolean {
  return bytes.every((byte) => byte >= 0x30 && byte <= 0x39);
}
