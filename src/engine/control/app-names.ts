import { asciiLower } from '../../sip/chars.js';
import { canonicalName, sameName } from '../../sip/headers.js';
import { copyOf } from '../copy-of.js';

/** What there is to know about a header that an application writes, by its name alone. */
export interface AppName {
  /** As it leaves. */
  readonly spelling: string;
  readonly isToken: boolean;
  /** The server writes it, whatever the application says; or it never leaves the server. */
  readonly isWrittenHere: boolean;
  /** It asks something of the server. */
  readonly isWish: boolean;
  /** What its value must be. */
  readonly holds: 'hops' | 'sequence' | 'call id' | 'address' | 'anything';
}

const OWN_PREFIX = 'x-noodroute-';
const SERVER_WRITES = ['Via', 'Route', 'Record-Route', 'RSeq', 'Content-Length'] as const;
const TOKEN = /^[\w.!%*+`'~-]+$/;
const HOLDS: readonly (readonly [name: string, what: AppName['holds']])[] = [
  ['Max-Forwards', 'hops'],
  ['CSeq', 'sequence'],
  ['Call-ID', 'call id'],
  ['From', 'address'],
  ['To', 'address'],
  ['Contact', 'address'],
];

/** Not more names than this are remembered. */
const NAMES_AT_MOST = 500;
const names = new Map<string, AppName>();

/** Looks a name up. The same few come thousands of times a second. */
export function appName(name: string): AppName {
  return names.get(name) ?? newName(name);
}

function newName(name: string): AppName {
  const isWish = asciiLower(name).startsWith(OWN_PREFIX);
  const fresh: AppName = {
    spelling: spellingOf(name),
    isToken: TOKEN.test(name),
    isWrittenHere: isWish || SERVER_WRITES.some((own) => sameName(own, name)),
    isWish,
    holds: HOLDS.find(([each]) => sameName(each, name))?.[1] ?? 'anything',
  };
  if (names.size < NAMES_AT_MOST) {
    names.set(copyOf(name), fresh);
  }
  return fresh;
}

/**
 * drachtio-srf writes most names in lower case, and some devices take only `Contact` for a Contact. What has a capital, and
 * `x-` names, stay as the application wrote them.
 */
function spellingOf(name: string): string {
  const keeps = name.length === 1 || name.startsWith('x-') || name !== asciiLower(name);
  return keeps ? name : canonicalName(name);
}
