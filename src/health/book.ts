import type { Evidence, HealthChange, HealthView } from '../domain/health.js';
import type { CarrierId, ServiceId, TrunkId } from '../domain/ids.js';
import type { Network, Trunk } from '../domain/network.js';
import type { SavedHealth } from '../domain/saved-health.js';
import { after, between, type Instant, type Milliseconds, ms } from '../domain/time.js';
import type { Verdict } from '../domain/verdict.js';
import { BusyWatch } from './busy.js';
import type { CarrierHealth } from './carrier.js';
import {
  blank,
  type CarrierEntry,
  carrierEntries,
  groupBy,
  type HealthStart,
  moveCarrier,
  moveTrunk,
  type TrunkEntry,
  trunkEntries,
  viewOf,
} from './entries.js';
import { emptyLedgers, isOutweighed, type Ledgers, pointsForDown, type SharedDoubt } from './ledgers.js';
import type { ProbeNeed } from './probing.js';
import { saveCarrier, saveTrunk } from './saved.js';
import { type SharedFate, SilenceWatch } from './silence.js';
import { StallWatch } from './stalls.js';
import {
  admitsCanary,
  canaryStarted,
  castDoubt,
  cutOff,
  forgetMisses,
  nextTick,
  observe,
  shareOf,
  type Surroundings,
  tick,
  type TrunkHealth,
} from './trunk.js';
import { defaultHealthSettings, type HealthSettings } from './weights.js';

/** The state of one trunk for one service, for people to read. */
interface TrunkSnapshot {
  readonly trunk: TrunkId;
  readonly service: ServiceId;
  readonly health: TrunkHealth;
}

/** The state of one carrier for one service, for people to read. */
interface CarrierSnapshot {
  readonly carrier: CarrierId;
  readonly service: ServiceId;
  readonly health: CarrierHealth;
}

/** Every state, as JSON. Times are on the monotonic clock. */
export interface HealthSnapshot {
  readonly at: Instant;
  readonly trunks: readonly TrunkSnapshot[];
  readonly carriers: readonly CarrierSnapshot[];
  /** Since when everything is silent, which is held against nobody. */
  readonly selfDoubtSince: Instant | undefined;
}

/** The book of all health states. It has no clock: every change comes with its time. */
export class HealthBook {
  readonly #settings: HealthSettings;
  readonly #network: Network;
  readonly #trunks: readonly TrunkEntry[];
  readonly #byTrunk: ReadonlyMap<TrunkId, readonly TrunkEntry[]>;
  readonly #carriers: readonly CarrierEntry[];
  readonly #silence: SilenceWatch;
  readonly #busy: BusyWatch;
  readonly #stalls: StallWatch;
  readonly #weighings = new Map<number, HealthSettings>();
  #deafUntil: Instant | undefined;
  #selfDoubtSince: Instant | undefined;
  #view: HealthView | undefined;
  #isBackNow = false;
  #version = 0;

  /**
   * A book for every (trunk, service) that a route of `network` joins. States that `start` knows are kept: those of a book
   * before a new configuration, or those that were saved.
   */
  constructor(
    network: Network,
    now: Instant,
    settings: HealthSettings = defaultHealthSettings,
    start: HealthStart = blank,
  ) {
    this.#settings = settings;
    this.#network = network;
    this.#trunks = trunkEntries(network, start, now);
    this.#byTrunk = groupBy(this.#trunks, ({ trunk }) => trunk);
    this.#carriers = carrierEntries(this.#trunks, start, now);
    this.#silence = new SilenceWatch(network, settings.probes.missesToDown);
    this.#busy = new BusyWatch(settings.busy);
    this.#stalls = new StallWatch(this.#carriers);
  }

  /** Grows by one whenever a state changes, or whether anybody is heard. */
  get version(): number {
    return this.#version;
  }

