const SEQ_DIGITS = 20;
const NAME = /^(\d{20})-(\d{4}-\d\d-\d\d)\.jsonl$/;

/** The name of a file whose first line has this number. Names sort in the order of the chain, whatever the clock does. */
export function nameOf(seq: bigint, day: string): string {
  return `${String(seq).padStart(SEQ_DIGITS, '0')}-${day}.jsonl`;
}

/** The files of the journal among these, in the order of the chain. */
export function journalNames(names: readonly string[]): readonly string[] {
  return names.filter((name) => NAME.test(name)).toSorted();
}

/** The number of the first line of a file. */
export function firstSeqOf(name: string): bigint {
  return BigInt(NAME.exec(name)?.[1] ?? '0');
}

/** The day of a file: `2019-06-24`, UTC. */
export function dayOf(name: string): string {
  return NAME.exec(name)?.[2] ?? '';
}
