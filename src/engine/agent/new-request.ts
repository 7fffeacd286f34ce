import { randomUuid } from '../random.js';
import { cseq, header, withoutHeader } from '../../sip/headers.js';
import { printHostPort } from '../../sip/host-port.js';
import type { Header, SipRequest } from '../../sip/message.js';
import { tagOf, withTag } from '../../sip/name-addr.js';
import { newTag } from '../transaction/layer.js';
import { defaultPort, type Transport } from '../transport/transport.js';

/** What a new request outside any dialog says. What is missing is filled in. */
export interface NewRequest {
  readonly method: string;
  readonly uri: string;
  readonly headers: readonly Header[];
  readonly body: string;
}

const MAX_FORWARDS = '70';

/**
 * RFC 3261 8.1.1: with the headers without which no request leaves, in front of the others.
 *
 * @param sequence the CSeq number, where the request has none.
 */
export function completeRequest(
  { method, uri, headers, body }: NewRequest,
  transport: Transport,
  sequence: number,
): SipRequest {
  const from = header(headers, 'From') ?? `<sip:${hostPort(transport)}>`;
  const own: Header[] = [
    { name: 'Max-Forwards', value: header(headers, 'Max-Forwards') ?? MAX_FORWARDS },
    { name: 'From', value: tagOf(from) === undefined ? withTag(from, newTag()) : from },
    { name: 'To', value: header(headers, 'To') ?? `<${uri}>` },
    { name: 'Call-ID', value: header(headers, 'Call-ID') ?? randomUuid() },
    { name: 'CSeq', value: `${cseq(headers)?.number ?? sequence} ${method}` },
  ];
  const needsContact = (method === 'INVITE' || method === 'SUBSCRIBE') && header(headers, 'Contact') === undefined;
  const contact = needsContact ? [{ name: 'Contact', value: contactOf(transport, /^sips:/i.test(uri)) }] : [];
  const others = withoutHeader(headers, ...own.map(({ name }) => name));
  return { kind: 'request', method, uri, headers: [...own, ...contact, ...others], body };
}

/** Our Contact value on a transport. @param isSecure where a `sips:` URI asks for the same (RFC 3261 8.1.1.8). */
export function contactOf(transport: Transport, isSecure = false): string {
  const { protocol } = transport;
  if (isSecure && protocol === 'tls') {
    return `<sips:${hostPort(transport)}>`;
  }
  return `<sip:${hostPort(transport)}${protocol === 'udp' ? '' : `;transport=${protocol}`}>`;
}

function hostPort({ address, port, protocol }: Transport): string {
  return printHostPort({ host: address, port: port === defaultPort(protocol) ? undefined : port });
}
