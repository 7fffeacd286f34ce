import type { CarrierId, ServiceId, TrunkId } from '../../src/domain/ids.js';
import { id } from '../../src/domain/ids.js';
import type { SavedHealth, SavedTrunk } from '../../src/domain/saved-health.js';
import { ms, type Milliseconds } from '../../src/domain/time.js';

/** A trunk of a carrier that has this one alone. */
interface LostTrunk {
  readonly id: string;
  readonly carrier: string;
}

const unsuspected = { score: 0, isBad: false };

/** What an earlier process knew: calls of these services had failed on these trunks, a minute ago, and so they were gone. */
export function gone(trunks: readonly LostTrunk[], services: readonly string[], left: Milliseconds): SavedHealth {
  const pairs = services.flatMap((service) => trunks.map((trunk) => ({ ...trunk, service: id<ServiceId>(service) })));
  return {
    at: Date.now(),
    trunks: pairs.map(({ id: trunk, service }): SavedTrunk => ({
      ...{ trunk: id<TrunkId>(trunk), service, state: 'down', cause: 'calls failed', by: 'call', age: ms(60_000) },
      ...{ proven: true, probed: false, holdDown: ms(5_000), left, points: 9, downPoints: 9, mute: 0, failures: 9 },
      rates: { half: unsuspected, tenth: unsuspected, cuts: unsuspected },
    })),
    carriers: pairs.map(({ carrier, service }) => ({
      ...{ carrier: id<CarrierId>(carrier), service, state: 'absent' as const },
      ...{ cause: 'all its trunks are down', age: ms(60_000) },
    })),
    traffic: [],
    times: [],
    rings: [],
  };
}
