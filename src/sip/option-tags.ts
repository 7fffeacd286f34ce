/**
 * The option tags that IANA has registered. An application may understand any of them; one that nobody has defined is refused
 * (RFC 3261 8.2.2.3).
 */
export const OPTION_TAGS: ReadonlySet<string> = new Set([
  '100rel', '199', 'answermode', 'early-session', 'eventlist', 'explicitsub', 'from-change', 'geolocation-http',
  'geolocation-sip', 'gin', 'gruu', 'histinfo', 'ice', 'join', 'multiple-refer', 'norefersub', 'nosub', 'outbound', 'path',
  'policy', 'precondition', 'pref', 'privacy', 'recipient-list-invite', 'recipient-list-message',
  'recipient-list-subscribe', 'record-aware', 'replaces', 'resource-priority', 'sdp-anat', 'sec-agree', 'siprec', 'tdialog',
  'timer', 'trickle-ice', 'uui',
]); // prettier-ignore
