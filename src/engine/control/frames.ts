/** A frame longer than this is no frame of an application. */
const LONGEST_FRAME = 16 * 1024 * 1024;
const LONGEST_LENGTH = 8;

/** Reads `length#payload` frames from a stream that may be cut anywhere. One character is one byte. */
export class FrameReader {
  #unread: Buffer = Buffer.alloc(0);

  /** @returns the payloads that are complete by now; `undefined` where the stream is no stream of frames. */
  push(data: Buffer): readonly string[] | undefined {
    let rest = this.#unread.length === 0 ? data : Buffer.concat([this.#unread, data]);
    const payloads: string[] = [];
    for (;;) {
      const frame = nextFrame(rest);
      if (frame === 'garbage') {
        return undefined;
      }
      if (frame === 'incomplete') {
        this.#unread = rest;
        return payloads;
      }
      payloads.push(frame.payload);
      rest = rest.subarray(frame.end);
    }
  }
}

/** A payload as a frame. */
export function frame(payload: string): Buffer {
  return Buffer.from(`${payload.length}#${payload}`, 'latin1');
}

function nextFrame(bytes: Buffer): { payload: string; end: number } | 'incomplete' | 'garbage' {
  const hash = bytes.subarray(0, LONGEST_LENGTH + 1).indexOf('#');
  if (hash < 0) {
    return bytes.length > LONGEST_LENGTH || !isDigits(bytes) ? 'garbage' : 'incomplete';
  }
  const digits = bytes.subarray(0, hash);
  const length = hash > 0 && isDigits(digits) ? Number(digits.toString('latin1')) : 0;
  if (length === 0 || length > LONGEST_FRAME) {
    return 'garbage';
  }
  const end = hash + 1 + length;
  return bytes.length < end ? 'incomplete' : { payload: bytes.toString('latin1', hash + 1, end), end };
}

function isDigits(bytes: Buffer): boolean {
  return bytes.every((byte) => byte >= 0x30 && byte <= 0x39);
}
