import { header, setHeader } from '../../sip/headers.js';
import { printedLength, type SipRequest } from '../../sip/message.js';
import type { EngineClock } from '../clock.js';
import type { NextHop } from '../location/target.js';
import type { Way } from '../transaction/fail-over.js';
import { peerKey, type Peer, type Transport } from '../transport/transport.js';
import { contactOf } from './new-request.js';

/** RFC 3261 18.1.1: a request of more bytes goes over TCP, where the path is not known. */
const LARGE = 1_300;
/** What the Via adds. */
const VIA_BYTES = 120;
/** TCP that nobody asked for must be there after so many milliseconds. */
const CONNECT_WITHIN_MS = 500;
/** An address that did not answer is tried after the others for so long. */
const AVOIDED_MS = 30_000;
/** ... and TCP that nobody asked for is not tried. */
const NO_TCP_MS = 600_000;
const REMEMBERED = 1_000;

/** Finds the transports that lead to a peer, and remembers the peers that did not answer. */
export class Ways {
  readonly #clock: EngineClock;
  /** When each was lost. The oldest comes first. */
  readonly #lost = new Map<string, number>();
  transports: readonly Transport[] = [];

  constructor(clock: EngineClock) {
    this.#clock = clock;
  }

  /** The transport that leads to a peer: of its protocol and family, with the address most like the peer's. */
  transportTo(peer: Peer): Transport | undefined {
    const usable = this.transports.filter(
      ({ protocol, address }) => protocol === peer.transport && address.includes(':') === peer.address.includes(':'),
    );
    return usable.length < 2
      ? usable[0]
      : usable.toSorted((a, b) => alike(b.address, peer.address) - alike(a.address, peer.address))[0];
  }

  /** This peer did not answer, or refused. */
  lost(peer: Peer): void {
    const key = peerKey(peer);
    this.#lost.delete(key);
    this.#lost.set(key, this.#clock.now());
    const [oldest] = this.#lost.keys();
    if (oldest !== undefined && this.#lost.size > REMEMBERED) {
      this.#lost.delete(oldest);
    }
  }

  /** The ways of a request, in order; none where no transport leads to any of the hops. */
  of(request: SipRequest, first: Transport, hops: readonly NextHop[]): readonly Way[] {
    const isLarge = hops.some(({ isOpen }) => isOpen) && printedLength(request) + VIA_BYTES > LARGE;
    const ways = hops.flatMap(({ peer, isOpen }) => [
      ...(isOpen && isLarge ? this.#overTcp(request, first, peer) : []),
      ...this.#way(request, first, peer),
    ]);
    const isLate = ({ peer }: Way): number => Number(this.#wasLost(peer, AVOIDED_MS));
    return ways.length < 2 ? ways : ways.toSorted((a, b) => isLate(a) - isLate(b));
  }

  #way(request: SipRequest, first: Transport, peer: Peer): readonly Way[] {
    const transport = this.transportTo(peer);
    return transport === undefined ? [] : [{ peer, transport, request: fromThere(request, first, transport) }];
  }

  #overTcp(request: SipRequest, first: Transport, peer: Peer): readonly Way[] {
    const overTcp: Peer = { ...peer, transport: 'tcp' };
    const ways = this.#wasLost(overTcp, NO_TCP_MS) ? [] : this.#way(request, first, overTcp);
    return ways.map((way) => ({ ...way, connectWithin: CONNECT_WITHIN_MS }));
  }

  #wasLost(peer: Peer, within: number): boolean {
    const at = this.#lost.get(peerKey(peer));
    return at !== undefined && this.#clock.now() - at < within;
  }
}

/** A Contact of ours that names one transport names the other: the peer calls back where the request came from. */
function fromThere(request: SipRequest, first: Transport, transport: Transport): SipRequest {
  const isOurs = transport !== first && header(request.headers, 'Contact') === contactOf(first);
  return isOurs ? { ...request, headers: setHeader(request.headers, 'Contact', contactOf(transport)) } : request;
}

/** How many characters two addresses have in common from the left. */
function alike(a: string, b: string): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) {
    at += 1;
  }
  return at;
}
