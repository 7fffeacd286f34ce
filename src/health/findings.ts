import type { Evidence } from '../domain/health.js';
import { countsForDown, type Ledgers } from './ledgers.js';
import type { HealthSettings } from './weights.js';

/** What kind of evidence found the trouble. It decides what can clear it. */
export type FoundBy = 'probe' | 'call' | 'line';

/** What sets the machine in motion: a piece of evidence, or time alone. */
export type Input = Evidence | { readonly type: 'tick' };

/** Trouble, and which kind of evidence found it. */
export interface Finding {
  readonly by: FoundBy;
  readonly cause: string;
}

/** Why a trunk in service must go down, if it must. */
export function reasonForDown(ledgers: Ledgers, input: Input, settings: HealthSettings): Finding | undefined {
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

/** Why a trunk in service is in doubt, if it is. */
export function reasonForDoubt(ledgers: Ledgers, settings: HealthSettings): Finding | undefined {
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

/** Why a returning trunk must go down again, if it must. */
export function reasonToFallBack(ledgers: Ledgers, input: Input, settings: HealthSettings): Finding | undefined {
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
export function countsAgainst(input: Input, settings: HealthSettings): boolean {
  if (input.type !== 'attempt' || input.outcome.kind !== 'failed') {
    return false;
  }
  const { kind, weight } = input.outcome.verdict;
  return settings.calls[kind].points[weight] > 0;
}

/** Evidence that ends a return: a failure of a kind and weight that may take a trunk down. */
export function condemns(input: Input, settings: HealthSettings): boolean {
  if (input.type === 'attempt' && input.outcome.kind === 'failed') {
    return countsForDown(input.outcome.verdict, settings);
  }
  return (input.type === 'drill' && !input.reachedFarEnd) || (input.type === 'media' && input.outcome === 'mute');
}

/** The end of an attempt; ringing is not the end, nor is waiting for it. */
export function isOutcome(input: Input): boolean {
  return input.type === 'attempt' && (input.outcome.kind === 'answered' || input.outcome.kind === 'failed');
}

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
    case 'drought':
    case 'tick':
      return 'nothing against it';
  }
}
