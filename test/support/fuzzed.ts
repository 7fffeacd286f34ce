import { examine, mended } from '../../src/sip/faults.js';
import { header, headerValues, splitList } from '../../src/sip/headers.js';
import { callerIdentities } from '../../src/sip/identity.js';
import { parseMessage, printMessage, type SipMessage } from '../../src/sip/message.js';
import { parseMultipart } from '../../src/sip/mime.js';
import { parseNameAddr, tagOf, withoutTag, withTag } from '../../src/sip/name-addr.js';
import { parseParams, printParams } from '../../src/sip/params.js';
import { parseReasons } from '../../src/sip/reason.js';
import { sdpIn } from '../../src/sip/sdp-in-body.js';
import { parseSdp } from '../../src/sip/sdp.js';
import { parseUri, printUri } from '../../src/sip/uri.js';
import { parseVia } from '../../src/sip/via.js';

/** Does with bytes from the network all that `sip/` can do with them. Throws where a rule does not hold that always must. */
export function exercise(bytes: string): void {
  const { message } = examine(parseMessage(bytes));
  if (message === undefined) {
    return;
  }
  readValues(mended(message));
  const printed = printMessage(message);
  const again = parseMessage(printed);
  const partly = again.ok ? again.message : again.partial;
  if (partly === undefined || printMessage(partly) !== printed) {
    throw new Error('what is printed reads as something else');
  }
}

/** What reads the value of a header. */
const READERS: readonly ((value: string) => unknown)[] = [
  (value) => parseUri(parseNameAddr(value)?.uri ?? ''),
  (value) => withTag(value, 'tag'),
  (value) => withoutTag(value),
  (value) => tagOf(value),
  (value) => parseVia(value),
  (value) => splitList(value),
  (value) => printParams(parseParams(value)),
  (value) => parseReasons([{ name: 'Reason', value }]),
];

/** Each value goes to one reader: over many messages every one meets all. */
function readValues({ headers, body, ...start }: SipMessage): void {
  if (start.kind === 'request') {
    printUri(parseUri(start.uri));
  }
  for (const [index, { value }] of headers.entries()) {
    READERS[(index + value.length) % READERS.length]?.(value);
  }
  callerIdentities(headers);
  headerValues(headers, 'Contact').map(parseNameAddr);
  parseMultipart(header(headers, 'Content-Type') ?? '', body);
  parseSdp(sdpIn({ headers, body }) ?? body);
}
