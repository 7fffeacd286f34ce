import { constants } from 'node:fs';
import { mkdir, open, readdir, readFile, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** A file of the journal, open at its end. */
export interface JournalFile {
  /** Appends all of it, or fails with a part of it written. */
  append(bytes: Uint8Array): Promise<void>;
  /** Resolves when what was appended survives a loss of power. */
  sync(): Promise<void>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** The folder of a journal. Every method may hang for as long as the disk does, and fails as the disk does. */
export interface JournalDisk {
  /** Makes the folder where it is not there, and makes sure that nobody else writes in it. */
  claim(): Promise<void>;
  /** The names of all files, in any order. */
  list(): Promise<readonly string[]>;
  size(name: string): Promise<number>;
  read(name: string, from: number, length: number): Promise<Uint8Array>;
  /** Makes the file where it is not there. */
  open(name: string): Promise<JournalFile>;
  /** Lets others write. */
  release(): Promise<void>;
}

const LOCK = 'journal.lock';

/** A folder of this machine. */
export class FolderDisk implements JournalDisk {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async claim(): Promise<void> {
    await mkdir(this.#folder, { recursive: true, mode: 0o750 });
    const owner = await this.#owner();
    if (owner !== undefined && owner !== (await identity(process.pid)) && owner === (await identity(pidOf(owner)))) {
      throw new Error(`${this.#folder} is in use by the process ${pidOf(owner)}`);
    }
    await rm(this.#path(LOCK), { force: true });
    const lock = await open(this.#path(LOCK), 'wx', 0o640);
    try {
      await lock.writeFile((await identity(process.pid)) ?? '');
    } finally {
      await lock.close();
    }
  }

  async list(): Promise<readonly string[]> {
    return readdir(this.#folder);
  }

  async size(name: string): Promise<number> {
    return this.#with(name, async (file) => (await file.stat()).size);
  }

  async read(name: string, from: number, length: number): Promise<Uint8Array> {
    return this.#with(name, async (file) => {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, from);
      return buffer.subarray(0, bytesRead);
    });
  }

  async open(name: string): Promise<JournalFile> {
    // Whoever reads the journal sees who called: the group may, others may not.
    const file = await open(this.#path(name), constants.O_APPEND | constants.O_CREAT | constants.O_WRONLY, 0o640);
    return {
      append: async (bytes) => {
        for (let at = 0; at < bytes.length;) {
          at += (await file.write(bytes, at)).bytesWritten;
        }
      },
      sync: async () => {
        await file.datasync();
        if ((await file.stat()).nlink === 0) {
          throw new Error(`${name} was removed while it was written`);
        }
      },
      truncate: async (length) => file.truncate(length),
      close: async () => file.close(),
    };
  }

  async release(): Promise<void> {
    await rm(this.#path(LOCK), { force: true });
  }

  async #owner(): Promise<string | undefined> {
    return readFile(this.#path(LOCK), 'utf8').catch(() => undefined);
  }

  async #with<T>(name: string, action: (file: FileHandle) => Promise<T>): Promise<T> {
    const file = await open(this.#path(name), 'r');
    try {
      return await action(file);
    } finally {
      await file.close();
    }
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

function pidOf(owner: string): number {
  return Number(owner.split(' ')[0]);
}

/** The process that has this number now: with the moment of its start, where the system tells, since numbers return. */
async function identity(pid: number): Promise<string | undefined> {
  if (!Number.isInteger(pid) || pid < 1 || !isAlive(pid)) {
    return undefined;
  }
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
  // proc(5): the 22nd field; the second is a name in brackets, which may hold blanks.
  const startedAt = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  return `${pid} ${startedAt}`;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
