import { ms, type Milliseconds } from '../domain/time.js';
import { parseReason } from '../sip/reason.js';

/** Answered, and ended by the far side within this time without a word: the path failed (DESIGN 4.8). */
const SILENT_WITHIN = ms(2_000);
/** The same with a cause that is no regular end. */
const WITH_CAUSE_WITHIN = ms(5_000);
/** Q.850: normal clearing, busy, normal unspecified: somebody hung up. */
const REGULAR = new Set([16, 17, 31]);

/** An answer proves its path once it has stood so long. */
export const PROVEN_AFTER = SILENT_WITHIN;

/**
 * Whether a BYE of the far side says that the path dropped the call (P23).
 *
 * @param stood from the answer to the BYE.
 * @param reasons the Reason values of the BYE.
 */
export function isDrop(stood: Milliseconds, reasons: readonly string[]): boolean {
  if (reasons.length === 0) {
    return stood <= SILENT_WITHIN;
  }
  return stood <= WITH_CAUSE_WITHIN && isCutOff(reasons);
}

/** Whether a BYE says that the path ended the call, and not a person, however long it had stood (R36). */
export function isCutOff(reasons: readonly string[]): boolean {
  const causes = reasons.map(parseReason).flatMap((reason) => (reason?.protocol === 'Q.850' ? [reason.cause] : []));
  return causes.some((cause) => cause !== undefined && !REGULAR.has(cause));
}
