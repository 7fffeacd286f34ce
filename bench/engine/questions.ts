import type { Engine } from '../../src/engine/engine.js';

/** What the bench asks the engine's process. */
export type EngineQuestion = 'ready' | 'counts';

/** What it says. */
export interface EngineReply {
  readonly question: EngineQuestion;
  readonly stats: ReturnType<Engine['stats']>;
  /** Bytes in use on the heap and in buffers, after a collection. */
  readonly heap: number;
  /** Timers that are set. */
  readonly timers: number;
}
