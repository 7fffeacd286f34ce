import { randomBytes } from 'node:crypto';
import { header, headerValues, setHeader, withoutHeader } from '../../sip/headers.js';
import { parseMessage, printMessage, type Header, type SipRequest, type SipResponse } from '../../sip/message.js';
import type { EngineClock } from '../clock.js';
import type { TimerTable } from '../timers.js';
import { peerKey, type Peer, type Transport, type TransportEvents } from '../transport/transport.js';
import { readIncoming, responsePeer, type IncomingRequest, type IncomingResponse } from './incoming.js';
import { InviteClientTransaction } from './invite-client.js';
import { InviteServerTransaction } from './invite-server.js';
import { NonInviteClientTransaction } from './non-invite-client.js';
import { NonInviteServerTransaction } from './non-invite-server.js';

/** Why a final response was made here, and not by the peer. */
export type LocalCause = 'timeout' | 'refused';

/** What the sender of a request hears. */
export interface ClientUser {
  response(response: IncomingResponse): void;
  failed(cause: LocalCause): void;
}

/** A request on its way. */
export interface ClientHandle {
  readonly request: SipRequest;
  readonly peer: Peer;
  readonly transport: Transport;
  /** The request as it left, in bytes. */
  readonly text: string;
}

/** An INVITE on its way. */
export interface InviteHandle extends ClientHandle {
  /** Stops the resends at once; the transaction stays for what is still on its way. */
  stopResending(): void;
  /** Sends CANCEL. Only allowed once a provisional response came (RFC 3261 9.1). */
  cancel(extra: readonly Header[]): void;
}

/** A request that came in, to be answered. */
export interface ServerHandle {
  readonly incoming: IncomingRequest;
  /** @returns the response as it left, or undefined when a final one has been sent already. */
  respond(response: SipResponse): string | undefined;
}

/** An INVITE that came in. */
export interface InviteServerHandle extends ServerHandle {
  /** Whether a final response has been sent. */
  readonly answered: boolean;
  /** The ACK of our 2xx came: its resends stop. */
  acknowledged(): void;
}

/** What the layer above hears. */
export interface LayerUser {
  invite(handle: InviteServerHandle): void;
  request(handle: ServerHandle): void;
  /** An ACK that belongs to no failure: that of a 2xx. */
  ack(request: IncomingRequest): void;
  /** CANCEL of an INVITE that is open here. The layer above answers both. */
  cancel(handle: ServerHandle, invite: InviteServerHandle): void;
  /** Our 2xx was never acknowledged. */
  notAcknowledged(invite: InviteServerHandle): void;
  /** A 2xx to an INVITE whose transaction is gone. */
  strayAnswer(response: IncomingResponse): void;
}

/** What is open, for the operator and for tests. */
export interface TransactionCounts {
  readonly inviteClients: number;
  readonly inviteServers: number;
  readonly otherClients: number;
  readonly otherServers: number;
  /** Of the others, those of OPTIONS outside dialogs: probes. */
  readonly probes: number;
}

interface ClientEntry {
  readonly kind: 'invite' | 'other';
  readonly machine: InviteClientTransaction | NonInviteClientTransaction;
  readonly peer: Peer;
  readonly isProbe: boolean;
  heard: boolean;
  received(response: IncomingResponse): void;
  refused(): void;
}

interface ServerEntry {
  readonly handle: ServerHandle;
  readonly machine: InviteServerTransaction | NonInviteServerTransaction;
  readonly isProbe: boolean;
}

/** Matches messages to transactions and makes new ones (RFC 3261 17). */
export class TransactionLayer implements TransportEvents {
  readonly #clock: EngineClock;
  readonly #timers: TimerTable;
  readonly #user: LayerUser;
  readonly #clients = new Map<string, ClientEntry>();
  readonly #servers = new Map<string, ServerEntry>();
  readonly #byPeer = new Map<string, Set<ClientEntry>>();
  /** Messages that could not be understood, by what was wrong. */
  readonly discarded = new Map<string, number>();

  constructor(clock: EngineClock, timers: TimerTable, user: LayerUser) {
    this.#clock = clock;
    this.#timers = timers;
    this.#user = user;
  }

