import { id, type E164 } from '../domain/ids.js';
import { dialled } from './dialled.js';
import type { NumberingPlan } from './plan.js';

/** National numbers shorter than this are short codes, and have no international form. */
const MIN_SIGNIFICANT = 4;
/** Numbers in full without a plus have at least this many digits behind the country code. */
const MIN_BARE_SIGNIFICANT = 8;

/**
 * The E.164 form of a caller's number, given as digits or as a sip:, sips: or tel: URI: `+31201234567`,
 * `0031201234567`, `0201234567`, `31201234567`, or local with the country as its phone-context. Undefined where the form
 * leaves a doubt, for short codes, and for what is no number: a wrong number is worse than none.
 */
export function toE164(text: string, plan: NumberingPlan): E164 | undefined {
  const found = dialled(text);
  if (found?.kind !== 'number') {
    return undefined;
  }
  return found.digits.startsWith('+') || found.context === undefined || !found.context.startsWith('+')
    ? fromForm(found.digits, plan)
    : fromContext(found.digits, found.context, plan);
}

function fromForm(digits: string, plan: NumberingPlan): E164 | undefined {
  const { countryCode, internationalPrefix, nationalPrefix } = plan;
  if (digits.startsWith('+')) {
    return international(digits.slice(1), plan);
  }
  if (digits.startsWith(internationalPrefix)) {
    return international(digits.slice(internationalPrefix.length), plan);
  }
  if (digits.startsWith(nationalPrefix)) {
    return national(digits.slice(nationalPrefix.length), plan);
  }
  const isWhole = digits.startsWith(countryCode) && digits.length >= countryCode.length + MIN_BARE_SIGNIFICANT;
  return isWhole ? international(digits, plan) : undefined;
}

function fromContext(digits: string, context: string, plan: NumberingPlan): E164 | undefined {
  if (context !== `+${plan.countryCode}`) {
    return undefined;
  }
  return digits.startsWith(plan.nationalPrefix) ? fromForm(digits, plan) : national(digits, plan);
}

/** In `+31(0)20...` the national prefix does not belong to the number. */
function international(digits: string, plan: NumberingPlan): E164 | undefined {
  const { countryCode, nationalPrefix } = plan;
  if (!digits.startsWith(countryCode)) {
    return checked(digits);
  }
  const rest = digits.slice(countryCode.length);
  return national(rest.startsWith(nationalPrefix) ? rest.slice(nationalPrefix.length) : rest, plan);
}

function national(significant: string, plan: NumberingPlan): E164 | undefined {
  return significant.length < MIN_SIGNIFICANT ? undefined : checked(`${plan.countryCode}${significant}`);
}

function checked(digits: string): E164 | undefined {
  return /^[1-9][0-9]{3,14}$/.test(digits) ? id<E164>(`+${digits}`) : undefined;
}
