import type { Header, SipRequest, SipResponse } from '../../sip/message.js';

import { realClock, type EngineClock } from '../clock.js';
import { dnsNames } from '../location/dns.js';
import { Locator } from '../location/locator.js';
import type { NameSource } from '../location/names.js';
import { hopsOf, type NextHop } from '../location/target.js';
import { STANDARD_TIMERS, type TimerTable } from '../timers.js';
import { FailOver, type FailOverOptions, type Way } from '../transaction/fail-over.js';
import type { IncomingRequest, IncomingResponse } from '../transaction/incoming.js';
import {
  newTag,
  responseTo,
  TransactionLayer,
  type ClientHandle,
  type ClientUser,
  type InviteHandle,
  type InviteServerHandle,
  type LayerUser,
  type Pace,
  type ServerHandle,
  type TransactionCounts,
} from '../transaction/layer.js';
import type { Peer, Transport, TransportStats } from '../transport/transport.js';
import { DialogTable, type AgentCore } from './core.js';
import { AgentDialog } from './dialog.js';
import { dialogAsClient } from './dialog-state.js';
import { RANDOM_FIRST, type FirstNumbers } from './numbering.js';
import { InviteClient, type InviteClientEvents } from './invite-client.js';
import { EarlyBirds } from './early-birds.js';
import { InviteServer, type Adopted } from './invite-server.js';
import { listen, type Contact, type ListenOptions } from './listen.js';
import { completeRequest, contactOf, type NewRequest } from './new-request.js';
import { phrase } from './phrases.js';
import type { ClientEvents, RequestClient } from './request-client.js';
import { RequestServer } from './request-server.js';
import { Ways } from './ways.js';

export type { Contact } from './listen.js';
export type { NewRequest } from './new-request.js';

/** How an agent is made. */
export interface AgentOptions extends ListenOptions {
  readonly contacts: readonly Contact[];
  readonly clock?: EngineClock;
  readonly timers?: TimerTable;
  /** Who turns names into addresses; the machine's name servers where not given. */
  readonly names?: NameSource;
  /** From 0 up to, not including, 1: for the weights of servers. */
  readonly random?: () => number;
  /** Where CSeq and RSeq numbers begin; random where not given. */
  readonly first?: FirstNumbers;
  /** Whether new work must be refused. Never where not given. */
  readonly isOverloaded?: () => boolean;
  /** Takes the messages of calls that break a rule and can be understood, in place of refusing them. */
  readonly forgiving?: boolean;
  /** The Server header of our responses; none where not given. */
  readonly product?: string;
  /**
   * An INVITE gets its 100 after so many milliseconds, unless something else was sent by then (RFC 3261 17.2.1: 200 at
   * most): who is to get no answer at all gets no 100 either. At once where not given.
   */
  readonly tryingAfter?: number;
  /**
   * So many milliseconds after the start, requests that belong to nothing known wait for calls that another process of ours
   * had, and that may be handed over: `adopt`. Refused at once where not given.
   */
  readonly adoptsFor?: number;
}

/** What an agent hears from the network, outside the dialogs it has. */
export interface AgentEvents {
  /** A new INVITE. 100 Trying has been sent, or is about to be. */
  invite(call: InviteServer): void;
  /** Any other request outside a dialog. */
  request(request: RequestServer): void;
}

/** What is open, and what could not be understood. */
export interface AgentStats extends TransactionCounts {
  readonly dialogs: number;
  readonly discarded: Readonly<Record<string, number>>;
  /** Of each contact. */
  readonly network: readonly (Partial<TransportStats> & { readonly listens: string })[];
}

/** A request that cannot be sent: no transport leads to its next hop, or it names none. */
export class UnsendableError extends Error {
  override readonly name = 'UnsendableError';
}

/** The first of several addresses is given up after so many T1 of silence: three copies of the request are out by then. */
const SILENT_T1S = 4;
/** Where a request goes: a SIP URI with an address, or next hops. */
type To = string | readonly NextHop[] | undefined;
/** Anyone can make up an answer: more than this at a time get no BYE. */
const STRAYS_AT_MOST = 64;

