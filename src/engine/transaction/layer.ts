import { examine, isOfACall, mended, type Fault } from '../../sip/faults.js';
import { parseMessage, parseReceived, printMessage, type SipMessage, type SipRequest } from '../../sip/message.js';
import type { EngineClock } from '../clock.js';
import type { TimerTable } from '../timers.js';
import { defaultPort, type Peer, type Transport, type TransportEvents } from '../transport/transport.js';
import {
  isRequest,
  readIncoming,
  responsePeer,
  sentByPeer,
  topVia,
  type IncomingRequest,
  type IncomingResponse,
} from './incoming.js';
import { ClientTable } from './client-table.js';
import { addVia, bareResponse, cancelOf, newBranch, refusalOf, type Refusal } from './own-messages.js';
import { ReceivedInvite, ReceivedOther, type Received, type ServerLayer } from './received.js';
import { NOBODY, SentInvite, SentOther, type ClientLayer, type OnItsWay, type Sent } from './sent.js';
import { ServerTable } from './server-table.js';
import type {
  ClientHandle,
  ClientUser,
  InviteHandle,
  InviteServerHandle,
  LayerUser,
  Pace,
  ServerHandle,
  TransactionCounts,
} from './user.js';

export { newTag, responseTo, type ResponseParts } from './own-messages.js';
export type * from './user.js';

/** No more kinds of bad messages than this are told apart. */
const KINDS_AT_MOST = 1_000;

/** Requests of others that are open at a time. Minutes of what one processor can carry. */
const SERVERS_AT_MOST = 50_000;

/** Resends doubling from less would be a flood. */
const SHORTEST_T1 = 10;

/** How a layer treats what it could take or refuse. */
interface LayerOptions {
  /** Whether new work must be refused (RFC 3261 21.5.4). What belongs to an open call never is. Never where not given. */
  readonly isOverloaded?: (() => boolean) | undefined;
  /** Whether the messages of calls are taken where they break a rule and can be understood. */
  readonly forgiving?: boolean | undefined;
}

/** Matches messages to transactions and makes new ones (RFC 3261 17). */
export class TransactionLayer implements TransportEvents {
  readonly #clock: EngineClock;
  readonly #timers: TimerTable;
  readonly #user: LayerUser;
  readonly #isOverloaded: () => boolean;
  readonly #forgiving: boolean;
  readonly #clients = new ClientTable();
  readonly #servers = new ServerTable();
  readonly #clientLayer: ClientLayer;
  readonly #serverLayer: ServerLayer;
  /** Messages that could not be understood, or not be sent, by what was wrong. */
  readonly discarded = new Map<string, number>();
  /** Messages that break the grammar and could be understood all the same, by what was wrong. */
  readonly forgiven = new Map<string, number>();

  constructor(clock: EngineClock, timers: TimerTable, user: LayerUser, options: LayerOptions = {}) {
    this.#isOverloaded = options.isOverloaded ?? ((): boolean => false);
    this.#forgiving = options.forgiving ?? false;
    this.#clock = clock;
    this.#timers = timers;
    this.#user = user;
    this.#clientLayer = this.#asClientLayer();
    this.#serverLayer = this.#asServerLayer();
  }

  counts(): TransactionCounts {
    const clients = this.#clients.values();
    const servers = this.#servers.values();
    const inviteClients = clients.filter((sent) => sent instanceof SentInvite).length;
    const inviteServers = servers.filter((received) => received instanceof ReceivedInvite).length;
    return {
      inviteClients,
      inviteServers,
      otherClients: clients.length - inviteClients,
      otherServers: servers.length - inviteServers,
      probes: [...clients, ...servers].filter(({ isProbe }) => isProbe).length,
    };
  }

