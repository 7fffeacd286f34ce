import type { Milliseconds } from '../domain/time.js';
import { ms } from '../domain/time.js';

/** How a call ended: answered, failed, or given up by its caller after waiting so long. */
export type CallEnd =
  | { readonly kind: 'answered' }
  | { readonly kind: 'failed' }
  | { readonly kind: 'abandoned'; readonly after: Milliseconds };

/** How many calls of a service in a row were not connected. */
export interface Inability {
  readonly inARow: number;
  readonly isOn: boolean;
}

export const able: Inability = { inARow: 0, isOn: false };

/** So many in a row are no chance. */
const alarmAfter = 5;
/** Who hangs up sooner may have changed his mind. */
const patience = ms(5_000);

/** Counts one more call (R33): whatever the reason, none of the last ones was connected. */
export function oneMoreCall(before: Inability, end: CallEnd): Inability {
  if (end.kind === 'answered') {
    return able;
  }
  if (end.kind === 'abandoned' && end.after < patience) {
    return before;
  }
  const inARow = before.inARow + 1;
  return { inARow, isOn: inARow >= alarmAfter };
}
