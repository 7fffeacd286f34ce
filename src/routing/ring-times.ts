import type { DestinationId, ServiceId } from '../domain/ids.js';
import { type Milliseconds, ms } from '../domain/time.js';
import type { SavedRing } from '../domain/saved-health.js';
import type { DeadlineRange } from './deadlines.js';
import { ProgressTimes } from './progress-times.js';

/** Who is rung: an answering point takes its time over whichever trunk it is reached. */
export interface Rung {
  readonly service: ServiceId;
  readonly destination: DestinationId;
}

/** From ringing to the answer (DESIGN 4.6). Whoever is rung twice for one call is rung once for nothing. */
export const ringRange: DeadlineRange = { floor: ms(6_000), cold: ms(12_000), ceiling: ms(20_000) };

/** So much more than what nearly all answers take. */
const MARGIN = 1.5;
/** Another attempt that was not needed raises the time by half, ... */
const RAISE = 1.5;
/** ... and each answer in time takes back so much of that. */
const CALM = 0.95;

const SOONEST_PROOF = 2_000;

interface Known {
  readonly rung: Rung;
  readonly times: ProgressTimes;
  raised: number;
}

/** How long destinations usually ring until somebody answers, learned from the calls. */
export class RingTimes {
  readonly #known = new Map<string, Known>();

  /** Somebody answered after so long. @param late whether another attempt had been started for it. */
  answered(rung: Rung, took: Milliseconds, late: boolean): void {
    const known = this.#of(rung);
    known.raised = late ? this.usually(rung) * RAISE : known.raised * CALM;
    known.times.add(took, true);
  }

  /**
   * The caller hung up: it would have rung for longer. Nothing is learned where another attempt was answered: either may
   * have rung where nobody is.
   */
  hungUp(rung: Rung, after: Milliseconds): void {
    this.#of(rung).times.add(after, false);
  }

  /** After ringing for so long a destination is tried over an independent carrier as well. */
  usually(rung: Rung): Milliseconds {
    const { floor, cold, ceiling } = ringRange;
    const known = this.#known.get(keyOf(rung));
    const late = known?.times.late();
    const wanted = Math.max(late === undefined ? cold : late * MARGIN, known?.raised ?? 0);
    return ms(Math.min(ceiling, Math.max(floor, wanted)));
  }

  /** The same for a call that is to prove a trunk on its way back: what nearly all answers take, and no more. */
  atBest(rung: Rung): Milliseconds {
    const late = this.#known.get(keyOf(rung))?.times.late() ?? ringRange.floor;
    return ms(Math.min(this.usually(rung), Math.max(SOONEST_PROOF, late)));
  }

  /** What is kept while no gateway runs. */
  save(): readonly SavedRing[] {
    return [...this.#known.values()].map(({ rung, times, raised }) => {
      const late = times.late();
      return { ...rung, raised: ms(raised), ...(late === undefined ? {} : { late }) };
    });
  }

  /** Goes on with what an earlier process had learned. */
  restore(saved: readonly SavedRing[]): void {
    for (const { service, destination, late, raised } of saved) {
      const rung = { service, destination };
      this.#known.set(keyOf(rung), { rung, times: new ProgressTimes(late), raised });
    }
  }

  #of(rung: Rung): Known {
    const key = keyOf(rung);
    const known = this.#known.get(key) ?? { rung, times: new ProgressTimes(), raised: 0 };
    this.#known.set(key, known);
    return known;
  }
}

function keyOf({ service, destination }: Rung): string {
  return `${service} ${destination}`;
}
