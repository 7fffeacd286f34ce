import { timeOfDay } from './lines.js';
import type { Apps } from './apps.js';

/** Who did it: the far end, or an application (or the server in its place). */
type Source = 'network' | 'application';

/** Why a call is over, in drachtio-server's words. */
export type WhyStopped =
  | 'call-rejected'
  | 'call-canceled'
  | 'normal-release'
  | 'session-expired'
  | 'system-initiated-termination';

/**
 * Call detail records, for applications that ask for them: `srf.on('cdr:attempt' | 'cdr:start' | 'cdr:stop', ...)`.
 *
 * Each leg of a call has records of its own. Every record goes to one application, in turn. Nothing is made where none asks.
 */
export class CallRecords {
  readonly #apps: Apps;

  constructor(apps: Apps) {
    this.#apps = apps;
  }

  /** An INVITE that makes a call: it came in, or was sent. */
  attempt(source: Source, invite: () => string): void {
    this.#tell('cdr:attempt', source, '', invite);
  }

  /** A call was answered. `uas`: by us. */
  start(source: Source, role: 'uac' | 'uas', answer: () => string): void {
    this.#tell('cdr:start', source, `|${role}`, answer);
  }

  /** A call is over, answered or not; `last` is the message that ended it. */
  stop(source: Source, why: WhyStopped, last: () => string): void {
    this.#tell('cdr:stop', source, `|${why}`, last);
  }

  #tell(record: string, source: Source, more: string, text: () => string): void {
    this.#apps.wanting(record)?.tell(`${record}|${source}|${timeOfDay()}${more}\r\n${text()}`);
  }
}
