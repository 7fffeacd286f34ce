import { isAscii } from './chars.js';

const CHUNK = 8192;
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const encoder = new TextEncoder();

/** The text that bytes mean, for showing it. Bytes that are no UTF-8 are read as Latin-1, as old devices mean them. */
export function decodeUtf8(byteString: string): string {
  if (isAscii(byteString)) {
    return byteString;
  }
  try {
    return decoder.decode(Uint8Array.from(byteString, (char) => char.charCodeAt(0)));
  } catch {
    return byteString;
  }
}

/** Text as UTF-8, one character per byte. */
export function encodeUtf8(text: string): string {
  if (isAscii(text)) {
    return text;
  }
  const bytes = encoder.encode(text);
  let result = '';
  for (let at = 0; at < bytes.length; at += CHUNK) {
    result += String.fromCharCode(...bytes.subarray(at, at + CHUNK));
  }
  return result;
}
