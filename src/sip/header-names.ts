/** Compact header names (IANA SIP parameters), in lower case, to the long name in lower case. */
export const COMPACT: ReadonlyMap<string, string> = new Map([
  ['a', 'accept-contact'],
  ['b', 'referred-by'],
  ['c', 'content-type'],
  ['d', 'request-disposition'],
  ['e', 'content-encoding'],
  ['f', 'from'],
  ['i', 'call-id'],
  ['j', 'reject-contact'],
  ['k', 'supported'],
  ['l', 'content-length'],
  ['m', 'contact'],
  ['n', 'identity-info'],
  ['o', 'event'],
  ['r', 'refer-to'],
  ['s', 'subject'],
  ['t', 'to'],
  ['u', 'allow-events'],
  ['v', 'via'],
  ['x', 'session-expires'],
  ['y', 'identity'],
]);

/** Names whose usual spelling is not one capital per word. */
const SPELLED = [
  'Call-ID',
  'Content-ID',
  'CSeq',
  'MIME-Version',
  'Min-SE',
  'P-Associated-URI',
  'P-Charging-Function-Addresses',
  'P-DCS-Billing-Info',
  'P-DCS-LAES',
  'P-Visited-Network-ID',
  'RAck',
  'Remote-Party-ID',
  'RSeq',
  'SIP-ETag',
  'SIP-If-Match',
  'WWW-Authenticate',
];

/** Lower-case names to their usual spelling, where it is irregular. */
export const KNOWN: ReadonlyMap<string, string> = new Map(SPELLED.map((name) => [name.toLowerCase(), name]));

/** Headers whose value is a comma list, in lower case. All others are left in one piece. */
export const LISTS: ReadonlySet<string> = new Set([
  'accept',
  'accept-contact',
  'accept-encoding',
  'accept-language',
  'accept-resource-priority',
  'alert-info',
  'allow',
  'allow-events',
  'call-info',
  'contact',
  'content-encoding',
  'content-language',
  'diversion',
  'error-info',
  'feature-caps',
  'geolocation',
  'geolocation-error',
  'history-info',
  'in-reply-to',
  'p-access-network-info',
  'p-asserted-identity',
  'p-associated-uri',
  'p-early-media',
  'p-preferred-identity',
  'p-visited-network-id',
  'path',
  'permission-missing',
  'proxy-require',
  'reason',
  'record-route',
  'recv-info',
  'reject-contact',
  'remote-party-id',
  'request-disposition',
  'require',
  'resource-priority',
  'route',
  'security-client',
  'security-server',
  'security-verify',
  'service-route',
  'supported',
  'trigger-consent',
  'unsupported',
  'user-to-user',
  'via',
  'warning',
]);

/** Names that nearly every message has, the most frequent first. */
const FREQUENT = [
  'Via',
  'From',
  'To',
  'Call-ID',
  'CSeq',
  'Max-Forwards',
  'Content-Length',
  'Contact',
  'Content-Type',
  'Record-Route',
  'Route',
  'Allow',
  'Supported',
  'User-Agent',
  'Require',
  'Reason',
  'Subject',
  'Server',
  'RSeq',
  'RAck',
  'P-Asserted-Identity',
  'Session-Expires',
];

/** Those and their lower-case spellings, by length. */
const BY_LENGTH: readonly (readonly string[])[] = Array.from({ length: 20 }, (_, length) =>
  FREQUENT.flatMap((name) => [name, name.toLowerCase()]).filter((name) => name.length === length),
);

/** The name that stands there. Frequent ones are always the same text: comparing them costs nothing. */
export function nameIn(text: string, start: number, end: number): string {
  const first = text.charCodeAt(start);
  for (const name of BY_LENGTH[end - start] ?? []) {
    if (name.charCodeAt(0) === first && text.startsWith(name, start)) {
      return name;
    }
  }
  return text.slice(start, end);
}
