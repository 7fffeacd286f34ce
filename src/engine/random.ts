import { randomFillSync } from 'node:crypto';

/** One call to the generator costs as much for one byte as for thousands. */
const POOL = Buffer.alloc(4_096);
let used = POOL.length;

/** Random bytes of cryptographic quality as hexadecimal digits. None is given twice. @param bytes at most 4,096. */
export function randomHex(bytes: number): string {
  if (used + bytes > POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  used += bytes;
  return POOL.toString('hex', used - bytes, used);
}

/** `xxxxxxxx-xxxx-4xxx-yxxx-xxxxxxxxxxxx`, to be filled in. */
const UUID = Buffer.alloc(36, '-');
const DIGITS = Buffer.from('0123456789abcdef');
/** Where each of the 16 bytes begins in it. */
const PLACES = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34] as const;

/** A random UUID (RFC 9562 5.4), as one piece of text: that of Node.js is made of twenty, and keeps them. */
export function randomUuid(): string {
  if (used + PLACES.length > POOL.length) {
    randomFillSync(POOL);
    used = 0;
  }
  for (const place of PLACES) {
    const byte = POOL[used] ?? 0;
    used += 1;
    UUID[place] = DIGITS[byte >> 4] ?? 0;
    UUID[place + 1] = DIGITS[byte & 0xf] ?? 0;
  }
  UUID[14] = DIGITS[4] ?? 0;
  UUID[19] = DIGITS[8 | ((UUID[19] ?? 0) & 3)] ?? 0;
  return UUID.toString('latin1');
}
