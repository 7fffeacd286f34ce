import type { AlarmCleared, AlarmRaised } from '../../domain/journal-record.js';
import type { Log } from '../../ports/journal.js';
import type { Notifier } from '../../ports/notifier.js';

/** Tells of alarms in the log: an error when one is raised, whatever its rank, so that no filter hides it. */
export class LogNotifier implements Notifier {
  readonly #log: Log;

  constructor(log: Log) {
    this.#log = log;
  }

  notify(event: AlarmRaised | AlarmCleared): void {
    const { id, kind, severity, subject, text } = event.alarm;
    const fields = { alarm: { id, kind, severity, subject } };
    if (event.type === 'alarm-raised') {
      this.#log.error(fields, `alarm: ${text}`);
    } else {
      this.#log.info({ ...fields, cause: event.cause }, `alarm over: ${text}`);
    }
  }
}