  counts(): TransactionCounts {
    const clients = [...this.#clients.values()];
    const servers = [...this.#servers.values()];
    const invites = (
      entries: readonly { machine: object }[],
      kind: abstract new (...args: never[]) => object,
    ): number => entries.filter(({ machine }) => machine instanceof kind).length;
    return {
      inviteClients: invites(clients, InviteClientTransaction),
      inviteServers: invites(servers, InviteServerTransaction),
      otherClients: invites(clients, NonInviteClientTransaction),
      otherServers: invites(servers, NonInviteServerTransaction),
      probes: [...clients, ...servers].filter(({ isProbe }) => isProbe).length,
    };
  }

  /** Ends every transaction without another message. */
  close(): void {
    for (const { machine } of [...this.#clients.values(), ...this.#servers.values()]) {
      machine.terminate();
    }
  }

  /** Sends an INVITE; the Via is added here. */
  sendInvite(request: SipRequest, peer: Peer, transport: Transport, user: ClientUser): InviteHandle {
    const branch = newBranch();
    const withVia = addVia(request, transport, branch);
    const text = printMessage(withVia);
    const machine = new InviteClientTransaction(this.#clock, this.#timers, {
      transmit: () => {
        transport.send(text, peer);
      },
      acknowledge: (to) => {
        transport.send(printMessage(failureAck(withVia, to)), peer);
      },
      timedOut: () => {
        user.failed('timeout');
      },
      terminated: () => {
        this.#removeClient(`${branch} INVITE`);
      },
    });
    this.#addClient(`${branch} INVITE`, 'invite', machine, peer, user, false);
    machine.start();
    return {
      request: withVia,
      peer,
      transport,
      text,
      stopResending: () => {
        machine.stopResending();
      },
      cancel: (extra) => {
        machine.cancelled();
        this.#sendCancel(withVia, branch, peer, transport, extra);
      },
    };
  }

  /** Sends any other request but ACK; the Via is added here. */
  sendRequest(request: SipRequest, peer: Peer, transport: Transport, user: ClientUser, isProbe: boolean): ClientHandle {
    const branch = newBranch();
    return this.#startNonInvite(addVia(request, transport, branch), branch, peer, transport, user, isProbe);
  }

  /** Sends an ACK of a 2xx, which is no transaction; the Via is added here. */
  sendAck(request: SipRequest, peer: Peer, transport: Transport): string {
    const text = printMessage(addVia(request, transport, newBranch()));
    transport.send(text, peer);
    return text;
  }

  received(text: string, from: Peer, transport: Transport): void {
    try {
      this.#read(text, from, transport);
    } catch (error) {
      this.#discard(`fault: ${error instanceof Error ? error.message : 'unknown'}`);
    }
  }

  refused(peer: Peer): void {
    for (const entry of this.#byPeer.get(peerKey(peer)) ?? []) {
      if (!entry.heard) {
        entry.refused();
      }
    }
  }

  #read(text: string, from: Peer, transport: Transport): void {
    const parsed = parseMessage(text);
    if (!parsed.ok) {
      this.#discard(parsed.error);
      if (parsed.partial?.kind === 'request') {
        this.#refuseUnreadable(parsed.partial, from, transport, parsed.error);
      }
      return;
    }
    if (parsed.message.kind === 'response') {
      const response = readIncoming(parsed.message, from, transport, text.length);
      return typeof response === 'string' ? this.#discard(response) : this.#receivedResponse(response);
    }
    const request = readIncoming(parsed.message, from, transport, text.length);
    return typeof request === 'string' ? this.#discard(request) : this.#receivedRequest(request);
  }

  #discard(what: string): void {
    if (this.discarded.size < 1_000) {
      this.discarded.set(what, (this.discarded.get(what) ?? 0) + 1);
    }
  }

