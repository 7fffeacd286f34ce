import type { Deadlines } from '../domain/attempt.js';
import type { DestinationId, ServiceId, TrunkId } from '../domain/ids.js';
import type { Route, Trunk } from '../domain/network.js';
import type { SavedTimes } from '../domain/saved-health.js';
import { type Milliseconds, ms } from '../domain/time.js';
import { lateAfter, learnRoundTrip, type RoundTrip } from '../health/round-trip.js';
import { askAfter, coldDeadlines, progressRange, silenceRange, slowAfter, type DeadlineRange } from './deadlines.js';
import { ProgressTimes } from './progress-times.js';

/** One way to one destination: what progress is learned for. */
export interface WayTo {
  readonly trunk: TrunkId;
  readonly service: ServiceId;
  readonly destination: DestinationId;
}

/** What is kept of a trunk while no gateway runs. */
type LearnedTimes = Pick<SavedTimes, 'firstResponse' | 'raised' | 'ways'>;

/** A learned round-trip time is used after this many calls. */
const ENOUGH = 5;
/** After a response that needed a resend, or seemed to: half of this is when the next INVITE is sent again. */
const LATER = 2.5;
/** An alarm that proves false raises the deadline by half, ... */
const RAISE = 1.5;
/** ... and each call that is in time takes back so much of that. */
const CALM = 0.9;
/** The INVITE is sent again no sooner than this, and no later than RFC 3261 has it (17.1.1.2). */
const SOONEST_RESEND = ms(50);
const LATEST_RESEND = ms(500);
/** A change by less is not worth new plans. */
const MATERIAL = 0.05;

interface Way {
  readonly way: WayTo;
  readonly times: ProgressTimes;
  /** At least so long, after alarms that proved false. */
  raised: number;
}

interface Answers {
  roundTrip: RoundTrip | undefined;
  raised: number;
}

/** Deadlines that set themselves (DESIGN 4.3): from what each trunk usefully needed so far. */
export class LearnedDeadlines {
  readonly #answers = new Map<TrunkId, Answers>();
  readonly #ways = new Map<string, Way>();
  readonly #given = new Map<string, Deadlines>();
  #changed = false;

  /**
   * The first response to an INVITE came.
   *
   * @param resentAfter when the INVITE was sent again, or would have been. A response after that may belong to either, so
   *   that no time is learned from it (Karn's rule); the next INVITE waits longer, until one needs no resend.
   */
  responded(trunk: Trunk, took: Milliseconds, resentAfter: Milliseconds = LATEST_RESEND): void {
    const answers = this.#answersOf(trunk.id);
    this.#changed = true;
    if (trunk.address.transport === 'udp' && took >= resentAfter) {
      answers.raised = Math.max(answers.raised, took * LATER);
      return;
    }
    answers.roundTrip = learnRoundTrip(answers.roundTrip, took);
    answers.raised *= CALM;
  }

  /** It rang, where the trunk can be believed; or it was answered. */
  progressed(way: WayTo, took: Milliseconds): void {
    const known = this.#wayOf(way);
    known.times.add(took, true);
    known.raised *= CALM;
    this.#changed = true;
  }

  /** We ended an attempt that had not progressed: it would have taken longer. */
  cutShort(way: WayTo, after: Milliseconds): void {
    this.#wayOf(way).times.add(after, false);
    this.#changed = true;
  }

  /** An attempt was late by one of its deadlines, and came to life all the same. */
  wasTooStrict(way: WayTo, deadlines: Deadlines, which: 'silence' | 'progress'): void {
    if (which === 'progress') {
      this.#wayOf(way).raised = deadlines.progress * RAISE;
    } else if (deadlines.silence !== undefined) {
      this.#answersOf(way.trunk).raised = deadlines.silence * RAISE;
    }
    this.#changed = true;
  }

