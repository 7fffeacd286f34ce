import { peerKey, type Peer } from '../transport/transport.js';
import type { Sent } from './sent.js';

/** The client transactions, by branch and method (RFC 3261 17.1.3), and by peer. */
export class ClientTable {
  readonly #entries = new Map<string, Sent>();
  readonly #byPeer = new Map<string, Set<Sent>>();

  add(sent: Sent): void {
    this.#entries.set(sent.key, sent);
    const key = peerKey(sent.peer);
    const ofPeer = this.#byPeer.get(key);
    if (ofPeer === undefined) {
      this.#byPeer.set(key, new Set([sent]));
    } else {
      ofPeer.add(sent);
    }
  }

  get(key: string): Sent | undefined {
    return this.#entries.get(key);
  }

  /** What was sent to this peer, as it stands now. */
  ofPeer(peer: Peer): readonly Sent[] {
    return [...(this.#byPeer.get(peerKey(peer)) ?? [])];
  }

  values(): readonly Sent[] {
    return [...this.#entries.values()];
  }

  remove(sent: Sent): void {
    if (!this.#entries.delete(sent.key)) {
      return;
    }
    const key = peerKey(sent.peer);
    const ofPeer = this.#byPeer.get(key);
    ofPeer?.delete(sent);
    if (ofPeer?.size === 0) {
      this.#byPeer.delete(key);
    }
  }
}
