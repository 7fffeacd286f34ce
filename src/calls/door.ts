import type { Ingress } from '../domain/network.js';
import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/journal.js';
import type { ReceivedRequest, Source } from '../ports/sip-server.js';
import { header } from '../sip/headers.js';

/** How many answers a source that we do not know gets in a second. The rest is silence. */
const REFUSALS_PER_SECOND = 10;
/** More strangers than this in one second are an attack under false addresses: none of them is answered. */
const STRANGERS_PER_SECOND = 1_000;
/** More lines than this in one second help nobody. */
const LINES_PER_SECOND = 10;

/** The tools that search the net for SIP servers to misuse, by what they call themselves. */
const SCANNERS =
  /friendly-?scanner|friendly-request|sipvicious|sipcli|sip-?scan|sundayddr|\biwar\b|\bsmap\b|pplsip|vaxsipuseragent/i;

/** Who may come in: a known ingress always; everybody else gets a 403, or nothing. */
export type Admission =
  | { readonly kind: 'known'; readonly ingress: Ingress }
  | { readonly kind: 'refused' }
  | { readonly kind: 'ignored' };

/** What the door needs. */
export interface DoorPorts {
  readonly ingressOf: (source: Source) => Ingress | undefined;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Keeps strangers out, at little cost (DESIGN 4.1). It counts strangers only: whoever comes from a known ingress passes,
 * at any rate (DESIGN 8).
 */
export class Door {
  readonly #ports: DoorPorts;
  readonly #refused = new Map<string, number>();
  #second = Number.NEGATIVE_INFINITY;
  #lines = 0;

  constructor(ports: DoorPorts) {
    this.#ports = ports;
  }

  admit(source: Source, request: ReceivedRequest): Admission {
    const ingress = this.#ports.ingressOf(source);
    if (ingress !== undefined) {
      return { kind: 'known', ingress };
    }
    return this.#isAnswered(source.address, request) ? { kind: 'refused' } : { kind: 'ignored' };
  }

  #isAnswered(address: string, request: ReceivedRequest): boolean {
    this.#startSecond();
    const count = (this.#refused.get(address) ?? 0) + 1;
    if (count === 1 && this.#refused.size >= STRANGERS_PER_SECOND) {
      return false;
    }
    this.#refused.set(address, count);
    this.#report(address, count);
    return count <= REFUSALS_PER_SECOND && !isScanner(request);
  }

  #startSecond(): void {
    const second = Math.floor(this.#ports.clock.now() / 1_000);
    if (second !== this.#second) {
      this.#second = second;
      this.#lines = 0;
      this.#refused.clear();
    }
  }

  #report(address: string, count: number): void {
    if (count === 1 && this.#lines < LINES_PER_SECOND) {
      this.#lines += 1;
      this.#ports.log.warn({ source: address }, 'a request from an unknown source was refused');
    }
  }
}

function isScanner({ headers }: ReceivedRequest): boolean {
  return SCANNERS.test(header(headers, 'User-Agent') ?? '');
}
