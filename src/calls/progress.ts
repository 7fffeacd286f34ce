import type { Trunk } from '../domain/network.js';
import type { ReceivedResponse } from '../ports/sip-server.js';
import { header } from '../sip/headers.js';

/**
 * Whether a provisional response proves that the far end rings (DESIGN 4.4).
 *
 * Carriers play failure announcements as 183, and mobile gateways make ringing up; the trunk's profile says what to believe.
 * A 183 with P-Early-Media (RFC 5009) is believed.
 */
export function isTrustedProgress(response: ReceivedResponse, trunk: Trunk): boolean {
  if (response.status === 180) {
    return trunk.trusted180;
  }
  return response.status === 183 && (trunk.trusted183 || header(response.headers, 'P-Early-Media') !== undefined);
}
