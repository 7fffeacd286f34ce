import { peerKey, type Peer } from '../transport/transport.js';
import type { IncomingResponse } from './incoming.js';
import type { InviteClientTransaction } from './invite-client.js';
import type { NonInviteClientTransaction } from './non-invite-client.js';

/** A client transaction, and who waits for it. */
export interface ClientEntry {
  readonly machine: InviteClientTransaction | NonInviteClientTransaction;
  readonly peer: Peer;
  readonly isProbe: boolean;
  /** Whether any response has come. */
  heard: boolean;
  received(response: IncomingResponse): void;
  refused(): void;
}

/** The client transactions, by branch and method (RFC 3261 17.1.3), and by peer. */
export class ClientTable {
  readonly #entries = new Map<string, ClientEntry>();
  readonly #byPeer = new Map<string, Set<ClientEntry>>();

  add(key: string, entry: ClientEntry): void {
    this.#entries.set(key, entry);
    const ofPeer = this.#byPeer.get(peerKey(entry.peer)) ?? new Set();
    ofPeer.add(entry);
    this.#byPeer.set(peerKey(entry.peer), ofPeer);
  }

  get(key: string): ClientEntry | undefined {
    return this.#entries.get(key);
  }

  /** What was sent to this peer, as it stands now. */
  ofPeer(peer: Peer): readonly ClientEntry[] {
    return [...(this.#byPeer.get(peerKey(peer)) ?? [])];
  }

  values(): readonly ClientEntry[] {
    return [...this.#entries.values()];
  }

  remove(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) {
      return;
    }
    this.#entries.delete(key);
    const ofPeer = this.#byPeer.get(peerKey(entry.peer));
    ofPeer?.delete(entry);
    if (ofPeer?.size === 0) {
      this.#byPeer.delete(peerKey(entry.peer));
    }
  }
}
