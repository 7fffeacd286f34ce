import { setTimeout as sleep } from 'node:timers/promises';
import { header } from '../../../src/sip/headers.js';
import { parseMessage, printMessage, type Header, type SipMessage, type SipRequest } from '../../../src/sip/message.js';
import { STANDARD_TIMERS } from '../../../src/engine/timers.js';
import type {
  ClientUser,
  InviteServerHandle,
  LayerUser,
  LocalCause,
  ServerHandle,
} from '../../../src/engine/transaction/layer.js';
import { TransactionLayer } from '../../../src/engine/transaction/layer.js';
import type { IncomingRequest, IncomingResponse } from '../../../src/engine/transaction/incoming.js';
import type { Peer, Transport } from '../../../src/engine/transport/transport.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** A message that left, and where to. */
export interface Sent {
  readonly at: number;
  readonly text: string;
  readonly to: Peer;
}

/** A transport that only remembers. */
class FakeTransport implements Transport {
  readonly protocol: Transport['protocol'];
  readonly address = '127.4.0.1';
  readonly port = 5060;
  readonly sent: Sent[] = [];
  readonly #clock: VirtualClock;

  constructor(clock: VirtualClock, protocol: Transport['protocol'] = 'udp') {
    this.#clock = clock;
    this.protocol = protocol;
  }

  send(text: string, to: Peer): void {
    this.sent.push({ at: this.#clock.now(), text, to });
  }

  async close(): Promise<void> {
    await Promise.resolve();
  }

  /** The start lines of what left since the last call, without ` SIP/2.0`. */
  takeLines(): readonly string[] {
    return this.sent.splice(0).map(({ text }) => startLine(text));
  }
}

/** The first line, without the version. */
export function startLine(text: string): string {
  return (text.split('\r\n')[0] ?? '').replace(/ ?SIP\/2.0 ?/, '');
}

/** A layer on a virtual clock and a fake transport, and all that its user heard. */
export interface Bench {
  readonly clock: VirtualClock;
  readonly transport: FakeTransport;
  readonly layer: TransactionLayer;
  readonly invites: InviteServerHandle[];
  readonly requests: ServerHandle[];
  readonly acks: IncomingRequest[];
  readonly cancels: { readonly handle: ServerHandle; readonly invite: InviteServerHandle }[];
  readonly notAcknowledged: InviteServerHandle[];
  readonly strays: IncomingResponse[];
  readonly user: LayerUser;
}

/** Makes one; `extra` replaces parts of the user. */
export function bench(protocol: Transport['protocol'] = 'udp', extra: Partial<LayerUser> = {}): Bench {
  const clock = new VirtualClock();
  const heard = { invites: [], requests: [], acks: [], cancels: [], notAcknowledged: [], strays: [] };
  const {
    invites,
    requests,
    acks,
    cancels,
    notAcknowledged,
    strays,
  }: Omit<Bench, 'clock' | 'transport' | 'layer' | 'user'> = heard;
  const user: LayerUser = {
    invite: (handle) => invites.push(handle),
    request: (handle) => requests.push(handle),
    ack: (request) => acks.push(request),
    cancel: (handle, invite) => cancels.push({ handle, invite }),
    notAcknowledged: (invite) => notAcknowledged.push(invite),
    strayAnswer: (response) => strays.push(response),
    ...extra,
  };
  const transport = new FakeTransport(clock, protocol);
  const layer = new TransactionLayer(clock, STANDARD_TIMERS, user, { forgiving: true });
  return { clock, transport, layer, invites, requests, acks, cancels, notAcknowledged, strays, user };
}

/** A client user that remembers: statuses and causes, in order. */
export interface Hearing extends ClientUser {
  readonly heard: (number | LocalCause)[];
}

export function hearing(): Hearing {
  const heard: (number | LocalCause)[] = [];
  return {
    heard,
    response: ({ message }) => heard.push(message.status),
    failed: (cause) => heard.push(cause),
  };
}

/** Where all peers of these tests are. */
export function peerAt(address = '127.4.9.9', port = 5060, transport: Peer['transport'] = 'udp'): Peer {
  return { address, port, transport };
}

/** A request of ours, as the layer above makes it. */
export function ownRequest(method: string, extra: readonly Header[] = []): SipRequest {
  return {
    kind: 'request',
    method,
    uri: 'sip:112@127.4.9.9',
    headers: [
      { name: 'Route', value: '<sip:a@127.4.9.9;lr>, <sip:b@127.4.9.8;lr>' },
      { name: 'From', value: '<sip:us@127.4.0.1>;tag=ours' },
      { name: 'To', value: '<sip:112@127.4.9.9>' },
      { name: 'Call-ID', value: 'out-1' },
      { name: 'CSeq', value: `7 ${method}` },
      ...extra,
    ],
    body: '',
  };
}

/** What makes one request of a peer different from another. */
export interface Differences {
  readonly branch?: string;
  readonly callId?: string;
  readonly cseq?: string;
  readonly fromTag?: string | undefined;
  readonly toTag?: string;
  readonly via?: string;
}

/** A request of a peer, as bytes. */
export function theirRequest(method: string, different: Differences = {}): string {
  const { branch = 'z9hG4bKtheirs', callId = 'in-1', cseq = `1 ${method}`, fromTag = 'theirs', toTag } = different;
  const via = different.via ?? `SIP/2.0/UDP 127.4.9.9:5060;rport;branch=${branch}`;
  return [
    `${method} sip:112@127.4.0.1 SIP/2.0`,
    `Via: ${via}`,
    `From: <sip:caller@127.4.9.9>${fromTag === '' ? '' : `;tag=${fromTag}`}`,
    `To: <sip:112@127.4.0.1>${toTag === undefined ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${cseq}`,
    'Content-Length: 0',
    '',
    '',
  ].join('\r\n');
}

/** A peer's response to a request that left us. */
export function theirResponse(request: string, status: number, toTag = 'peer'): string {
  const { headers } = parsed(request);
  const value = (name: string): string => header(headers, name) ?? '';
  const lines = ['Via', 'From', 'Call-ID', 'CSeq'].map((name) => ({ name, value: value(name) }));
  const to = { name: 'To', value: `${value('To')};tag=${toTag}` };
  return printMessage({ kind: 'response', status, reason: 'Because', headers: [...lines, to], body: '' });
}

/** The message in these bytes, which must be sound. */
export function parsed(text: string): SipMessage {
  const result = parseMessage(text);
  if (!result.ok) {
    throw new Error(`${result.error}: ${text}`);
  }
  return result.message;
}

/** Waits until something on real sockets is true, at most ten seconds. */
export async function until(condition: () => boolean, what = 'condition'): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > 10_000) {
      throw new Error(`never: ${what}`);
    }
    await sleep(1);
  }
}
