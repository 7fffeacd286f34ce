/** Longer words are not compared: nobody means one of ours by them, and the time taken grows with the square. */
const LONGEST = 64;

/**
 * What the writer may have meant: a hint such as `did you mean "trunks"?`, or undefined when nothing is close.
 *
 * Close is: at most a third of the letters are wrong, and at least one is right; or one is the start of the other.
 */
export function didYouMean(word: string, known: Iterable<string>): string | undefined {
  if (word.length > LONGEST) {
    return undefined;
  }
  const scored = [...known].map((candidate) => ({ candidate, distance: distanceOf(word, candidate) }));
  const lengths = (candidate: string): number => Math.abs(candidate.length - word.length);
  const best = scored.sort((a, b) => a.distance - b.distance || lengths(a.candidate) - lengths(b.candidate))[0];
  const allowed = Math.max(1, Math.floor(Math.max(word.length, best?.candidate.length ?? 0) / 3));
  const isClose = best !== undefined && best.distance <= allowed && best.distance < best.candidate.length;
  return isClose ? `did you mean "${best.candidate}"?` : undefined;
}

/** Fewer letters than this begin too many words. */
const SHORTEST_START = 3;

function distanceOf(word: string, candidate: string): number {
  const [short, long] = word.length < candidate.length ? [word, candidate] : [candidate, word];
  const isStart = short.length >= SHORTEST_START && long.toLowerCase().startsWith(short.toLowerCase());
  return isStart ? Math.min(1, long.length - short.length) : editDistance(word, candidate);
}

/** How many letters must be put in, taken out, changed, or swapped with their neighbour, upper and lower case alike. */
export function editDistance(first: string, second: string): number {
  const a = first.toLowerCase();
  const b = second.toLowerCase();
  let before: readonly number[] = [];
  let above: readonly number[] = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= b.length; column += 1) {
      current.push(cheapest(a, b, row, column, { current, above, before }));
    }
    before = above;
    above = current;
  }
  return above[b.length] ?? 0;
}

interface Rows {
  readonly current: readonly number[];
  readonly above: readonly number[];
  readonly before: readonly number[];
}

function cheapest(a: string, b: string, row: number, column: number, rows: Rows): number {
  const { current, above, before } = rows;
  const at = (cells: readonly number[], index: number): number => cells[index] ?? Number.POSITIVE_INFINITY;
  const change = a[row - 1] === b[column - 1] ? 0 : 1;
  const isSwapped = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1];
  return Math.min(
    at(above, column) + 1,
    at(current, column - 1) + 1,
    at(above, column - 1) + change,
    isSwapped ? at(before, column - 2) + 1 : Number.POSITIVE_INFINITY,
  );
}
