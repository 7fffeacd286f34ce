/** The methods of RFC 3261 and its extensions. Any other one gets 501. */
export const METHODS: ReadonlySet<string> = new Set([
  'INVITE', 'ACK', 'PRACK', 'CANCEL', 'BYE', 'OPTIONS', 'REGISTER', 'INFO', 'UPDATE', 'MESSAGE', 'SUBSCRIBE', 'NOTIFY',
  'REFER', 'PUBLISH',
]); // prettier-ignore

/** The methods that make, change and end a call. */
export const OF_A_CALL: ReadonlySet<string> = new Set(['INVITE', 'ACK', 'PRACK', 'CANCEL', 'BYE', 'UPDATE', 'INFO']);
