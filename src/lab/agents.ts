import type { Agent } from '../engine/agent/agent.js';
import type { RequestServer } from '../engine/agent/request-server.js';
import type { Header } from '../sip/headers.js';

const ALLOWED: Header = { name: 'Allow', value: 'INVITE, ACK, BYE, CANCEL, OPTIONS, INFO, UPDATE' };

/** 200 to OPTIONS outside a dialog, and 405 to all else. */
export function answerOutsideDialogs(request: RequestServer): void {
  request.respond(request.incoming.message.method === 'OPTIONS' ? 200 : 405, [ALLOWED]);
}

/** Transactions of calls: those of probes are always there. */
export function transactionsOf(stats: ReturnType<Agent['stats']>): number {
  return stats.inviteClients + stats.inviteServers + stats.otherClients + stats.otherServers - stats.probes;
}
