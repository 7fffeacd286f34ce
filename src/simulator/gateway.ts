import type { Attempt, CallCommand, CallEvent, CallState } from '../calls/call.js';
import { isOpen } from '../calls/draft.js';
import { PROVEN_AFTER } from '../calls/dropped.js';
import { HedgeBudget } from '../calls/hedge-budget.js';
import { newCall, transition } from '../calls/transition.js';
import type { PlannedAttempt } from '../domain/attempt.js';
import type { AttemptOutcome, Evidence, HealthChange } from '../domain/health.js';
import { type AttemptId, id, type ServiceId, type TrunkId } from '../domain/ids.js';
import type { Network, Service, Trunk } from '../domain/network.js';
import { between, ms } from '../domain/time.js';
import { judge } from '../failure/verdict.js';
import { HealthBook } from '../health/book.js';
import { freshSchedule, nextProbe, probeSent, probeTimeout, type ProbeSchedule } from '../health/probing.js';
import type { HealthSettings } from '../health/weights.js';
import { needsCarrier } from '../routing/candidates.js';
import { coldDeadlines } from '../routing/deadlines.js';
import { LearnedDeadlines } from '../routing/learned-deadlines.js';
import { buildPlans, plan, type Plans } from '../routing/planner.js';
import type { SeededRandom } from './random.js';
import type { Timeline } from './timeline.js';
import type { Leg, World } from './world.js';

/** What a simulated call came to. Moments are milliseconds from the start. */
export interface CallResult {
  readonly startedAt: number;
  readonly ringingAt: number | undefined;
  readonly answered: boolean;
  /** Answering points that were connected to it. More than one is a double. */
  readonly connected: number;
  /** Legs that rang for nothing: another answered. */
  readonly phantoms: number;
  readonly firstCarrier: string;
}

/** What to tell of a simulated gateway while it runs. */
export interface GatewayEvents {
  changed(change: HealthChange): void;
  ended(result: CallResult): void;
}

interface Probed {
  readonly trunk: Trunk;
  readonly jitter: number;
  schedule: ProbeSchedule;
  /** The moment of the look that is planned; an earlier one makes it void. */
  lookAt: number;
}

interface OpenCall {
  readonly service: Service;
  readonly legs: Map<AttemptId, Leg>;
  state: CallState;
  ringingAt: number | undefined;
  isOver: boolean;
}

const RING_AT_LATEST = 2_000;
const RINGING_USUALLY = 12_000;
const LAST_CHANCE = 4_000;
/** A caller who hears no answer hangs up. */
const PATIENCE = 60_000;
/** Every leg has come to its end by then. */
const ALL_SETTLED = 40_000;
/** How long a call lasts: long enough for its answer to prove the path. */
const TALK = 3_000;
const TICK = 1_000;

/**
 * The gateway's pure machines, joined as the gateway joins them: book of health, planner, call machine, deadlines and the
 * schedule of probes. What the SIP server does for the real one is done by the `World`.
 */
export class SimulatedGateway {
  readonly book: HealthBook;
  readonly #network: Network;
  readonly #timeline: Timeline;
  readonly #world: World;
  readonly #events: GatewayEvents;
  readonly #probed: readonly Probed[];
  readonly #open = new Set<OpenCall>();
  readonly #hedges = new HedgeBudget();
  /** What it has learned of its trunks. */
  readonly deadlines = new LearnedDeadlines();
  #plans: Plans;
  #version = 0;
  #turn = 0;
  #attempts = 0;