  /** What the next process has to know of a trunk, as far as it concerns these routes. */
  save(trunk: TrunkId, routes: readonly Route[]): LearnedTimes {
    const answers = this.#answers.get(trunk);
    const ways = [...this.#ways.values()].filter(({ way }) => way.trunk === trunk && routes.some(isRouteOf(way)));
    return {
      ...(answers?.roundTrip === undefined ? {} : { firstResponse: answers.roundTrip }),
      raised: ms(answers?.raised ?? 0),
      ways: ways.map(({ way: { service, destination }, times, raised }) => {
        const late = times.late();
        return { service, destination, raised: ms(raised), ...(late === undefined ? {} : { late }) };
      }),
    };
  }

  /** Goes on with what an earlier process had learned of a trunk. */
  restore(trunk: TrunkId, { firstResponse, raised, ways }: LearnedTimes): void {
    this.#answers.set(trunk, { roundTrip: firstResponse, raised });
    for (const { service, destination, late, raised: raisedTo } of ways) {
      const way = { trunk, service, destination };
      this.#ways.set(keyOf(way), { way, times: new ProgressTimes(late), raised: raisedTo });
    }
    this.#changed = true;
  }

  /** The deadlines of an attempt. The same value until they change by more than a little. */
  of(route: Route, trunk: Trunk): Deadlines {
    const fresh = this.#fresh(route, trunk);
    const given = this.#given.get(route.id);
    if (given !== undefined && isClose(given, fresh)) {
      return given;
    }
    this.#given.set(route.id, fresh);
    return fresh;
  }

  /** What plans were given last: to look at, without a change. */
  inForce(route: Route, trunk: Trunk): Deadlines {
    return this.#given.get(route.id) ?? this.#fresh(route, trunk);
  }

  /** Whether what was learned since the last time changes the deadlines of any of these routes. */
  changes(routes: readonly Route[], trunks: ReadonlyMap<TrunkId, Trunk>): boolean {
    const isNews = this.#changed;
    this.#changed = false;
    return (
      isNews &&
      routes.some((route) => {
        const trunk = trunks.get(route.trunk);
        return trunk !== undefined && this.#given.get(route.id) !== this.of(route, trunk);
      })
    );
  }

  #fresh({ service, destination }: Route, trunk: Trunk): Deadlines {
    const cold = coldDeadlines(trunk.kind);
    const way = this.#ways.get(keyOf({ trunk: trunk.id, service, destination }));
    const late = way?.times.late();
    const progress = within(progressRange[trunk.kind], Math.max(late ?? cold.progress, way?.raised ?? 0));
    // After a false alarm nobody is slow before he is late.
    const slow = slowAfter((way?.raised ?? 0) > cold.progress ? progress : late, progress);
    const ask = askAfter(way?.times.usual(), progress);
    const answers = this.#answers.get(trunk.id);
    if (answers?.roundTrip === undefined || answers.roundTrip.samples < ENOUGH) {
      return {
        silence: within(silenceRange, Math.max(cold.silence ?? 0, answers?.raised ?? 0)),
        progress,
        slow,
        ...ask,
      };
    }
    const usual = lateAfter(answers.roundTrip);
    const resend = ms(Math.min(Math.max(usual, answers.raised / 2, SOONEST_RESEND), LATEST_RESEND));
    // One lost packet shall not look like silence: its resend has its own time to be answered.
    return { silence: within(silenceRange, Math.max(resend + usual, answers.raised)), progress, slow, resend, ...ask };
  }

  #answersOf(trunk: TrunkId): Answers {
    const known = this.#answers.get(trunk) ?? { roundTrip: undefined, raised: 0 };
    this.#answers.set(trunk, known);
    return known;
  }

  #wayOf(way: WayTo): Way {
    const key = keyOf(way);
    const known = this.#ways.get(key) ?? { way, times: new ProgressTimes(), raised: 0 };
    this.#ways.set(key, known);
    return known;
  }
}

function isRouteOf({ trunk, service, destination }: WayTo): (route: Route) => boolean {
  return (route) => route.trunk === trunk && route.service === service && route.destination === destination;
}

function keyOf({ trunk, service, destination }: WayTo): string {
  return `${trunk} ${service} ${destination}`;
}

function within({ floor, ceiling }: DeadlineRange, value: number): Milliseconds {
  return ms(Math.min(Math.max(value, floor), ceiling));
}

function isClose(a: Deadlines, b: Deadlines): boolean {
  const near = (x: number | undefined, y: number | undefined): boolean =>
    x === y || (x !== undefined && y !== undefined && Math.abs(x - y) <= MATERIAL * x);
  return (
    near(a.silence, b.silence) &&
    near(a.progress, b.progress) &&
    near(a.slow, b.slow) &&
    near(a.resend, b.resend) &&
    near(a.ask, b.ask)
  );
}
