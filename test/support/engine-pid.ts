import { readFileSync } from 'node:fs';

/** The child of the gateway that is its engine. */
export function enginePid(gateway: number): number {
  const children = readFileSync(`/proc/${gateway}/task/${gateway}/children`, 'utf8').trim().split(' ').map(Number);
  return children.find((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('engine')) ?? 0;
}