  /** 400 to what has enough of a request to be answered (RFC 3261 8.2). */
  #refuseUnreadable(request: SipRequest, from: Peer, transport: Transport, why: string): void {
    const incoming = readIncoming(request, from, transport, 0);
    if (typeof incoming === 'string' || request.method === 'ACK') {
      return;
    }
    const status = why.startsWith('unsupported version') ? 505 : 400;
    const reason = status === 505 ? 'Version Not Supported' : 'Bad Request';
    const response = responseTo(incoming, { status, reason, headers: [], body: '', toTag: newTag() });
    transport.send(printMessage(response), responsePeer(incoming));
  }

  #receivedResponse(response: IncomingResponse): void {
    const entry = this.#clients.get(`${response.branch} ${response.cseq.method}`);
    if (entry !== undefined) {
      entry.heard = true;
      return entry.received(response);
    }
    const { status } = response.message;
    if (response.cseq.method === 'INVITE' && status >= 200 && status < 300) {
      this.#user.strayAnswer(response);
    }
  }

  #receivedRequest(request: IncomingRequest): void {
    const { method } = request.message;
    const key = serverKey(request, method === 'ACK' ? 'INVITE' : method);
    const entry = this.#servers.get(key);
    if (method === 'ACK') {
      return this.#receivedAck(request, entry);
    }
    if (entry !== undefined) {
      return entry.machine.repeated();
    }
    if (method === 'INVITE') {
      return this.#user.invite(this.#newInviteServer(key, request));
    }
    const handle = this.#newServer(key, request);
    return method === 'CANCEL' ? this.#receivedCancel(request, handle) : this.#user.request(handle);
  }

  #receivedAck(request: IncomingRequest, entry: ServerEntry | undefined): void {
    if (entry?.machine instanceof InviteServerTransaction && entry.machine.state !== 'accepted') {
      return entry.machine.acknowledged();
    }
    this.#user.ack(request);
  }

  #receivedCancel(request: IncomingRequest, handle: ServerHandle): void {
    const invite = this.#servers.get(serverKey(request, 'INVITE'));
    if (invite?.machine instanceof InviteServerTransaction && 'answered' in invite.handle) {
      return this.#user.cancel(handle, invite.handle as InviteServerHandle);
    }
    handle.respond(
      responseTo(request, {
        status: 481,
        reason: 'Call/Transaction Does Not Exist',
        headers: [],
        body: '',
        toTag: newTag(),
      }),
    );
  }

  #newInviteServer(key: string, incoming: IncomingRequest): InviteServerHandle {
    const peer = responsePeer(incoming);
    const machine = new InviteServerTransaction(this.#clock, this.#timers, {
      transmit: (text) => {
        incoming.transport.send(text, peer);
      },
      notAcknowledged: () => {
        this.#user.notAcknowledged(handle);
      },
      terminated: () => {
        this.#servers.delete(key);
      },
    });
    const handle: InviteServerHandle = {
      incoming,
      respond: (response) => sendResponse(machine, response),
      get answered() {
        return machine.answered;
      },
      acknowledged: () => {
        machine.acceptedAcknowledged();
      },
    };
    this.#servers.set(key, { handle, machine, isProbe: false });
    return handle;
  }

  #newServer(key: string, incoming: IncomingRequest): ServerHandle {
    const peer = responsePeer(incoming);
    const machine = new NonInviteServerTransaction(this.#clock, this.#timers, {
      transmit: (text) => {
        incoming.transport.send(text, peer);
      },
      terminated: () => {
        this.#servers.delete(key);
      },
    });
    const handle: ServerHandle = { incoming, respond: (response) => sendResponse(machine, response) };
    const isProbe = incoming.message.method === 'OPTIONS' && incoming.toTag === undefined;
    this.#servers.set(key, { handle, machine, isProbe });
    return handle;
  }

  #startNonInvite(
    request: SipRequest,
    branch: string,
    peer: Peer,
    transport: Transport,
    user: ClientUser,
    isProbe: boolean,
  ): ClientHandle {
    const key = `${branch} ${request.method}`;
    const text = printMessage(request);
    const machine = new NonInviteClientTransaction(this.#clock, this.#timers, {
      transmit: () => {
        transport.send(text, peer);
      },
      timedOut: () => {
        user.failed('timeout');
      },
      terminated: () => {
        this.#removeClient(key);
      },
    });
    this.#addClient(key, 'other', machine, peer, user, isProbe);
    machine.start();
    return { request, peer, transport, text };
  }

  /** RFC 3261 9.1: the CANCEL has the branch, the Request-URI and the route of the INVITE. */
  #sendCancel(invite: SipRequest, branch: string, peer: Peer, transport: Transport, extra: readonly Header[]): void {
    const cancel: SipRequest = {
      kind: 'request',
      method: 'CANCEL',
      uri: invite.uri,
      headers: [...sameHop(invite, 'CANCEL', header(invite.headers, 'To') ?? ''), ...extra],
      body: '',
    };
    const nobody: ClientUser = { response: () => undefined, failed: () => undefined };
    this.#startNonInvite(cancel, branch, peer, transport, nobody, false);
  }

  #addClient(
    key: string,
    kind: ClientEntry['kind'],
    machine: ClientEntry['machine'],
    peer: Peer,
    user: ClientUser,
    isProbe: boolean,
  ): void {
    const entry: ClientEntry = {
      kind,
      machine,
      peer,
      isProbe,
      heard: false,
      received: (response) => {
        const to = header(response.message.headers, 'To') ?? '';
        if (machine.received(response.message.status, to)) {
          user.response(response);
        }
      },
      refused: () => {
        machine.terminate();
        user.failed('refused');
      },
    };
    this.#clients.set(key, entry);
    const ofPeer = this.#byPeer.get(peerKey(peer)) ?? new Set();
    ofPeer.add(entry);
    this.#byPeer.set(peerKey(peer), ofPeer);
  }

  #removeClient(key: string): void {
    const entry = this.#clients.get(key);
    if (entry === undefined) {
      return;
    }
    this.#clients.delete(key);
    const ofPeer = this.#byPeer.get(peerKey(entry.peer));
    ofPeer?.delete(entry);
    if (ofPeer?.size === 0) {
      this.#byPeer.delete(peerKey(entry.peer));
    }
  }
}

