import type { ReceivedResponse } from '../../ports/sip-server.js';
import { header } from '../../sip/headers.js';
import type { Header } from '../../sip/message.js';
import { tagOf } from '../../sip/name-addr.js';
import { hasSdp } from '../../sip/sdp-in-body.js';

/** What describes a body. */
const CONTENT = [
  'Content-Type', 'Content-Disposition', 'Content-Encoding', 'Content-ID', 'Content-Language', 'MIME-Version',
] as const; // prettier-ignore

interface Description {
  readonly headers: readonly Header[];
  readonly body: string;
  readonly isReliable: boolean;
}

/** What the provisional responses of one INVITE brought, per dialog: each To tag of a forked INVITE is one (DESIGN 4.5). */
export class Provisionals {
  readonly #seen = new Set<string>();
  readonly #descriptions = new Map<string, Description>();

  /**
   * Takes a provisional response.
   *
   * @returns whether it is new. A reliable one that was seen before is a copy: it is neither acknowledged nor worked on
   * again (RFC 3262 4). RSeq counts, with or without `Require: 100rel`: a needless PRACK does less harm than none.
   */
  take(response: ReceivedResponse): boolean {
    const tag = toTag(response);
    const rseq = header(response.headers, 'RSeq');
    const key = `${tag} ${rseq ?? ''}`;
    if (rseq !== undefined && this.#seen.has(key)) {
      return false;
    }
    if (rseq !== undefined) {
      this.#seen.add(key);
    }
    if (hasSdp(response) && this.#descriptions.get(tag)?.isReliable !== true) {
      this.#descriptions.set(tag, describe(response, rseq !== undefined));
    }
    return true;
  }

  /**
   * A 2xx with the session description that belongs to it: its own, else the one that came earlier in the same dialog,
   * else the only one that came at all.
   */
  complete(response: ReceivedResponse): ReceivedResponse {
    if (response.body !== '') {
      return response;
    }
    const only = this.#descriptions.size === 1 ? [...this.#descriptions.values()][0] : undefined;
    const earlier = this.#descriptions.get(toTag(response)) ?? only;
    return earlier === undefined
      ? response
      : { ...response, headers: [...response.headers, ...earlier.headers], body: earlier.body };
  }
}

function toTag({ headers }: ReceivedResponse): string {
  return tagOf(header(headers, 'To') ?? '') ?? '';
}

function describe({ headers, body }: ReceivedResponse, isReliable: boolean): Description {
  const described = CONTENT.flatMap((name) => {
    const value = header(headers, name);
    return value === undefined ? [] : [{ name, value }];
  });
  return { headers: described, body, isReliable };
}
