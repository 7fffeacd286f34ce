import { createReadStream } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { JournalEntry } from '../../domain/journal-record.js';
import { journalNames } from './names.js';

const LINE_END = 0x0a;

/** A line of a journal, without its line end. */
export interface JournalLine {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly bytes: Buffer;
  /** Whether it has its line end: without one it is being written, or was cut by a crash. */
  readonly whole: boolean;
}

/**
 * Every line of every file of a journal, in the order of the chain.
 *
 * @throws with a `code` when the folder or a file cannot be read.
 */
export async function* linesOf(directory: string): AsyncGenerator<JournalLine> {
  for (const file of journalNames(await readdir(directory))) {
    yield* linesIn(join(directory, file));
  }
}

async function* linesIn(file: string): AsyncGenerator<JournalLine> {
  let line = 0;
  let rest = Buffer.alloc(0);
  for await (const chunk of createReadStream(file)) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    let start = 0;
    for (let end = rest.indexOf(LINE_END); end >= 0; end = rest.indexOf(LINE_END, start)) {
      line += 1;
      yield { file, line, bytes: rest.subarray(start, end), whole: true };
      start = end + 1;
    }
    rest = rest.subarray(start);
  }
  if (rest.length > 0) {
    yield { file, line: line + 1, bytes: rest, whole: false };
  }
}

/** What a line says; undefined where it is none of ours. */
export function entryIn({ bytes }: JournalLine): JournalEntry | undefined {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return isEntry(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isEntry(value: unknown): value is JournalEntry {
  const has = (key: string): boolean => typeof Reflect.get(Object(value), key) === 'string';
  return typeof value === 'object' && value !== null && ['seq', 'prev', 'at', 'site', 'type'].every(has);
}
