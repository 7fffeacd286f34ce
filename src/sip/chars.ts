/** Character codes that the scanners of this folder look for. */
const TAB = 0x09;
export const LF = 0x0a;
export const CR = 0x0d;
const SPACE = 0x20;
export const QUOTE = 0x22;
export const COMMA = 0x2c;
export const SEMICOLON = 0x3b;
export const LESS = 0x3c;
export const EQUALS = 0x3d;
export const GREATER = 0x3e;
const BACKSLASH = 0x5c;

/** Whether a character code is a space or a tab. */
export function isBlank(code: number): boolean {
  return code === SPACE || code === TAB;
}

/** The first place at or after `from` that is no blank. */
export function skipBlanks(text: string, from: number): number {
  let at = from;
  while (isBlank(text.charCodeAt(at))) {
    at += 1;
  }
  return at;
}

/** The first blank at or after `from`, or the end of the text. */
export function nextBlank(text: string, from: number): number {
  let at = from;
  while (at < text.length && !isBlank(text.charCodeAt(at))) {
    at += 1;
  }
  return at;
}

/**
 * Takes spaces and tabs off both ends. `String.trim` would also take 0xA0, which in UTF-8 is half a letter.
 */
export function trimBlanks(text: string): string {
  const start = skipBlanks(text, 0);
  let end = text.length;
  while (end > start && isBlank(text.charCodeAt(end - 1))) {
    end -= 1;
  }
  return text.slice(start, end);
}

/** Lower case for A to Z alone; other bytes stay what they are. */
export function asciiLower(text: string): string {
  return isAscii(text) ? text.toLowerCase() : text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** Whether two texts are the same but for the case of A to Z. */
export function sameLetters(a: string, b: string): boolean {
  if (a.length !== b.length) {
    return false;
  }
  for (let at = 0; at < a.length; at += 1) {
    const code = a.charCodeAt(at);
    const lower = code | 0x20;
    const isSame = code === b.charCodeAt(at) || (lower === (b.charCodeAt(at) | 0x20) && lower > 0x60 && lower < 0x7b);
    if (!isSame) {
      return false;
    }
  }
  return true;
}

/** Upper case for a to z alone; other bytes stay what they are. */
export function asciiUpper(text: string): string {
  return isAscii(text) ? text.toUpperCase() : text.replace(/[a-z]/g, (letter) => letter.toUpperCase());
}

/** Whether every character is below 0x80. */
export function isAscii(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    if (text.charCodeAt(at) > 0x7f) {
      return false;
    }
  }
  return true;
}

/** Whether a text is one digit or more, and nothing else. */
export function isDigits(text: string): boolean {
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code < 0x30 || code > 0x39) {
      return false;
    }
  }
  return text.length > 0;
}

/** A decimal number of at most nine digits, blanks around it allowed; undefined for anything else. */
export function smallNumber(text: string): number | undefined {
  const digits = trimBlanks(text);
  return digits.length <= 9 && isDigits(digits) ? Number(digits) : undefined;
}

/** The place after the quoted string that starts at `from` (RFC 3261 25.1). One that is never closed ends the text. */
export function skipQuoted(text: string, from: number): number {
  let at = from + 1;
  while (at < text.length) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) {
      return at + 1;
    }
    at += code === BACKSLASH ? 2 : 1;
  }
  return text.length;
}

/** The text of a quoted string: quotes and escapes taken away. A missing last quote is forgiven. */
export function unquote(text: string): string {
  const inner = text.slice(1, isClosed(text) ? -1 : undefined);
  return inner.includes('\\') ? inner.replace(/\\([^])/g, '$1') : inner;
}

/** A text as a quoted string. */
export function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}

/** Whether a text that starts with a quote is closed by its last character. */
function isClosed(text: string): boolean {
  let at = 1;
  while (at < text.length - 1) {
    at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  }
  return at === text.length - 1 && text.charCodeAt(at) === QUOTE;
}
