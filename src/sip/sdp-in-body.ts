import { asciiLower, trimBlanks } from './chars.js';
import { header, withoutHeader, type Header } from './headers.js';
import { parseMultipart } from './mime.js';

const DEEPEST = 4;

/** A message, as far as its body is concerned. */
interface Bodied {
  readonly headers: readonly Header[];
  readonly body: string;
}

/**
 * The session description in a body, alone or as a part of a multipart body (RFC 5621), byte for byte. A body without a
 * Content-Type is one where it looks like one. Undefined where there is none, or where it is encoded.
 */
export function sdpIn({ headers, body }: Bodied): string | undefined {
  return body === '' || isEncoded(headers) ? undefined : find(header(headers, 'Content-Type') ?? '', body, DEEPEST);
}

/** Whether the message offers or answers a session, in a form that we can read or not. */
export function hasSdp(message: Bodied): boolean {
  return message.body !== '' && (isEncoded(message.headers) || sdpIn(message) !== undefined);
}

/**
 * The message with another session description in the place of its own, whatever else its body holds. One without any has
 * nothing else but the description then.
 */
export function withSdp<T extends Bodied>(message: T, sdp: string): T {
  const own = sdpIn(message);
  if (own === undefined) {
    const headers = withoutHeader(message.headers, 'Content-Type', 'Content-Disposition', 'Content-Encoding');
    return { ...message, headers: [...headers, { name: 'Content-Type', value: 'application/sdp' }], body: sdp };
  }
  const at = message.body.indexOf(own);
  return { ...message, body: message.body.slice(0, at) + sdp + message.body.slice(at + own.length) };
}

function find(contentType: string, body: string, depth: number): string | undefined {
  const end = contentType.indexOf(';');
  const type = asciiLower(trimBlanks(end < 0 ? contentType : contentType.slice(0, end)));
  if (type === 'application/sdp' || type === '') {
    return body.startsWith('v=') || (type !== '' && body !== '') ? body : undefined;
  }
  if (depth === 0 || !type.startsWith('multipart/')) {
    return undefined;
  }
  for (const part of parseMultipart(contentType, body)?.parts ?? []) {
    // A part without a type is plain text (RFC 2046 5.1), not what it looks like.
    const partType = header(part.headers, 'Content-Type') ?? 'text/plain';
    const found = isEncoded(part.headers) ? undefined : find(partType, part.body, depth - 1);
    if (found !== undefined) {
      return found;
    }
  }
  return undefined;
}

/** Compressed, or in a transfer encoding that changes the bytes (RFC 2045 6). */
function isEncoded(headers: readonly Header[]): boolean {
  const contentEncoding = header(headers, 'Content-Encoding');
  const transferEncoding = header(headers, 'Content-Transfer-Encoding');
  if (contentEncoding === undefined && transferEncoding === undefined) {
    return false;
  }
  const content = asciiLower(trimBlanks(contentEncoding ?? 'identity'));
  const transfer = asciiLower(trimBlanks(transferEncoding ?? 'binary'));
  return content !== 'identity' || transfer === 'base64' || transfer === 'quoted-printable';
}
