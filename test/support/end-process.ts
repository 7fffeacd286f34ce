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
