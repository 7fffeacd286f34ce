/** What an application asks of the server, in one message of drachtio's wire protocol. */
export type Order =
  | { readonly id: string; readonly type: 'authenticate'; readonly secret: string; readonly tags: readonly string[] }
  | { readonly id: string; readonly type: 'route' | 'remove_route'; readonly verb: string }
  | { readonly id: string; readonly type: 'ping' }
  | { readonly id: string; readonly type: 'proxy' }
  | {
      readonly id: string;
      readonly type: 'sip';
      readonly txnId: string;
      readonly dialogId: string;
      /** The next hop, where it is not the Request-URI. */
      readonly routeUrl: string | undefined;
      readonly text: string;
    }
  | { readonly id: string; readonly type: 'wrong'; readonly why: string };

/** An order with a SIP message in it. */
export type SipOrder = Order & { readonly type: 'sip' };

/** Reads a message: tokens between `|` up to the first CR LF, then the SIP text where there is one. */
export function readOrder(payload: string): Order {
  const end = payload.indexOf('\r\n');
  const meta = end < 0 ? payload : payload.slice(0, end);
  const tokens = meta.split('|');
  const id = tokens[0] ?? '';
  const type = tokens[1] ?? '';
  const first = tokens[2] ?? '';
  const second = tokens[3] ?? '';
  const third = tokens[4] ?? '';
  switch (type) {
    case 'authenticate':
      return { id, type, secret: first, tags: second.split(',').filter((tag) => tag !== '') };
    case 'route':
    case 'remove_route':
      return { id, type, verb: first.toLowerCase() };
    case 'ping':
    case 'proxy':
      return { id, type };
    case 'sip':
      return end < 0 || tokens.length < 4
        ? { id, type: 'wrong', why: 'Invalid message format' }
        : {
            id,
            type,
            txnId: first,
            dialogId: second,
            routeUrl: third === '' ? undefined : third,
            text: payload.slice(end + 2),
          };
    default:
      return { id, type: 'wrong', why: 'Unknown message type' };
  }
}
