import type { EventEmitter } from 'node:events';
import { createRequire } from 'node:module';

/** Headers as srf takes them: a value may hold further header lines, see `toSrfHeaders`. */
export type SrfHeaders = Record<string, string>;

/** What srf tells of a message beside its text. */
interface SrfMeta {
  readonly msg: { readonly raw?: string; readonly headers: Record<string, string> };
  readonly source: string;
  readonly source_address: string;
  readonly source_port: number;
  readonly protocol: string;
  readonly stackTxnId: string;
  readonly stackDialogId: string;
}

/** A request, received or sent, as far as the adapter uses it. */
export interface SrfRequest extends SrfMeta, EventEmitter {
  readonly method: string;
  readonly uri: string;
  /** The connection that it came over or went out on. */
  readonly socket?: unknown;
  /** What srf keeps of each connection, for the one entry that nothing else ever takes out. */
  readonly agent?: {
    readonly mapServer: ReadonlyMap<unknown, { readonly pendingNetworkInvites: Map<string, unknown> }>;
  };
  cancel(options: { headers: SrfHeaders }, callback: (error: unknown) => void): void;
}

/** A response that was received. */
export interface SrfReceivedResponse extends SrfMeta {
  readonly status: number;
  readonly reason: string;
  /** What it answers, as it was sent. */
  readonly req?: Pick<SrfMeta, 'msg'>;
}

/** The response that we may send to a received request. */
export interface SrfResponse extends SrfMeta {
  readonly finalResponseSent: boolean;
  send(
    status: number,
    options: { headers: SrfHeaders; body?: string },
    callback?: (error: unknown, sent?: { raw?: string }) => void,
    acknowledged?: (request: SrfRequest) => void,
  ): void;
}

/** Sends ACK or PRACK; for every other response it does nothing. */
export type SrfAck = (options?: { body?: string; headers?: SrfHeaders }) => void;

/** What a request needs. `uri` is given apart. */
export interface SrfRequestOptions {
  readonly method: string;
  readonly headers: SrfHeaders;
  readonly body?: string;
  /** The next hop, as a SIP URI. */
  readonly proxy?: string;
  readonly stackDialogId?: string;
}

/** The part of `Srf` that the adapter uses. The types of the package itself do not cover it. */
export interface SrfClient extends EventEmitter {
  connect(options: { host: string; port: number; secret: string; reconnect: { retryMaxDelay: number } }): void;
  disconnect(): void;
  use(handler: (request: SrfRequest, response: SrfResponse, next: () => void) => void): void;
  use(method: string, handler: (request: SrfRequest, response: SrfResponse, next: () => void) => void): void;
  request(uri: string, options: SrfRequestOptions, callback: (error: unknown, sent: SrfRequest) => void): void;
  /** Where it keeps whether it is to connect again. */
  readonly _app?: { readonly client?: { readonly wp?: { closing?: boolean } } };
}

/** Ends the tries to connect: srf's `disconnect()` does so only where it is connected. */
export function stopTrying({ _app }: SrfClient): void {
  const wire = _app?.client?.wp;
  if (wire !== undefined) {
    wire.closing = true;
  }
}

/** Makes srf forget an INVITE that is never answered: it keeps each until a final response or a CANCEL. */
export function forgetInvite(request: SrfRequest): void {
  const callId = request.msg.headers['call-id'];
  if (request.method === 'INVITE' && callId !== undefined) {
    request.agent?.mapServer.get(request.socket)?.pendingNetworkInvites.delete(callId);
  }
}

/** A socket, as far as the wire protocol uses it. */
export interface WireSocket {
  write(bytes: string, encoding: 'latin1'): boolean;
  destroy(error?: Error): void;
}

/** The class inside srf that frames messages. */
export interface WireProtocolClass {
  readonly prototype: {
    send: (this: WireProtocolThis, socket: WireSocket, message: string) => string;
    _onData: (this: WireProtocolThis, socket: WireSocket, data: Buffer) => void;
  };
}

export interface WireProtocolThis {
  emit(event: 'msg', socket: WireSocket, message: string): boolean;
}

const load = createRequire(import.meta.url);

/**
 * Makes a client that is not connected yet.
 *
 * @param tag says what it is: requests of its dialogs go to another client with the tag when it is gone.
 */
export function createSrf(tag: string): SrfClient {
  const Srf = load('drachtio-srf') as new (tags: readonly string[]) => SrfClient;
  return new Srf([tag]);
}

/** The wire protocol class of the package, whose reading and sending the adapter replaces. */
export function wireProtocol(): WireProtocolClass {
  return load('drachtio-srf/lib/wire-protocol') as WireProtocolClass;
}
