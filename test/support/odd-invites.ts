import type { Chance } from './mutation.js';

/** An INVITE, in parts that can be made odd one by one. */
interface Invite {
  uri: string;
  /** What stands before, between and behind the parts of the start line. */
  blanks: string;
  version: string;
  headers: [string, string][];
  body: string;
  lineEnd: string;
  length: string;
}

/** A call to 112 as the network may bring it: legal, or broken in a way that leaves no doubt what is wanted. */
export interface OddInvite {
  readonly text: string;
  /** In what it is odd. */
  readonly how: string;
}

/** Where a call comes from and goes to. */
export interface Ends {
  readonly caller: string;
  readonly gateway: string;
  readonly callId: string;
}

type Oddity = (invite: Invite, chance: Chance, ends: Ends) => void;

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 0\r\n';
const PIDF = '<?xml version="1.0"?><presence xmlns="urn:ietf:params:xml:ns:pidf" entity="pres:a@b"/>';

/**
 * What may be done to a call, by what it is. Each is legal by RFC 3261 and its extensions, or a fault that RFC 4475 lets an element
 * forgive, or one that no emergency call may end over. Written from the RFCs: the parser under test has no part in it.
 */
const ODDITIES: Readonly<Record<string, Oddity>> = {
  'tel with a context': (invite) => (invite.uri = 'tel:112;phone-context=+31'),
  'service urn': (invite) => (invite.uri = 'urn:service:sos'),
  'service urn of one service': (invite) => (invite.uri = 'urn:service:sos.police'),
  'urn in capitals': (invite) => (invite.uri = 'URN:service:sos'),
  sips: (invite, _, { gateway }) => (invite.uri = `sips:112@${gateway}`),
  'user is a phone': (invite, _, { gateway }) => (invite.uri = `sip:112@${gateway};user=phone`),
  'unknown URI parameters': (invite, _, { gateway }) => (invite.uri = `sip:112@${gateway};x=1;y;transport=udp`),
  'a name as the host': (invite) => (invite.uri = 'sip:112@gateway.example'),
  'an IPv6 address as the host': (invite) => (invite.uri = 'sip:112@[2001:db8::10]:5060'),
  'an IPv6 address without brackets': (invite) => (invite.uri = 'sip:112@2001:db8::10'),
  'headers in the Request-URI': (invite, _, { gateway }) => (invite.uri = `sip:112@${gateway}?Priority=emergency`),
  'brackets around the Request-URI': (invite) => (invite.uri = `<${invite.uri}>`),
  'extra blanks in the start line': (invite) => (invite.blanks = '   '),
  'tabs in the start line': (invite) => (invite.blanks = '\t'),
  'version in small letters': (invite) => (invite.version = 'sip/2.0'),
  'line ends of LF': (invite) => (invite.lineEnd = '\n'),
  'header names in another case': (invite, chance) =>
    eachName(invite, (name) => (chance.isOneIn(2) ? name.toUpperCase() : name.toLowerCase())),
  'compact header names': (invite) => eachName(invite, (name) => COMPACT[name] ?? name),
  'blanks before the colon': (invite) => eachName(invite, (name) => `${name}  `),
  'folded headers': (invite) => {
    invite.headers = invite.headers.map(([name, value]) => [name, value.replace(/;(?=tag|branch)/, ';\r\n  ')]);
  },
  'headers in another order': (invite, chance) => invite.headers.sort(() => chance.number(3) - 1),
  'no From': (invite) => without(invite, 'From'),
  'no To': (invite) => without(invite, 'To'),
  'From without a tag': (invite) => put(invite, 'From', '<sip:+31612345678@carrier.example>'),
  'anonymous From': (invite) => put(invite, 'From', '"Anonymous" <sip:anonymous@anonymous.invalid>;tag=x'),
  'tel in From': (invite) => put(invite, 'From', '<tel:+31612345678>;tag=x'),
  'UTF-8 in From': (invite) =>
    put(invite, 'From', '"J\xc3\xb6rg \xe2\x98\x8e" <sip:+31612345678@carrier.example>;tag=x'),
  'Latin-1 in From': (invite) => put(invite, 'From', '"J\xf6rg" <sip:+31612345678@carrier.example>;tag=x'),
  'escapes in From': (invite) => put(invite, 'From', '"a \\"b\\" \\\\" <sip:+31612345678@carrier.example>;tag=x'),
  'a quote that never ends': (invite) => put(invite, 'To', '"Mr. J. <sip:112@gateway.example>'),
  'a bare name in To': (invite) => put(invite, 'To', 'Alarm, Centrale <sip:112@gateway.example>'),
  'From twice': (invite) => invite.headers.push(['From', '<sip:second@carrier.example>;tag=y']),
  'To twice': (invite) => invite.headers.push(['t', '<sip:second@carrier.example>']),
  'Max-Forwards twice': (invite) => invite.headers.push(['Max-Forwards', '5']),
  'no Max-Forwards': (invite) => without(invite, 'Max-Forwards'),
  'Max-Forwards too large': (invite) => put(invite, 'Max-Forwards', '300'),
  'Max-Forwards of 1': (invite) => put(invite, 'Max-Forwards', '1'),
  'no Contact': (invite) => without(invite, 'Contact'),
  'a star as Contact': (invite) => put(invite, 'Contact', '*'),
  'largest CSeq': (invite) => put(invite, 'CSeq', '2147483647 INVITE'),
  'zeros before the CSeq': (invite) => put(invite, 'CSeq', '0000000001   INVITE'),
  'another method in CSeq': (invite) => put(invite, 'CSeq', '1 OPTIONS'),
  'branch of RFC 2543': (invite, chance) => viaParameter(invite, /;branch=[^;]*/, `;branch=${chance.number(1e9)}`),
  'no branch': (invite) => viaParameter(invite, /;branch=[^;]*/, ''),
  'empty parameters in Via': (invite) => viaParameter(invite, /$/, ';;'),
  'more Vias': (invite) =>
    insertAfterVia(invite, ['Via', 'SIP/2.0/TCP p1.example;branch=z9hG4bKx, SIP/2.0/SCTP p2.example']),
  'Record-Route': (invite, _, { caller }) => invite.headers.push(['Record-Route', `<sip:${caller}:5060;lr>`]),
  'unknown extension required': (invite) => invite.headers.push(['Require', 'nothing-supports-this']),
  'unknown extension of proxies required': (invite) => invite.headers.push(['Proxy-Require', 'no-proxy-does']),
  'unknown extension supported': (invite) => invite.headers.push(['Supported', 'x, y, 100rel, timer']),
  'unacceptable Accept': (invite) => invite.headers.push(['Accept', 'text/nobody-knows-this']),
  'odd date': (invite) => invite.headers.push(['Date', 'Fri, 01 Jan 2010 16:00:00 EST']),
  'overlarge Expires': (invite) => invite.headers.push(['Expires', '9'.repeat(100)]),
  credentials: (invite) => invite.headers.push(['Authorization', 'NoOneKnows opaque=here']),
  'caller hidden': (invite) => invite.headers.push(['Privacy', 'id;critical']),
  'unknown headers': (invite, chance) => {
    invite.headers.push(['X-Odd', ';;,,;;,;'], ['X-Odd', `"${'x'.repeat(chance.number(200))}`], ['X-Empty', '']);
  },
  'a header of many kilobytes': (invite, chance) =>
    invite.headers.push(['X-Long', 'long '.repeat(chance.number(6_000))]),
  'hundreds of headers': (invite) => {
    invite.headers.push(...Array.from({ length: 400 }, (_, index): [string, string] => [`X-${index}`, 'value']));
  },
  'a line that is no header': (invite) => invite.headers.push(['this is no header', NO_COLON]),
  'Content-Length too large': (invite) => (invite.length = '9999'),
  'Content-Length too small': (invite) => (invite.length = '60'),
  'Content-Length negative': (invite) => (invite.length = '-999'),
  'Content-Length no number': (invite) => (invite.length = 'many'),
  'no Content-Length': (invite) => (invite.length = ''),
  'no body': (invite) => setBody(invite, '', ''),
  'unknown body': (invite) => setBody(invite, 'application/unknown-format', '<audio/>'),
  'a body of bytes': (invite) => setBody(invite, 'application/octet-stream', '\x00\xff\x80\r\n\r\n\x01'),
  'no Content-Type': (invite) => without(invite, 'Content-Type'),
  'charset of the body': (invite) => setBody(invite, 'application/sdp;charset=klingon', SDP),
  multipart: (invite) => setBody(invite, 'multipart/mixed;boundary=b', multipart('b', SDP)),
  'nested multipart': (invite) => {
    const inner = `--i\r\nContent-Type: application/sdp\r\n\r\n${SDP}\r\n--i--`;
    const part = `--o\r\nContent-Type: multipart/alternative;boundary=i\r\n\r\n${inner}\r\n--o--\r\n`;
    setBody(invite, 'multipart/mixed; boundary="o"', part);
  },
  'multipart without its end': (invite) =>
    setBody(invite, 'multipart/mixed;boundary=b', multipart('b', SDP).replace('--b--', '')),
};

