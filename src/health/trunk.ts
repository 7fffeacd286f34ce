import type { Evidence } from '../domain/health.js';
import { after, between, type Instant, type Milliseconds, ms } from '../domain/time.js';
import {
  condemns,
  countsAgainst,
  type Finding,
  type FoundBy,
  goodCause,
  type Input,
  isOutcome,
  reachedFarEnd,
  reasonForDoubt,
  reasonForDown,
  reasonToFallBack,
} from './findings.js';
import { emptyLedgers, type Ledgers, write } from './ledgers.js';
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

/** On the way back: takes one call at a time, as a canary. */
interface Recovering extends Common {
  readonly state: 'recovering';
  readonly by: FoundBy;
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
export function observe(health: TrunkHealth, evidence: Evidence, now: Instant, settings: HealthSettings): Observation {
  return transition(health, evidence, now, settings);
}

/** Lets time pass: a hold-down may be over. */
export function tick(health: TrunkHealth, now: Instant, settings: HealthSettings): Observation {
  return transition(health, { type: 'tick' }, now, settings);
}

/** Whether one call may be sent over this trunk first, as proof. */
export function admitsCanary(health: TrunkHealth, now: Instant, settings: HealthSettings): boolean {
  switch (health.state) {
    case 'recovering':
      return mayTry(health, now, settings);
    case 'suspect':
      return health.by === 'call' && mayTry(health, now, settings);
    case 'unproven':
    case 'up':
    case 'down':
      return false;
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

function transition(before: TrunkHealth, input: Input, now: Instant, settings: HealthSettings): Observation {
  const ledgers = input.type === 'tick' ? before.ledgers : write(before.ledgers, input, now, settings);
  const health = step({ ...before, ledgers }, input, now, settings);
  return health.state === before.state ? { health } : { health, change: health.cause };
}

function step(health: TrunkHealth, input: Input, now: Instant, settings: HealthSettings): TrunkHealth {
  switch (health.state) {
    case 'unproven':
    case 'up':
    case 'suspect':
      return inService(health, input, now, settings);
    case 'down':
      return whileDown(health, input, now, settings);
    case 'recovering':
      return whileRecovering(health, input, now, settings);
  }
}

/** In service the state follows from the ledgers alone. */
function inService(health: Unproven | Up | Suspect, input: Input, now: Instant, settings: HealthSettings): TrunkHealth {
  const fatal = reasonForDown(health.ledgers, input, settings);
  if (fatal !== undefined) {
    return goDown(health, fatal, now, settings);
  }
  const doubt = reasonForDoubt(health.ledgers, settings);
  if (doubt !== undefined) {
    return beSuspect(health, doubt, input, now, settings);
  }
  const state = health.ledgers.proven ? 'up' : 'unproven';
  return health.state === state
    ? health
    : { ...common(health), ...returned(health, now), state, cause: goodCause(input) };
}

function beSuspect(
  health: Unproven | Up | Suspect,
  doubt: Finding,
  input: Input,
  now: Instant,
  settings: HealthSettings,
): Suspect {
  if (health.state !== 'suspect') {
    const trialFrom = after(now, settings.holdDown.first);
    return { ...common(health), ...doubt, state: 'suspect', since: now, trialFrom, canarySince: undefined };
  }
  const isNew = health.by !== 'call' && doubt.by === 'call';
  const trialFrom = isNew ? after(now, settings.holdDown.first) : health.trialFrom;
  return afterTrial({ ...health, ...doubt, trialFrom }, input, now, settings);
}

/** Ends the canary that is out, if this is its outcome. One that failed without taking the trunk down waits longer. */
function afterTrial<T extends Suspect | Recovering>(
  health: T,
  input: Input,
  now: Instant,
  settings: HealthSettings,
): T {
  if (health.canarySince === undefined || !isOutcome(input)) {
    return health;
  }
  if (!countsAgainst(input, settings)) {
    return { ...health, canarySince: undefined };
  }
  const holdDown = nextHoldDown(health.wait, now, settings);
  const wait: WaitMemory = { holdDown, returnedAt: undefined };
  return { ...health, canarySince: undefined, trialFrom: after(now, holdDown), wait };
}

function goDown(health: TrunkHealth, finding: Finding, now: Instant, settings: HealthSettings): Down {
  const holdDown = nextHoldDown(health.wait, now, settings);
  return {
    ...common(health),
    ...finding,
    state: 'down',
    since: now,
    holdDownUntil: after(now, holdDown),
    wait: { holdDown, returnedAt: undefined },
  };
}

/** Doubles with each return that failed; good time in service since the return brings it back. */
function nextHoldDown(wait: WaitMemory, now: Instant, settings: HealthSettings): Milliseconds {
  const { first, longest, forgives } = settings.holdDown;
  const good = wait.returnedAt === undefined ? 0 : between(wait.returnedAt, now);
  const doubled = wait.holdDown * 2 * 0.5 ** Math.floor(good / forgives);
  return ms(Math.min(longest, Math.max(first, doubled)));
}

/** A call that fails when the hold-down was over (a panic sends them) starts it once more. */
function whileDown(health: Down, input: Input, now: Instant, settings: HealthSettings): TrunkHealth {
  if (health.ledgers.line.state === 'down') {
    return health;
  }
  if (reachedFarEnd(input)) {
    return recover(health, goodCause(input), now);
  }
  if (condemns(input, settings)) {
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
  return {
    ...common(health),
    state: 'recovering',
    by: health.by,
    since: now,
    cause,
    trialFrom: now,
    canarySince: undefined,
  };
}

function whileRecovering(health: Recovering, input: Input, now: Instant, settings: HealthSettings): TrunkHealth {
  if (reachedFarEnd(input)) {
    return backUp(health, goodCause(input), now, settings);
  }
  const failure = reasonToFallBack(health.ledgers, input, settings);
  if (failure !== undefined) {
    return goDown(health, failure, now, settings);
  }
  return afterTrial(health, input, now, settings);
}

/** Answered, but with a lasting finding of another kind (mute calls), it is in service and suspect. */
function backUp(health: Recovering, cause: string, now: Instant, settings: HealthSettings): TrunkHealth {
  const up: Up = { ...common(health), ...returned(health, now), state: 'up', cause };
  return inService(up, { type: 'tick' }, now, settings);
}

/** From here on the time in service counts. */
function returned({ wait }: Common, now: Instant): Pick<Common, 'since' | 'wait'> {
  return { since: now, wait: { ...wait, returnedAt: wait.returnedAt ?? now } };
}

function common({ since, cause, ledgers, wait }: Common): Common {
  return { since, cause, ledgers, wait };
}
