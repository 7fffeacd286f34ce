import { asciiUpper, quote, smallNumber, trimBlanks } from './chars.js';
import { headerValues, type Header } from './headers.js';
import { parseParams } from './params.js';

/** One value of the Reason header (RFC 3326), with the ISUP location of RFC 8606. */
export interface Reason {
  /** Upper case: `SIP`, `Q.850` ... */
  readonly protocol: string;
  readonly cause: number | undefined;
  readonly text: string | undefined;
  /** Upper case: `U`, `LPN`, `LN`, `TN`, `RLN`, `RPN`, `INTL`, `BI`. */
  readonly location: string | undefined;
}

/** All reasons, in order, of one header or of several. A cause that is no number is undefined. */
export function parseReasons(headers: readonly Header[]): readonly Reason[] {
  return headerValues(headers, 'Reason').map(parseReason);
}

/** One Reason value, for example `Q.850;cause=16;text="Normal call clearing";location=LN`. */
export function printReason(reason: Reason): string {
  const cause = reason.cause === undefined ? '' : `;cause=${reason.cause}`;
  const text = reason.text === undefined ? '' : `;text=${quote(reason.text)}`;
  const location = reason.location === undefined ? '' : `;location=${reason.location}`;
  return `${reason.protocol}${cause}${text}${location}`;
}

/** One value, as it stands in a header. */
export function parseReason(value: string): Reason {
  const semicolon = value.indexOf(';');
  const end = semicolon < 0 ? value.length : semicolon;
  const params = parseParams(value.slice(end));
  const location = params.get('location');
  return {
    protocol: asciiUpper(trimBlanks(value.slice(0, end))),
    cause: smallNumber(params.get('cause') ?? ''),
    text: params.get('text'),
    location: location === undefined ? undefined : asciiUpper(location),
  };
}
