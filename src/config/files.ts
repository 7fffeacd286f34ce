import { readFileSync, statSync } from 'node:fs';
import { dirname, isAbsolute, join } from 'node:path';

/** No configuration is larger; something else was named by mistake. */
const MAX_BYTES = 4 * 1024 * 1024;

/** What the loader needs from the world. */
export interface ConfigIo {
  /** The bytes or the text of a file. Throws with a `code`, as `node:fs` does. */
  readonly readFile?: (path: string) => string | Uint8Array;
  /** The permission bits of a file, such as 0o600. Undefined where there are none to be had. */
  readonly modeOf?: (path: string) => number | undefined;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** A file's text, or why there is none. */
export type ReadResult =
  | { readonly ok: true; readonly file: string; readonly text: string }
  | { readonly ok: false; readonly file: string; readonly message: string };

/** The files around a site file. */
export interface Files {
  /** @param path relative to the site file. Never throws. */
  read(path: string): ReadResult;
  /** The path as a program that does not know the site file may use it. */
  resolve(path: string): string;
  /** Whether every user of the machine may read it. False where that is not known. */
  isReadableByAll(path: string): boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Opens the files around a site file. */
export function filesAround(sitePath: string, io: ConfigIo): Files {
  const readFile = io.readFile ?? readRegularFile;
  const modeOf = io.modeOf ?? modeOnDisk;
  const resolve = (path: string): string => (isAbsolute(path) ? path : join(dirname(sitePath), path));
  return {
    resolve,
    isReadableByAll: (path) => ((modeOf(resolve(path)) ?? 0) & OTHERS_READ) !== 0,
    read: (path) => readText(resolve(path), readFile),
    env: io.env ?? process.env,
  };
}

const OTHERS_READ = 0o004;

function modeOnDisk(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mode;
}

/** Reads a file as UTF-8. Never throws. */
export function readText(file: string, readFile: (path: string) => string | Uint8Array = readRegularFile): ReadResult {
  try {
    const content = readFile(file);
    const text = typeof content === 'string' ? content : new TextDecoder('utf-8', { fatal: true }).decode(content);
    return { ok: true, file, text };
  } catch (error) {
    return { ok: false, file, message: `cannot read ${file}: ${reason(error)}` };
  }
}

function readRegularFile(path: string): Uint8Array {
  const about = statSync(path);
  if (about.isDirectory()) {
    throw new Error('it is a directory, expected a file');
  }
  if (!about.isFile() || about.size > MAX_BYTES) {
    throw new Error('it is not a text file of reasonable size');
  }
  return readFileSync(path);
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is no directory',
  EISDIR: 'it is a directory, expected a file',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ERR_ENCODING_INVALID_ENCODED_DATA: 'it is not UTF-8 text',
};

function reason(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return REASONS[code] ?? (error instanceof Error ? error.message : String(error));
}
