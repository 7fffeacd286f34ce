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