/**
 * A SIP user agent core: transactions, dialogs, and what RFC 3261 asks of both sides of a call.
 *
 * It knows nothing of drachtio. The control connection drives it, and so do the laboratory's carriers and callers.
 *
 * - `invite()` sends an INVITE and gives an `InviteClient` (`cancel`, `giveUp`, `prack`);
 * - `request()` sends any other request;
 * - `AgentEvents.invite` gives an `InviteServer` (`provisional`, `accept`, `reject`);
 * - `accept()` and an answered `InviteClient` give an `AgentDialog` (`request`, `acknowledge`, `bye`).
 */
export class Agent implements AgentCore {
  readonly clock: EngineClock;
  readonly timers: TimerTable;
  readonly layer: TransactionLayer;
  readonly dialogs = new DialogTable();
  readonly tryingAfter: number;
  readonly first: FirstNumbers;
  readonly #events: AgentEvents;
  readonly #product: readonly Header[];
  readonly #ways: Ways;
  readonly #locator: Locator;
  readonly #earlyBirds: EarlyBirds;
  /** Dialogs that stray answers made, and that wait for the response to their BYE. */
  #strays = 0;

  private constructor(options: AgentOptions, events: AgentEvents) {
    this.clock = options.clock ?? realClock;
    this.timers = options.timers ?? STANDARD_TIMERS;
    this.tryingAfter = options.tryingAfter ?? 0;
    this.first = options.first ?? RANDOM_FIRST;
    this.#events = events;
    this.#product = options.product === undefined ? [] : [{ name: 'Server', value: options.product }];
    this.layer = new TransactionLayer(this.clock, this.timers, this.#layerUser(), options);
    this.#ways = new Ways(this.clock);
    this.#earlyBirds = new EarlyBirds(this.clock, options.adoptsFor ?? 0);
    this.#locator = new Locator(options.names ?? dnsNames(), this.clock, options.random ?? Math.random);
  }

  /**
   * Binds every contact.
   *
   * @throws with `code` EADDRINUSE, `address` and `port` when another program has one of them.
   */
  static async open(options: AgentOptions, events: AgentEvents): Promise<Agent> {
    const agent = new Agent(options, events);
    agent.#ways.transports = await listen(options.contacts, options, agent.clock, agent.layer);
    return agent;
  }

  get transports(): readonly Transport[] {
    return this.#ways.transports;
  }

  stats(): AgentStats {
    return {
      ...this.layer.counts(),
      dialogs: this.dialogs.size,
      discarded: Object.fromEntries(this.layer.discarded),
      network: this.transports.map((transport) => ({
        listens: `${transport.protocol}/${transport.address}:${transport.port}`,
        ...transport.stats?.(),
      })),
    };
  }

  /** Stops listening, and forgets everything that is open without another message. */
  async close(): Promise<void> {
    this.layer.close();
    this.dialogs.clear();
    await Promise.all(this.transports.map(async (transport) => transport.close()));
  }

  /**
   * Sends an INVITE.
   *
   * @param nextHop a SIP URI with an address, or what `locate` gave: tried one after the other until one answers. The
   *   Request-URI where it is not given.
   * @throws UnsendableError where no transport leads there.
   */
  invite(request: NewRequest, nextHop: To, events: InviteClientEvents, pace?: Pace): InviteClient {
    const ways = this.#waysOf(request, nextHop);
    const options = this.#failOver(this.#senderOfInvites(pace));
    return new InviteClient(this, events, (user) => new FailOver(ways, options, user));
  }

  /** Lives as long as the transaction: it must not hold the request. */
  #senderOfInvites(pace: Pace | undefined): (way: Way, user: ClientUser) => InviteHandle {
    return ({ request, peer, transport }, user) => this.layer.sendInvite(request, peer, transport, user, pace);
  }

