import { messageOf } from '../domain/errors.js';
import type { Log } from '../ports/journal.js';

/**
 * Does something beside the call: writes it down, counts it. Whatever goes wrong there is logged and forgotten; no call
 * waits for it or ends by it (DESIGN 8, P13).
 */
export function aside(log: Log, what: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    log.error({ err: messageOf(error) }, `${what} failed; the call goes on`);
  }
}
