import { FolderDisk } from '../adapters/journal/disk.js';
import { FileJournal } from '../adapters/journal/file-journal.js';
import { systemClock } from '../adapters/system/clock.js';
import type { Config } from '../config/config.js';
import type { Alarm } from '../domain/alarm.js';
import { id, type AlarmId } from '../domain/ids.js';
import type { AlarmCleared, AlarmRaised } from '../domain/journal-record.js';
import type { Log } from '../ports/journal.js';

/** The journal on disk, in the folder that the site file names. */
export function fileJournal(
  { site, journal: { directory } }: Config,
  log: Log,
  trouble: (why: string | undefined) => void,
): FileJournal {
  return new FileJournal({ site, directory, disk: new FolderDisk(directory), clock: systemClock, log, trouble });
}

/** @param trouble why the journal cannot be written; undefined: it can again. */
export function journalAlarm(trouble: string | undefined): AlarmRaised | AlarmCleared {
  const alarm: Alarm = {
    id: id<AlarmId>('journal'),
    kind: 'journal',
    severity: 'major',
    subject: { of: 'part', part: 'journal' },
    text: 'the journal cannot be written: calls go on, and records wait in memory; look after its disk',
  };
  return trouble === undefined
    ? { type: 'alarm-cleared', alarm, cause: 'the journal is written again' }
    : { type: 'alarm-raised', alarm: { ...alarm, text: `${alarm.text} (${trouble})` } };
}
