/** Shorter pieces are copies anyway. */
const SHORTEST_PIECE = 13;
const SCRATCH = Buffer.alloc(4_096);

/**
 * The same text in memory of its own. A piece of a text keeps all of that text alive: one tag a whole message. A text that was
 * put together keeps all of its pieces.
 *
 * @param text one character per byte.
 */
export function copyOf(text: string): string {
  if (text.length < SHORTEST_PIECE) {
    return text;
  }
  return text.length > SCRATCH.length
    ? Buffer.from(text, 'latin1').toString('latin1')
    : SCRATCH.toString('latin1', 0, SCRATCH.write(text, 0, 'latin1'));
}
