/** What becomes of a message: an answer of the engine itself, or it goes on to the application, or nothing happens at all. */
export type Outcome = 'to the application' | '400' | '416' | '420' | '481' | '501' | '505' | 'dropped';

/** A message of RFC 4475 or RFC 5118, and what the RFC says of it. */
export interface TortureCase {
  /** As the RFC names it, and its file in `messages`. */
  readonly name: string;
  readonly section: string;
  readonly about: string;
  /** What the RFC asks of an element that receives it. */
  readonly demands: string;
  /** The outcomes that the RFC allows to a server that hands calls to an application. */
  readonly allowed: readonly Outcome[];
  /** What `examine` finds wrong; undefined where the message is sound. */
  readonly fault?: string;
  /** The outcome in an engine that forgives what belongs to a call, where it differs: an emergency call is not refused for a fault. */
  readonly forgiven?: Outcome;
}

const APP = 'to the application';
const WELL_FORMED = 'well-formed: taken';

/** RFC 4475 */
export const TORTURE: readonly TortureCase[] = [
  sound('wsinv', '3.1.1.1', 'A short tortuous INVITE', 'well-formed; no such dialog: 481', '481'),
  sound('intmeth', '3.1.1.2', 'Wide range of valid characters', 'well-formed; the method is unknown: 501', '501'),
  sound('esc01', '3.1.1.3', 'Valid use of the % escaping mechanism', WELL_FORMED),
  sound('escnull', '3.1.1.4', 'Escaped nulls in URIs', WELL_FORMED),
  sound(
    'esc02',
    '3.1.1.5',
    'Use of % when it is not an escape',
    'well-formed; the method is unknown, and no REGISTER: 501',
    '501',
  ),
  sound('lwsdisp', '3.1.1.6', 'No blank between display name and `<`', WELL_FORMED),
  sound('longreq', '3.1.1.7', 'Long values in header fields', WELL_FORMED),
  sound(
    'dblreq',
    '3.1.1.8',
    'Extra trailing octets in a datagram',
    'the REGISTER is taken, the octets behind it are ignored',
  ),
  sound('semiuri', '3.1.1.9', 'Semicolon-separated parameters in the user part', WELL_FORMED),
  sound('transports', '3.1.1.10', 'Varied and unknown transport types', WELL_FORMED),
  sound('mpart01', '3.1.1.11', 'Multipart MIME message', WELL_FORMED),
  sound('unreason', '3.1.1.12', 'Unusual reason phrase', WELL_FORMED),
  sound('noreason', '3.1.1.13', 'Empty reason phrase', WELL_FORMED),
  forgivable('badinv01', '3.1.2.1', 'Extraneous header field separators', 'bad Via'),
  forgivable('clerr', '3.1.2.2', 'Content-Length larger than message', 'truncated'),
  forgivable('ncl', '3.1.2.3', 'Negative Content-Length', 'bad Content-Length'),
  refused('scalar02', '3.1.2.4', 'Request scalar fields with overlarge values', 'bad CSeq', '400 for the CSeq', '400'),
  refused('scalarlg', '3.1.2.5', 'Response scalar fields with overlarge values', 'bad CSeq', 'discarded', 'dropped'),
  liberal('quotbal', '3.1.2.6', 'Unterminated quoted string in display name'),
  liberal('ltgtruri', '3.1.2.7', '`<>` around the Request-URI'),
  {
    ...forgivable('lwsruri', '3.1.2.8', 'Blank within the Request-URI', 'a blank in the Request-URI'),
    forgiven: '481',
  },
  liberal('lwsstart', '3.1.2.9', 'Multiple blanks between the parts of the start line'),
  liberal('trws', '3.1.2.10', 'Blanks at the end of the start line'),
  liberal('escruri', '3.1.2.11', 'Escaped headers in the Request-URI'),
  liberal('baddate', '3.1.2.12', 'Invalid time zone in Date'),
  liberal('regbadct', '3.1.2.13', 'A name-addr URI without `<>`'),
  liberal('badaspec', '3.1.2.14', 'Blanks within an addr-spec'),
  liberal('baddn', '3.1.2.15', 'Non-token characters in a display name'),
  refused('badvers', '3.1.2.16', 'Unknown protocol version', 'unsupported version', '505', '505'),
  refused(
    'mismatch01',
    '3.1.2.17',
    'Start line and CSeq method mismatch',
    'the method in CSeq is another',
    '400',
    '400',
  ),
  refused(
    'mismatch02',
    '3.1.2.18',
    'Unknown method with CSeq method mismatch',
    'the method in CSeq is another',
    '501, or 400',
    '501',
    '400',
  ),
  refused('bigcode', '3.1.2.19', 'Overlarge response code', 'bad status', 'dropped', 'dropped'),
  sound('badbranch', '3.2.1', 'Missing transaction identifier', '400, or told apart as RFC 2543 does', APP, '400'),
  refused(
    'insuf',
    '3.3.1',
    'Missing required header fields',
    'no Call-ID',
    'must not break; ideally 400',
    '400',
    'dropped',
  ),
  refused('unkscm', '3.3.2', 'Request-URI with unknown scheme', 'unsupported URI scheme', '416', '416'),
  refused('novelsc', '3.3.3', 'Request-URI with known but atypical scheme', 'unsupported URI scheme', '416', '416'),
  sound('unksm2', '3.3.4', 'Unknown URI schemes in header fields', 'well-formed; a registrar answers 400', APP, '400'),
  refused('bext01', '3.3.5', 'Proxy-Require and Require', 'unknown extension required', '420 with Unsupported', '420'),
  sound('invut', '3.3.6', 'Unknown Content-Type', 'passed on; an endpoint answers 415'),
  sound('regaut01', '3.3.7', 'Unknown authorization scheme', 'taken; who is no registrar answers 405'),
  forgivable('multi01', '3.3.8', 'Multiple values in single-value fields', 'more than one CSeq'),
  refused(
    'mcl01',
    '3.3.9',
    'Multiple Content-Length values',
    'more than one Content-Length',
    'an error, the rest discarded',
    '400',
  ),
  {
    ...refused(
      'bcast',
      '3.3.10',
      '200 OK with a broadcast Via',
      'more than one Via in a response',
      'discarded',
      'dropped',
    ),
    forgiven: APP,
  },
  sound('zeromf', '3.3.11', 'Max-Forwards of zero', 'an endpoint takes it'),
  sound('cparam01', '3.3.12', 'REGISTER with a Contact header parameter', WELL_FORMED),
  sound('cparam02', '3.3.13', 'REGISTER with a Contact URI parameter', WELL_FORMED),
  sound('regescrt', '3.3.14', 'REGISTER with a URL-escaped header', WELL_FORMED),
  sound('sdp01', '3.3.15', 'Unacceptable Accept offering', 'well-formed; an endpoint may answer 406 or 400'),
  sound('inv2543', '3.4.1', 'INVITE with RFC 2543 syntax', 'taken, for the sake of older peers'),
];

