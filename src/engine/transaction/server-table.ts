import type { IncomingRequest } from './incoming.js';
import type { InviteServerTransaction } from './invite-server.js';
import type { NonInviteServerTransaction } from './non-invite-server.js';
import type { ServerHandle } from './user.js';

/** A server transaction, and who answers it. */
export interface ServerEntry {
  readonly handle: ServerHandle;
  readonly machine: InviteServerTransaction | NonInviteServerTransaction;
  readonly isProbe: boolean;
  /** Answered here; the layer above never saw it. */
  readonly isOwn: boolean;
}

/** The server transactions, by branch, sent-by and method (RFC 3261 17.2.3), and the first of those that may be merged. */
export class ServerTable {
  readonly #entries = new Map<string, ServerEntry>();
  /** The first request with a Call-ID, CSeq and From tag, by these: the key of its transaction. */
  readonly #firsts = new Map<string, string>();

  add(key: string, entry: ServerEntry): void {
    this.#entries.set(key, entry);
    const { incoming } = entry.handle;
    if (!entry.isOwn && incoming.toTag === undefined && incoming.message.method !== 'CANCEL') {
      this.#firsts.set(mergeKey(incoming), key);
    }
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): ServerEntry | undefined {
    return this.#entries.get(key);
  }

  /** The transaction of the same request, which may have come over another path. */
  firstOf(request: IncomingRequest): ServerEntry | undefined {
    return this.#entries.get(this.#firsts.get(mergeKey(request)) ?? '');
  }

  values(): readonly ServerEntry[] {
    return [...this.#entries.values()];
  }

  remove(key: string, incoming: IncomingRequest): void {
    this.#entries.delete(key);
    if (this.#firsts.get(mergeKey(incoming)) === key) {
      this.#firsts.delete(mergeKey(incoming));
    }
  }
}

/** RFC 3261 8.2.2.2. */
function mergeKey({ callId, cseq, fromTag, message }: IncomingRequest): string {
  return `${callId} ${cseq.number} ${message.method} ${fromTag ?? ''}`;
}
