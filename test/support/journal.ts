import { entryIn, linesOf } from '../../src/adapters/journal/reader.js';
import type { JournalEntry } from '../../src/domain/journal-record.js';

/** Every whole record of a journal on disk, in the order of the chain. */
export async function entriesOf(directory: string): Promise<readonly JournalEntry[]> {
  const entries: JournalEntry[] = [];
  for await (const line of linesOf(directory)) {
    const entry = line.whole ? entryIn(line) : undefined;
    if (entry !== undefined) {
      entries.push(entry);
    }
  }
  return entries;
}

/** The records of one type. */
export function ofType<T extends JournalEntry['type']>(
  entries: readonly JournalEntry[],
  type: T,
): readonly (JournalEntry & { readonly type: T })[] {
  return entries.filter((entry): entry is JournalEntry & { readonly type: T } => entry.type === type);
}
