import { readFileSync } from 'node:fs';

/** What a process has used so far. */
export interface Usage {
  /** Milliseconds of CPU, of all its threads, in user and kernel mode. */
  readonly cpu: number;
  /** Bytes of physical memory. */
  readonly rss: number;
}

/** `getconf CLK_TCK` and the page size of Linux on the machines that we measure on. */
const TICK_MS = 10;
const PAGE_BYTES = 4_096;

/** Reads it from /proc: it works for every program alike. */
export function usageOf(pid: number): Usage {
  const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const fields = text
    .slice(text.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  const [user = 0, system = 0] = fields.slice(11, 13);
  return { cpu: (user + system) * TICK_MS, rss: (fields[21] ?? 0) * PAGE_BYTES };
}

/** The processes that a process has started. */
export function childrenOf(pid: number): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ').map(Number);
}
