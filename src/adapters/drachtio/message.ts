import sipStatus from 'sip-status';
import type { ReceivedRequest, ReceivedResponse, Source } from '../../ports/sip-server.js';
import type { Transport } from '../../domain/network.js';
import type { Header, SipMessage } from '../../sip/message.js';
import { parseMessage } from '../../sip/message.js';
import type { SrfHeaders, SrfReceivedResponse, SrfRequest } from './srf.js';

/**
 * Headers in the form that srf sends unchanged.
 *
 * srf takes one value per name. Repeated headers are therefore written into one value, as lines of their own, so that
 * none is joined, re-ordered or re-spelled. Line ends inside a value are taken out first: no header can make another.
 */
export function toSrfHeaders(headers: readonly Header[]): SrfHeaders {
  const lines: SrfHeaders = {};
  const spelled = new Map<string, string>();
  for (const { name, value } of headers.filter(isPrintable)) {
    const key = spelled.get(name.toLowerCase()) ?? name;
    const clean = value.replaceAll(/[\r\n]+/g, ' ');
    lines[key] = lines[key] === undefined ? clean : `${lines[key]}\r\n${name}: ${clean}`;
    spelled.set(name.toLowerCase(), key);
  }
  return lines;
}

/** srf takes names such as `constructor` for something else, and prints nonsense that no server reads. */
function isPrintable({ name }: Header): boolean {
  return !(name in Object.prototype) && !(name.toLowerCase() in Object.prototype);
}

/** The request as the wire had it, read by our own parser. */
export function receivedRequest(request: SrfRequest): ReceivedRequest {
  const { method, uri } = request;
  const message = receivedMessage(request.msg);
  if (message.kind !== 'request') {
    return { method, uri, headers: [], body: '' };
  }
  return { method: message.method, uri: message.uri, headers: message.headers, body: message.body };
}

/** The response as the wire had it, read by our own parser. */
export function receivedResponse(response: SrfReceivedResponse): ReceivedResponse {
  const { status, reason } = response;
  const { headers, body } = receivedMessage(response.msg);
  return { status, reason, headers, body };
}

/** A message as the wire had it, as far as it can be understood. */
export function receivedMessage({ raw = '' }: { readonly raw?: string }): SipMessage {
  const result = parseMessage(raw);
  const message = result.ok ? result.message : result.partial;
  return message ?? { kind: 'response', status: 0, reason: '', headers: [], body: '' };
}

/** Where a request came from. */
export function sourceOf(request: SrfRequest): Source {
  const transport: Transport = request.protocol === 'tcp' || request.protocol === 'tls' ? request.protocol : 'udp';
  return { address: request.source_address, port: request.source_port, transport };
}

/** A response that the SIP server made up itself has no source address (drachtio-server, and the embedded engine). */
export function isLocal(response: SrfReceivedResponse): boolean {
  return response.source_address === '';
}

/** srf refuses to send a status that it has no reason phrase for. Such a one goes out as the first of its class. */
export function sendableStatus(status: number): number {
  return sipStatus[status] === undefined ? Math.trunc(status / 100) * 100 : status;
}
