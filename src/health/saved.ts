import type { SavedCarrier, SavedTrunk } from '../domain/saved-health.js';
import { after, between, type Instant, type Milliseconds, ms } from '../domain/time.js';
import type { CarrierHealth } from './carrier.js';
import { emptyLedgers, type Ledgers } from './ledgers.js';
import type { TrunkHealth } from './trunk.js';

/** After this time what worked is no longer taken for proven. What was down stays down, however long ago. */
const provenFor = ms(3_600_000);

/** What is kept of a trunk's health. */
export function saveTrunk(
  { trunk, service }: Pick<SavedTrunk, 'trunk' | 'service'>,
  health: TrunkHealth,
  now: Instant,
): SavedTrunk {
  const { state, cause, since, wait } = health;
  const { probe, calls, proven } = health.ledgers;
  const { points, downPoints, mute, inVain, failures, rates, last } = calls;
  return {
    ...{ trunk, service, state, cause, proven, points, downPoints, mute, inVain, failures, rates },
    age: between(since, now),
    probed: probe.lastAt !== undefined,
    holdDown: wait.holdDown,
    ...(wait.returnedAt === undefined ? {} : { returnedAge: between(wait.returnedAt, now) }),
    ...waiting(health, now),
    ...(last === undefined ? {} : { last: { age: between(last.at, now), kind: last.kind, reason: last.reason } }),
    ...(probe.roundTrip === undefined ? {} : { roundTrip: probe.roundTrip }),
  };
}

function waiting(health: TrunkHealth, now: Instant): Pick<SavedTrunk, 'by' | 'left'> {
  switch (health.state) {
    case 'down':
      return { by: health.by, left: left(health.holdDownUntil, now) };
    case 'suspect':
    case 'recovering':
      return { by: health.by, left: left(health.trialFrom, now) };
    case 'unproven':
    case 'up':
      return {};
  }
}

function left(until: Instant, now: Instant): Milliseconds {
  return ms(Math.max(0, between(now, until)));
}

/**
 * The health of a trunk as it was saved `elapsed` ago. What was down starts as down, and its hold-down went on meanwhile;
 * what was up must prove itself again after an hour.
 */
export function restoreTrunk(saved: SavedTrunk, elapsed: Milliseconds, now: Instant): TrunkHealth {
  const ago = (age: Milliseconds): Instant => after(now, ms(0 - age - elapsed));
  const common = {
    since: ago(saved.age),
    cause: saved.cause,
    ledgers: restoreLedgers(saved, elapsed, ago),
    wait: {
      holdDown: saved.holdDown,
      returnedAt: saved.returnedAge === undefined ? undefined : ago(saved.returnedAge),
    },
  };
  const by = saved.by ?? 'call';
  const later = after(now, ms(Math.max(0, (saved.left ?? 0) - elapsed)));
  switch (saved.state) {
    case 'down':
      return { ...common, state: 'down', by, holdDownUntil: later };
    case 'suspect':
      return { ...common, state: 'suspect', by, trialFrom: later, canarySince: undefined };
    case 'recovering':
      return { ...common, state: 'recovering', by, step: 0, good: 0, trialFrom: later, canarySince: undefined };
    case 'unproven':
    case 'up':
      return { ...common, state: common.ledgers.proven ? 'up' : 'unproven' };
  }
}

function restoreLedgers(saved: SavedTrunk, elapsed: Milliseconds, ago: (age: Milliseconds) => Instant): Ledgers {
  const { points, downPoints, mute, inVain = 0, failures, rates, last, roundTrip, probed, proven } = saved;
  return {
    ...emptyLedgers,
    probe: { ...emptyLedgers.probe, roundTrip, lastAt: probed ? ago(ms(0)) : undefined },
    calls: {
      ...{ points, downPoints, mute, inVain, failures, rates, lastGoodAt: undefined },
      last: last === undefined ? undefined : { at: ago(last.age), kind: last.kind, reason: last.reason },
    },
    proven: proven && elapsed <= provenFor,
  };
}

/** What is kept of a carrier's health. */
export function saveCarrier(
  { carrier, service }: Pick<SavedCarrier, 'carrier' | 'service'>,
  { state, cause, since }: CarrierHealth,
  now: Instant,
): SavedCarrier {
  return { carrier, service, state, cause, age: between(since, now) };
}

/** The health of a carrier as it was saved `elapsed` ago. */
export function restoreCarrier(
  { state, cause, age }: SavedCarrier,
  elapsed: Milliseconds,
  now: Instant,
): CarrierHealth {
  return { state, cause, since: after(now, ms(0 - age - elapsed)) };
}
