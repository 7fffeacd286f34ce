import { setTimeout as sleep } from 'node:timers/promises';
import { atWork, call, siteAt } from './load.js';
import { usageOf } from './processes.js';
import type { EngineReply } from './questions.js';
import { startEmbedded, type Server } from './servers.js';

/** Memory at one moment, and how many calls there had been. */
export interface Mark {
  readonly calls: number;
  /** Bytes in use after a collection. */
  readonly heap: number;
  readonly rss: number;
  /** Dialogs that are open. */
  readonly dialogs: number;
}

/** What a long run of calls came to. */
export interface Soak {
  readonly answered: number;
  readonly failed: number;
  readonly seconds: number;
  readonly marks: readonly Mark[];
  /** When everything had time to end. */
  readonly after: EngineReply;
}

/** How long a run is. */
export interface SoakPlan {
  readonly calls: number;
  /** Memory is looked at after so many; all calls between two looks come at the same rate. */
  readonly step: number;
  /** New calls per second. */
  readonly rate: number;
  /** Milliseconds; that of RFC 3261 where not given. */
  readonly t1?: number;
}

const AT_ONCE = 400;
/**
 * A BYE right behind the ACK can reach drachtio-srf before the application has its dialogs: it then ends one side alone. The dialog
 * that is left is the application's, and would be counted here.
 */
const HOLD_MS = 300;
/** This long after 64*T1 every transaction of the last call is over. */
const MARGIN_MS = 4_000;
const STANDARD_T1 = 500;

/**
 * Calls through the embedded engine and the bare B2BUA application, in steps. Each mark is taken when the transactions of the step
 * are over, so that two marks differ by nothing but what has leaked.
 */
export async function soak(
  net: number,
  { calls, step, rate, t1 }: SoakPlan,
  progress: (mark: Mark) => void,
): Promise<Soak> {
  const site = siteAt(net);
  const server = await startEmbedded(site.server, undefined, t1);
  const started = performance.now();
  let [answered, failed] = [0, 0];
  const marks: Mark[] = [];
  try {
    await atWork(site, async () => {
      for (let done = step; done <= calls; done += step) {
        const result = await call(site, { calls: step, rate, duration: HOLD_MS, atOnce: AT_ONCE });
        answered += result.successful;
        failed += result.failed;
        await sleep((t1 ?? STANDARD_T1) * 64 + MARGIN_MS);
        marks.push(await markOf(server, done));
        progress(marks.at(-1) ?? { calls: 0, heap: 0, rss: 0, dialogs: 0 });
      }
    });
    await sleep(1_000);
    const after = await server.counts();
    if (after === undefined) {
      throw new Error('the engine does not tell what it holds');
    }
    return { answered, failed, seconds: (performance.now() - started) / 1_000, marks, after };
  } finally {
    await server.stop();
  }
}

async function markOf(server: Server, calls: number): Promise<Mark> {
  const counts = await server.counts();
  return { calls, heap: counts?.heap ?? 0, rss: usageOf(server.pid).rss, dialogs: counts?.stats.dialogs ?? 0 };
}
