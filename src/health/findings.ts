import type { AttemptOutcome, Evidence } from '../domain/health.js';
import type { FoundBy } from '../domain/saved-health.js';
import { type Ledgers, pointsForDown, type SharedDoubt } from './ledgers.js';
import type { HealthSettings } from './weights.js';

/** What sets the machine in motion: evidence, time alone, or that what the trunk shares was judged gone, or is in doubt. */
export type Input =
  | Evidence
  | { readonly type: 'tick' }
  | { readonly type: 'cut'; readonly cause: string }
  | { readonly type: 'doubt'; readonly doubt: SharedDoubt };

/** Trouble, and which kind of evidence found it. */
export interface Finding {
  readonly by: FoundBy;
  readonly cause: string;
}

/**
 * Why a trunk in service must go down, if it must.
 *
 * @param isWitnessed whether silence is the trunk's own: somebody else was heard meanwhile.
 */
export function reasonForDown(
  ledgers: Ledgers,
  input: Input,
  settings: HealthSettings,
  isWitnessed: boolean,
): Finding | undefined {
  const { probe, calls, line } = ledgers;
  if (input.type === 'cut') {
    return { by: 'carrier', cause: input.cause };
  }
  if (line.state === 'down') {
    return { by: 'line', cause: `line down: ${line.cause}` };
  }
  if (calls.downPoints + calls.mute >= settings.points.down) {
    return { by: 'call', cause: `${callCause(ledgers)}, ${Math.max(1, calls.failures)} calls in a row` };
  }
  if (calls.inVain >= settings.inVain.down) {
    return ringsInVain(calls.inVain);
  }
  if (isRefused(input) && probe.missesAlone > 0 && probe.refused) {
    return { by: 'call', cause: `${callCause(ledgers)}, and probes fail too` };
  }
  if (probe.missesAlone > 0 && probe.refused) {
    return { by: 'probe', cause: 'probe refused' };
  }
  return probe.missesAlone >= settings.probes.missesToDown && isWitnessed ? silence(ledgers) : undefined;
}

function silence({ probe: { missesAlone, callMisses } }: Ledgers): Finding {
  return callMisses > 0
    ? { by: 'call', cause: `nothing came back ${missesAlone} times in a row, to calls and probes` }
    : { by: 'probe', cause: `${missesAlone} probes in a row without answer` };
}

/** Why a trunk in service is in doubt, if it is. */
export function reasonForDoubt(ledgers: Ledgers, settings: HealthSettings): Finding | undefined {
  const { calls, probe } = ledgers;
  if (calls.points + calls.mute >= settings.points.suspect) {
    return { by: 'call', cause: callCause(ledgers) };
  }
  if (calls.inVain >= settings.inVain.suspect) {
    return ringsInVain(calls.inVain);
  }
  if (calls.rates.half.isBad) {
    return { by: 'call', cause: `about half of its calls fail, lately: ${callCause(ledgers)}` };
  }
  if (calls.rates.cuts.isBad) {
    return { by: 'call', cause: `its calls are cut off, lately: ${callCause(ledgers)}` };
  }
  return probe.missesAlone >= settings.probes.missesToSuspect
    ? { by: 'probe', cause: `nothing came back ${probe.missesAlone} times in a row` }
    : undefined;
}

function ringsInVain(calls: number): Finding {
  return { by: 'call', cause: `${calls} calls in a row rang, and were answered over another carrier only` };
}

function callCause(ledgers: Ledgers): string {
  return ledgers.calls.last?.reason ?? 'call failed';
}

function isRefused(input: Input): boolean {
  return input.type === 'attempt' && input.outcome.kind === 'failed' && input.outcome.verdict.kind === 'refused';
}

/** Why a trunk that takes canaries must go down again, if it must. */
export function reasonToFallBack(ledgers: Ledgers, input: Input, settings: HealthSettings): Finding | undefined {
  if (input.type === 'cut') {
    return { by: 'carrier', cause: input.cause };
  }
  if (condemns(ledgers, input, settings)) {
    return { by: 'call', cause: `canary failed: ${callCause(ledgers)}` };
  }
  const { line, probe } = ledgers;
  if (line.state === 'down') {
    return { by: 'line', cause: `line down: ${line.cause}` };
  }
  const missed = probe.refused || probe.missesAlone >= settings.probes.missesToDown;
  return input.type === 'probe' && missed ? { by: 'probe', cause: 'probes fail again' } : undefined;
}

/** A failed call of any weight above none, or one that rang in vain. */
export function countsAgainst(input: Input, settings: HealthSettings): boolean {
  if (input.type === 'attempt' && input.outcome.kind === 'in-vain') {
    return true;
  }
  if (input.type !== 'attempt' || input.outcome.kind !== 'failed') {
    return false;
  }
  const { kind, weight } = input.outcome.verdict;
  return settings.calls[kind].points[weight] > 0;
}

/** Evidence that ends a return: a failure of a kind and weight that may take a trunk down. */
export function condemns(ledgers: Ledgers, input: Input, settings: HealthSettings): boolean {
  if (input.type === 'attempt') {
    const { outcome } = input;
    const isSilent =
      outcome.kind === 'failed' && outcome.verdict.kind === 'silent' && outcome.verdict.weight !== 'none';
    return (
      isSilent ||
      outcome.kind === 'cut' ||
      outcome.kind === 'in-vain' ||
      (outcome.kind === 'failed' && pointsForDown(ledgers, outcome.verdict, settings) > 0)
    );
  }
  return (input.type === 'drill' && !input.reachedFarEnd) || (input.type === 'media' && input.outcome === 'mute');
}

/** The end of an attempt; ringing is not the end, nor is waiting for it. */
export function isOutcome(input: Input): boolean {
  return input.type === 'attempt' && ENDS.has(input.outcome.kind);
}

const ENDS: ReadonlySet<AttemptOutcome['kind']> = new Set(['answered', 'failed', 'in-vain']);

/** An answered call, or a drill that got through. */
export function reachedFarEnd(input: Input): boolean {
  return (
    (input.type === 'attempt' && input.outcome.kind === 'answered') || (input.type === 'drill' && input.reachedFarEnd)
  );
}

/** What good evidence says, in the field's words. */
export function goodCause(input: Input): string {
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
    case 'tick':
    case 'cut':
    case 'doubt':
      return 'nothing against it';
  }
}
