import type { SavedHealth } from '../domain/saved-health.js';

/** Keeps what a gateway knew about health while no gateway runs. It never throws, and never makes a call wait. */
export interface HealthStore {
  /** What was written last. Undefined where nothing was, or nothing that can be read. */
  load(): SavedHealth | undefined;
  /** Takes the newest state. Of several that come while one is being written only the last is kept. */
  save(state: SavedHealth): void;
  /** Writes what is still waiting, and stops. */
  close(): Promise<void>;
}