/** RFC 5118. The Content-Length that it prints in sections 4.6, 4.8 and 4.9 counts another body; it is put right here. */
export const IPV6_TORTURE: readonly TortureCase[] = [
  sound('ipv6-good', '4.1', 'A valid message with an IPv6 reference', WELL_FORMED),
  refused('ipv6-bad', '4.2', 'An IPv6 address without brackets', 'bad host in the Request-URI', '400', '400'),
  sound('port-ambiguous', '4.3', 'Port ambiguous in a SIP URI', 'well-formed: all of it is the address'),
  sound('port-unambiguous', '4.4', 'Port unambiguous in a SIP URI', WELL_FORMED),
  sound('via-received-param-with-delim', '4.5', 'Via received with brackets', 'taken; no such dialog: 481', '481'),
  sound('via-received-param-no-delim', '4.5', 'Via received without brackets', 'taken'),
  sound('ipv6-in-sdp', '4.6', 'IPv6 addresses in an SDP body', WELL_FORMED),
  sound('mult-ip-in-header', '4.7', 'Addresses of both families in the headers', 'taken; no such dialog: 481', '481'),
  sound('mult-ip-in-sdp', '4.8', 'Addresses of both families in the SDP', WELL_FORMED),
  sound('ipv4-mapped-ipv6', '4.9', 'IPv4-mapped IPv6 addresses', WELL_FORMED),
  sound('ipv6-bug-abnf-3-colons', '4.10', 'The fault in the ABNF of RFC 3261: three colons', 'must be tolerated'),
  sound('ipv6-correct-abnf-2-colons', '4.10', 'The same with two colons', WELL_FORMED),
];

function sound(
  name: string,
  section: string,
  about: string,
  demands: string,
  ...allowed: readonly Outcome[]
): TortureCase {
  return { name, section, about, demands, allowed: allowed.length === 0 ? [APP] : allowed };
}

/** It may be refused, and may be taken. */
function liberal(name: string, section: string, about: string): TortureCase {
  return { name, section, about, demands: '400, or taken in spite of it', allowed: [APP, '400'] };
}

function refused(
  name: string,
  section: string,
  about: string,
  fault: string,
  demands: string,
  ...allowed: readonly Outcome[]
): TortureCase {
  return { name, section, about, fault, demands, allowed };
}

/** The RFC asks for 400; the call can be understood. */
function forgivable(name: string, section: string, about: string, fault: string): TortureCase {
  return { ...refused(name, section, about, fault, '400', '400'), forgiven: APP };
}
