import { toE164 } from './e164.js';
import type { NumberingPlan } from './plan.js';

/** How a trunk wants numbers: `as-written`, `0880000112`, `0031880000112` or `+31880000112`. */
export type NumberForm = 'as-written' | 'national' | 'international' | 'e164';

/** A number of the dial plan in the form of a trunk. Short codes, and what is no telephone number, stay as they are. */
export function inForm(number: string, form: NumberForm, plan: NumberingPlan): string {
  const whole = form === 'as-written' ? undefined : toE164(number, plan);
  if (whole === undefined || form === 'e164') {
    return whole ?? number;
  }
  const home = `+${plan.countryCode}`;
  return form === 'national' && whole.startsWith(home)
    ? `${plan.nationalPrefix}${whole.slice(home.length)}`
    : `${plan.internationalPrefix}${whole.slice(1)}`;
}
