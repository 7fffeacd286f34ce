import type { Header, SipRequest } from '../../sip/message.js';
import type { Peer, Transport } from '../transport/transport.js';
import type { AgentCore } from './core.js';
import { inDialogRequest, type DialogState } from './dialog-state.js';

/** A request of ours in a dialog, and the way that it takes. */
export interface OnItsWay {
  readonly request: SipRequest;
  readonly hop: Peer;
  readonly transport: Transport;
}

/** A peer may name another transport than the dialog began on; where we do not have it, the old one is used. */
export function onItsWay(
  core: AgentCore,
  dialog: DialogState,
  method: string,
  headers: readonly Header[],
  body: string,
  sequence: number,
): OnItsWay {
  const { request, hop } = inDialogRequest(dialog, method, headers, body, sequence);
  const isSame = hop.transport === dialog.transport.protocol;
  const transport = (isSame ? undefined : core.transportTo(hop)) ?? dialog.transport;
  return { request, hop: { ...hop, transport: transport.protocol }, transport };
}
