import { z } from 'zod';
import { ms, type Milliseconds } from '../domain/time.js';
import { readAddress, readCidr, readContact, readHost, readPort, readUserAddress } from './address.js';
import { didYouMean } from './suggest.js';

/** What an editor is told of a value: a piece of JSON schema. Our own loader reads every value as text. */
type ForEditors = Readonly<Record<string, unknown>>;

const TEXT: ForEditors = { type: 'string' };
/** What looks like a number to an editor is text to us: `service: 112`. */
const TEXT_OR_NUMBER: ForEditors = { type: ['string', 'number'] };

/** A text that `read` understands. `expected` completes the sentence "expected ...". */
function scalar<T>(expected: string, read: (text: string) => T | undefined, forEditors = TEXT) {
  const text = z.string({ error: ({ input }) => wrong(input, expected) }).transform((text, context): T => {
    const value = read(text);
    if (value === undefined) {
      context.issues.push({ code: 'custom', input: text, message: wrong(text, expected) });
      return z.NEVER;
    }
    return value;
  });
  return text.meta({ ...forEditors, expected });
}

/** What is wrong with a value of a configuration file. */
export function wrong(input: unknown, expected: string): string {
  return input === undefined ? `missing, expected ${expected}` : `${show(input)} is wrong, expected ${expected}`;
}

function show(input: unknown): string {
  if (typeof input === 'string') {
    return input === '' ? 'an empty value' : JSON.stringify(input.length > 60 ? `${input.slice(0, 60)}...` : input);
  }
  return Array.isArray(input) ? 'a list' : input === null ? 'an empty value' : 'a mapping';
}

/** One of a few words. */
export function choice<const Word extends string>(...words: readonly Word[]) {
  const expected = words.length === 1 ? `${words[0]}` : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  const text = z.string({ error: ({ input }) => wrong(input, expected) }).transform((text, context): Word => {
    const word = words.find((each) => each === text);
    if (word === undefined) {
      const hint = didYouMean(text, words);
      context.issues.push({ code: 'custom', input: text, message: wrong(text, expected), params: { hint } });
      return z.NEVER;
    }
    return word;
  });
  return text.meta({ ...TEXT, enum: words, expected });
}

/** A whole number within bounds. */
export function integer(from: number, to: number) {
  const read = (text: string): number | undefined => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
    return value >= from && value <= to ? value : undefined;
  };
  return scalar(`a whole number from ${from} to ${to}`, read, { type: 'integer', minimum: from, maximum: to });
}

/** A duration within bounds, both in milliseconds. */
export function duration(from: Milliseconds, to: Milliseconds) {
  const expected = `a duration such as 500ms, 5s, 2m or 1h, from ${showDuration(from)} to ${showDuration(to)}`;
  const read = (text: string): Milliseconds | undefined => {
    const value = readDuration(text);
    return value !== undefined && value >= from && value <= to ? value : undefined;
  };
  return scalar(expected, read, { ...TEXT, pattern: DURATION.source });
}

const DURATION = /^(\d{1,9}(?:\.\d{1,3})?)(ms|s|m|h)$/;
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

function readDuration(text: string): Milliseconds | undefined {
  const [, amount, unit] = DURATION.exec(text) ?? [];
  return amount === undefined || unit === undefined ? undefined : ms(Math.round(Number(amount) * (UNITS[unit] ?? 1)));
}

/** A duration as it is written in the files: `1s`. */
export function showDuration(value: Milliseconds): string {
  const unit = value === 0 ? 's' : (['h', 'm', 's'].find((each) => value % (UNITS[each] ?? 1) === 0) ?? 'ms');
  return `${value / (UNITS[unit] ?? 1)}${unit}`;
}

/** Separators that people put into a number. */
const SEPARATORS = /[ .-]/g;

function digits(expected: string, pattern: RegExp) {
  const read = (text: string): string | undefined => {
    const bare = text.replace(SEPARATORS, '');
    return pattern.test(bare) ? bare : undefined;
  };
  return scalar(expected, read, TEXT_OR_NUMBER);
}

export const rate = scalar(
  'a number of calls per hour, such as 40 or 0.5',
  (text) => {
    const value = /^\d{1,7}(?:\.\d{1,3})?$/.test(text) ? Number(text) : 0;
    return value > 0 ? value : undefined;
  },
  { type: 'number', exclusiveMinimum: 0 },
);
export const flag = scalar('true or false', (text) => (text === 'true' ? true : text === 'false' ? false : undefined), {
  type: 'boolean',
});
export const port = scalar('a port from 1 to 65535', readPort, { type: 'integer', minimum: 1, maximum: 65_535 });
export const host = scalar('an IP address or a host name', readHost);
export const sipAddress = scalar('an address such as 192.0.2.10:5060 or 192.0.2.10:5060;transport=tcp', readAddress);
export const userAddress = scalar('a SIP address such as 112@192.0.2.50 or sip:desk@192.0.2.50:5070', readUserAddress);
export const contact = scalar('an address to listen on, such as sip:192.0.2.1:5060;transport=udp', (text) =>
  readContact(text) === undefined ? undefined : text,
);
export const cidr = scalar('a CIDR block such as 192.0.2.0/24, without bits behind its prefix', readCidr);
export const number = digits('a number of 2 to 20 digits, such as 09008844', /^\d{2,20}$/);
export const prefix = digits('a prefix of 1 to 8 digits', /^\d{1,8}$/);
export const urn = scalar('a service URN such as urn:service:sos', (text) =>
  /^urn:service:[a-z0-9.-]+$/i.test(text) ? text.toLowerCase() : undefined,
);
export const numberToDial = scalar(
  'a number to dial, such as 112 or +31880000112',
  (text) => {
    const bare = text.replace(SEPARATORS, '');
    return /^\+?[0-9*#]{2,24}$/.test(bare) ? bare : /^urn:[a-z0-9:.-]+$/i.test(text) ? text : undefined;
  },
  TEXT_OR_NUMBER,
);
export const telephoneNumber = scalar(
  'a telephone number, such as +31880000112',
  (text) => {
    const bare = text.replace(SEPARATORS, '');
    return /^\+?\d{3,20}$/.test(bare) ? bare : undefined;
  },
  TEXT_OR_NUMBER,
);
export const numberPattern = scalar(
  'a number, or the start of one and a *',
  (text) => (/^\+?\d{1,24}\*?$/.test(text) ? text : undefined),
  TEXT_OR_NUMBER,
);
export const replacement = scalar(
  'a number, or nothing',
  (text) => (/^(?:\+?\d{1,24})?$/.test(text) ? text : undefined),
  TEXT_OR_NUMBER,
);
/** One word: it is a name in logs, metrics and messages. */
export const name = scalar(
  'a name of letters, digits, dots, dashes and underscores',
  (text) => (/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(text) ? text : undefined),
  TEXT_OR_NUMBER,
);
export const label = scalar(
  'a text of at most 200 characters',
  (text) => (text.trim() !== '' && text.length <= 200 ? text.trim() : undefined),
  TEXT_OR_NUMBER,
);
export const filePath = scalar('the path of a file', (text) =>
  text !== '' && !text.includes('\0') ? text : undefined,
);
export const userName = scalar('a user name without spaces, quotes and colons', (text) =>
  /^[^\s":\\]{1,128}$/.test(text) ? text : undefined,
);
export const variableName = scalar('the name of an environment variable', (text) =>
  /^[A-Z_][A-Z0-9_]{0,63}$/i.test(text) ? text : undefined,
);
