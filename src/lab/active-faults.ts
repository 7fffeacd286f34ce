import type { EngineClock } from '../engine/clock.js';
import type { FaultSource } from './fault-filter.js';
import { CLEAR, printFault, type Fault } from './faults.js';

interface Placed {
  readonly fault: Fault;
  readonly since: number;
}

/** The faults of one trunk: one for all of it, and one for each service that has its own. */
export class ActiveFaults implements FaultSource {
  readonly #clock: Pick<EngineClock, 'now'>;
  readonly #serviceOf: (number: string) => string | undefined;
  readonly #services = new Map<string, Placed>();
  #whole: Placed;

  /** @param serviceOf the service that a number stands for on this trunk. */
  constructor(clock: Pick<EngineClock, 'now'>, serviceOf: (number: string) => string | undefined) {
    this.#clock = clock;
    this.#serviceOf = serviceOf;
    this.#whole = { fault: CLEAR, since: clock.now() };
  }

  /** Without a service, what single services had is forgotten. */
  set(fault: Fault, service?: string): void {
    const placed = { fault, since: this.#clock.now() };
    if (service === undefined) {
      this.#services.clear();
      this.#whole = placed;
    } else {
      this.#services.set(service, placed);
    }
  }

  get differs(): boolean {
    return this.#services.size > 0;
  }

  whole(): Fault {
    return this.#now(this.#whole);
  }

  ofNumber(number: string): Fault {
    const service = this.#serviceOf(number);
    const own = service === undefined ? undefined : this.#services.get(service);
    return own === undefined ? this.whole() : this.#now(own);
  }

  /** All of it in words, such as `clear, 112: lie`. */
  text(): string {
    const services = [...this.#services].filter(([, { fault }]) => fault !== CLEAR);
    return [
      printFault(this.#whole.fault),
      ...services.map(([service, { fault }]) => `${service}: ${printFault(fault)}`),
    ].join(', ');
  }

  #now({ fault, since }: Placed): Fault {
    return isThere(fault, this.#clock.now() - since) ? fault : CLEAR;
  }
}

/** Whether a fault that comes and goes is there so long after it was set. */
export function isThere({ flapMs }: Pick<Fault, 'flapMs'>, sinceMs: number): boolean {
  return flapMs === undefined || Math.floor(sinceMs / flapMs) % 2 === 0;
}
