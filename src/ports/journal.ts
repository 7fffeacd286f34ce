import type { JournalRecord } from '../domain/journal-record.js';

export type { JournalRecord } from '../domain/journal-record.js';
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
