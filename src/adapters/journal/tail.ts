import { firstSeqOf } from './names.js';
import { hashOf, type Head } from './chain.js';
import type { JournalDisk } from './disk.js';

const CHUNK = 65_536;
const LINE_END = 0x0a;

/** The end of a file. */
export interface Tail {
  /** The last whole line. Undefined where the file has none. */
  readonly head: Head | undefined;
  /** Where the last whole line ends. */
  readonly length: number;
  /** What stands behind it: a line that was never finished. */
  readonly torn: Uint8Array;
}

/** Reads the end of a file of the journal. */
export async function readTail(disk: JournalDisk, name: string): Promise<Tail> {
  const size = await disk.size(name);
  for (let length = Math.min(CHUNK, size); ; length = Math.min(4 * length, size)) {
    const bytes = Buffer.from(await disk.read(name, size - length, length));
    const end = bytes.lastIndexOf(LINE_END);
    const start = end < 1 ? -1 : bytes.lastIndexOf(LINE_END, end - 1);
    if (end < 0 && length === size) {
      return { head: undefined, length: 0, torn: bytes };
    }
    if (end >= 0 && (start >= 0 || length === size)) {
      const line = bytes.subarray(start + 1, end);
      const head = { seq: seqIn(line) ?? (await countedSeq(disk, name, size)), hash: hashOf(line) };
      return { head, length: size - length + end + 1, torn: bytes.subarray(end + 1) };
    }
  }
}

function seqIn(line: Buffer): bigint | undefined {
  try {
    const { seq } = JSON.parse(line.toString('utf8')) as { readonly seq?: unknown };
    return typeof seq === 'string' ? BigInt(seq) : undefined;
  } catch {
    return undefined;
  }
}

/** The number of a last line that cannot be read: the lines of a file are numbered without gaps. */
async function countedSeq(disk: JournalDisk, name: string, size: number): Promise<bigint> {
  let lines = 0n;
  for (let at = 0; at < size; at += CHUNK) {
    const bytes = await disk.read(name, at, Math.min(CHUNK, size - at));
    lines += BigInt(bytes.reduce((count, byte) => count + (byte === LINE_END ? 1 : 0), 0));
  }
  return firstSeqOf(name) + lines - 1n;
}
