import type { AlarmCleared, AlarmRaised } from '../domain/journal-record.js';

/** Tells people about alarms. It never throws, and never makes a call wait. */
export interface Notifier {
  /** Called once when an alarm is raised, and once when it is cleared. */
  notify(event: AlarmRaised | AlarmCleared): void;
}