  /**
   * Takes up an INVITE that another process of ours sent from the same address, and of which no final response is known. What
   * still comes is heard here: an answer too, and CANCEL can be sent. What came before is heard with `handedOver()`.
   *
   * @param request as it left, with its Via.
   * @param heard whether a provisional response had come.
   * @throws UnsendableError where its responses would not come here, or it is known here.
   */
  resume(request: SipRequest, peer: Peer, events: InviteClientEvents, heard: boolean): InviteClient {
    const transport = this.#reach(peer);
    const send = (way: Way, of: ClientUser): InviteHandle => {
      const handle = this.layer.resumeInvite(way.request, way.peer, way.transport, of, heard);
      if (handle === undefined) {
        throw new UnsendableError('the INVITE is none of this address, or known here');
      }
      return handle;
    };
    const way: Way = { request, peer, transport };
    return new InviteClient(this, events, (user) => new FailOver([way], this.#failOver(send), user), { heard });
  }

  /**
   * Cancels an INVITE that another process of ours sent, from whatever address.
   *
   * @param request as it left, with its Via.
   * @throws UnsendableError where no transport leads there.
   */
  cancelElsewhere(request: SipRequest, peer: Peer): void {
    this.layer.cancelElsewhere(request, peer, this.#reach(peer));
  }

  /**
   * Takes up an INVITE that another process of ours received and has not answered. What belongs to it is matched from now on.
   *
   * @param text as it was received.
   * @param from where it came from.
   * @param use is given the call before anything that waited for it is.
   * @returns whether it was taken up: it is an INVITE outside any dialog, not known here, and a transport leads there.
   */
  adopt(text: string, from: Peer, adopted: Adopted, use: (call: InviteServer) => void): boolean {
    const transport = this.transportTo(from);
    const handle = transport && this.layer.adoptInvite(text, from, transport);
    if (handle === undefined) {
      return false;
    }
    const call = new InviteServer(this, handle, adopted);
    use(call);
    this.handedOver();
    return true;
  }

  /** What came before its call was handed over, and waits, is matched again. */
  handedOver(): void {
    this.#earlyBirds.again();
  }

  /** Sends any other request outside a dialog. Throws as `invite` does. */
  request(request: NewRequest, nextHop: To, events: ClientEvents): RequestClient {
    const isProbe = request.method === 'OPTIONS';
    const send = (way: Way, of: ClientUser): ClientHandle =>
      this.layer.sendRequest(way.request, way.peer, way.transport, of, isProbe);
    return new FailOver(this.#waysOf(request, nextHop), this.#failOver(send), events).handle;
  }

  /** The next hops of a SIP URI (RFC 3263); none where its name means none. Never takes longer than a call may wait. */
  async locate(uri: string): Promise<readonly NextHop[]> {
    return this.#locator.locate(uri, this.transports);
  }

  transportTo(peer: Peer): Transport | undefined {
    return this.#ways.transportTo(peer);
  }

  contactOf(transport: Transport, isSecure = false): string {
    return contactOf(transport, isSecure);
  }

  response(
    request: IncomingRequest,
    status: number,
    toTag: string | undefined,
    headers: readonly Header[],
    body: string,
  ): SipResponse {
    const product = status === 100 ? [] : this.#product;
    return responseTo(request, { status, reason: phrase(status), headers: [...headers, ...product], body, toTag });
  }

  #layerUser(): LayerUser {
    return {
      invite: (handle) => {
        this.#receivedInvite(handle);
      },
      request: (handle) => {
        this.#receivedRequest(handle);
      },
      ack: (ack) => {
        this.dialogs.find(ack)?.receivedAck(ack);
      },
      cancel: (handle, invite) => {
        this.#receivedCancel(handle, invite);
      },
      keepsCancel: (handle) =>
        this.#earlyBirds.keep(
          () => this.layer.cancelled(handle),
          () => {
            this.#refuse(handle, 481);
          },
        ),
      notAcknowledged: (handle) => {
        handle.waiter?.notAcknowledged(handle);
      },
      strayAnswer: (response) => {
        this.#receivedStray(response);
      },
    };
  }

  #receivedInvite(handle: InviteServerHandle): void {
    const { incoming } = handle;
    if (incoming.toTag !== undefined) {
      const dialog = this.dialogs.find(incoming);
      return dialog === undefined ? this.#refuse(handle, 481) : dialog.receivedInvite(handle);
    }
    const call = new InviteServer(this, handle);
    this.#events.invite(call);
  }

  #receivedRequest(handle: ServerHandle): void {
    const { incoming } = handle;
    if (incoming.toTag !== undefined) {
      return this.#receivedInDialog(handle);
    }
    const respond = (status: number, headers: readonly Header[], body: string): string | undefined =>
      handle.respond(this.response(incoming, status, status === 100 ? undefined : newTag(), headers, body));
    this.#events.request(new RequestServer(handle, respond));
  }

