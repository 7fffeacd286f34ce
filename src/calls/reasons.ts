import { printReason } from '../sip/reason.js';
import type { GiveUpCause } from './call.js';

/**
 * What a CANCEL or a BYE of ours says (RFC 3326). `SIP;cause=200` tells the far end that somebody else has the call, so
 * that it is no missed one; a caller who hung up is one, and is never told so.
 */
const STATUS: Readonly<Record<GiveUpCause, number>> = {
  'answered elsewhere': 200,
  'rings elsewhere': 200,
  'caller gone': 487,
  'out of time': 408,
  'came back': 482,
};

/** The Reason values for what we end ourselves. */
export function reasonsFor(cause: GiveUpCause): readonly string[] {
  return [printReason({ protocol: 'SIP', cause: STATUS[cause], text: cause, location: undefined })];
}
