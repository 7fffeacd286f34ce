import { copyOf } from '../copy-of.js';
import type { IncomingRequest } from './incoming.js';
import type { Received } from './received.js';

/** The server transactions, by branch, sent-by and method (RFC 3261 17.2.3), and the first of those that may be merged. */
export class ServerTable {
  readonly #entries = new Map<string, Received>();
  /** The first request with a Call-ID, CSeq and From tag, by these. */
  readonly #firsts = new Map<string, Received>();

  add(received: Received): void {
    this.#entries.set(received.key, received);
    const { incoming, isOwn } = received;
    if (!isOwn && incoming.toTag === undefined && incoming.message.method !== 'CANCEL') {
      received.mergeKey = copyOf(mergeKey(incoming));
      this.#firsts.set(received.mergeKey, received);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): Received | undefined {
    return this.#entries.get(key);
  }

  /** The transaction of the same request, which may have come over another path. */
  firstOf(request: IncomingRequest): Received | undefined {
    return this.#firsts.get(mergeKey(request));
  }

  values(): readonly Received[] {
    return [...this.#entries.values()];
  }

  remove(received: Received): void {
    this.#entries.delete(received.key);
    const { mergeKey: key } = received;
    if (key !== undefined && this.#firsts.get(key) === received) {
      this.#firsts.delete(key);
    }
  }
}

/** RFC 3261 8.2.2.2. */
function mergeKey({ callId, cseq, fromTag, message }: IncomingRequest): string {
  return `${callId} ${cseq.number} ${message.method} ${fromTag ?? ''}`;
}
