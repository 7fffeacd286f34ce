import { cseq, header } from '../../sip/headers.js';
import type { SipMessage, SipRequest, SipResponse } from '../../sip/message.js';
import { tagOf } from '../../sip/name-addr.js';
import { parseVia, printVia, type Via } from '../../sip/via.js';
import type { Peer, Transport } from '../transport/transport.js';

/** What every message needs to be matched, read once. */
interface Matched {
  readonly via: Via;
  readonly branch: string;
  readonly callId: string;
  readonly cseq: { readonly number: number; readonly method: string };
  readonly fromTag: string | undefined;
  readonly toTag: string | undefined;
  readonly source: Peer;
  readonly transport: Transport;
  /** Bytes on the wire. */
  readonly size: number;
}

/** A request that can be matched and answered. */
export interface IncomingRequest extends Matched {
  readonly message: SipRequest;
}

/** A response that can be matched. */
export interface IncomingResponse extends Matched {
  readonly message: SipResponse;
}

/** What a message lacks for us to do anything with it. */
export type Unusable = 'no Via' | 'no Call-ID' | 'no CSeq' | 'no From' | 'no To';

/**
 * Reads what matching needs. A request's top Via gets `received` and `rport` (RFC 3261 18.2.1, RFC 3581).
 *
 * @returns what is missing, when the message cannot be matched.
 */
export function readIncoming<M extends SipMessage>(
  message: M,
  source: Peer,
  transport: Transport,
  size: number,
): (Matched & { readonly message: M }) | Unusable {
  const { headers } = message;
  const topVia = header(headers, 'Via');
  const via = topVia === undefined ? undefined : parseVia(firstOf(topVia));
  const callId = header(headers, 'Call-ID');
  const sequence = cseq(headers);
  const from = header(headers, 'From');
  const to = header(headers, 'To');
  if (via === undefined || topVia === undefined) {
    return 'no Via';
  }
  if (callId === undefined || callId === '') {
    return 'no Call-ID';
  }
  if (sequence === undefined) {
    return 'no CSeq';
  }
  if (from === undefined) {
    return 'no From';
  }
  if (to === undefined) {
    return 'no To';
  }
  const seen = message.kind === 'request' ? { ...message, headers: noteSource(message, topVia, via, source) } : message;
  return {
    message: seen,
    via,
    branch: via.params.get('branch') ?? '',
    callId,
    cseq: sequence,
    fromTag: tagOf(from),
    toTag: tagOf(to),
    source,
    transport,
    size,
  };
}

function firstOf(value: string): string {
  const comma = value.indexOf(',');
  return comma < 0 ? value : value.slice(0, comma);
}

/** RFC 3581 4: the address and port that the request really came from. */
function noteSource(request: SipRequest, topVia: string, via: Via, source: Peer): SipRequest['headers'] {
  const params = new Map(via.params);
  params.set('received', source.address);
  if (params.has('rport')) {
    params.set('rport', String(source.port));
  }
  const comma = topVia.indexOf(',');
  const value = printVia({ ...via, params }) + (comma < 0 ? '' : topVia.slice(comma));
  let done = false;
  return request.headers.map((each) => {
    if (done || !(each.name.length === 1 ? each.name.toLowerCase() === 'v' : each.name.toLowerCase() === 'via')) {
      return each;
    }
    done = true;
    return { name: 'Via', value };
  });
}

/** Where a response to a request goes (RFC 3261 18.2.2, RFC 3581 4). */
export function responsePeer(request: IncomingRequest): Peer {
  const { via, source } = request;
  const port = via.params.has('rport') ? source.port : (via.port ?? 5060);
  return { address: source.address, port, transport: 'udp' };
}