  constructor(
    network: Network,
    timeline: Timeline,
    world: World,
    random: SeededRandom,
    settings: HealthSettings,
    events: GatewayEvents,
  ) {
    this.#network = network;
    this.#timeline = timeline;
    this.#world = world;
    this.#events = events;
    this.book = new HealthBook(network, timeline.now, settings);
    this.#plans = this.#build();
    this.#probed = [...network.trunks.values()].map((trunk) => ({
      ...{ trunk, jitter: random.fraction(), schedule: freshSchedule, lookAt: Number.POSITIVE_INFINITY },
    }));
    this.#lookAtProbes();
    this.#tick();
  }

  /** A call comes in. */
  call(service: Service): void {
    const state = newCall(service.class, this.#plan(service), this.#timeline.now);
    const call: OpenCall = { service, legs: new Map(), state, ringingAt: undefined, isOver: false };
    this.#open.add(call);
    this.#later(call, RING_AT_LATEST, { type: 'ring-due' });
    this.#later(call, PATIENCE, { type: 'caller-cancelled' });
    this.#dispatch(call, { type: 'started' });
  }

  #plan(service: Service): readonly PlannedAttempt[] {
    const now = this.#timeline.now;
    this.#turn += 1;
    return plan(this.#plans, service.id, {
      turn: this.#turn,
      canaryAllowed: (trunk) => this.book.admitsCanary(trunk, service.id, now),
      shareAllowed: (trunk) => this.book.takesShare(trunk, service.id),
    });
  }

  #dispatch(call: OpenCall, event: CallEvent): void {
    if (call.isOver && event.type !== 'answered') {
      return;
    }
    const step = transition(call.state, event, this.#timeline.now, {
      attemptId: () => this.#nextAttempt(),
      room: () => 'free',
      hasSeat: () => true,
      canSend: () => true,
      mayHedge: (trunk) => this.#hedges.allows(trunk.id, this.#timeline.now),
      plan: () => this.#plan(call.service),
    });
    call.state = step.call;
    for (const command of step.commands) {
      this.#carryOut(call, command);
    }
  }

  #nextAttempt(): AttemptId {
    this.#attempts += 1;
    return id<AttemptId>(String(this.#attempts));
  }

  #carryOut(call: OpenCall, command: CallCommand): void {
    if (command.do === 'start-attempt') {
      this.#start(call, command.attempt);
    } else if (command.do === 'give-up') {
      this.#giveUp(call, command.attempt);
    } else if (command.do === 'ring-caller') {
      this.#rings(call, command.from);
    } else if (command.do === 'watch-ringing') {
      this.#later(call, RINGING_USUALLY, { type: 'deadline', attempt: command.attempt, which: 'ringing' });
    } else if (command.do === 'arm-last-chance') {
      this.#later(call, LAST_CHANCE, { type: 'last-chance-over' });
    } else if (command.do === 'report-evidence') {
      this.#evidence(call, command);
    } else if (command.do === 'answer-caller') {
      this.#dispatch(call, { type: 'caller-answered' });
    } else if (command.do === 'arm-proof') {
      this.#later(call, PROVEN_AFTER, { type: 'proven', attempt: command.attempt });
      this.#later(call, TALK, { type: 'caller-ended' });
    } else if (command.do === 'finish') {
      this.#end(call);
    }
  }

  #start(call: OpenCall, attempt: Attempt): void {
    const { id: name, planned } = attempt;
    const { deadlines, role, trunk } = planned;
    if (role === 'canary') {
      this.book.canaryStarted(trunk.id, call.service.id, this.#timeline.now);
    }
    this.#hedges.started(trunk.id, attempt.hedge === true, this.#timeline.now);
    const leg = this.#world.invite(
      trunk,
      call.service.id,
      {
        provisional: (status) => {
          this.#dispatch(call, { type: 'responded', attempt: name, status, trusted: status === 180 });
        },
        failed: (status) => {
          this.#failed(call, name, status);
        },
        answered: () => {
          if (call.legs.get(name)?.isGivenUp === false) {
            this.#dispatch(call, { type: 'answered', attempt: name });
          }
        },
      },
      deadlines,
    );
    call.legs.set(name, leg);
    this.#later(call, deadlines.miss, { type: 'miss-due', attempt: name });
    this.#later(call, deadlines.slow, { type: 'slow-due', attempt: name });
    this.#later(call, deadlines.silence, { type: 'deadline', attempt: name, which: 'silence' });
    this.#later(call, deadlines.progress, { type: 'deadline', attempt: name, which: 'progress' });
    if (role === 'canary') {
      const patience = coldDeadlines(trunk.kind);
      this.#later(call, patience.silence, { type: 'blame-due', attempt: name, which: 'silence' });
      this.#later(call, patience.progress, { type: 'blame-due', attempt: name, which: 'progress' });
    }
  }

  #failed(call: OpenCall, attempt: AttemptId, status: number): void {
    const known = call.state.attempts.find((each) => each.id === attempt);
    const verdict = judge({
      ...{ service: call.service.class, origin: 'peer', status, reasons: [], plain: false, ownNumber: false },
      sawProgress: known?.progressAt !== undefined,
    });
    this.#dispatch(call, { type: 'failed', attempt, verdict, status });
  }

  #giveUp(call: OpenCall, attempt: AttemptId): void {
    const leg = call.legs.get(attempt);
    if (leg !== undefined) {
      this.#world.giveUp(leg);
    }
  }

  /** The caller hears it from an attempt, or since two seconds have passed. Only the first counts as ringing. */
  #rings(call: OpenCall, from: AttemptId | undefined): void {
    if (from !== undefined) {
      call.ringingAt ??= this.#timeline.now;
    }
  }

  #evidence(call: OpenCall, { attempt, outcome }: CallCommand & { readonly do: 'report-evidence' }): void {
    const known = call.state.attempts.find((each) => each.id === attempt);
    if (known !== undefined) {
      this.#learn(known, call.service, outcome);
      const service = call.service.id;
      const { startedAt, endedAt } = known;
      const heard = outcome.kind === 'answered' && endedAt !== undefined ? { heardAt: endedAt } : {};
      this.#record(known.planned.trunk.id, { type: 'attempt', service, outcome, startedAt, ...heard });
    }
  }

  #learn(
    { startedAt, firstResponseAt, progressAt, planned }: Attempt,
    { id: service }: Service,
    outcome: AttemptOutcome,
  ): void {
    const isOver = outcome.kind === 'answered' && progressAt !== undefined;
    if (firstResponseAt === undefined || isOver || outcome.kind === 'slow' || outcome.kind === 'heard') {
      return;
    }
    const { trunk, route, deadlines } = planned;
    this.deadlines.responded(trunk, between(startedAt, firstResponseAt), deadlines.resend);
    if (progressAt !== undefined) {
      const way = { trunk: trunk.id, service, destination: route.destination };
      this.deadlines.progressed(way, between(startedAt, progressAt));
    }
  }

  /** The search is over. What its legs came to is known when all of them have settled. */
  #end(call: OpenCall): void {
    if (call.isOver) {
      return;
    }
    call.isOver = true;
    this.#open.delete(call);
    this.#timeline.after(ALL_SETTLED, () => {
      this.#events.ended(resultOf(call));
    });
  }

  #record(trunk: TrunkId, evidence: Evidence): void {
    this.#changed(this.book.record(trunk, evidence, this.#timeline.now));
    if (evidence.type === 'probe' || (evidence.type === 'attempt' && evidence.outcome.kind === 'missed')) {
      this.#lookAtProbes();
    }
  }

  #changed(changes: readonly HealthChange[]): void {
    if (changes.length === 0 && this.book.version === this.#version) {
      return;
    }
    this.#version = this.book.version;
    this.#plans = this.#build();
    for (const change of changes) {
      this.#events.changed(change);
      for (const trunk of this.#goneWith(change)) {
        this.#move(trunk, change.service);
      }
    }
  }

  #goneWith(change: HealthChange): readonly TrunkId[] {
    if (change.of === 'trunk') {
      return change.to === 'down' ? [change.trunk] : [];
    }
    const absent = new Set([change.carrier]);
    const trunks = [...this.#network.trunks.values()];
    return change.to === 'absent' ? trunks.filter((trunk) => needsCarrier(trunk, absent)).map((trunk) => trunk.id) : [];
  }

  /** Calls that wait on it move at once (P8). */
  #move(trunk: TrunkId, service: ServiceId): void {
    for (const call of [...this.#open]) {
      const isWaiting = call.state.attempts.some((each) => each.planned.trunk.id === trunk && isOpen(each));
      if (call.service.id === service && isWaiting) {
        this.#dispatch(call, { type: 'trunk-gone', trunk });
      }
    }
  }

  #lookAtProbes(): void {
    for (const probed of this.#probed) {
      this.#lookAtProbe(probed);
    }
  }

  #lookAtProbe(probed: Probed): void {
    const now = this.#timeline.now;
    const { trunk, jitter } = probed;
    const due = nextProbe(trunk, probed.schedule, this.book.probeNeed(trunk.id), now, jitter);
    if (due === undefined) {
      return;
    }
    if (due <= now) {
      this.#probe(probed);
      return this.#lookAtProbe(probed);
    }
    if (due < probed.lookAt || probed.lookAt <= now) {
      probed.lookAt = due;
      this.#timeline.after(due - now, () => {
        if (probed.lookAt === due) {
          this.#lookAtProbe(probed);
        }
      });
    }
  }

  #probe(probed: Probed): void {
    const { trunk } = probed;
    const need = this.book.probeNeed(trunk.id);
    probed.schedule = probeSent(probed.schedule, need, this.#timeline.now);
    const [first] = need.ledgers;
    this.#world.probe(trunk, first === undefined ? 500 : probeTimeout(first.probe), (outcome) => {
      this.#record(trunk.id, { type: 'probe', outcome });
    });
  }

  #build(): Plans {
    return buildPlans(this.#network, this.book.view(), (route, trunk) => {
      const [ledgers] = this.book.ledgers(trunk.id);
      const learned = this.deadlines.of(route, trunk);
      return ledgers === undefined ? learned : { ...learned, miss: probeTimeout(ledgers.probe) };
    });
  }

  #tick(): void {
    this.#changed(this.book.tick(this.#timeline.now));
    if (this.#open.size > 0) {
      this.#plans = this.#build();
    }
    this.#timeline.after(TICK, () => {
      this.#tick();
    });
  }

  #later(call: OpenCall, delay: number | undefined, event: CallEvent): void {
    if (delay !== undefined) {
      this.#timeline.after(ms(delay), () => {
        this.#dispatch(call, event);
      });
    }
  }
}

function resultOf({ state, legs, ringingAt }: OpenCall): CallResult {
  const all = [...legs.values()];
  const answered =
    state.phase.phase === 'connected' || (state.phase.phase === 'ended' && state.phase.outcome === 'answered');
  return {
    startedAt: state.startedAt,
    ringingAt,
    answered,
    connected: all.filter((leg) => leg.isConnected).length,
    phantoms: answered ? all.filter((leg) => leg.rang && !leg.isConnected).length : 0,
    firstCarrier: state.attempts[0]?.planned.trunk.carrier ?? '',
  };
}
