import type { ProbeOutcome } from '../domain/health.js';
import type { Trunk } from '../domain/network.js';
import { between, instant, ms, type Instant, type Milliseconds } from '../domain/time.js';
import { freshSchedule, nextProbe, probeSent, probeTimeout, type ProbeSchedule } from '../health/probing.js';
import type { Clock, Random, Timer } from '../ports/clock.js';
import type { Log } from '../ports/journal.js';
import type { SipServer } from '../ports/sip-server.js';
import type { HealthKeeper } from './health-keeper.js';

/** The schedule is looked at no more often than this. */
const FINEST_STEP = ms(10);
/** ... and at least this often, so that a trunk that calls made doubtful is probed soon. */
const COARSEST_STEP = ms(50);
/** A late answer is waited for. */
const LISTENS = ms(2_000);

interface Probed {
  readonly trunk: Trunk;
  readonly jitter: number;
  schedule: ProbeSchedule;
}

/** The one scheduler of probes: asks `health/` when, sends OPTIONS, and hands the outcome to the book. */
export class Prober {
  #probed: readonly Probed[];
  readonly #random: Random;
  readonly #keeper: HealthKeeper;
  readonly #server: SipServer;
  readonly #clock: Clock;
  readonly #log: Log;
  #timer: Timer | undefined;

  constructor(
    trunks: Iterable<Trunk>,
    keeper: HealthKeeper,
    server: SipServer,
    clock: Clock,
    random: Random,
    log: Log,
  ) {
    this.#random = random;
    this.#probed = [...trunks].map((trunk) => this.#fresh(trunk));
    this.#keeper = keeper;
    this.#server = server;
    this.#clock = clock;
    this.#log = log;
  }

  /** Probes these trunks from now on. A trunk that was probed before keeps its schedule. */
  reload(trunks: Iterable<Trunk>): void {
    const before = new Map(this.#probed.map((each) => [each.trunk.id, each] as const));
    this.#probed = [...trunks].map((trunk) => ({ ...(before.get(trunk.id) ?? this.#fresh(trunk)), trunk }));
  }

  start(): void {
    this.#keeper.onMiss(() => {
      this.#nudge();
    });
    this.#round();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #fresh(trunk: Trunk): Probed {
    return { trunk, jitter: this.#random.fraction(), schedule: freshSchedule };
  }

  /** Somebody may have to be probed at once. */
  #nudge(): void {
    if (this.#timer !== undefined) {
      this.#timer.cancel();
      this.#round();
    }
  }

  #round(): void {
    const now = this.#clock.now();
    if (this.#server.connected) {
      for (const probed of this.#probed.filter((each) => this.#due(each, now) <= now)) {
        this.#send(probed, now);
      }
    }
    const next = Math.min(...this.#probed.map((each) => this.#due(each, now)));
    const wait = Math.min(Math.max(between(now, instant(next)), FINEST_STEP), COARSEST_STEP);
    this.#timer = this.#clock.setTimer(ms(wait), () => {
      this.#round();
    });
  }

  #due(probed: Probed, now: Instant): Instant {
    const need = this.#keeper.book.probeNeed(probed.trunk.id);
    return nextProbe(probed.trunk, probed.schedule, need, now, probed.jitter) ?? instant(Number.POSITIVE_INFINITY);
  }

  #send(probed: Probed, now: Instant): void {
    const { trunk } = probed;
    const need = this.#keeper.book.probeNeed(trunk.id);
    probed.schedule = probeSent(probed.schedule, need, now);
    const [first] = need.ledgers;
    this.#probe(trunk, first === undefined ? ms(500) : probeTimeout(first.probe)).catch((error: unknown) => {
      this.#log.error({ trunk: trunk.id, err: error }, 'a probe failed in itself');
    });
  }

  /** What is not answered in time is missed. An answer that comes after all says that the path is there, and slow. */
  async #probe(trunk: Trunk, timeout: Milliseconds): Promise<void> {
    let isMissed = false;
    const timer = this.#clock.setTimer(timeout, () => {
      isMissed = true;
      this.#record(trunk, { kind: 'silent' });
    });
    const answer = await this.#server.probe(trunk.address, ms(Math.max(timeout, LISTENS)));
    timer.cancel();
    if (answer.kind === 'unsent') {
      this.#log.debug({ trunk: trunk.id, cause: answer.cause }, 'a probe could not be sent');
    } else if (answer.kind === 'answered' || !isMissed) {
      this.#record(trunk, answer);
    }
  }

  #record(trunk: Trunk, outcome: ProbeOutcome): void {
    if (this.#probed.some((each) => each.trunk === trunk)) {
      this.#keeper.record(trunk.id, { type: 'probe', outcome });
    }
  }
}
