import { header } from '../sip/headers.js';
import { parseMessage } from '../sip/message.js';
import type { Peer, TransportFilter } from './transport/transport.js';

/** Takes lines for the operator. Never throws, never carries a secret. */
export interface EngineLog {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Who wants no log. */
export const SILENT: EngineLog = { debug: () => undefined, info: () => undefined, warn: () => undefined };

/** Writes down every message that comes and goes: its first line, whose it is, and the peer. */
export function messageLog(log: EngineLog): TransportFilter {
  const write = (what: 'received' | 'sent', text: string, { transport, address, port }: Peer): number => {
    const [startLine = ''] = text.split('\r\n', 1);
    log.debug(
      { callId: callIdOf(text), peer: `${transport}/${address}:${port}`, bytes: text.length },
      `${what} ${startLine}`,
    );
    return 0;
  };
  return {
    incoming: (text, from) => write('received', text, from),
    outgoing: (text, to) => write('sent', text, to),
  };
}

function callIdOf(text: string): string | undefined {
  const parsed = parseMessage(text);
  const message = parsed.ok ? parsed.message : parsed.partial;
  return message && header(message.headers, 'Call-ID');
}