  /** Ends every transaction without another message. */
  close(): void {
    const open: readonly (Sent | Received)[] = [...this.#clients.values(), ...this.#servers.values()];
    for (const { machine } of open) {
      machine.terminate();
    }
  }

  /** Sends an INVITE; the Via is added here. */
  sendInvite(request: SipRequest, peer: Peer, transport: Transport, user: ClientUser, pace: Pace = {}): InviteHandle {
    const { t1, askAfter } = pace;
    const branch = newBranch();
    const timers = t1 === undefined ? this.#timers : withT1(this.#timers, t1);
    const way = { branch, peer, transport };
    const sent = this.#openInvite(addVia(request, transport, branch), way, user, timers, askAfter);
    this.#start(sent);
    return sent;
  }

  /**
   * Takes up an INVITE that left before by another process of ours, on the same address: what still comes to it is heard here.
   * Nothing is sent.
   *
   * @param request as it left, with its Via.
   * @param heard whether a provisional response came, so that a CANCEL may leave at once (RFC 3261 9.1).
   * @returns undefined where the answers would not come to this transport, or the INVITE is known here.
   */
  resumeInvite(
    request: SipRequest,
    peer: Peer,
    transport: Transport,
    user: ClientUser,
    heard: boolean,
  ): InviteHandle | undefined {
    const via = topVia(request);
    const branch = via?.params.get('branch') ?? '';
    const isOurs = via?.host === transport.address && (via.port ?? defaultPort(transport.protocol)) === transport.port;
    if (!isOurs || branch === '' || this.#clients.get(`${branch} INVITE`) !== undefined) {
      return undefined;
    }
    const sent = this.#openInvite(request, { branch, peer, transport }, user, this.#timers);
    sent.machine.resume(heard);
    return sent;
  }

  /**
   * Sends the CANCEL of an INVITE that left from another address of ours, in its transaction (RFC 3261 9.1). The responses go to
   * that address: nobody hears them here.
   *
   * @param request as it left, with its Via.
   */
  cancelElsewhere(request: SipRequest, peer: Peer, transport: Transport): void {
    const branch = topVia(request)?.params.get('branch') ?? '';
    if (this.#clients.get(`${branch} CANCEL`) === undefined) {
      this.#startNonInvite(cancelOf(request, []), { branch, peer, transport }, NOBODY, false);
    }
  }

  #openInvite(
    request: SipRequest,
    way: OnItsWay,
    user: ClientUser,
    timers: TimerTable,
    askAfter?: Pace['askAfter'],
  ): SentInvite {
    const sent = new SentInvite(this.#clientLayer, timers, request, way, user, askAfter);
    this.#clients.add(sent);
    return sent;
  }

  /**
   * Takes up an INVITE that another process of ours received and has not answered. Nothing is sent, and the user is not told.
   *
   * @param text as it was received.
   * @returns undefined where it is known here, cannot be read, or is in a dialog.
   */
  adoptInvite(text: string, from: Peer, transport: Transport): InviteServerHandle | undefined {
    const { message } = examine(parseMessage(text));
    const incoming = message && readIncoming(mended(message), from, transport, text.length);
    if (incoming === undefined || typeof incoming === 'string' || !isRequest(incoming)) {
      return undefined;
    }
    const key = serverKey(incoming, 'INVITE');
    const isNew = incoming.message.method === 'INVITE' && incoming.toTag === undefined && !this.#servers.get(key);
    return isNew ? this.#newInviteServer(key, incoming, false) : undefined;
  }

  /** Hands a CANCEL up whose INVITE was not known when it came. @returns whether the INVITE is known now. */
  cancelled(handle: ServerHandle): boolean {
    const invite = this.#servers.get(serverKey(handle.incoming, 'INVITE'));
    if (invite !== undefined) {
      this.#matchedCancel(handle, invite);
    }
    return invite !== undefined;
  }

  /** Hands a 2xx to its INVITE. @returns whether that is known, and had no failure. */
  answered(response: IncomingResponse): boolean {
    const entry = this.#clients.get(`${response.branch} INVITE`);
    if (entry === undefined || entry.machine.state === 'completed') {
      return false;
    }
    entry.received(response);
    return true;
  }

  /** Sends any other request but ACK; the Via is added here. */
  sendRequest(request: SipRequest, peer: Peer, transport: Transport, user: ClientUser, isProbe: boolean): ClientHandle {
    const branch = newBranch();
    return this.#startNonInvite(addVia(request, transport, branch), { branch, peer, transport }, user, isProbe);
  }

  /** Sends an ACK of a 2xx, which is no transaction; the Via is added here. */
  sendAck(request: SipRequest, peer: Peer, transport: Transport): string {
    const text = printMessage(addVia(request, transport, newBranch()));
    this.#send(text, peer, transport);
    return text;
  }

  received(text: string, from: Peer, transport: Transport): void {
    this.#guard(() => {
      this.#read(text, from, transport);
    });
  }

  /** 513 to a request that is too large for a stream, where it can be answered (RFC 3261 21.5.7). */
  tooLarge(text: string, from: Peer, transport: Transport): void {
    this.#guard(() => {
      const parsed = parseMessage(text);
      const message = parsed.ok ? parsed.message : parsed.partial;
      count(this.discarded, 'too large');
      if (message?.kind === 'request') {
        this.#refuseUnseen(message, from, transport, { status: 513 });
      }
    });
  }

  /** Ends what was sent to this peer and has no response yet. */
  refused(peer: Peer): void {
    const unheard = this.#clients.ofPeer(peer).filter(({ heard }) => !heard);
    for (const entry of unheard) {
      this.#guard(() => {
        entry.refused();
      });
    }
  }

  #asClientLayer(): ClientLayer {
    return {
      clock: this.#clock,
      send: (text, to, transport) => {
        this.#send(text, to, transport);
      },
      cancel: (invite, reasons) => {
        this.#startNonInvite(cancelOf(invite.request, reasons), invite, NOBODY, false, invite.timers);
      },
      guard: (action) => {
        this.#guard(action);
      },
      ended: (sent) => {
        this.#clients.remove(sent);
      },
    };
  }

  #asServerLayer(): ServerLayer {
    return {
      clock: this.#clock,
      timers: this.#timers,
      reply: (text, request) => {
        this.#reply(text, request);
      },
      notAcknowledged: (invite) => {
        this.#guard(() => {
          this.#user.notAcknowledged(invite);
        });
      },
      ended: (received) => {
        this.#servers.remove(received);
      },
    };
  }

  /** Sends what nobody waits for an answer to. */
  #send(text: string, to: Peer, transport: Transport, otherwise?: Peer): void {
    if (isTooLarge(text, transport)) {
      count(this.discarded, 'too large');
    } else {
      transport.send(text, to, otherwise);
    }
  }

  #reply(text: string, request: IncomingRequest): void {
    this.#send(text, responsePeer(request), request.transport, sentByPeer(request));
  }

  #start(sent: Sent): void {
    if (!isTooLarge(sent.text, sent.transport)) {
      return sent.machine.start();
    }
    sent.machine.endUnsent(() => {
      this.#guard(() => {
        sent.unsent();
      });
    });
  }

  /** A fault of ours or of the layer above must not take the process down, nor the other calls in it. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      count(this.discarded, `fault: ${error instanceof Error ? error.message : 'unknown'}`);
    }
  }

  #read(text: string, from: Peer, transport: Transport): void {
    const { parsed, isPlain } = parseReceived(text);
    const { message, fault } = examine(parsed);
    if (message === undefined || (fault !== undefined && !this.#forgives(message, fault))) {
      return this.#refuse(message, fault, from, transport);
    }
    const plain = isPlain && parsed.ok && message === parsed.message && fault === undefined ? text : undefined;
    const whole = fault === undefined ? message : mended(message);
    const incoming = readIncoming(whole, from, transport, text.length, plain);
    if (typeof incoming === 'string') {
      return count(this.discarded, incoming);
    }
    if (fault !== undefined) {
      count(this.forgiven, fault.kind);
    }
    return isRequest(incoming) ? this.#receivedRequest(incoming) : this.#receivedResponse(incoming);
  }

  /** Whether a message with a fault is taken all the same. Else a single odd header could cost an emergency call, or its answer. */
  #forgives(message: SipMessage, fault: Fault): boolean {
    return this.#forgiving && fault.isClear && isOfACall(message);
  }

  /** Answers a request that cannot be taken, where that is possible, and counts it. */
  #refuse(message: SipMessage | undefined, fault: Fault | undefined, from: Peer, transport: Transport): void {
    count(this.discarded, fault?.kind ?? 'empty');
    if (message?.kind === 'request' && fault !== undefined) {
      this.#refuseUnseen(message, from, transport, fault);
    }
  }

  /** Answers a request without a transaction (RFC 3261 8.2.7). An ACK has no answer. */
  #refuseUnseen(request: SipRequest, source: Peer, transport: Transport, why: Refusal): void {
    const via = topVia(request);
    if (via !== undefined && request.method !== 'ACK') {
      const to = { via, source };
      this.#send(printMessage(refusalOf(request, source, why)), responsePeer(to), transport, sentByPeer(to));
    }
  }

  #receivedResponse(response: IncomingResponse): void {
    const { status } = response.message;
    const isAnswer = response.cseq.method === 'INVITE' && status >= 200 && status < 300;
    if (isAnswer && !this.answered(response)) {
      return this.#user.strayAnswer(response);
    }
    if (!isAnswer) {
      this.#clients.get(`${response.branch} ${response.cseq.method}`)?.received(response);
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
    if (method === 'CANCEL') {
      return this.#receivedCancel(request, this.#newServer(key, request, false));
    }
    if (this.#isMerged(request)) {
      return this.#refuseMerged(key, request);
    }
    if (request.toTag === undefined && this.#mustRefuse()) {
      count(this.discarded, 'overload');
      return this.#reply(printMessage(bareResponse(request, 503, 'Service Unavailable')), request);
    }
    return method === 'INVITE' ? this.#receivedInvite(key, request) : this.#receivedOther(key, request);
  }

  /** Without a transaction, since those are what there is too much of: copies get an answer of their own. */
  #mustRefuse(): boolean {
    return this.#servers.size >= SERVERS_AT_MOST || this.#isOverloaded();
  }

  #receivedInvite(key: string, request: IncomingRequest): void {
    const handle = this.#newInviteServer(key, request, false);
    this.#handUp(handle, () => {
      this.#user.invite(handle);
    });
  }

  #receivedOther(key: string, request: IncomingRequest): void {
    const handle = this.#newServer(key, request, false);
    this.#handUp(handle, () => {
      this.#user.request(handle);
    });
  }

  /** A request that the layer above fails on is answered all the same. */
  #handUp(handle: ServerHandle, tell: () => void): void {
    try {
      tell();
    } catch (error) {
      handle.respond(bareResponse(handle.incoming, 500, 'Server Internal Error'));
      throw error;
    }
  }

  /**
   * RFC 3261 8.2.2.2: the same request over another path, while the first is open. One that comes after a failure is no
   * such request: the upstream tries again.
   */
  #isMerged(request: IncomingRequest): boolean {
    const mayBe = request.toTag === undefined && request.fromTag !== undefined;
    return mayBe && this.#servers.firstOf(request)?.machine.open === true;
  }

  #refuseMerged(key: string, request: IncomingRequest): void {
    const handle =
      request.message.method === 'INVITE'
        ? this.#newInviteServer(key, request, true)
        : this.#newServer(key, request, true);
    handle.respond(bareResponse(request, 482, 'Loop Detected'));
  }

  #receivedAck(request: IncomingRequest, entry: Received | undefined): void {
    if (entry instanceof ReceivedInvite && entry.machine.state !== 'accepted') {
      return entry.machine.acknowledged();
    }
    this.#user.ack(request);
  }

  #receivedCancel(request: IncomingRequest, handle: ServerHandle): void {
    const invite = this.#servers.get(serverKey(request, 'INVITE'));
    if (invite === undefined) {
      this.#unmatchedCancel(handle);
    } else {
      this.#matchedCancel(handle, invite);
    }
  }

  #unmatchedCancel(handle: ServerHandle): void {
    if (this.#user.keepsCancel?.(handle) !== true) {
      handle.respond(bareResponse(handle.incoming, 481, 'Call/Transaction Does Not Exist'));
    }
  }

  #matchedCancel(handle: ServerHandle, invite: Received): void {
    if (!(invite instanceof ReceivedInvite)) {
      return;
    }
    if (invite.machine.dropped) {
      handle.drop();
    } else if (invite.isOwn) {
      handle.respond(bareResponse(handle.incoming, 200, 'OK'));
    } else {
      this.#handUp(handle, () => {
        this.#user.cancel(handle, invite);
      });
    }
  }

  #newInviteServer(key: string, incoming: IncomingRequest, isOwn: boolean): ReceivedInvite {
    const received = new ReceivedInvite(this.#serverLayer, incoming, { key, isOwn });
    this.#servers.add(received);
    return received;
  }

  #newServer(key: string, incoming: IncomingRequest, isOwn: boolean): ReceivedOther {
    const received = new ReceivedOther(this.#serverLayer, incoming, { key, isOwn });
    this.#servers.add(received);
    return received;
  }

  #startNonInvite(
    request: SipRequest,
    way: OnItsWay,
    user: ClientUser,
    isProbe: boolean,
    timers = this.#timers,
  ): SentOther {
    const sent = new SentOther(this.#clientLayer, timers, request, way, user, isProbe);
    this.#clients.add(sent);
    this.#start(sent);
    return sent;
  }
}

const COOKIE = 'z9hG4bK';
function withT1(timers: TimerTable, t1: number): TimerTable {
  return t1 > 0 ? { ...timers, t1: Math.max(t1, SHORTEST_T1) } : timers;
}

function isTooLarge(text: string, transport: Transport): boolean {
  return text.length > (transport.largest ?? Infinity);
}

function count(kinds: Map<string, number>, kind: string): void {
  const before = kinds.get(kind);
  if (before !== undefined || kinds.size < KINDS_AT_MOST) {
    kinds.set(kind, (before ?? 0) + 1);
  }
}

/** RFC 3261 17.2.3; without the magic cookie, or with nothing behind it, the fields of RFC 2543 tell requests apart. */
function serverKey(request: IncomingRequest, method: string): string {
  const { via, branch } = request;
  const sentBy = `${via.host.toLowerCase()}:${via.port ?? 5060}`;
  if (branch.startsWith(COOKIE) && branch.length > COOKIE.length) {
    return `${branch} ${sentBy} ${method}`;
  }
  return `${request.callId} ${request.cseq.number} ${request.fromTag ?? ''} ${branch} ${sentBy} ${method}`;
}
