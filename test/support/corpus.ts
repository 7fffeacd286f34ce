import { IPV6_TORTURE, TORTURE } from '../torture/cases.js';
import { tortureMessage } from '../torture/notation.js';

const SDP = 'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n';
const PIDF = '<?xml version="1.0"?><presence entity="pres:a@b"/>';
const MULTIPART = `--b\r\nContent-Type: application/sdp\r\n\r\n${SDP}\r\n--b\r\nContent-ID: <loc@x>\r\nContent-Type: application/pidf+xml\r\n\r\n${PIDF}\r\n--b--\r\n`;

/** Sound messages of calls, and every torture message: what mutated messages are made of. */
export function corpus(): readonly string[] {
  const torture = [...TORTURE, ...IPV6_TORTURE].map(({ name }) => tortureMessage(name));
  return [...torture, ...['INVITE', 'ACK', 'CANCEL', 'BYE', 'PRACK', 'UPDATE'].flatMap(messagesOf)];
}

function messagesOf(method: string): readonly string[] {
  const body = method === 'INVITE' ? MULTIPART : '';
  const headers = [
    `Via: SIP/2.0/UDP 127.0.0.2:5060;branch=z9hG4bK${method};rport`,
    'From: "J\xc3\xb6rg" <sip:+31612345678@carrier.example;user=phone>;tag=a1',
    `To: <sip:112@gateway.example>${method === 'INVITE' ? '' : ';tag=b2'}`,
    `Call-ID: ${method}@127.0.0.2`,
    `CSeq: 7 ${method}`,
    'Contact: <sip:caller@127.0.0.2:5060;transport=udp>',
    'Max-Forwards: 70',
    'P-Asserted-Identity: <tel:+31612345678>, "x" <sip:+31612345678@carrier.example>',
    'Geolocation: <cid:loc@x>',
    'Reason: Q.850;cause=16;text="normal", SIP;cause=200',
    'Record-Route: <sip:127.0.0.3;lr>, <sip:127.0.0.4;lr>',
    ...(body === '' ? [] : ['Content-Type: multipart/mixed;boundary=b']),
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
  return [`${method} sip:112@127.0.0.1:5060;user=phone SIP/2.0\r\n${headers}`, `SIP/2.0 200 OK\r\n${headers}`];
}
