import { hash } from 'node:crypto';
import type { JournalRecord } from '../../ports/journal.js';

/** What stands in the place of the hash before the first line of a journal. */
export const GENESIS = '0'.repeat(64);

/** The last line of a chain: its number, and the SHA-256 of its bytes without the line end. */
export interface Head {
  readonly seq: bigint;
  readonly hash: string;
}

/** The head of an empty chain. */
export const NOTHING: Head = { seq: 0n, hash: GENESIS };

/** A record that waits to be written, with its two times. */
export interface Stamped {
  readonly record: JournalRecord;
  /** Milliseconds since 1970. */
  readonly wall: number;
  /** Milliseconds on the monotonic clock. */
  readonly mono: number;
}

/** The SHA-256 of a line, in hexadecimal. */
export function hashOf(line: Uint8Array): string {
  return hash('sha256', line, 'hex');
}

/** A line with its line end, and the chain with it as its head. */
export interface Link {
  readonly bytes: Uint8Array;
  readonly head: Head;
}

/** The next line of a chain. */
export function link({ seq, hash: prev }: Head, site: string, { record, wall, mono }: Stamped): Link {
  const at = new Date(wall).toISOString();
  const next = seq + 1n;
  const stamp = { seq: String(next), prev, at, mono: Math.round(mono * 1_000) / 1_000, site };
  const bytes = Buffer.from(`${JSON.stringify({ ...stamp, ...record })}\n`);
  return { bytes, head: { seq: next, hash: hashOf(bytes.subarray(0, -1)) } };
}