/** What a response of ours says beside what it copies from the request. */
export interface ResponseParts {
  readonly status: number;
  readonly reason: string;
  readonly headers: readonly Header[];
  readonly body: string;
  /** Added to To, where the request had none. */
  readonly toTag: string | undefined;
}

/** RFC 3261 8.2.6.2: a response copies Via, From, To, Call-ID and CSeq of its request. */
export function responseTo(request: IncomingRequest, parts: ResponseParts): SipResponse {
  const { headers } = request.message;
  const to = header(headers, 'To') ?? '';
  const tagged = parts.toTag === undefined || request.toTag !== undefined ? to : `${to};tag=${parts.toTag}`;
  return {
    kind: 'response',
    status: parts.status,
    reason: parts.reason,
    headers: [
      ...headerValues(headers, 'Via').map((value) => ({ name: 'Via', value })),
      { name: 'From', value: header(headers, 'From') ?? '' },
      { name: 'To', value: tagged },
      { name: 'Call-ID', value: request.callId },
      { name: 'CSeq', value: `${request.cseq.number} ${request.cseq.method}` },
      ...parts.headers,
    ],
    body: parts.body,
  };
}

/** A tag: 64 random bits (RFC 3261 19.3 asks for 32). */
export function newTag(): string {
  return randomBytes(8).toString('hex');
}

function newBranch(): string {
  return `z9hG4bK${randomBytes(12).toString('hex')}`;
}

function sendResponse(
  machine: InviteServerTransaction | NonInviteServerTransaction,
  response: SipResponse,
): string | undefined {
  const text = printMessage(response);
  return machine.respond(response.status, text) ? text : undefined;
}

function addVia(request: SipRequest, transport: Transport, branch: string): SipRequest {
  const host = transport.address.includes(':') ? `[${transport.address}]` : transport.address;
  const value = `SIP/2.0/UDP ${host}:${transport.port};rport;branch=${branch}`;
  return { ...request, headers: [{ name: 'Via', value }, ...withoutHeader(request.headers, 'Via')] };
}

/** RFC 3261 17.1.1.3: the ACK of a failure goes the way of the INVITE, with the To of the response. */
function failureAck(invite: SipRequest, to: string): SipRequest {
  return { kind: 'request', method: 'ACK', uri: invite.uri, headers: sameHop(invite, 'ACK', to), body: '' };
}

function sameHop(invite: SipRequest, method: string, to: string): readonly Header[] {
  const { headers } = invite;
  const copy = (name: string): readonly Header[] => headerValues(headers, name).map((value) => ({ name, value }));
  const number = (header(headers, 'CSeq') ?? '1').split(' ')[0] ?? '1';
  const own = setHeader(copy('Via').slice(0, 1), 'Max-Forwards', '70');
  return [
    ...own,
    { name: 'From', value: header(headers, 'From') ?? '' },
    { name: 'To', value: to },
    { name: 'Call-ID', value: header(headers, 'Call-ID') ?? '' },
    { name: 'CSeq', value: `${number} ${method}` },
    ...copy('Route'),
  ];
}

/** RFC 3261 17.2.3; without the magic cookie the fields of RFC 2543 tell requests apart. */
function serverKey(request: IncomingRequest, method: string): string {
  const { via, branch } = request;
  const sentBy = `${via.host.toLowerCase()}:${via.port ?? 5060}`;
  if (branch.startsWith('z9hG4bK')) {
    return `${branch} ${sentBy} ${method}`;
  }
  return `${request.callId} ${request.cseq.number} ${request.fromTag ?? ''} ${branch} ${sentBy} ${method}`;
}
