import type { Journal } from '../../ports/journal.js';

/** A journal that passes every record on to each of these, in order. */
export function fanOut(...journals: readonly Journal[]): Journal {
  return {
    record: (entry) => {
      for (const journal of journals) {
        journal.record(entry);
      }
    },
  };
}