const COMPACT: Readonly<Record<string, string>> = {
  Via: 'v', From: 'f', To: 't', 'Call-ID': 'i', Contact: 'm', 'Content-Type': 'c', Supported: 'k',
}; // prettier-ignore
/** A header that shows at the far end which call it is. */
export const MARK = 'X-Odd-Call';
/** Stands for a line that has only its name. */
const NO_COLON = '\0';

/** One of many 112 calls, odd in one to four ways. */
export function oddInvite(chance: Chance, ends: Ends): OddInvite {
  const invite = plainInvite(ends);
  const names = Object.keys(ODDITIES);
  const how = new Set(Array.from({ length: 1 + chance.number(4) }, () => chance.of(names)));
  for (const name of how) {
    ODDITIES[name]?.(invite, chance, ends);
  }
  return { text: printed(invite), how: [...how].join(', ') };
}

function plainInvite({ caller, gateway, callId }: Ends): Invite {
  return {
    uri: `sip:112@${gateway}`,
    blanks: ' ',
    version: 'SIP/2.0',
    headers: [
      ['Via', `SIP/2.0/UDP ${caller}:5060;rport;branch=z9hG4bK${callId}`],
      ['From', '<sip:+31612345678@carrier.example>;tag=odd'],
      ['To', '<sip:112@gateway.example>'],
      ['Call-ID', callId],
      ['CSeq', '1 INVITE'],
      ['Contact', `<sip:caller@${caller}:5060>`],
      ['Max-Forwards', '70'],
      [MARK, callId],
      ['Content-Type', 'application/sdp'],
    ],
    body: SDP,
    lineEnd: '\r\n',
    length: 'right',
  };
}

