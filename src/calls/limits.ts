import type { ServiceClass } from '../domain/network.js';
import type { ReceivedRequest } from '../ports/sip-server.js';
import { smallNumber } from '../sip/chars.js';
import { header } from '../sip/headers.js';

/** RFC 3261 21.4.12 names no figure; no number of any service needs a longer one. */
const LONGEST_URI = 8_192;
/** The most that a datagram holds. */
const LARGEST_MESSAGE = 65_535;

/**
 * The status that refuses a request for its form: 414, 513 or 483. An emergency call that was understood is never refused
 * for it (DESIGN 8).
 *
 * @param service the class of what was asked for, where that was understood.
 */
export function refusalOf(request: ReceivedRequest, service: ServiceClass | undefined): number | undefined {
  if (service === 'emergency') {
    return undefined;
  }
  if (request.uri.length > LONGEST_URI) {
    return 414;
  }
  if (sizeOf(request) > LARGEST_MESSAGE) {
    return 513;
  }
  return smallNumber(header(request.headers, 'Max-Forwards') ?? '') === 0 ? 483 : undefined;
}

function sizeOf({ method, uri, headers, body }: ReceivedRequest): number {
  const lines = headers.reduce((total, { name, value }) => total + name.length + value.length + 4, 0);
  return method.length + uri.length + lines + body.length;
}
