import { pino } from 'pino';
import type { Log } from '../../ports/journal.js';

export type LogLevel = 'trace' | 'debug' | 'info' | 'warn' | 'error';

/** A log of JSON lines on standard error, so that standard output stays free for what a command prints. */
export function createLog(level: LogLevel): Log {
  return pino({ level, base: { pid: process.pid } }, pino.destination({ fd: 2, sync: false }));
}
