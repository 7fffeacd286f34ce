import { aside } from '../calls/aside.js';
import type { Alarm, AlarmKind, AlarmSeverity, AlarmSubject } from '../domain/alarm.js';
import { id, type AlarmId } from '../domain/ids.js';
import type { AlarmCleared, AlarmRaised } from '../domain/journal-record.js';
import type { Clock, Random } from '../ports/clock.js';
import type { Journal, Log } from '../ports/journal.js';
import type { Notifier } from '../ports/notifier.js';

/** An alarm that is on. */
export interface ActiveAlarm extends Alarm {
  /** ISO 8601, UTC. */
  readonly since: string;
}

/** What an alarm has to do with its surroundings. */
export interface AlarmPorts {
  readonly clock: Clock;
  readonly random: Random;
  readonly journal: Journal;
  readonly log: Log;
  readonly notifiers: readonly Notifier[];
}

const ID_BYTES = 8;
const RANK: Readonly<Record<AlarmSeverity, number>> = { critical: 0, major: 1, minor: 2, warning: 3 };

/** The alarms that are on. Each is raised once and cleared once: in the journal, and to everybody who is to be told. */
export class Alarms {
  readonly #ports: AlarmPorts;
  readonly #active = new Map<string, ActiveAlarm>();

  constructor(ports: AlarmPorts) {
    this.#ports = ports;
  }

  /** Raises an alarm, unless one of this kind and subject is on. */
  raise(alarm: Omit<Alarm, 'id'>): void {
    const key = keyOf(alarm.kind, alarm.subject);
    if (this.#active.has(key)) {
      return;
    }
    const { clock, random } = this.#ports;
    const raised: Alarm = { id: id<AlarmId>(random.hex(ID_BYTES)), ...alarm };
    this.#active.set(key, { ...raised, since: new Date(clock.wallTime()).toISOString() });
    this.#tell({ type: 'alarm-raised', alarm: raised });
  }

  /** Clears the alarm of this kind and subject, where one is on. */
  clear(kind: AlarmKind, subject: AlarmSubject, cause: string): void {
    const key = keyOf(kind, subject);
    const active = this.#active.get(key);
    if (active !== undefined) {
      this.#active.delete(key);
      const { since: _, ...alarm } = active;
      this.#tell({ type: 'alarm-cleared', alarm, cause });
    }
  }

  /** Raises or clears, by whether it is so. */
  set(isOn: boolean, alarm: Omit<Alarm, 'id'>, cause: string): void {
    if (isOn) {
      this.raise(alarm);
    } else {
      this.clear(alarm.kind, alarm.subject, cause);
    }
  }

  /** All that are on: the worst first, then the oldest. */
  active(): readonly ActiveAlarm[] {
    return [...this.#active.values()].toSorted((a, b) => RANK[a.severity] - RANK[b.severity]);
  }

  #tell(event: AlarmRaised | AlarmCleared): void {
    const { journal, log, notifiers } = this.#ports;
    aside(log, 'the journal', () => {
      journal.record(event);
    });
    for (const notifier of notifiers) {
      aside(log, 'telling of an alarm', () => {
        notifier.notify(event);
      });
    }
  }
}

function keyOf(kind: AlarmKind, subject: AlarmSubject): string {
  return `${kind} ${JSON.stringify(subject)}`;
}