  /** Takes a piece of evidence about a trunk. Gives the changes of state that it caused. */
  record(trunk: TrunkId, given: Evidence, now: Instant): readonly HealthChange[] {
    if (this.#deafUntil !== undefined && now < this.#deafUntil && isAbsence(given)) {
      return [];
    }
    const evidence = this.#busy.judge(trunk, given, now);
    const fallen = this.#listen(trunk, evidence, now);
    const entries = this.#byTrunk.get(trunk) ?? [];
    const concerned = 'service' in evidence ? entries.filter(({ service }) => service === evidence.service) : entries;
    if (isMiss(evidence) && concerned.some((entry) => !this.#around(entry).isWitnessed)) {
      this.#doubtSelf(this.#selfDoubtSince ?? now);
    }
    const isOld = concerned.some(({ health }) => evidence.type === 'attempt' && isOutweighed(health.ledgers, evidence));
    const changes = concerned.flatMap((entry) =>
      moveTrunk(entry, observe(entry.health, evidence, now, this.#weighed(entry), this.#around(entry)), now),
    );
    const gone = [...fallen, ...(isOld ? [] : this.#failTogether(concerned, evidence))];
    changes.push(...gone.flatMap(({ entries: lost, cause }) => this.#cutOff(lost, cause, now)));
    changes.push(...this.#seeStalls(concerned, evidence, now), ...this.#seeInVain(concerned, evidence, now));
    return this.#changed(changes, now);
  }

  /**
   * Holds silence against nobody for a while: our own process stood still, so that replies were not read in time.
   *
   * @param duration from now.
   */
  ignoreSilence(now: Instant, duration: Milliseconds): void {
    if (this.#settings.selfDoubt) {
      this.#deafUntil = after(now, duration);
    }
  }

  /** Lets time pass. Gives the changes of state that it caused. */
  tick(now: Instant): readonly HealthChange[] {
    const changes = this.#trunks.flatMap((entry) =>
      moveTrunk(entry, tick(entry.health, now, this.#settings, this.#around(entry)), now),
    );
    return this.#changed(changes, now);
  }

  /** When time alone may next change a state. */
  nextTick(now: Instant): Instant | undefined {
    const moments = this.#trunks.map(({ health }) => nextTick(health)).filter((at) => at !== undefined && at > now);
    return moments.toSorted((a, b) => Number(a) - Number(b))[0];
  }

  /**
   * Whether one call of the service may go over the trunk first, as proof. An emergency service waits until a drill, or a
   * call of another service on the trunk, got through since the trunk went down; where no such call comes, not for ever.
   */
  admitsCanary(trunk: TrunkId, service: ServiceId, now: Instant): boolean {
    const entry = this.#entry(trunk, service);
    return (
      entry !== undefined && admitsCanary(entry.health, now, this.#settings) && !this.#mustWaitForOthers(entry, now)
    );
  }

  /** Whether this call of the service belongs to the share that a returning trunk takes. To be asked once per call. */
  takesShare(trunk: TrunkId, service: ServiceId): boolean {
    const entry = this.#entry(trunk, service);
    const share = entry === undefined ? 0 : shareOf(entry.health, this.#settings);
    if (entry === undefined || share === 0 || share === 1) {
      return false;
    }
    entry.offered += 1;
    return Math.floor(entry.offered * share) > Math.floor((entry.offered - 1) * share);
  }

  /** Notes that a canary left over the trunk. Its outcome is recorded as evidence like any other. */
  canaryStarted(trunk: TrunkId, service: ServiceId, now: Instant): void {
    const entry = this.#entry(trunk, service);
    if (entry !== undefined) {
      entry.health = canaryStarted(entry.health, now);
    }
  }

  /** The whole state of a trunk for a service; undefined where no route joins them. */
  trunk(trunk: TrunkId, service: ServiceId): TrunkHealth | undefined {
    return this.#entry(trunk, service)?.health;
  }

  /** The whole state of a carrier for a service; undefined where no route joins them. */
  carrier(carrier: CarrierId, service: ServiceId): CarrierHealth | undefined {
    return this.#carriers.find((entry) => entry.carrier === carrier && entry.service === service)?.health;
  }

  /** All ledgers of a trunk, one per service. */
  ledgers(trunk: TrunkId): readonly Ledgers[] {
    return this.#byTrunk.get(trunk)?.map(({ health }) => health.ledgers) ?? [emptyLedgers];
  }

  /** What the scheduler of probes has to know about a trunk. */
  probeNeed(trunk: TrunkId): ProbeNeed {
    const ledgers = this.ledgers(trunk);
    return this.#settings.correlation
      ? { ledgers, ...this.#silence.asked(trunk) }
      : { ledgers, quickSince: undefined, onceSince: undefined };
  }

  /** What routing reads. The same value until a state changes. */
  view(): HealthView {
    this.#view ??= { ...viewOf(this.#trunks, this.#carriers), isNobodyHeard: this.#selfDoubtSince !== undefined };
    return this.#view;
  }

  /** Everything, for the admin API. */
  snapshot(now: Instant): HealthSnapshot {
    return {
      at: now,
      trunks: this.#trunks.map(({ trunk, service, health }) => ({ trunk, service, health })),
      carriers: this.#carriers.map(({ carrier, service, health }) => ({ carrier, service, health })),
      selfDoubtSince: this.#selfDoubtSince,
    };
  }

  /** What the next process has to know of trunks and carriers. */
  save(now: Instant): Pick<SavedHealth, 'trunks' | 'carriers'> {
    return {
      trunks: this.#trunks.map((entry) => saveTrunk(entry, entry.health, now)),
      carriers: this.#carriers.map((entry) => saveCarrier(entry, entry.health, now)),
    };
  }

  #entry(trunk: TrunkId, service: ServiceId): TrunkEntry | undefined {
    return this.#byTrunk.get(trunk)?.find((entry) => entry.service === service);
  }

  #mustWaitForOthers({ trunk, class: serviceClass, health }: TrunkEntry, now: Instant): boolean {
    if (serviceClass !== 'emergency' || health.state !== 'recovering' || health.good > 0) {
      return false;
    }
    const others = (this.#byTrunk.get(trunk) ?? []).filter((each) => each.class !== 'emergency');
    const wentDownAt = health.ledgers.calls.last?.at;
    const isProven = others.some(({ health: { ledgers } }) => {
      const { lastGoodAt } = ledgers.calls;
      return lastGoodAt !== undefined && (wentDownAt === undefined || lastGoodAt > wentDownAt);
    });
    return others.length > 0 && !isProven && between(health.since, now) < this.#settings.wayBack.waitForOthers;
  }

  /** What fell silent as a whole with this evidence. */
  #listen(trunk: TrunkId, evidence: Evidence, now: Instant): readonly Lost[] {
    if (isSignOfLife(evidence)) {
      const at = (evidence.type === 'attempt' ? evidence.heardAt : undefined) ?? now;
      this.#silence.heard(trunk, at);
      this.#hearAgain(at, now);
      return [];
    }
    if (!isMiss(evidence)) {
      return [];
    }
    const fallen = this.#silence.missed(trunk, now, this.#isDown).filter((fate) => fate.trunks.length > 1);
    return this.#settings.correlation ? fallen.filter((fate) => this.#isTheirs(fate)).map(this.#lost) : [];
  }

  /** Silence of everybody ends with one voice: it was ours, and what was sent during it counts against nobody. */
  #hearAgain(at: Instant, now: Instant): void {
    if (this.#selfDoubtSince === undefined || at < this.#selfDoubtSince) {
      return;
    }
    this.#doubtSelf(undefined);
    this.ignoreSilence(now, ourSilenceEcho);
    this.#silence.forget();
    for (const entry of this.#trunks) {
      entry.health = forgetMisses(entry.health);
    }
  }

  #doubtSelf(since: Instant | undefined): void {
    if (since !== this.#selfDoubtSince) {
      this.#selfDoubtSince = since;
      this.#view = undefined;
      this.#version += 1;
    }
  }

  #isTheirs(fate: SharedFate): boolean {
    return !this.#settings.selfDoubt || this.#silence.isWitnessed(fate.trunks, this.#isDown);
  }

  /** Whether somebody else was heard matters only near the end of a row. */
  #around({ trunk, jitter, health }: TrunkEntry): Surroundings {
    const isNear = health.ledgers.probe.missesAlone >= this.#settings.probes.missesToDown - 1;
    return { jitter, isWitnessed: !isNear || !this.#settings.selfDoubt || this.#isWitnessed(trunk) };
  }

  #isWitnessed(trunk: TrunkId): boolean {
    const silent = this.#network.trunks.get(trunk);
    return silent === undefined || this.#silence.isWitnessed([silent], this.#isDown);
  }

  readonly #isDown = (trunk: TrunkId): boolean => {
    const entries = this.#byTrunk.get(trunk) ?? [];
    return entries.every(({ health }) => health.state === 'down');
  };

  readonly #lost = (fate: SharedFate): Lost => ({
    entries: fate.trunks.flatMap(({ id }: Trunk) => this.#byTrunk.get(id) ?? []),
    cause: `everything ${fate.isCarrier ? 'of' : 'on'} ${fate.name} fell silent together`,
  });

  /** What calls found behind two trunks of a carrier is found for all of them. */
  #failTogether(entries: readonly TrunkEntry[], evidence: Evidence): readonly Lost[] {
    if (evidence.type !== 'attempt' || !this.#settings.correlation) {
      return [];
    }
    return entries.flatMap((entry) => {
      const of = this.#carriers.find(({ trunks }) => trunks.includes(entry));
      return of === undefined ? [] : failTogether(of, entry, evidence, this.#weighed(entry));
    });
  }

  /** Where calls stall now and then, and nothing is wrong, it takes more of them in a row to take a trunk down. */
  #weighed({ carrier }: TrunkEntry): HealthSettings {
    const inARow = this.#stalls.callsInARow(carrier);
    const known = this.#weighings.get(inARow) ?? withStalls(this.#settings, inARow);
    this.#weighings.set(inARow, known);
    return known;
  }

  /** Calls that get 100 and then nothing, on all trunks of a carrier together. */
  #seeStalls(concerned: readonly TrunkEntry[], evidence: Evidence, now: Instant): readonly HealthChange[] {
    const [entry] = concerned;
    if (evidence.type !== 'attempt' || entry === undefined || !this.#settings.correlation) {
      return [];
    }
    const { carrier, service, trunk } = entry;
    if (!this.#stalls.see(carrier, trunk, evidence, now)) {
      return [];
    }
    const touched = this.#carriers.filter((each) => each.carrier === carrier || each.service === service);
    return touched.flatMap((each) => this.#judgeStalls(each, now));
  }

  /** What rings on one trunk and is answered over another carrier counts for all trunks of its own: each clears itself. */
  #seeInVain([of]: readonly TrunkEntry[], evidence: Evidence, now: Instant): readonly HealthChange[] {
    const isInVain = evidence.type === 'attempt' && evidence.outcome.kind === 'in-vain';
    if (!isInVain || of === undefined || !this.#settings.correlation) {
      return [];
    }
    const { carrier, service } = of;
    const beside = this.#trunks.filter(
      (each) => each.carrier === carrier && each.service === service && each !== of && each.health.state !== 'down',
    );
    return beside.flatMap((entry) => this.#doubt(entry, { of: 'rings in vain' }, now));
  }

  #doubt(entry: TrunkEntry, doubt: SharedDoubt, now: Instant): readonly HealthChange[] {
    return moveTrunk(entry, castDoubt(entry.health, doubt, now, this.#settings, this.#around(entry)), now);
  }

  #judgeStalls({ carrier, service, trunks }: CarrierEntry, now: Instant): readonly HealthChange[] {
    const inService = trunks.filter(({ health }) => health.state !== 'down');
    const stall = this.#stalls.judge(carrier, service, now, inService.length);
    if (stall === undefined) {
      return [];
    }
    const calls = stall.calls === 1 ? 'a call' : `${stall.calls} calls in a row`;
    const cause = `${calls} got 100 from ${carrier}, then nothing`;
    return stall.finding === 'gone'
      ? this.#cutOff(inService, `${cause}, while others got through elsewhere`, now)
      : inService.flatMap((entry) => this.#doubt(entry, { of: 'stalls', cause, from: stall.from }, now));
  }

  #cutOff(entries: readonly TrunkEntry[], cause: string, now: Instant): readonly HealthChange[] {
    return entries.flatMap((entry) => {
      const around = { isWitnessed: true, jitter: entry.jitter };
      return moveTrunk(entry, cutOff(entry.health, cause, now, this.#settings, around), now);
    });
  }

  #changed(changes: readonly HealthChange[], now: Instant): readonly HealthChange[] {
    if (!this.#isBackNow && !this.#trunks.some(({ isNews }) => isNews)) {
      return changes;
    }
    const before = this.#carriers.map(({ health }) => health.state);
    const all = [...changes, ...this.#carriers.flatMap((entry) => moveCarrier(entry, now))];
    // A carrier that is present again is judged once more the next time: a trunk of it may still be down.
    this.#isBackNow = this.#carriers.some(({ health }, index) => health.state !== before[index]);
    if (all.length > 0) {
      this.#view = undefined;
      this.#version += 1;
    }
    return all;
  }
}

/** What was sent just before we heard somebody again may still be missed. */
const ourSilenceEcho = ms(700);

function withStalls(settings: HealthSettings, inARow: number): HealthSettings {
  const { calls, points } = settings;
  const down = Math.min(calls.stalled.down, (1.001 * points.down) / inARow);
  return { ...settings, calls: { ...calls, stalled: { ...calls.stalled, down } } };
}

/** Trunks that were lost together. */
interface Lost {
  readonly entries: readonly TrunkEntry[];
  readonly cause: string;
}

function failTogether(
  of: CarrierEntry,
  { trunk, health }: TrunkEntry,
  { outcome }: Evidence & { readonly type: 'attempt' },
  settings: HealthSettings,
): readonly Lost[] {
  if (outcome.kind === 'answered' || outcome.kind === 'progressed') {
    of.points = 0;
    of.failing.clear();
    return [];
  }
  const points =
    outcome.kind === 'failed' && outcome.verdict.fault === 'carrier'
      ? pointsForDown(health.ledgers, outcome.verdict, settings)
      : 0;
  if (points === 0) {
    return [];
  }
  of.points = Math.min(settings.points.carrier, of.points + points);
  of.failing.add(trunk);
  const isGone = of.points >= settings.points.carrier && of.failing.size > 1;
  const cause = `calls failed behind ${of.failing.size} trunks of ${of.carrier}, and none got through`;
  return isGone ? [{ entries: of.trunks, cause }] : [];
}

/** A datagram without a reply. */
function isMiss(evidence: Evidence): boolean {
  return (
    (evidence.type === 'probe' && evidence.outcome.kind === 'silent') ||
    (evidence.type === 'attempt' && (evidence.outcome.kind === 'missed' || failureOf(evidence)?.kind === 'silent'))
  );
}

/** Something that was waited for did not come: our own ears may be the reason. */
function isAbsence(evidence: Evidence): boolean {
  if (isMiss(evidence) || (evidence.type === 'attempt' && evidence.outcome.kind === 'slow')) {
    return true;
  }
  return failureOf(evidence)?.kind === 'stalled';
}

/** A failure that counts. */
function failureOf(evidence: Evidence): Verdict | undefined {
  const failed =
    evidence.type === 'attempt' && evidence.outcome.kind === 'failed' ? evidence.outcome.verdict : undefined;
  return failed?.weight === 'none' ? undefined : failed;
}

/** Something came back from the trunk. */
function isSignOfLife(evidence: Evidence): boolean {
  if (evidence.type === 'probe') {
    return evidence.outcome.kind !== 'silent';
  }
  if (evidence.type !== 'attempt') {
    return false;
  }
  const { outcome } = evidence;
  return (
    outcome.kind === 'answered' ||
    outcome.kind === 'progressed' ||
    outcome.kind === 'heard' ||
    (outcome.kind === 'failed' && (outcome.verdict.status !== undefined || outcome.verdict.kind === 'refused'))
  );
}
