import type { Evidence } from '../domain/health.js';
import type { FoundBy } from '../domain/saved-health.js';
import { after, between, type Instant, type Milliseconds, ms } from '../domain/time.js';
import {
  condemns,
  countsAgainst,
  type Finding,
  goodCause,
  type Input,
  isOutcome,
  reachedFarEnd,
  reasonForDoubt,
  reasonForDown,
  reasonToFallBack,
} from './findings.js';
import { emptyLedgers, type Ledgers, type SharedDoubt, shareDoubt, write } from './ledgers.js';
import type { HealthSettings } from './weights.js';

/** How long the trunk had to wait last time, and when it last came back. */
interface WaitMemory {
  /** The last hold-down; 0 when there was none. */
  readonly holdDown: Milliseconds;
  /** When it last came back into service; undefined until it did. */
  readonly returnedAt: Instant | undefined;
}

interface Common {
  readonly since: Instant;
  readonly cause: string;
  readonly ledgers: Ledgers;
  readonly wait: WaitMemory;
}

/** Nothing is known yet. Routed like `up`, behind the proven. */
interface Unproven extends Common {
  readonly state: 'unproven';
}

interface Up extends Common {
  readonly state: 'up';
}

/** Something failed. Routed behind the healthy. */
interface Suspect extends Common {
  readonly state: 'suspect';
  readonly by: FoundBy;
  /** From when one call may try it first. Probes alone clear what probes found, so then it is not needed. */
  readonly trialFrom: Instant;
  readonly canarySince: Instant | undefined;
}

/** Judged gone: no call touches it. */
interface Down extends Common {
  readonly state: 'down';
  readonly by: FoundBy;
  readonly holdDownUntil: Instant;
}

/** On the way back: takes one call at a time, as a canary, then a share of the calls. */
interface Recovering extends Common {
  readonly state: 'recovering';
  readonly by: FoundBy;
  /** 0 while it takes canaries; then the place of its share in the row of shares, from 1. */
  readonly step: number;
  /** Good calls in a row in this step. */
  readonly good: number;
  readonly trialFrom: Instant;
  readonly canarySince: Instant | undefined;
}

/** The observed state of one trunk for one service. Each arm holds only what is valid there. */
export type TrunkHealth = Unproven | Up | Suspect | Down | Recovering;

/** What a transition gives: the new value and, where the state itself changed, why. */
export interface Observation {
  readonly health: TrunkHealth;
  readonly change?: string;
}

/** What is true around a trunk when something happens to it. */
export interface Surroundings {
  /** Whether silence is the trunk's own: somebody else was heard meanwhile. */
  readonly isWitnessed: boolean;
  /** In [0, 1), the same for a trunk always: stretches its hold-downs. */
  readonly jitter: number;
}

const alone: Surroundings = { isWitnessed: true, jitter: 0 };

/** The state of a trunk of which nothing is known. */
export function unproven(now: Instant): TrunkHealth {
  return {
    state: 'unproven',
    since: now,
    cause: 'not tried yet',
    ledgers: emptyLedgers,
    wait: { holdDown: ms(0), returnedAt: undefined },
  };
}

/** Takes one piece of evidence. */
export function observe(
  health: TrunkHealth,
  evidence: Evidence,
  now: Instant,
  settings: HealthSettings,
  around: Surroundings = alone,
): Observation {
  return transition(health, evidence, { now, settings, ...around });
}

/** Takes the trunk out, since everything that it shares something with was judged gone. */
export function cutOff(
  health: TrunkHealth,
  cause: string,
  now: Instant,
  settings: HealthSettings,
  around: Surroundings = alone,
): Observation {
  return health.state === 'down'
    ? { health }
    : transition(health, { type: 'cut', cause }, { now, settings, ...around });
}

/** Calls stall behind all trunks of its carrier: this one goes behind the others too, until a call gets through. */
export function castDoubt(
  health: TrunkHealth,
  doubt: SharedDoubt,
  now: Instant,
  settings: HealthSettings,
  around: Surroundings = alone,
): Observation {
  return transition(health, { type: 'doubt', doubt }, { now, settings, ...around });
}

/** Forgets datagrams that got no reply: the silence was our own. */
export function forgetMisses(health: TrunkHealth): TrunkHealth {
  const { probe } = health.ledgers;
  const heard = { ...probe, misses: 0, missesAlone: 0, callMisses: 0, doubtSince: undefined };
  return { ...health, ledgers: { ...health.ledgers, probe: heard } };
}

/** Lets time pass: a hold-down may be over. */
export function tick(
  health: TrunkHealth,
  now: Instant,
  settings: HealthSettings,
  around: Surroundings = alone,
): Observation {
  return transition(health, { type: 'tick' }, { now, settings, ...around });
}

