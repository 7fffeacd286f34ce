import type { AttemptId } from '../domain/ids.js';
import { between } from '../domain/time.js';
import { judge } from '../failure/verdict.js';
import type { Attempt } from './call.js';
import type { Draft } from './draft.js';
import { isCutOff, isDrop } from './dropped.js';
import { reasonsFor } from './reasons.js';

/** The caller's own reason goes on; without one it is said that the caller is gone. */
export function onCallerGone(draft: Draft, given: readonly string[] = []): void {
  const { phase } = draft.call;
  const reasons = given.length > 0 ? given : reasonsFor('caller gone');
  if (phase.phase === 'searching') {
    draft.giveUpAll('caller gone', reasons);
    draft.end(draft.call.reoffered === undefined ? 'cancelled' : 'answered');
  } else if (phase.phase === 'answering') {
    proveWinner(draft, phase.winner);
    draft.ask({ do: 'release-callee', attempt: phase.winner, reasons });
    draft.end('cancelled');
  }
}

export function onCallerAnswered(draft: Draft): void {
  const { phase } = draft.call;
  if (phase.phase !== 'answering') {
    return draft.ask({ do: 'release-caller', reasons: [] });
  }
  const { winner, calleeGone } = phase;
  draft.set({ answeredAt: draft.now, phase: { phase: 'connected', winner } });
  if (calleeGone !== undefined) {
    calleeLeft(draft, winner, calleeGone.reasons, calleeGone.isDrop);
  } else {
    draft.ask({ do: 'arm-proof', attempt: winner });
  }
}

/** A BYE goes on with the reasons that it came with, and with none where it had none. */
export function onCallerEnded(draft: Draft, reasons: readonly string[] = []): void {
  const { phase } = draft.call;
  if (phase.phase === 'answering' || phase.phase === 'connected') {
    proveWinner(draft, phase.winner);
    draft.ask({ do: 'release-callee', attempt: phase.winner, reasons });
    draft.end('answered');
  } else if (phase.phase === 'searching' && draft.call.reoffered !== undefined) {
    onCallerGone(draft, reasons);
  }
}

/** The server of a leg has been away for so long that the call is closed here. Nobody is cut off: the two may still talk. */
export function onControlLost(draft: Draft): void {
  const { phase } = draft.call;
  if (phase.phase === 'answering' || phase.phase === 'connected') {
    proveWinner(draft, phase.winner);
    draft.end('answered');
  } else if (draft.call.reoffered !== undefined) {
    onCallerGone(draft);
  }
}

/** The answering point hung up, or the path dropped the call. While our 200 is on its way the caller cannot be told. */
export function onCalleeEnded(
  draft: Draft,
  id: AttemptId,
  by: 'server' | 'lost' | undefined,
  reasons: readonly string[] = [],
): void {
  const { phase } = draft.call;
  const winner = draft.find(id);
  if ((phase.phase !== 'answering' && phase.phase !== 'connected') || phase.winner !== id || winner === undefined) {
    return;
  }
  const dropped = by === undefined && draft.call.reoffered === undefined && isDroppedNow(draft, winner, reasons);
  if (phase.phase === 'answering') {
    draft.set({ phase: { ...phase, calleeGone: { reasons, isDrop: dropped } } });
  } else {
    calleeLeft(draft, id, reasons, dropped);
  }
}

/** The answer has stood: its path is proven. */
export function onProven(draft: Draft, id: AttemptId): void {
  const { phase } = draft.call;
  if (phase.phase === 'connected' && phase.winner === id) {
    proveWinner(draft, id);
  }
}

function isDroppedNow({ now }: Draft, { endedAt }: Attempt, reasons: readonly string[]): boolean {
  return endedAt !== undefined && isDrop(between(endedAt, now), reasons);
}

function calleeLeft(draft: Draft, winner: AttemptId, reasons: readonly string[], dropped: boolean): void {
  if (dropped) {
    return reoffer(draft, winner, reasons);
  }
  proveWinner(draft, winner);
  if (isCutOff(reasons)) {
    const reason = `cut off in mid-call: ${reasons.join(', ')}`;
    draft.ask({ do: 'report-evidence', attempt: winner, outcome: { kind: 'cut', reason } });
  }
  draft.ask({ do: 'release-caller', reasons });
  draft.end('answered');
}

/** P23: the caller, who is still there, is offered to the next path; the one that dropped the call comes last. */
function reoffer(draft: Draft, attempt: AttemptId, reasons: readonly string[]): void {
  const trunk = draft.find(attempt)?.planned.trunk.id;
  const verdict = judge({ origin: 'dropped' });
  draft.update(attempt, { state: { phase: 'failed', verdict }, endedAt: draft.now, judged: true });
  draft.failed(attempt, verdict);
  const plan = draft.around.plan();
  draft.set({
    phase: { phase: 'searching' },
    reoffered: { attempt, reasons },
    lastChanceAt: undefined,
    remaining: [...plan.filter((each) => each.trunk.id !== trunk), ...plan.filter((each) => each.trunk.id === trunk)],
  });
}

/** Once per attempt: the answer was a true one. */
function proveWinner(draft: Draft, id: AttemptId): void {
  if (draft.find(id)?.judged !== true) {
    draft.update(id, { judged: true });
    draft.ask({ do: 'report-evidence', attempt: id, outcome: { kind: 'answered' } });
  }
}
