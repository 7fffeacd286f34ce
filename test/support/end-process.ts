import type { ChildProcess } from 'node:child_process';

/** Asks a process to end, and resolves when it is gone; it is killed where it does not go in time. */
export async function endProcess(child: ChildProcess, withinMs = 5_000): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) {
    return;
  }
  await new Promise<void>((resolve) => {
    const killer = setTimeout(() => child.kill('SIGKILL'), withinMs);
    child.once('exit', () => {
      clearTimeout(killer);
      resolve();
    });
    child.kill('SIGTERM');
  });
}

/**
 * The same for one that has children of its own, and leads its process group (`detached`). Kamailio now and then does not end when
 * it is asked to; killed alone, it leaves its children behind, with its port.
 */
export async function endWithChildren(child: ChildProcess): Promise<void> {
  await endProcess(child);
  killGroup(child);
}

/** Ends a process group at once. Nothing happens where none is left. */
export function killGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) {
      process.kill(-pid, 'SIGKILL');
    }
  } catch {
    // It is gone.
  }
}
