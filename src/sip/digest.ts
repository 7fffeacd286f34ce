import { asciiLower, quote } from './chars.js';
import { sameName, type Header } from './headers.js';

/** The algorithms that are answered: those that SIP has (RFC 8760 2.1), in the spelling of the header. */
export type DigestAlgorithm = 'MD5' | 'SHA-256';

/** What the far end wants to be shown (RFC 3261 22, RFC 7616). */
export interface Challenge {
  readonly realm: string;
  readonly nonce: string;
  readonly opaque: string | undefined;
  readonly algorithm: DigestAlgorithm;
  readonly isSession: boolean;
  /** Whether `qop=auth` is offered. Undefined: the far end knows no qop (RFC 2069). */
  readonly qop: 'auth' | undefined;
  /** The credentials were right, and the nonce too old. */
  readonly isStale: boolean;
}

/** What to show, and for which request. All text is one character per byte. */
export interface DigestRequest {
  readonly user: string;
  readonly password: string;
  readonly method: string;
  /** The Request-URI as it is sent. */
  readonly uri: string;
  /** A number that nobody can guess, in hexadecimal. */
  readonly clientNonce: string;
}

/** A hash of bytes, in hexadecimal. */
export type DigestHash = (algorithm: DigestAlgorithm, bytes: string) => string;

const SCHEME = /(?:^|,)\s*(?:([A-Za-z]+)\s+)?([A-Za-z0-9_-]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]*)\s*/y;

/**
 * The challenges of a 401 (`WWW-Authenticate`) or 407 (`Proxy-Authenticate`) that can be answered, in the order of the far
 * end, also where several stand in one line. Those of other schemes, algorithms and qops are left out.
 */
export function challengesIn(headers: readonly Header[], name: string): readonly Challenge[] {
  return headers
    .filter((each) => sameName(each.name, name))
    .flatMap(({ value }) => parametersIn(value).flatMap(asChallenge));
}

/** The value of the header that answers a challenge (RFC 7616 3.4). */
export function answerChallenge(challenge: Challenge, request: DigestRequest, hash: DigestHash): string {
  const { realm, nonce, opaque, algorithm, isSession, qop } = challenge;
  const { user, password, method, uri, clientNonce } = request;
  const h = (text: string): string => hash(algorithm, text);
  const secret = h(`${user}:${realm}:${password}`);
  const a1 = isSession ? h(`${secret}:${nonce}:${clientNonce}`) : secret;
  const a2 = h(`${method}:${uri}`);
  const count = '00000001';
  const middle = qop === undefined ? '' : `${count}:${clientNonce}:${qop}:`;
  const counted = qop === undefined ? [] : [`qop=${qop}`, `nc=${count}`];
  return `Digest ${[
    `username=${quote(user)}`,
    `realm="${realm}"`,
    `nonce="${nonce}"`,
    `uri="${uri}"`,
    `response="${h(`${a1}:${nonce}:${middle}${a2}`)}"`,
    `algorithm=${algorithm}${isSession ? '-sess' : ''}`,
    ...(qop === undefined && !isSession ? [] : [`cnonce="${clientNonce}"`]),
    ...counted,
    ...(opaque === undefined ? [] : [`opaque="${opaque}"`]),
  ].join(', ')}`;
}

type Parameters = ReadonlyMap<string, string>;

/** The parameters of each Digest challenge in one value. Quoted values without their quotes, escapes as they are. */
function parametersIn(value: string): readonly Parameters[] {
  const all: { readonly scheme: string; readonly parameters: Map<string, string> }[] = [];
  SCHEME.lastIndex = 0;
  for (let found = SCHEME.exec(value); found !== null; found = SCHEME.exec(value)) {
    const [, scheme, name = '', text = ''] = found;
    if (scheme !== undefined) {
      all.push({ scheme: asciiLower(scheme), parameters: new Map() });
    }
    all.at(-1)?.parameters.set(asciiLower(name), text.startsWith('"') ? text.slice(1, -1) : text);
  }
  return all.filter(({ scheme }) => scheme === 'digest').map(({ parameters }) => parameters);
}

function asChallenge(parameters: Parameters): readonly Challenge[] {
  const [realm, nonce] = [parameters.get('realm'), parameters.get('nonce')];
  const named = asciiLower(parameters.get('algorithm') ?? 'md5');
  const isSession = named.endsWith('-sess');
  const algorithm = known.get(isSession ? named.slice(0, -5) : named);
  const qops = parameters
    .get('qop')
    ?.split(',')
    .map((each) => asciiLower(each.trim()));
  const isQopKnown = qops === undefined || qops.includes('auth');
  if (realm === undefined || nonce === undefined || algorithm === undefined || !isQopKnown) {
    return [];
  }
  return [
    {
      ...{ realm, nonce, opaque: parameters.get('opaque'), algorithm, isSession },
      qop: qops === undefined ? undefined : 'auth',
      isStale: asciiLower(parameters.get('stale') ?? '') === 'true',
    },
  ];
}

const known: ReadonlyMap<string, DigestAlgorithm> = new Map([
  ['md5', 'MD5'],
  ['sha-256', 'SHA-256'],
]);
