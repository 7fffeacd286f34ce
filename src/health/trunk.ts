import type { Evidence } from '../domain/health.js';
import { after, between, type Instant, type Milliseconds, ms } from '../domain/time.js';
import { countsForDown, emptyLedgers, type Ledgers, write } from './ledgers.js';
import type { HealthSettings } from './weights.js';

/** What kind of evidence found the trouble. It decides what can clear it. */
export type FoundBy = 'probe' | 'call' | 'line';

/** How long the trunk had to wait last time, and when it last came back. */
export interface WaitMemory {
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
export interface Unproven extends Common {
  readonly state: 'unproven';
}

export interface Up extends Common {
  readonly state: 'up';
}

/** Something failed. Routed behind the healthy. */
export interface Suspect extends Common {
  readonly state: 'suspect';
  readonly by: FoundBy;
  /** From when one call may try it first. Probes alone clear what probes found, so then it is not needed. */
  readonly trialFrom: Instant;
  readonly canarySince: Instant | undefined;
}

/** Judged gone: no call touches it. */
export interface Down extends Common {
  readonly state: 'down';
  readonly by: FoundBy;
  readonly holdDownUntil: Instant;
}

/** On the way back: takes one call at a time, as a canary. */
export interface Recovering extends Common {
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

/** What sets the machine in motion: a piece of evidence, or time alone. */
type Input = Evidence | { readonly type: 'tick' };

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
      return health.by === 'call' && health.ledgers.probe.misses === 0 && mayTry(health, now, settings);
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
  const { canarySince, trialFrom } = health;
  const isOut = canarySince !== undefined && between(canarySince, now) < settings.canaryLost;
  return now >= trialFrom && !isOut;
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
  return health.state === state ? health : { ...common(health), state, since: now, cause: goodCause(input) };
}

interface Finding {
  readonly by: FoundBy;
  readonly cause: string;
}

function reasonForDown(ledgers: Ledgers, input: Input, settings: HealthSettings): Finding | undefined {
  const { probe, calls, line } = ledgers;
  if (line.state === 'down') {
    return { by: 'line', cause: `line down: ${line.cause}` };
  }
  if (calls.downPoints + calls.mute >= settings.points.down) {
    return { by: 'call', cause: `${callCause(ledgers)}, ${calls.failures} calls in a row` };
  }
  if (isUnreachable(input) && probe.misses > 0) {
    return { by: 'call', cause: `${callCause(ledgers)}, and probes fail too` };
  }
  if (probe.missesAlone > 0 && probe.refused) {
    return { by: 'probe', cause: 'probe refused' };
  }
  return probe.missesAlone >= settings.probes.missesToDown
    ? { by: 'probe', cause: `${probe.missesAlone} probes in a row without answer` }
    : undefined;
}

function reasonForDoubt(ledgers: Ledgers, settings: HealthSettings): Finding | undefined {
  if (ledgers.calls.points + ledgers.calls.mute >= settings.points.suspect) {
    return { by: 'call', cause: callCause(ledgers) };
  }
  return ledgers.probe.missesAlone >= settings.probes.missesToSuspect
    ? { by: 'probe', cause: 'probe without answer' }
    : undefined;
}

function callCause(ledgers: Ledgers): string {
  return ledgers.calls.last?.reason ?? 'call failed';
}

/** A call that found nobody there at all. */
function isUnreachable(input: Input): boolean {
  if (input.type !== 'attempt' || input.outcome.kind !== 'failed') {
    return false;
  }
  const { kind, weight } = input.outcome.verdict;
  return weight === 'strong' && (kind === 'silent' || kind === 'refused');
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
  return { ...health, canarySince: undefined, trialFrom: after(now, holdDown), wait: { ...health.wait, holdDown } };
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

function whileDown(health: Down, input: Input, now: Instant, settings: HealthSettings): TrunkHealth {
  if (health.ledgers.line.state === 'down') {
    return health;
  }
  if (reachedFarEnd(input)) {
    return recover(health, goodCause(input), now);
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
  const wait = { ...health.wait, returnedAt: now };
  const up: Up = { ...common(health), state: 'up', since: now, cause, wait };
  return inService(up, { type: 'tick' }, now, settings);
}

function reasonToFallBack(ledgers: Ledgers, input: Input, settings: HealthSettings): Finding | undefined {
  if (condemns(input, settings)) {
    return { by: 'call', cause: `canary failed: ${callCause(ledgers)}` };
  }
  const { line, probe } = ledgers;
  if (line.state === 'down') {
    return { by: 'line', cause: `line down: ${line.cause}` };
  }
  const missed = probe.refused || probe.missesAlone >= settings.probes.missesToDown;
  return input.type === 'probe' && missed ? { by: 'probe', cause: 'probes fail again' } : undefined;
}

/** A failed call of any weight above none. */
function countsAgainst(input: Input, settings: HealthSettings): boolean {
  if (input.type !== 'attempt' || input.outcome.kind !== 'failed') {
    return false;
  }
  const { kind, weight } = input.outcome.verdict;
  return settings.calls[kind].points[weight] > 0;
}

/** Evidence that ends a return: a failure of a kind and weight that may take a trunk down. */
function condemns(input: Input, settings: HealthSettings): boolean {
  if (input.type === 'attempt' && input.outcome.kind === 'failed') {
    return countsForDown(input.outcome.verdict, settings);
  }
  return (input.type === 'drill' && !input.reachedFarEnd) || (input.type === 'media' && input.outcome === 'mute');
}

/** The end of an attempt; ringing is not the end. */
function isOutcome(input: Input): boolean {
  return input.type === 'attempt' && input.outcome.kind !== 'progressed';
}

function reachedFarEnd(input: Input): boolean {
  return (
    (input.type === 'attempt' && input.outcome.kind === 'answered') || (input.type === 'drill' && input.reachedFarEnd)
  );
}

function goodCause(input: Input): string {
  switch (input.type) {
    case 'attempt':
      return input.outcome.kind === 'answered' ? 'call answered' : 'far end rang';
    case 'drill':
      return 'drill reached the far end';
    case 'media':
      return 'speech heard';
    case 'probe':
      return 'probe answered';
    case 'line':
    case 'drought':
    case 'tick':
      return 'nothing against it';
  }
}

function common({ since, cause, ledgers, wait }: Common): Common {
  return { since, cause, ledgers, wait };
}
