import type { TrunkId } from '../domain/ids.js';
import { between, type Instant, type Milliseconds } from '../domain/time.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Seat } from './seats.js';

/** The legs on one trunk that are not over, and when the far end last let go of one. */
interface TrunkLegs {
  readonly open: Set<Channel>;
  releasedAt: Instant | undefined;
}

/** One channel of a trunk, and a place at the answering point behind it, held by one leg until it is freed. */
export class Channel {
  readonly #clock: Clock;
  readonly #legs: TrunkLegs;
  readonly #freed: () => void;
  readonly #seat: Seat | undefined;
  #seized = false;
  #timer: Timer | undefined;

  constructor(clock: Clock, legs: TrunkLegs, freed: () => void, seat?: Seat) {
    this.#clock = clock;
    this.#seat = seat;
    this.#freed = freed;
    this.#legs = legs;
    legs.open.add(this);
  }

  /** The far end gave the leg a line of its own: it rings, or more. */
  seized(): void {
    this.#seized = true;
  }

  /** The leg is over. Later calls do nothing. */
  free(): void {
    this.#timer?.cancel();
    this.#seat?.free();
    if (this.#legs.open.delete(this) && this.#seized) {
      this.#legs.releasedAt = this.#clock.now();
      this.#freed();
    }
  }

  /**
   * The leg is ending: whatever is reported of it, or not, the channel is free after this time. What never rang has no place
   * at an answering point any more.
   */
  freeWithin(time: Milliseconds): void {
    if (!this.#seized) {
      this.#seat?.free();
    }
    if (this.#legs.open.has(this)) {
      this.#timer ??= this.#clock.setTimer(time, () => {
        this.free();
      });
    }
  }
}

/** The channels in use, per trunk. The count is the number of legs that are not over: nothing is added up. */
export class Channels {
  readonly #clock: Clock;
  readonly #trunks = new Map<TrunkId, TrunkLegs>();
  readonly #freed: (trunk: TrunkId) => void;

  /** @param freed called when a channel on which something rang or talked is free again. */
  constructor(clock: Clock, freed: (trunk: TrunkId) => void) {
    this.#clock = clock;
    this.#freed = freed;
  }

  /** A leg starts on the trunk. */
  take(trunk: TrunkId, seat?: Seat): Channel {
    const legs = this.#trunks.get(trunk) ?? { open: new Set(), releasedAt: undefined };
    this.#trunks.set(trunk, legs);
    const freed = (): void => {
      this.#freed(trunk);
    };
    return new Channel(this.#clock, legs, freed, seat);
  }

  used(trunk: TrunkId): number {
    return this.#trunks.get(trunk)?.open.size ?? 0;
  }

  /** How long ago a leg that had a line on the trunk was over; a line may need a moment before it takes the next call. */
  sinceRelease(trunk: TrunkId): Milliseconds | undefined {
    const at = this.#trunks.get(trunk)?.releasedAt;
    return at === undefined ? undefined : between(at, this.#clock.now());
  }
}
