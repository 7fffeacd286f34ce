import { FolderDisk } from '../adapters/journal/disk.js';
import { FileJournal } from '../adapters/journal/file-journal.js';
import { systemClock } from '../adapters/system/clock.js';
import type { Config } from '../config/config.js';
import type { Log } from '../ports/journal.js';
import type { Alarms } from './alarms.js';

/** The journal on disk, in the folder that the site file names. */
export function fileJournal(
  { site, journal: { directory } }: Config,
  log: Log,
  trouble: (why: string | undefined) => void,
): FileJournal {
  return new FileJournal({ site, directory, disk: new FolderDisk(directory), clock: systemClock, log, trouble });
}

/** @param trouble why the journal cannot be written; undefined: it can again. */
export function alarmOfJournal(alarms: Alarms, trouble: string | undefined): void {
  const text = `the journal cannot be written: calls go on, and records wait in memory; look after its disk (${trouble})`;
  const subject = { of: 'part', part: 'journal' } as const;
  alarms.set(
    trouble !== undefined,
    { kind: 'journal', severity: 'major', subject, text },
    'the journal is written again',
  );
}