  #receivedInDialog(handle: ServerHandle): void {
    const hand = (): boolean => {
      const dialog = this.dialogs.find(handle.incoming);
      dialog?.receivedRequest(handle);
      return dialog !== undefined;
    };
    const refuse = (): void => {
      this.#refuse(handle, 481);
    };
    if (!hand() && !this.#earlyBirds.keep(hand, refuse)) {
      refuse();
    }
  }

  #receivedCancel(handle: ServerHandle, invite: InviteServerHandle): void {
    if (invite.owner !== undefined) {
      return invite.owner.cancelled(handle);
    }
    this.#refuse(handle, 200);
    this.dialogs.find(invite.incoming)?.receivedCancel(invite);
  }

  /** A 2xx whose transaction is not there: it is over, or it is still to be resumed. */
  #receivedStray(response: IncomingResponse): void {
    const hand = (): boolean => this.layer.answered(response);
    const release = (): void => {
      this.#releaseStray(response);
    };
    if (!this.#earlyBirds.keep(hand, release)) {
      release();
    }
  }

  /**
   * A 2xx whose transaction is over: the far end believes that it is answered, so it is told otherwise. Only where the
   * Via says that the INVITE was ours.
   */
  #releaseStray(response: IncomingResponse): void {
    const { via, transport, callId } = response;
    const open = this.dialogs.get(callId, response.fromTag ?? '', response.toTag ?? '');
    if (open !== undefined) {
      open.answered(response);
      return;
    }
    const isOurs = via.host === transport.address && (via.port ?? 5060) === transport.port;
    if (!isOurs || this.#strays >= STRAYS_AT_MOST) {
      return;
    }
    const request: SipRequest = {
      kind: 'request',
      method: 'INVITE',
      uri: '',
      headers: response.message.headers,
      body: '',
    };
    const state = dialogAsClient(request, response, transport);
    const events = { acknowledged: ignore, ended: ignore, request: ignore };
    const dialog = new AgentDialog(this, { ...state, contact: this.contactOf(transport) }, 'here', events);
    dialog.answered(response);
    this.#strays += 1;
    const over = (): void => {
      this.#strays -= 1;
    };
    dialog.bye([], { response: ({ message }) => (message.status >= 200 ? over() : undefined), failed: over });
  }

  #reach(peer: Peer): Transport {
    const transport = this.transportTo(peer);
    if (transport === undefined) {
      throw new UnsendableError(`no transport leads to ${peer.address}:${peer.port}`);
    }
    return transport;
  }

  #refuse(handle: ServerHandle, status: number): void {
    handle.respond(this.response(handle.incoming, status, newTag(), [], ''));
  }

  #waysOf(request: NewRequest, nextHop: To): readonly [Way, ...Way[]] {
    const to = nextHop ?? request.uri;
    const hops = (typeof to === 'string' ? hopsOf(to) : to) ?? [];
    const reachable = hops.find(({ peer }) => this.transportTo(peer) !== undefined);
    const transport = reachable && this.transportTo(reachable.peer);
    const ways =
      transport === undefined
        ? []
        : this.#ways.of(completeRequest(request, transport, this.first.cseq()), transport, hops);
    const [first, ...others] = ways;
    if (first === undefined) {
      throw new UnsendableError(`no transport leads to ${typeof to === 'string' ? to : request.uri}`);
    }
    return [first, ...others];
  }

  #failOver<Handle extends ClientHandle>(send: FailOverOptions<Handle>['send']): FailOverOptions<Handle> {
    const lost = (peer: Peer): void => {
      this.#ways.lost(peer);
    };
    return { clock: this.clock, silence: this.timers.t1 * SILENT_T1S, send, lost };
  }
}

function ignore(): void {
  // Nobody waits for this.
}
