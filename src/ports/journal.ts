import type { CallReport } from '../domain/call-report.js';
import type { HealthChange } from '../domain/health.js';

/** What is written down: every call with its attempts, and every change of a health state, with its cause. */
export type JournalRecord =
  | { readonly type: 'call'; readonly report: CallReport }
  | { readonly type: 'health'; readonly change: HealthChange };

/** Takes records without ever making a call wait. It never throws. */
export interface Journal {
  record(entry: JournalRecord): void;
}

/** Writes lines for the operator. Never throws, never carries a secret. */
export interface Log {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
}

/** The values beside a log line. What concerns a call carries `callId`. */
export type LogFields = Readonly<Record<string, unknown>>;
