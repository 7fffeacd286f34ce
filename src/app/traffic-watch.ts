import type { HealthView } from '../domain/health.js';
import type { IngressId, ServiceId } from '../domain/ids.js';
import type { Ingress, Network } from '../domain/network.js';
import type { SavedTraffic } from '../domain/saved-health.js';
import { between, type Milliseconds } from '../domain/time.js';
import {
  callCame,
  type Drought,
  freshTraffic,
  isSuspicious,
  restoredTraffic,
  timePassed,
  type Traffic,
} from '../health/drought.js';
import type { Clock } from '../ports/clock.js';

/** A drought, where it is and how long no call came. */
export interface DroughtReport extends Drought {
  readonly ingress: Ingress;
  readonly service: ServiceId;
  readonly lasts: Milliseconds;
}

interface Watched {
  readonly ingress: Ingress;
  readonly service: ServiceId;
  traffic: Traffic;
}

/** Learns how often calls of each service come from each ingress, and notices when they stop (P19). */
export class TrafficWatch {
  readonly #clock: Clock;
  readonly #watched: readonly Watched[];

  /** @param known what was learned before: by another process, or for another configuration. */
  constructor(network: Network, clock: Clock, known: readonly SavedTraffic[] = []) {
    this.#clock = clock;
    this.#watched = network.ingresses.flatMap((ingress) =>
      [...network.services.keys()].map((service) => ({
        ingress,
        service,
        traffic: startOf(ingress, service, known),
      })),
    );
  }

  callCame(ingress: IngressId, service: ServiceId): void {
    const watched = this.#watched.find((each) => each.ingress.id === ingress && each.service === service);
    if (watched !== undefined) {
      watched.traffic = callCame(watched.traffic, this.#moment());
    }
  }

  /** Lets time pass; to be called every second. Gives the droughts that are on. */
  tick(view: HealthView): readonly DroughtReport[] {
    const moment = this.#moment();
    for (const watched of this.#watched) {
      watched.traffic = timePassed(watched.traffic, moment, this.#isCorroborated(watched, view));
    }
    return this.#watched.flatMap(({ ingress, service, traffic: { drought } }) =>
      drought === undefined ? [] : [{ ...drought, ingress, service, lasts: between(drought.since, moment.now) }],
    );
  }

  /** What the next process has to know. */
  save(): readonly SavedTraffic[] {
    return this.#watched.map(({ ingress, service, traffic: { calls, hours } }) => ({
      ingress: ingress.id,
      service,
      calls,
      hours,
    }));
  }

  /**
   * Less is enough where the carrier fails our own calls of the service, or the other service from this ingress stays away
   * just as strangely. That others still have calls is no such sign: they nearly always do.
   */
  #isCorroborated({ ingress, service }: Watched, view: HealthView): boolean {
    const others = this.#watched.filter((each) => each.ingress === ingress && each.service !== service);
    const { carrier } = ingress;
    const isFailing = carrier !== undefined && view.carrier(carrier, service) !== 'present';
    return isFailing || others.some(({ traffic }) => isSuspicious(traffic));
  }

  #moment(): { readonly now: ReturnType<Clock['now']>; readonly wallTime: number } {
    return { now: this.#clock.now(), wallTime: this.#clock.wallTime() };
  }
}

function startOf(ingress: Ingress, service: ServiceId, known: readonly SavedTraffic[]): Traffic {
  const saved = known.find((each) => each.ingress === ingress.id && each.service === service);
  return saved === undefined ? freshTraffic(ingress.expectedBusyHour?.get(service)) : restoredTraffic(saved);
}
