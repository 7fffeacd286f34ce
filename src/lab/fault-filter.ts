import { isResponseText, type TransportFilter } from '../engine/transport/transport.js';
import { behaviourOf, type Fault } from './faults.js';

/** What is wrong now: for the trunk as a whole, and for calls to a number. */
export interface FaultSource {
  /** Whether a service has a fault of its own. */
  readonly differs: boolean;
  whole(): Fault;
  /** The same as `whole` where the number's service has no fault of its own. */
  ofNumber(number: string): Fault;
}

/** Calls whose number is remembered, while services differ. */
const REMEMBERED = 1_000;

/** The faults that act on datagrams, and counts of what they kept away. */
export class FaultFilter implements TransportFilter {
  readonly dropped = { incoming: 0, outgoing: 0 };
  readonly #faults: FaultSource;
  /** Dialled numbers by Call-ID: a response does not name what was dialled. */
  readonly #numbers = new Map<string, string>();

  constructor(faults: FaultSource) {
    this.#faults = faults;
  }

  incoming(text: string): 'drop' | number {
    const vanishes = isGone(this.#faults.whole()) || (this.#faults.differs && isGone(this.#dialled(text)));
    this.dropped.incoming += vanishes ? 1 : 0;
    return vanishes ? 'drop' : 0;
  }

  outgoing(text: string): 'drop' | number {
    const whole = this.#faults.whole();
    if (isGone(whole)) {
      this.dropped.outgoing += 1;
      return 'drop';
    }
    return isResponseText(text) ? (this.#faults.differs ? this.#answered(text) : whole).slowMs : 0;
  }

  #dialled(text: string): Fault {
    const [, method, number] = /^([A-Z]+) sips?:([^@;\s]*)@/.exec(text) ?? [];
    if (method === 'INVITE' && number !== undefined) {
      this.#remember(callIdOf(text), number);
    }
    return number === undefined ? this.#faults.whole() : this.#faults.ofNumber(number);
  }

  #answered(text: string): Fault {
    const number = this.#numbers.get(callIdOf(text));
    return number === undefined ? this.#faults.whole() : this.#faults.ofNumber(number);
  }

  #remember(callId: string, number: string): void {
    this.#numbers.set(callId, number);
    const [oldest] = this.#numbers.keys();
    if (this.#numbers.size > REMEMBERED && oldest !== undefined) {
      this.#numbers.delete(oldest);
    }
  }
}

function isGone(fault: Fault): boolean {
  return behaviourOf(fault, 'blackhole') !== undefined;
}

function callIdOf(text: string): string {
  return /\r\n(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]*)/i.exec(text)?.[1] ?? '';
}
