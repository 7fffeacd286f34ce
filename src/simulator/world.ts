import type { Deadlines } from '../domain/attempt.js';
import type { ProbeOutcome } from '../domain/health.js';
import type { CarrierId, TrunkId } from '../domain/ids.js';
import type { Trunk } from '../domain/network.js';
import { ms } from '../domain/time.js';
import type { SeededRandom } from './random.js';
import type { Timeline } from './timeline.js';

/**
 * What is wrong with a trunk. `silent`: no datagram comes in or goes out. `lie`: OPTIONS is answered, an INVITE gets 100 and
 * then nothing. `reject`: 503 to every INVITE. `half`: the same for every second one, at random. `busy`: 486 for every second.
 */
export type FaultKind = 'silent' | 'lie' | 'reject' | 'half' | 'busy';

/** A fault of some trunks for some time, in milliseconds from the start. */
export interface Fault {
  readonly kind: FaultKind;
  readonly trunks: ReadonlySet<TrunkId>;
  readonly from: number;
  readonly to: number;
  /** The only service whose calls meet it. Undefined: all, and probes. */
  readonly service?: string;
}

/** The road between us and the trunks, and what stands at its end. */
export interface WorldSettings {
  /** The share of datagrams that are lost, each way. */
  readonly loss: number;
  /** One way, in milliseconds, and by how much it varies. */
  readonly delay: number;
  readonly jitter: number;
  /** How long the far end takes to ring, from and to, and to answer after that. */
  readonly ringsAfter: readonly [number, number];
  readonly answersAfter: readonly [number, number];
}

/** A quiet network in the same country, and people who answer in one to six seconds. */
export const usualWorld: WorldSettings = {
  loss: 0,
  delay: 4,
  jitter: 2,
  ringsAfter: [40, 160],
  answersAfter: [1_000, 6_000],
};

/** What comes back to an INVITE. */
export interface LegEvents {
  provisional(status: number): void;
  failed(status: number): void;
  answered(): void;
}

/** One INVITE, at both of its ends. */
export interface Leg {
  readonly trunk: Trunk;
  readonly service: string;
  readonly events: LegEvents;
  /** Our side: whether anything came back, and whether we still resend and listen. */
  isHeard: boolean;
  hasProgress: boolean;
  isGivenUp: boolean;
  /** The far side: what it has sent last, if the INVITE ever came. */
  lastSent: number | undefined;
  isOver: boolean;
  rang: boolean;
  /** Its answer reached us: an answering point was connected. An answer that is lost on its way connects nobody. */
  isConnected: boolean;
}

const T1 = 500;
/** So often an INVITE is sent again that got 100 and no more. */
const MOST_ASKED = 4;
const LAST_RESEND = 64 * T1;

/**
 * Networks, trunks and answering points. It knows nothing of how we judge them: every datagram is lost or comes through by
 * the faults and the chance of the moment at which it travels. Resends are those of RFC 3261 (timers A and G).
 */
export class World {
  readonly #timeline: Timeline;
  readonly #random: SeededRandom;
  readonly #settings: WorldSettings;
  readonly #swallowed = new Map<Fault, number>();
  readonly #hanging = new Map<string, number>();
  faults: readonly Fault[] = [];

  constructor(timeline: Timeline, random: SeededRandom, settings: WorldSettings) {
    this.#timeline = timeline;
    this.#random = random;
    this.#settings = settings;
  }

  /** When a fault swallowed its first request, if it did. */
  swallowedAt(fault: Fault): number | undefined {
    return this.#swallowed.get(fault);
  }

  /** When a lying trunk first left a call of the service with 100 and nothing else, if one did. */
  leftHangingAt(service: string): number | undefined {
    return this.#hanging.get(service);
  }

  /** Whether a trunk of the carrier has a fault now, or had one within `grace` milliseconds. */
  isTroubled(carrier: CarrierId, trunks: Iterable<Trunk>, grace: number): boolean {
    const now = this.#timeline.now;
    const own = [...trunks].filter((trunk) => trunk.carrier === carrier);
    return this.faults.some(
      ({ from, to, trunks: hit }) => from <= now && now < to + grace && own.some(({ id }) => hit.has(id)),
    );
  }

  /**
   * @param resend when the INVITE is sent again first; after that the usual times (RFC 3261 17.1.1.2).
   * @param ask when it is sent again although 100 came, since nothing else did.
   */
  invite(
    trunk: Trunk,
    service: string,
    events: LegEvents,
    { resend = ms(T1), ask }: Pick<Deadlines, 'resend' | 'ask'> = {},
  ): Leg {
    const leg: Leg = {
      ...{ trunk, service, events, isHeard: false, hasProgress: false, isGivenUp: false },
      ...{ lastSent: undefined, isOver: false, rang: false, isConnected: false },
    };
    this.#sendInvite(leg, 0, resend);
    if (ask !== undefined) {
      this.#askAgain(leg, ask, MOST_ASKED);
    }
    return leg;
  }

