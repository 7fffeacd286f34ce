import { aside } from '../calls/aside.js';
import type { Attempt } from '../calls/call.js';
import type { Room } from '../calls/call.js';
import { type Channel, Channels } from '../calls/channels.js';
import { type SeatCount, Seats } from '../calls/seats.js';
import { HedgeBudget } from '../calls/hedge-budget.js';
import type { Dispatcher } from '../calls/desk.js';
import type { PlannedAttempt } from '../domain/attempt.js';
import type { AttemptOutcome, Evidence, HealthChange } from '../domain/health.js';
import type { CallId, ServiceId, TrunkId } from '../domain/ids.js';
import type { AttemptStarted, HealthChanged } from '../domain/journal-record.js';
import type { Ingress, Network, Route, Service, Trunk } from '../domain/network.js';
import type { SavedHealth } from '../domain/saved-health.js';
import { between, type Instant, ms, type Milliseconds } from '../domain/time.js';
import { HealthBook, type HealthSnapshot } from '../health/book.js';
import { blank, type HealthStart, restored } from '../health/entries.js';
import { defaultHealthSettings } from '../health/weights.js';
import type { Clock, Timer } from '../ports/clock.js';
import type { Journal, Log } from '../ports/journal.js';
import type { HealthStore } from '../ports/store.js';
import type { SipServer, Source } from '../ports/sip-server.js';
import { candidatesFor, needsCarrier } from '../routing/candidates.js';
import { probeTimeout } from '../health/probing.js';
import { withoutTrying } from '../routing/deadlines.js';
import { explainPlan, unknownNames, type PlanExplanation } from '../routing/explain.js';
import { buildPlans, plan, type Plans } from '../routing/planner.js';
import { DeadlineKeeper } from './deadline-keeper.js';
import { FirstAnswers } from './first-answers.js';
import { TrafficWatch } from './traffic-watch.js';
import type { Watched } from './watch.js';
import { SelfWatch } from './self-watch.js';
import { ingressTable, type IngressTable } from './ingress-table.js';

/** Learned times that differ by less are the same, in milliseconds. */
const LITTLE = 20;
/** Health is saved so often. */
const SAVE_EVERY = ms(5_000);
/** After our own process stood still, what it should have read meanwhile is read within this time. */
const CATCH_UP = ms(300);

/** Time alone may bring a trunk back; the book is asked at least so often. */
const TICK_AT_LEAST_EVERY = ms(1_000);

/** How many channels of a trunk are in use, and how many it has. */
interface ChannelCount {
  readonly trunk: TrunkId;
  readonly used: number;
  readonly total: number;
}

/** Keeps the book of health, and the plans that follow from it; tells those who wait when a trunk is gone. */
export class HealthKeeper implements Dispatcher {
  #network: Network;
  readonly #clock: Clock;
  readonly #journal: Journal;
  readonly #log: Log;
  readonly #server: Pick<SipServer, 'reportsTrying'>;
  readonly #firstAnswers = new FirstAnswers();
  readonly #deadlines = new DeadlineKeeper();
  readonly #channels: Channels;
  readonly #seats: Seats;
  readonly #hedges = new HedgeBudget();
  #book: HealthBook;
  #traffic: TrafficWatch;
  #ingresses: IngressTable;
  readonly #missListeners: (() => void)[] = [];
  readonly #store: HealthStore | undefined;
  readonly #self: SelfWatch;
  #saving: Timer | undefined;
  readonly #goneListeners: ((trunk: TrunkId, service: ServiceId) => void)[] = [];
  readonly #betterListeners: ((service: ServiceId) => void)[] = [];
  #plans: Plans;
  #version = 0;
  #planned: readonly number[] = [];
  #turn = 0;
  #timer: Timer | undefined;

