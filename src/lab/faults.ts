import type { TransportFilter } from '../engine/transport/transport.js';

/**
 * What can be wrong with a simulated carrier's trunk.
 *
 * `blackhole`: no datagram comes in or goes out. `refuse`: nobody listens, so the machine answers ICMP port unreachable.
 * `reject`: 503 to every new INVITE. `lie`: OPTIONS is answered, an INVITE gets 100 and then nothing. `slow`: every
 * response is 3 s late. `clear`: nothing is wrong.
 */
export const FAULTS = ['blackhole', 'refuse', 'reject', 'lie', 'slow', 'clear'] as const;

export type Fault = (typeof FAULTS)[number];

/** How late a response is on a `slow` trunk, in milliseconds. */
export const SLOW_MS = 3_000;

/** Whether a text names a fault. */
export function isFault(text: string): text is Fault {
  return FAULTS.some((fault) => fault === text);
}

/** The faults that act on datagrams, and counts of what they kept away. */
export class FaultFilter implements TransportFilter {
  readonly dropped = { incoming: 0, outgoing: 0 };
  readonly #fault: () => Fault;

  /** @param fault asked for each datagram. */
  constructor(fault: () => Fault) {
    this.#fault = fault;
  }

  incoming(): 'drop' | number {
    if (this.#fault() !== 'blackhole') {
      return 0;
    }
    this.dropped.incoming += 1;
    return 'drop';
  }

  outgoing(text: string): 'drop' | number {
    const fault = this.#fault();
    if (fault === 'blackhole') {
      this.dropped.outgoing += 1;
      return 'drop';
    }
    return fault === 'slow' && text.startsWith('SIP/2.0 ') ? SLOW_MS : 0;
  }
}