/** Whether one call may be sent over this trunk first, as proof. */
export function admitsCanary(health: TrunkHealth, now: Instant, settings: HealthSettings): boolean {
  switch (health.state) {
    case 'recovering':
      return health.step === 0 && mayTry(health, now, settings);
    case 'suspect':
      return health.by === 'call' && mayTry(health, now, settings);
    case 'unproven':
    case 'up':
    case 'down':
      return false;
  }
}

/** The share of the calls that a trunk takes on its way back: 0 while it takes canaries only, 1 in service. */
export function shareOf(health: TrunkHealth, settings: HealthSettings): number {
  switch (health.state) {
    case 'recovering':
      return health.step === 0 ? 0 : (settings.wayBack.shares[health.step - 1] ?? 1);
    case 'down':
      return 0;
    case 'unproven':
    case 'up':
    case 'suspect':
      return 1;
  }
}

/** Notes that a canary left. Its outcome, as evidence of type `attempt`, ends it. */
export function canaryStarted(health: TrunkHealth, now: Instant): TrunkHealth {
  return health.state === 'recovering' || health.state === 'suspect' ? { ...health, canarySince: now } : health;
}

/** When time alone may next change this state, if ever. */
export function nextTick(health: TrunkHealth): Instant | undefined {
  return health.state === 'down' ? health.holdDownUntil : undefined;
}

function mayTry(health: Suspect | Recovering, now: Instant, settings: HealthSettings): boolean {
  const { canarySince, trialFrom, ledgers } = health;
  const isOut = canarySince !== undefined && between(canarySince, now) < settings.canaryLost;
  return now >= trialFrom && ledgers.probe.misses === 0 && !isOut;
}

/** The moment of an event, and what it is judged by. */
interface Moment extends Surroundings {
  readonly now: Instant;
  readonly settings: HealthSettings;
}

function transition(before: TrunkHealth, input: Input, moment: Moment): Observation {
  const { now, settings } = moment;
  const ledgers = written(before.ledgers, input, now, settings);
  const health = step({ ...before, ledgers }, input, moment);
  return health.state === before.state ? { health } : { health, change: health.cause };
}

function written(ledgers: Ledgers, input: Input, now: Instant, settings: HealthSettings): Ledgers {
  switch (input.type) {
    case 'tick':
    case 'cut':
      return ledgers;
    case 'doubt':
      return shareDoubt(ledgers, input.doubt, now, settings);
    case 'attempt':
    case 'drill':
    case 'line':
    case 'media':
    case 'probe':
      return write(ledgers, input, now, settings);
  }
}

function step(health: TrunkHealth, input: Input, moment: Moment): TrunkHealth {
  switch (health.state) {
    case 'unproven':
    case 'up':
    case 'suspect':
      return inService(health, input, moment);
    case 'down':
      return whileDown(health, input, moment);
    case 'recovering':
      return whileRecovering(health, input, moment);
  }
}

/** In service the state follows from the ledgers alone. */
function inService(health: Unproven | Up | Suspect, input: Input, moment: Moment): TrunkHealth {
  const { settings } = moment;
  const fatal = reasonForDown(health.ledgers, input, settings, moment.isWitnessed);
  if (fatal !== undefined) {
    return goDown(health, fatal, input, moment);
  }
  const doubt = reasonForDoubt(health.ledgers, settings);
  if (doubt !== undefined) {
    return beSuspect(health, doubt, input, moment);
  }
  const state = health.ledgers.proven ? 'up' : 'unproven';
  return health.state === state
    ? health
    : { ...common(health), ...returned(health, moment.now), state, cause: goodCause(input) };
}

function beSuspect(health: Unproven | Up | Suspect, doubt: Finding, input: Input, moment: Moment): Suspect {
  const first = ms(Math.max(moment.settings.holdDown.first, askedWait(input, moment.settings)));
  const trialFrom = after(moment.now, first);
  if (health.state !== 'suspect') {
    return { ...common(health), ...doubt, state: 'suspect', since: moment.now, trialFrom, canarySince: undefined };
  }
  const isNew = health.by !== 'call' && doubt.by === 'call';
  return afterTrial({ ...health, ...doubt, ...(isNew ? { trialFrom } : {}) }, input, moment);
}

/** How long the trunk itself asked not to be tried (Retry-After), within bounds. */
function askedWait(input: Input, { holdDown }: HealthSettings): Milliseconds {
  const isFailure = input.type === 'attempt' && input.outcome.kind === 'failed';
  return ms(Math.min(holdDown.longest, (isFailure ? input.outcome.verdict.retryAfter : undefined) ?? 0));
}

/** Ends the canary that is out, if this is its outcome. One that failed without taking the trunk down waits longer. */
function afterTrial<T extends Suspect | Recovering>(health: T, input: Input, moment: Moment): T {
  if (health.canarySince === undefined || !isOutcome(input)) {
    return health;
  }
  if (!countsAgainst(input, moment.settings)) {
    return { ...health, canarySince: undefined };
  }
  const holdDown = nextHoldDown(health.wait, moment);
  const wait: WaitMemory = { holdDown, returnedAt: undefined };
  return { ...health, canarySince: undefined, trialFrom: after(moment.now, holdDown), wait };
}