  /** Stops the resends; where the far end rings, it is told (a CANCEL is resent until it arrives). */
  giveUp(leg: Leg): void {
    leg.isGivenUp = true;
    this.#untilArrived(leg.trunk, () => {
      leg.isOver = true;
    });
  }

  /** One OPTIONS. An answer that is late is told after all. */
  probe(trunk: Trunk, timeout: number, done: (outcome: ProbeOutcome) => void): void {
    const sent = this.#timeline.now;
    let isDone = false;
    this.#travel(trunk, true, () => {
      this.#travel(trunk, false, () => {
        isDone = true;
        done({ kind: 'answered', status: 200, roundTrip: ms(this.#timeline.now - sent) });
      });
    });
    this.#timeline.after(timeout, () => {
      if (!isDone) {
        done({ kind: 'silent' });
      }
    });
  }

  #sendInvite(leg: Leg, wait: number, first: number): void {
    this.#travel(leg.trunk, true, () => {
      this.#arrive(leg);
    });
    const next = wait === 0 ? first : wait * 2;
    if (next < LAST_RESEND) {
      this.#timeline.after(next, () => {
        if (!leg.isHeard && !leg.isGivenUp) {
          this.#sendInvite(leg, next, first);
        }
      });
    }
  }

  #askAgain(leg: Leg, wait: number, left: number): void {
    this.#timeline.after(wait, () => {
      if (leg.hasProgress || leg.isGivenUp) {
        return;
      }
      if (leg.isHeard) {
        // Nobody waits for what comes back to it: it is no request that a fault swallowed.
        this.#travel(leg.trunk, false, () => {
          this.#arrive(leg);
        });
      }
      if (left > 1) {
        this.#askAgain(leg, left === MOST_ASKED ? wait : wait * 2, left - 1);
      }
    });
  }

  /** The far end gets the INVITE; of a resend it repeats what it sent last. */
  #arrive(leg: Leg): void {
    if (leg.lastSent !== undefined) {
      this.#respond(leg, leg.lastSent);
      return;
    }
    const failure = this.#failureOf(leg);
    if (failure !== undefined) {
      this.#respond(leg, failure);
      leg.isOver = true;
      return;
    }
    this.#respond(leg, 100);
    if (this.#faultOf(leg.trunk, leg.service)?.kind === 'lie') {
      this.#hanging.set(leg.service, this.#hanging.get(leg.service) ?? this.#timeline.now);
    } else {
      this.#timeline.after(this.#random.between(...this.#settings.ringsAfter), () => {
        this.#ring(leg);
      });
    }
  }

  #ring(leg: Leg): void {
    if (!leg.isOver) {
      leg.rang = true;
      this.#respond(leg, 180);
      this.#timeline.after(this.#random.between(...this.#settings.answersAfter), () => {
        this.#answer(leg, T1);
      });
    }
  }

  /** 200 is resent until its ACK; that it is heard stands for the ACK. */
  #answer(leg: Leg, wait: number): void {
    if (leg.isOver) {
      return;
    }
    let isAcknowledged = false;
    this.#travel(leg.trunk, false, () => {
      isAcknowledged = true;
      leg.isConnected = true;
      leg.isOver = true;
      leg.isHeard = true;
      leg.hasProgress = true;
      leg.events.answered();
    });
    this.#timeline.after(wait, () => {
      if (!isAcknowledged && wait < LAST_RESEND) {
        this.#answer(leg, wait * 2);
      }
    });
  }

  #respond(leg: Leg, status: number): void {
    leg.lastSent = status;
    this.#travel(leg.trunk, false, () => {
      leg.isHeard = true;
      leg.hasProgress ||= status > 100;
      if (leg.isGivenUp) {
        return;
      }
      if (status >= 300) {
        leg.events.failed(status);
      } else {
        leg.events.provisional(status);
      }
    });
  }

  #failureOf({ trunk, service }: Leg): number | undefined {
    const kind = this.#faultOf(trunk, service)?.kind;
    if (kind === 'reject' || (kind === 'half' && this.#random.chance(0.5))) {
      return 503;
    }
    return kind === 'busy' && this.#random.chance(0.5) ? 486 : undefined;
  }

  #faultOf(trunk: Trunk, service?: string): Fault | undefined {
    const now = this.#timeline.now;
    return this.faults.find(
      (fault) =>
        fault.from <= now &&
        now < fault.to &&
        fault.trunks.has(trunk.id) &&
        (fault.service === undefined || fault.service === service),
    );
  }

  /** One datagram, which arrives or does not. Silence holds where it is sent and where it arrives. */
  #travel(trunk: Trunk, isRequest: boolean, arrived: () => void): void {
    const fault = this.#faultOf(trunk);
    if (fault?.kind === 'silent') {
      if (isRequest && !this.#swallowed.has(fault)) {
        this.#swallowed.set(fault, this.#timeline.now);
      }
      return;
    }
    if (this.#random.chance(this.#settings.loss)) {
      return;
    }
    const { delay, jitter } = this.#settings;
    this.#timeline.after(this.#random.between(delay, delay + jitter), () => {
      if (this.#faultOf(trunk)?.kind !== 'silent') {
        arrived();
      }
    });
  }

  #untilArrived(trunk: Trunk, arrived: () => void, wait = T1): void {
    let isThere = false;
    this.#travel(trunk, true, () => {
      isThere = true;
      arrived();
    });
    this.#timeline.after(wait, () => {
      if (!isThere && wait < LAST_RESEND) {
        this.#untilArrived(trunk, arrived, wait * 2);
      }
    });
  }
}