  /** @param store where health survives the process. Without it every start is blank. */
  constructor(
    network: Network,
    clock: Clock,
    journal: Journal,
    log: Log,
    server: Pick<SipServer, 'reportsTrying'>,
    store?: HealthStore,
  ) {
    this.#network = network;
    this.#server = server;
    this.#clock = clock;
    this.#journal = journal;
    this.#log = log;
    this.#channels = new Channels(clock, (trunk) => {
      this.#freed(trunk);
    });
    this.#seats = new Seats(() => {
      this.#tellAllBetter();
    });
    this.#seats.limitTo(network.destinations.values());
    this.#store = store;
    this.#self = new SelfWatch(clock);
    const saved = store?.load();
    this.#book = new HealthBook(network, clock.now(), defaultHealthSettings, this.#startFrom(saved));
    this.#restoreTimes(saved);
    this.#traffic = new TrafficWatch(network, clock, saved?.traffic);
    this.#ingresses = ingressTable(network.ingresses);
    this.#plans = this.#build();
    this.#arm();
    this.#saveLater();
  }

  get book(): HealthBook {
    return this.#book;
  }

  /** What to look at for alarms. */
  get watched(): Watched {
    return { network: this.#network, book: this.#book, traffic: this.#traffic };
  }

  /** Calls `listener` at the moment a trunk is judged gone for a service. */
  onTrunkGone(listener: (trunk: TrunkId, service: ServiceId) => void): void {
    this.#goneListeners.push(listener);
  }

  /**
   * Works with another network from now on. What was learned of a trunk that stays the same is kept. Calls that wait on a
   * route that is gone move at once, and what is heard of it later counts for nothing.
   */
  reload(network: Network): void {
    const { routes, trunks } = this.#network;
    const known = this.#book;
    const isSame = (trunk: TrunkId): boolean => isSameLine(trunks.get(trunk), network.trunks.get(trunk));
    this.#network = network;
    this.#seats.limitTo(network.destinations.values());
    this.#book = new HealthBook(network, this.#clock.now(), defaultHealthSettings, {
      trunk: (trunk, service) => (isSame(trunk) ? known.trunk(trunk, service) : undefined),
      carrier: (carrier, service) => known.carrier(carrier, service),
    });
    this.#traffic = new TrafficWatch(network, this.#clock, this.#traffic.save());
    this.#ingresses = ingressTable(network.ingresses);
    this.#plans = this.#build();
    for (const { trunk, service } of routes) {
      if (!isSame(trunk) || !network.routes.some((route) => route.trunk === trunk && route.service === service)) {
        this.#goneListeners.forEach((listener) => {
          listener(trunk, service);
        });
      }
    }
    this.#arm();
  }

  /** Calls `listener` when a trunk has shown signs of health or room for a service. */
  onBetter(listener: (service: ServiceId) => void): void {
    this.#betterListeners.push(listener);
  }

  /** Calls `listener` when a datagram got no reply: somebody may have to be probed at once. */
  onMiss(listener: () => void): void {
    this.#missListeners.push(listener);
  }

  close(): void {
    this.#timer?.cancel();
    this.#saving?.cancel();
    this.#self.close();
    this.#save();
  }

  snapshot(): HealthSnapshot & { readonly channels: readonly ChannelCount[] } {
    return { ...this.#book.snapshot(this.#clock.now()), channels: this.channels() };
  }

  /** How many channels of each trunk are in use, of how many. */
  channels(): readonly ChannelCount[] {
    return [...this.#network.trunks.values()].map(({ id, channels }) => ({
      trunk: id,
      used: this.#channels.used(id),
      total: channels,
    }));
  }

  /** How many calls are at each answering point and address of which it is known how many it can take. */
  seats(): readonly SeatCount[] {
    return this.#seats.counts();
  }

  service(id: Service['id']): Service | undefined {
    return this.#network.services.get(id);
  }

  plan(service: Service): readonly PlannedAttempt[] {
    const now = this.#clock.now();
    const hasRoom = (trunk: Trunk): boolean => this.room(trunk, service) === 'free';
    const canaryAllowed = (trunk: TrunkId): boolean => this.#book.admitsCanary(trunk, service.id, now);
    this.#turn += 1;
    const shareAllowed = (trunk: TrunkId): boolean => this.#book.takesShare(trunk, service.id);
    const hasSeat = (route: Route): boolean => this.hasSeat(route);
    const turn = this.#turn;
    const attempts = plan(this.#plans, service.id, { turn, canaryAllowed, shareAllowed, hasRoom, hasSeat });
    return this.#server.reportsTrying ? attempts : attempts.map((attempt) => this.#withoutTrying(attempt));
  }

  /** What the next call of a service would try, and why; undefined where there is no such service. */
  explain(service: ServiceId, without: readonly string[]): PlanExplanation | undefined {
    const now = this.#clock.now();
    return this.#network.services.has(service)
      ? explainPlan(this.#network, this.#book.view(), service, {
          turn: this.#turn + 1,
          without,
          hasRoom: (trunk) =>
            this.room(trunk, { id: service, class: this.service(service)?.class ?? 'emergency' }) === 'free',
          hasSeat: (route) => this.hasSeat(route),
          canaryAllowed: (trunk) => this.#book.admitsCanary(trunk, service, now),
          deadlines: (route, trunk) => this.#deadlines.learned.inForce(route, trunk),
        })
      : undefined;
  }

  /** Those of these names that are no carrier, trunk or risk group. */
  unknownNames(names: readonly string[]): readonly string[] {
    return unknownNames(this.#network, names);
  }

  ingressOf(source: Source): Ingress | undefined {
    return this.#ingresses.find(source.address);
  }

  canServe(ingress: Ingress): boolean {
    const services = [...this.#network.services.values()];
    const hasRoutes = services.every(({ id }) => this.#network.routes.some(({ service }) => service === id));
    return services.length > 0 && hasRoutes && !(ingress.noPath === 'wilt' && this.#isLost(services));
  }

  /**
   * Whether nobody is heard, or no trunk is left for an emergency service; where there is none, for any service. A trunk on its way back
   * counts as left: it needs calls to prove itself, and an upstream that is told 503 sends none.
   */
  #isLost(services: readonly Service[]): boolean {
    const emergency = services.filter((each) => each.class === 'emergency');
    const view = this.#book.view();
    const concerned = emergency.length > 0 ? emergency : services;
    return (
      view.isNobodyHeard === true ||
      concerned.some(({ id }) =>
        candidatesFor(this.#network, view, id)
          .filter(({ trunk }) => trunk.enabled)
          .every(({ state, isCut }) => state === 'down' || (isCut && state !== 'recovering')),
      )
    );
  }

  /** A trunk that keeps channels for emergency calls is never filled by others, even if our count were wrong. */
  room({ id, channels, reserved = 0 }: Trunk, service: Service): Room {
    const free = channels - this.#channels.used(id);
    if (service.class === 'emergency' || reserved === 0) {
      return free > 0 ? 'free' : 'full';
    }
    return free > reserved ? 'free' : 'kept';
  }

  mayHedge({ id }: Trunk): boolean {
    return this.#hedges.allows(id, this.#clock.now());
  }

  hasSeat(route: Route, call?: CallId): boolean {
    return this.#seats.hasRoom(route, call);
  }

  takeChannel({ trunk, route }: PlannedAttempt, call: CallId): Channel {
    return this.#channels.take(trunk.id, this.#seats.take(route, call));
  }

  standing({ trunk }: PlannedAttempt, service: Service): AttemptStarted['standing'] {
    const view = this.#book.view();
    return { trunk: view.trunk(trunk.id, service.id), carrier: view.carrier(trunk.carrier, service.id) };
  }

  attemptStarted(attempt: Attempt, service: Service): void {
    this.#hedges.started(attempt.planned.trunk.id, attempt.hedge === true, this.#clock.now());
    if (attempt.planned.role === 'canary') {
      this.#book.canaryStarted(attempt.planned.trunk.id, service.id, this.#clock.now());
    }
  }

  evidence(attempt: Attempt, service: Service, outcome: AttemptOutcome): void {
    const { trunk } = attempt.planned;
    if (!isSameLine(trunk, this.#network.trunks.get(trunk.id))) {
      return;
    }
    if (!this.#server.reportsTrying) {
      this.#firstAnswers.learn(attempt, outcome);
    }
    this.#deadlines.heard(attempt, service, outcome);
    const { startedAt, endedAt } = attempt;
    const heard = outcome.kind === 'answered' && endedAt !== undefined ? { heardAt: endedAt } : {};
    this.record(trunk.id, { type: 'attempt', service: service.id, outcome, startedAt, ...heard });
    if (outcome.kind === 'answered' || outcome.kind === 'progressed') {
      this.#tellBetter(service.id);
    }
  }

  ringsUsually(attempt: Attempt, service: Service): Milliseconds {
    return this.#deadlines.ringsUsually(attempt, service);
  }

  gaveUp(attempt: Attempt, service: Service): void {
    this.#deadlines.gaveUp(attempt, service);
  }

  sinceRelease(trunk: TrunkId): Milliseconds | undefined {
    return this.#channels.sinceRelease(trunk);
  }

  /** Takes a piece of evidence, and acts on what it changes. */
  record(trunk: TrunkId, evidence: Evidence): void {
    if (this.#self.wasHeldUp) {
      this.#book.ignoreSilence(this.#clock.now(), CATCH_UP);
    }
    this.#changed(this.#book.record(trunk, evidence, this.#clock.now()), { ...evidence, trunk });
    if (startsQuickProbes(evidence)) {
      for (const listener of this.#missListeners) {
        listener();
      }
    }
  }

  #build(): Plans {
    return buildPlans(this.#network, this.#book.view(), (route, trunk) => {
      const [ledgers] = this.#book.ledgers(trunk.id);
      const learned = this.#deadlines.learned.of(route, trunk);
      return ledgers === undefined ? learned : { ...learned, miss: probeTimeout(ledgers.probe) };
    });
  }

  #withoutTrying(attempt: PlannedAttempt): PlannedAttempt {
    const firstProvisional = this.#firstAnswers.of(attempt.trunk.id);
    return { ...attempt, deadlines: withoutTrying(attempt.deadlines, firstProvisional) };
  }

  /** Plans hold deadlines: they are made anew when what was learned has moved by more than a little. */
  #planAnew(): void {
    const known = [...this.#network.trunks.keys()].map((trunk) => {
      const [ledgers] = this.#book.ledgers(trunk);
      return ledgers === undefined ? 0 : Math.round(probeTimeout(ledgers.probe) / LITTLE);
    });
    const isNews = this.#deadlines.learned.changes(this.#network.routes, this.#network.trunks);
    if (isNews || known.some((each, index) => each !== this.#planned[index])) {
      this.#planned = known;
      this.#plans = this.#build();
    }
  }

  #changed(changes: readonly HealthChange[], evidence?: HealthChanged['evidence']): void {
    if (changes.length === 0 && this.#book.version === this.#version) {
      return;
    }
    this.#version = this.#book.version;
    this.#plans = this.#build();
    for (const change of this.#emergencyFirst(changes)) {
      aside(this.#log, 'the journal', () => {
        this.#journal.record({ type: 'health', change, ...(evidence === undefined ? {} : { evidence }) });
      });
      this.#tellGone(change);
      if (isBetter(change)) {
        this.#tellBetter(change.service);
      }
    }
    this.#arm();
  }

  /** Calls of the emergency service are moved before others (P8). */
  #emergencyFirst(changes: readonly HealthChange[]): readonly HealthChange[] {
    const rank = ({ service }: HealthChange): number => (this.service(service)?.class === 'emergency' ? 0 : 1);
    return changes.toSorted((a, b) => rank(a) - rank(b));
  }

  #tellBetter(service: ServiceId): void {
    for (const listener of this.#betterListeners) {
      listener(service);
    }
  }

  /** A trunk that was full has a channel again. */
  #freed(id: TrunkId): void {
    if (this.#channels.used(id) + 1 >= (this.#network.trunks.get(id)?.channels ?? 0)) {
      this.#tellAllBetter();
    }
  }

  #tellAllBetter(): void {
    for (const service of this.#network.services.keys()) {
      this.#tellBetter(service);
    }
  }

  #tellGone(change: HealthChange): void {
    for (const trunk of this.#gone(change)) {
      for (const listener of this.#goneListeners) {
        listener(trunk, change.service);
      }
    }
  }

  /** An absent carrier takes its trunks with it, and those of others that declare its core, also where they are suspect only. */
  #gone(change: HealthChange): readonly TrunkId[] {
    if (change.of === 'trunk') {
      return change.to === 'down' ? [change.trunk] : [];
    }
    const absent = new Set([change.carrier]);
    const trunks = [...this.#network.trunks.values()];
    return change.to === 'absent' ? trunks.filter((trunk) => needsCarrier(trunk, absent)).map(({ id }) => id) : [];
  }

  #startFrom(saved: SavedHealth | undefined): HealthStart {
    if (saved === undefined) {
      return blank;
    }
    const elapsed = this.#since(saved);
    this.#log.info({ ageMs: elapsed }, 'health goes on as it was saved');
    return restored(saved, elapsed, this.#clock.now());
  }

  #since(saved: SavedHealth): Milliseconds {
    return ms(Math.max(0, this.#clock.wallTime() - saved.at));
  }

  /** A gateway that was restarted need not be cold: deadlines go on as they were. */
  #restoreTimes(saved: SavedHealth | undefined): void {
    if (saved === undefined) {
      return;
    }
    const elapsed = this.#since(saved);
    this.#deadlines.restoreRings(saved.rings, elapsed);
    for (const { trunk, firstProvisional } of this.#deadlines.restore(saved.times, elapsed, this.#clock.now())) {
      if (firstProvisional !== undefined) {
        this.#firstAnswers.restore(trunk, firstProvisional);
      }
    }
  }

  #times(now: Instant): SavedHealth['times'] {
    return this.#deadlines.save(this.#network, now).map((each) => {
      const firstProvisional = this.#firstAnswers.of(each.trunk);
      return firstProvisional === undefined ? each : { ...each, firstProvisional };
    });
  }

  #save(): void {
    const now = this.#clock.now();
    const traffic = this.#traffic.save();
    const rings = this.#deadlines.rings.save();
    const times = this.#times(now);
    this.#store?.save({ at: this.#clock.wallTime(), ...this.#book.save(now), traffic, times, rings });
  }

  #saveLater(): void {
    if (this.#store !== undefined) {
      this.#saving = this.#clock.setTimer(SAVE_EVERY, () => {
        this.#save();
        this.#saveLater();
      });
    }
  }

  #arm(): void {
    this.#timer?.cancel();
    const now = this.#clock.now();
    const next = this.#book.nextTick(now);
    const wait: Milliseconds = next === undefined ? TICK_AT_LEAST_EVERY : between(now, next);
    this.#timer = this.#clock.setTimer(ms(Math.min(Math.max(wait, 1), TICK_AT_LEAST_EVERY)), () => {
      this.#changed(this.#book.tick(this.#clock.now()));
      this.#planAnew();
      this.#arm();
    });
  }
}

/** Whether two entries of one name are the same way to the same carrier, so that what was learned still holds. */
function isSameLine(before: Trunk | undefined, now: Trunk | undefined): boolean {
  if (before === undefined || now === undefined) {
    return false;
  }
  const { host, port, transport } = before.address;
  const isThere = now.address.host === host && now.address.port === port && now.address.transport === transport;
  return isThere && now.carrier === before.carrier && now.kind === before.kind;
}

function isBetter(change: HealthChange): boolean {
  return change.of === 'trunk'
    ? change.to === 'up' || change.to === 'recovering'
    : change.to === 'present' || change.to === 'returning';
}

/** Nothing came back in time: whoever schedules probes has to look again. */
function startsQuickProbes(evidence: Evidence): boolean {
  if (evidence.type === 'probe') {
    return evidence.outcome.kind !== 'answered';
  }
  return evidence.type === 'attempt' && (evidence.outcome.kind === 'missed' || evidence.outcome.kind === 'unheard');
}
