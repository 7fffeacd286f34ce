/** Chance that can be repeated: the same seed gives the same numbers. */
export class Chance {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 up to, not including, `below` (mulberry32). */
  number(below: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  }

  of<T>(values: readonly T[]): T {
    const value = values[this.number(values.length)];
    if (value === undefined) {
      throw new Error('chosen from nothing');
    }
    return value;
  }

  isOneIn(times: number): boolean {
    return this.number(times) === 0;
  }
}

/** What breaks parsers: delimiters, limits of numbers, bytes that are no text, names and values of the grammar. */
const POISON = [
  '\r\n', '\r\n\r\n', '\n', '\r', '\r\n ', '\t', ' ', '\0', '\x7f', '\xff', '\xc3\x28', '"', '\\', '\\"', '<', '>', '<>', ';', ';;', ',', ',,',
  ':', '::', '=', '?', '@', '%', '%00', '%zz', '/', '[', ']', '[::1]', '(', ')', '{', '}', '-1', '0', '00', '4294967295', '4294967296',
  '18446744073709551616', '1e9', '0x10', 'sip:', 'sips:', 'tel:', 'urn:service:sos', 'cid:', 'SIP/2.0', 'SIP/2.0/UDP ', ';tag=', ';branch=z9hG4bK',
  ';lr', ';received=', ';rport', ';maddr=', '\r\nVia: ', '\r\nv:', '\r\nl: 9', '\r\nContent-Length: 99999', '\r\nContact: *', '\r\nRequire: x',
  '\r\nContent-Type: multipart/mixed;boundary=b', '--b', '--b--', '\r\nRoute: <sip:127.0.0.1;lr>', '\r\nMax-Forwards: 0', 'v=0\r\n',
]; // prettier-ignore

/** A message with one to eight faults in it, of the kinds that fuzzers use: bytes, pieces, lines, numbers, and parts of others. */
export function mutated(chance: Chance, message: string, others: readonly string[]): string {
  let text = message;
  for (let left = 1 + chance.number(8); left > 0; left -= 1) {
    text = chance.of(MUTATIONS)(text, chance, others);
  }
  return text.slice(0, 65_507);
}

type Mutation = (text: string, chance: Chance, others: readonly string[]) => string;

const MUTATIONS: readonly Mutation[] = [
  (text, chance) => spliced(text, chance, String.fromCharCode(chance.number(256)), 1),
  (text, chance) => spliced(text, chance, chance.of(POISON), 0),
  (text, chance) => spliced(text, chance, chance.of(POISON), chance.number(20)),
  (text, chance) => spliced(text, chance, '', 1 + chance.number(60)),
  (text, chance) => spliced(text, chance, chance.of(POISON).repeat(1 + chance.number(200)), 0),
  (text, chance) => spliced(text, chance, pieceOf(text, chance), 0),
  (text, chance, others) => spliced(text, chance, pieceOf(chance.of(others), chance), chance.number(40)),
  (text, chance) => text.slice(0, chance.number(text.length + 1)),
  (text, chance) => withLines(text, (lines) => [...lines.slice(0, chance.number(lines.length)), ...lines.slice(chance.number(lines.length))]),
  (text, chance) => withLines(text, (lines) => lines.toSpliced(chance.number(lines.length), 0, chance.of(lines))),
  (text, chance) => withLines(text, (lines) => lines.toSpliced(chance.number(lines.length), 1)),
  (text, chance) => text.replace(/\d+/g, (digits) => (chance.isOneIn(12) ? chance.of(['-1', '0', '65536', '4294967296', '9'.repeat(40)]) : digits)),
  (text, chance) => text.replace(/[A-Za-z]/g, (letter) => (chance.isOneIn(9) ? (letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase()) : letter)),
  (text, chance) => text.replaceAll('\r\n', () => (chance.isOneIn(8) ? chance.of(['\n', '\r', '\r\n ', '\n\r', '']) : '\r\n')),
  (text, chance) => spliced(text, chance, chance.of(['a', ' ', ',', ';', '<', '"', '\\', '\r\nX: y']).repeat(1 + chance.number(3_000)), 0),
]; // prettier-ignore

function spliced(text: string, chance: Chance, put: string, instead: number): string {
  const at = chance.number(text.length + 1);
  return text.slice(0, at) + put + text.slice(at + instead);
}

function pieceOf(text: string, chance: Chance): string {
  const from = chance.number(text.length + 1);
  return text.slice(from, from + chance.number(120));
}

function withLines(text: string, change: (lines: readonly string[]) => readonly string[]): string {
  return change(text.split('\r\n')).join('\r\n');
}
