import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * The bytes of a message in `test/torture/messages`. The files are written as RFC 4475 prints them, in the notation of its section
 * 2.1: `<allOneLine>` joins lines, `<hex>` gives bytes, `<repeat count=n>` repeats. A line ends with CRLF on the wire.
 */
export function tortureMessage(name: string): string {
  return bytesOf(readFileSync(resolve('test', 'torture', 'messages', `${name}.txt`), 'utf8'));
}

/** What a text in that notation stands for. One character is one byte. */
function bytesOf(text: string): string {
  return text
    .replace(/<allOneLine>\n([^]*?)\n<\/allOneLine>/g, (_, lines: string) => lines.replaceAll('\n', ''))
    .replace(/<repeat count=(\d+)>([^<]*)<\/repeat>/g, (_, count: string, what: string) => what.repeat(Number(count)))
    .replaceAll('\n', '\r\n')
    .replace(/<hex>([0-9A-F]*)<\/hex>/gi, (_, digits: string) => Buffer.from(digits, 'hex').toString('latin1'));
}