function printed({ uri, blanks, version, headers, body, lineEnd, length }: Invite): string {
  const lines = headers.map(([name, value]) => (value === NO_COLON ? name : `${name}: ${value}`));
  const counted = length === 'right' ? String(body.length) : length;
  const all = [
    `INVITE${blanks}${uri}${blanks}${version}`,
    ...lines,
    ...(counted === '' ? [] : [`Content-Length: ${counted}`]),
  ];
  return `${all.join('\r\n').replaceAll('\r\n', lineEnd)}${lineEnd}${lineEnd}${body}`;
}

function multipart(boundary: string, sdp: string): string {
  const parts = [
    `Content-Type: application/sdp\r\n\r\n${sdp}`,
    `Content-Type: application/pidf+xml\r\nContent-ID: <l@x>\r\n\r\n${PIDF}`,
  ];
  return `${parts.map((part) => `--${boundary}\r\n${part}\r\n`).join('')}--${boundary}--\r\n`;
}

function eachName(invite: Invite, change: (name: string) => string): void {
  invite.headers = invite.headers.map(([name, value]) => [value === NO_COLON ? name : change(name), value]);
}

function is(name: string, wanted: string): boolean {
  const plain = name.trim().toLowerCase();
  return plain === wanted.toLowerCase() || plain === COMPACT[wanted];
}

function without(invite: Invite, wanted: string): void {
  invite.headers = invite.headers.filter(([name]) => !is(name, wanted));
}

function put(invite: Invite, wanted: string, value: string): void {
  invite.headers = invite.headers.map(([name, old]) => [name, is(name, wanted) ? value : old]);
}

function viaParameter(invite: Invite, what: RegExp, instead: string): void {
  invite.headers = invite.headers.map(([name, value]) => [
    name,
    is(name, 'Via') ? value.replace(what, instead) : value,
  ]);
}

function insertAfterVia(invite: Invite, header: [string, string]): void {
  const via = invite.headers.findIndex(([name]) => is(name, 'Via'));
  invite.headers = invite.headers.toSpliced(via + 1, 0, header);
}

function setBody(invite: Invite, type: string, body: string): void {
  without(invite, 'Content-Type');
  invite.body = body;
  if (type !== '') {
    invite.headers.push(['Content-Type', type]);
  }
}
