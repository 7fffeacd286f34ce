/** One thing that a stream held. One character is one byte. */
export type Frame =
  | { readonly kind: 'message'; readonly text: string }
  /** CRLFCRLF between messages, which asks for a CRLF (RFC 5626 4.4.1). */
  | { readonly kind: 'ping' }
  /** A message above the limits, as far as it came; its headers may be cut. Nothing more can be read from this stream. */
  | { readonly kind: 'too large'; readonly text: string }
  /** No SIP, or no longer: the line that is no start line. Nothing more can be read from this stream. */
  | { readonly kind: 'garbage'; readonly text: string };

/** Longest start line; the Request-URI is its longest part. */
const START_LINE_AT_MOST = 64 * 1024;
/** Longest start line with headers. */
const HEAD_AT_MOST = 512 * 1024;
const BODY_AT_MOST = 1024 * 1024;
const PING = '\r\n\r\n';

type Phase = 'between' | 'start line' | 'headers' | 'body' | 'over';

/**
 * Cuts a stream into SIP messages by Content-Length (RFC 3261 18.3). One that is missing or senseless means no body.
 *
 * Looks at each character once, however the stream is cut into pieces. Never throws.
 */
export class StreamFramer {
  #phase: Phase = 'between';
  /** What is left of the piece that is being read. */
  #piece = '';
  #at = 0;
  /** What has been read of the message, and its length. */
  #parts: string[] = [];
  #length = 0;
  /** Characters since the last LF, and whether they are a CR. */
  #lineLength = 0;
  #lineIsCr = false;
  /** How much of a ping has come. */
  #pinged = 0;
  #bodyLeft = 0;

  /** Whether a message has begun and not ended. */
  get isWithinMessage(): boolean {
    return this.#phase !== 'between' && this.#phase !== 'over';
  }

  /** How much of a message is held that cannot be read yet. */
  get heldBytes(): number {
    return this.#length;
  }

  /** Takes the next piece of the stream. */
  push(piece: string): readonly Frame[] {
    const frames: Frame[] = [];
    this.#piece = piece;
    this.#at = 0;
    while (this.#at < piece.length && this.#phase !== 'over') {
      const frame = this.#step();
      if (frame !== undefined) {
        frames.push(frame);
      }
    }
    this.#piece = '';
    return frames;
  }

  #step(): Frame | undefined {
    switch (this.#phase) {
      case 'between':
        return this.#between();
      case 'start line':
      case 'headers':
        return this.#line(this.#phase);
      case 'body':
        return this.#body();
      case 'over':
        return undefined;
    }
  }

  /** Line ends between messages are stepped over (RFC 3261 7.5). */
  #between(): Frame | undefined {
    const next = this.#piece[this.#at];
    if (next !== '\r' && next !== '\n') {
      this.#phase = 'start line';
      this.#pinged = 0;
      return undefined;
    }
    this.#at += 1;
    this.#pinged = next === PING[this.#pinged] ? this.#pinged + 1 : Number(next === '\r');
    if (this.#pinged < PING.length) {
      return undefined;
    }
    this.#pinged = 0;
    return { kind: 'ping' };
  }

  /** Takes what is there of a line. */
  #line(phase: 'start line' | 'headers'): Frame | undefined {
    const lineEnd = this.#piece.indexOf('\n', this.#at);
    const end = lineEnd < 0 ? this.#piece.length : lineEnd;
    if (end > this.#at) {
      this.#lineIsCr = this.#lineLength === 0 && end === this.#at + 1 && this.#piece[this.#at] === '\r';
      this.#lineLength += end - this.#at;
    }
    this.#take(lineEnd < 0 ? end : end + 1);
    const tooLong = this.#tooLong(phase);
    if (tooLong !== undefined || lineEnd < 0) {
      return tooLong;
    }
    const isEmpty = this.#lineLength === 0 || this.#lineIsCr;
    this.#lineLength = 0;
    if (phase === 'start line') {
      this.#phase = 'headers';
      return isStartLine(this.#parts.join('')) ? undefined : this.#end('garbage');
    }
    return isEmpty ? this.#headComplete() : undefined;
  }

  #tooLong(phase: 'start line' | 'headers'): Frame | undefined {
    if (phase === 'headers') {
      return this.#length > HEAD_AT_MOST ? this.#end('too large') : undefined;
    }
    const isHopeless = this.#length > START_LINE_AT_MOST || !isPrintable(this.#parts[0] ?? '');
    return isHopeless ? this.#end('garbage') : undefined;
  }

  #headComplete(): Frame | undefined {
    const head = this.#parts.join('');
    this.#parts = [head];
    this.#bodyLeft = contentLength(head);
    if (this.#bodyLeft > BODY_AT_MOST) {
      return this.#end('too large');
    }
    this.#phase = 'body';
    return this.#bodyLeft === 0 ? this.#messageComplete() : undefined;
  }

  #body(): Frame | undefined {
    const end = Math.min(this.#piece.length, this.#at + this.#bodyLeft);
    this.#bodyLeft -= end - this.#at;
    this.#take(end);
    return this.#bodyLeft === 0 ? this.#messageComplete() : undefined;
  }

  #messageComplete(): Frame {
    this.#phase = 'between';
    return { kind: 'message', text: this.#takeAll() };
  }

  #end(kind: 'too large' | 'garbage'): Frame {
    this.#phase = 'over';
    return { kind, text: this.#takeAll() };
  }

  #take(end: number): void {
    this.#parts.push(this.#piece.slice(this.#at, end));
    this.#length += end - this.#at;
    this.#at = end;
  }

  #takeAll(): string {
    const text = this.#parts.join('');
    this.#parts = [];
    this.#length = 0;
    return text;
  }
}

/** `METHOD uri SIP/x` or `SIP/x status reason`; whatever else is wrong with it, the parser says. */
function isStartLine(line: string): boolean {
  return /^sip\//i.test(line) || /[ \t]sip\/[^ \t]*[ \t\r\n]*$/i.test(line);
}

/** A start line begins with a letter or another printable character; TLS, for one, does not. */
function isPrintable(text: string): boolean {
  const code = text.charCodeAt(0);
  return code > 0x20 && code < 0x7f;
}

/** The first Content-Length or `l` header of a head, unfolded. */
function contentLength(head: string): number {
  const value =
    /\n(?:content-length|l)[ \t]*:(?:[ \t]|\r?\n[ \t])*((?:[^\r\n]|\r?\n[ \t]){0,64})/i.exec(head)?.[1] ?? '';
  const digits = value.replace(/\s+/g, ' ').trim();
  return /^\d+$/.test(digits) ? Number(digits) : 0;
}
