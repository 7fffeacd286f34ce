import { createHash, randomBytes } from 'node:crypto';
import type { TrunkCredentials } from '../../ports/sip-server.js';
import { answerChallenge, challengesIn, type Challenge, type DigestAlgorithm } from '../../sip/digest.js';
import { cseq, header, headerValues } from '../../sip/headers.js';
import type { Header } from '../../sip/message.js';
import { isLocal, receivedMessage, receivedResponse } from './message.js';
import type { SrfReceivedResponse } from './srf.js';

/** Where the challenge stands, and where its answer, by the status of the response (RFC 3261 22). */
const PLACES: Readonly<Record<number, { readonly challenge: string; readonly answer: string }>> = {
  401: { challenge: 'WWW-Authenticate', answer: 'Authorization' },
  407: { challenge: 'Proxy-Authenticate', answer: 'Proxy-Authorization' },
};
/** A proxy and the far end behind it may each ask, and each may find its nonce too old once. */
const ANSWERS_AT_MOST = 4;

/** What was shown for one header, for one realm. */
interface Shown {
  readonly header: Header;
  readonly realm: string;
  /** How often its nonce was too old. */
  readonly stale: number;
}

/**
 * The answers to the challenges of one request, sent again until its far end takes it: each realm is answered once, and
 * once more where the far end says that only the nonce was too old. Wrong credentials are not shown twice.
 */
export class ChallengeAnswers {
  readonly #credentials: TrunkCredentials | undefined;
  readonly #shown = new Map<string, Shown>();
  #answers = 0;

  /** @param credentials of the trunk that the request goes to. */
  constructor(credentials: TrunkCredentials | undefined) {
    this.#credentials = credentials;
  }

  /** The headers that show who we are: those that the request was sent with last. */
  get headers(): readonly Header[] {
    return [...this.#shown.values()].map((each) => each.header);
  }

  /** Takes a final response. Whether the request is to be sent again, with `headers`. */
  take(response: SrfReceivedResponse): boolean {
    const place = PLACES[response.status];
    const sent = response.req === undefined ? undefined : receivedMessage(response.req.msg);
    if (place === undefined || this.#credentials === undefined || sent?.kind !== 'request' || isLocal(response)) {
      return false;
    }
    const { headers } = receivedResponse(response);
    const challenge = challengesIn(headers, place.challenge).find((each) => this.#isFor(each, place.answer));
    if (challenge === undefined || this.#answers >= ANSWERS_AT_MOST) {
      return false;
    }
    this.#show(challenge, place.answer, sent, this.#credentials);
    return true;
  }

  #isFor({ realm, isStale }: Challenge, name: string): boolean {
    const wanted = this.#credentials?.realm;
    const shown = this.#shown.get(name);
    const isNew = shown === undefined || shown.realm !== realm;
    return (wanted === undefined || bytes(wanted) === realm) && (isNew || (isStale && shown.stale === 0));
  }

  #show(
    challenge: Challenge,
    name: string,
    { method, uri }: { readonly method: string; readonly uri: string },
    { user, password }: TrunkCredentials,
  ): void {
    const clientNonce = randomBytes(16).toString('hex');
    const request = { user: bytes(user), password: bytes(password.reveal()), method, uri, clientNonce };
    const shown = this.#shown.get(name);
    const isAgain = shown?.realm === challenge.realm;
    const value = answerChallenge(challenge, request, digest);
    this.#answers += 1;
    this.#shown.set(name, { header: { name, value }, realm: challenge.realm, stale: isAgain ? shown.stale + 1 : 0 });
  }
}

/** What makes an INVITE that is sent again the same call: its identity, and the next number (RFC 3261 22.2). */
export function sameCall({ req }: SrfReceivedResponse): readonly Header[] {
  const { headers } = receivedMessage(req?.msg ?? {});
  const number = cseq(headers)?.number ?? 1;
  const [from] = headerValues(headers, 'From');
  return [
    ...(from === undefined ? [] : [{ name: 'From', value: from }]),
    { name: 'Call-ID', value: header(headers, 'Call-ID') ?? '' },
    { name: 'CSeq', value: `${number + 1} INVITE` },
  ];
}

function digest(algorithm: DigestAlgorithm, text: string): string {
  return createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
    .update(text, 'latin1')
    .digest('hex');
}

/** One character per byte. */
function bytes(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
