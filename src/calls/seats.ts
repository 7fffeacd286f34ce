import type { CallId, DestinationAddressId, DestinationId } from '../domain/ids.js';
import type { Destination, Route } from '../domain/network.js';

/** A leg's place at an answering point, until it is freed. */
export interface Seat {
  /** Nothing of the leg rings or talks there. Later calls do nothing. */
  free(): void;
}

/** A destination, or one address of it. */
type Place = Pick<Route, 'destination' | 'address'>;

/** How many calls are at a place, of how many. */
export interface SeatCount extends Place {
  readonly used: number;
  readonly total: number;
}

/** How many calls a destination can take, in all and at each address, as far as it is known. */
interface Limits {
  readonly total: number;
  readonly addresses: ReadonlyMap<DestinationAddressId, number>;
}

/**
 * The calls at answering points, and at each address of one. A call counts once, however many legs of it are there: nobody
 * answers two of them. The count is the number of calls with a leg that is not over: nothing is added up.
 */
export class Seats {
  readonly #legs = new Map<string, Map<CallId, number>>();
  readonly #freed: () => void;
  #limits: ReadonlyMap<DestinationId, Limits> = new Map();

  /** @param freed called when a place that was full has room again. */
  constructor(freed: () => void) {
    this.#freed = freed;
  }

  /** Whether a call may go to a place. Where nothing is known of its channels, it may; what it has there itself is no reason why not. */
  hasRoom({ destination, address }: Place, call?: CallId): boolean {
    const limits = this.#limits.get(destination);
    if (limits === undefined) {
      return true;
    }
    return (
      this.#used({ destination }, call) < limits.total &&
      (address === undefined ||
        this.#used({ destination, address }, call) < (limits.addresses.get(address) ?? Number.POSITIVE_INFINITY))
    );
  }

  /** A leg of a call starts on the way to a place. */
  take(place: Place, call: CallId): Seat {
    const keys = keysOf(place);
    for (const key of keys) {
      this.#count(key, call, 1);
    }
    let isFree = false;
    return {
      free: () => {
        if (!isFree) {
          isFree = true;
          this.#leave(place, keys, call);
        }
      },
    };
  }

  /** From now on these destinations hold. Calls stay where they are. */
  limitTo(destinations: Iterable<Destination>): void {
    this.#limits = new Map([...destinations].flatMap((each) => limitsOf(each)));
  }

  /** Every place of which it is known how many calls it can take. */
  counts(): readonly SeatCount[] {
    return [...this.#limits].flatMap(([destination, { total, addresses }]) => [
      ...(Number.isFinite(total) ? [{ destination, used: this.#used({ destination }), total }] : []),
      ...[...addresses].map(([address, channels]) => {
        const place = { destination, address };
        return { ...place, used: this.#used(place), total: channels };
      }),
    ]);
  }

  #leave(place: Place, keys: readonly string[], call: CallId): void {
    const wasFull = !this.hasRoom(place);
    for (const key of keys) {
      this.#count(key, call, -1);
    }
    if (wasFull && this.hasRoom(place)) {
      this.#freed();
    }
  }

  #used(place: Place, but?: CallId): number {
    const calls = this.#legs.get(keysOf(place).at(-1) ?? '');
    return (calls?.size ?? 0) - (but !== undefined && calls?.has(but) === true ? 1 : 0);
  }

  #count(key: string, call: CallId, change: 1 | -1): void {
    const calls = this.#legs.get(key) ?? new Map<CallId, number>();
    this.#legs.set(key, calls);
    const legs = (calls.get(call) ?? 0) + change;
    if (legs === 0) {
      calls.delete(call);
    } else {
      calls.set(call, legs);
    }
  }
}

/** The destination, and the address where the route names one. */
function keysOf({ destination, address }: Place): readonly string[] {
  return address === undefined ? [destination] : [destination, `${destination} ${address}`];
}

function limitsOf({ id, channels, addresses }: Destination): readonly (readonly [DestinationId, Limits])[] {
  const known = addresses.flatMap((each) => (each.channels === undefined ? [] : [[each.id, each.channels] as const]));
  const isKnown = channels !== undefined || known.length > 0;
  return isKnown ? [[id, { total: channels ?? Number.POSITIVE_INFINITY, addresses: new Map(known) }]] : [];
}