function goDown(health: TrunkHealth, finding: Finding, input: Input, moment: Moment): Down {
  const { now, settings, jitter } = moment;
  const holdDown = nextHoldDown(health.wait, moment);
  const waits = Math.max(holdDown * (1 + settings.holdDown.spread * jitter), askedWait(input, settings));
  return {
    ...common(health),
    ...finding,
    state: 'down',
    since: now,
    holdDownUntil: after(now, ms(waits)),
    wait: { holdDown, returnedAt: undefined },
  };
}

/** Doubles with each return that failed; good time in service since the return brings it back. */
function nextHoldDown(wait: WaitMemory, { now, settings }: Moment): Milliseconds {
  const { first, longest, forgives } = settings.holdDown;
  const good = wait.returnedAt === undefined ? 0 : between(wait.returnedAt, now);
  const doubled = wait.holdDown * 2 * 0.5 ** Math.floor(good / forgives);
  return ms(Math.min(longest, Math.max(first, doubled)));
}

/** A call that fails when the hold-down was over (a panic sends them) starts it once more. */
function whileDown(health: Down, input: Input, { now, settings }: Moment): TrunkHealth {
  if (health.ledgers.line.state === 'down') {
    return health;
  }
  if (reachesSince(input, health.since)) {
    return recover(health, goodCause(input), now);
  }
  if (condemns(health.ledgers, input, settings)) {
    return now < health.holdDownUntil ? health : { ...health, holdDownUntil: after(now, health.wait.holdDown) };
  }
  return now >= health.holdDownUntil && probesAreGreen(health.ledgers, settings)
    ? recover(health, 'hold-down over and probes answered', now)
    : health;
}

/** A trunk that was never probed has no probes to wait for. */
function probesAreGreen({ probe }: Ledgers, settings: HealthSettings): boolean {
  return probe.lastAt === undefined || probe.good >= settings.probes.goodInARow;
}

function recover(health: Down, cause: string, now: Instant): Recovering {
  const { by } = health;
  return {
    ...common(health),
    ...{ state: 'recovering', by, since: now, cause, step: 0, good: 0, trialFrom: now, canarySince: undefined },
  };
}

function whileRecovering(health: Recovering, input: Input, moment: Moment): TrunkHealth {
  if (reachesSince(input, health.since)) {
    return oneMoreGood(health, input, moment);
  }
  return health.step === 0 ? whileProving(health, input, moment) : whileSharing(health, input, moment);
}

/** An answer that was heard before the trunk went down, and has proved true by now, says nothing of the time since. */
function reachesSince(input: Input, since: Instant): boolean {
  const heardAt = input.type === 'attempt' ? input.heardAt : undefined;
  return reachedFarEnd(input) && (heardAt === undefined || heardAt >= since);
}

/** With canaries any failure that counts ends the return. */
function whileProving(health: Recovering, input: Input, moment: Moment): TrunkHealth {
  const failure = reasonToFallBack(health.ledgers, input, moment.settings);
  return failure === undefined ? afterTrial(health, input, moment) : goDown(health, failure, input, moment);
}

/** With a share it is judged as in service, but every failure starts its step anew. */
function whileSharing(health: Recovering, input: Input, moment: Moment): TrunkHealth {
  const { settings } = moment;
  const fatal = reasonForDown(health.ledgers, input, settings, moment.isWitnessed);
  if (fatal !== undefined) {
    return goDown(health, fatal, input, moment);
  }
  return condemns(health.ledgers, input, settings) ? { ...health, good: 0 } : health;
}

/** A drill says as much as all canaries together. */
function oneMoreGood(health: Recovering, input: Input, moment: Moment): TrunkHealth {
  const { canaries, shares, callsPerShare } = moment.settings.wayBack;
  const good = health.good + 1;
  const isStepDone = health.step === 0 ? good >= canaries || input.type === 'drill' : good >= callsPerShare;
  if (!isStepDone) {
    return { ...health, good, canarySince: undefined };
  }
  return health.step < shares.length
    ? { ...health, step: health.step + 1, good: 0, canarySince: undefined }
    : backUp(health, goodCause(input), moment);
}

/** Answered, but with a lasting finding of another kind (mute calls), it is in service and suspect. */
function backUp(health: Recovering, cause: string, moment: Moment): TrunkHealth {
  const up: Up = { ...common(health), ...returned(health, moment.now), state: 'up', cause };
  return inService(up, { type: 'tick' }, moment);
}

/** From here on the time in service counts. */
function returned({ wait }: Common, now: Instant): Pick<Common, 'since' | 'wait'> {
  return { since: now, wait: { ...wait, returnedAt: wait.returnedAt ?? now } };
}

function common({ since, cause, ledgers, wait }: Common): Common {
  return { since, cause, ledgers, wait };
}
