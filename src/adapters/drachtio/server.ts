import { messageOf } from '../../domain/errors.js';
import type { TrunkId } from '../../domain/ids.js';
import type { SipAddress } from '../../domain/network.js';
import { between, ms, type Milliseconds } from '../../domain/time.js';
import type { Clock, Timer } from '../../ports/clock.js';
import type { Log } from '../../ports/journal.js';
import type {
  Abandoned,
  CalleeEvents,
  CalleeLeg,
  IncomingCall,
  IncomingRequest,
  InviteRequest,
  ProbeAnswer,
  SipServer,
  TrunkCredentials,
} from '../../ports/sip-server.js';
import { SipServerError } from '../../ports/sip-server.js';
import type { Header } from '../../sip/message.js';
import { parseUri } from '../../sip/uri.js';
import { SrfCalleeLeg } from './callee-leg.js';
import { Connection } from './connection.js';
import { DialogTable, send } from './dialog.js';
import { inviteKey, SrfIncomingCall } from './incoming-call.js';
import { Orphans, type Home, type OrphanCall } from './orphans.js';
import { cancellation, DROP, KEEP, resentAfter, askedAfter, THE_SERVER } from './requests-of-ours.js';
import { isLocal, receivedRequest, sourceOf } from './message.js';
import {
  createSrf,
  stopTrying,
  type SrfClient,
  type SrfRequest,
  type SrfRequestOptions,
  type SrfResponse,
} from './srf.js';
import { installByteExactWire } from './wire.js';

/** Where the SIP server takes its orders. */
export interface DrachtioOptions {
  readonly host: string;
  readonly port: number;
  readonly secret: string;
}

/** The longest pause between two tries to reach the SIP server again: it takes calls so late after it is back, at most. */
const RECONNECT_AT_LEAST_EVERY = ms(50);
/**
 * A server that is away for so long is not waited for: no refresh of a session (RFC 4028 4.2 recommends 30 minutes) reaches
 * anybody through it, so that far ends that use session timers have ended its calls by then, and the others cannot be asked.
 */
const LOST_AFTER = ms(1_800_000);
/** The server has so long to carry out an order that goes no further. */
const CARRIED_OUT_WITHIN = ms(2_000);

/**
 * The SIP server behind `ports/`: drachtio-server, or the embedded engine, through drachtio-srf.
 *
 * Only requests and responses of srf are used. Its dialogs lose events and hang (DESIGN 6), so dialogs are kept here.
 */
export class DrachtioServer implements SipServer {
  readonly #srf: SrfClient = createSrf('noodroute');
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #credentials: (trunk: TrunkId) => TrunkCredentials | undefined;
  readonly #connection: Connection;
  readonly #table = new DialogTable();
  readonly #orphans: Orphans;
  readonly #home: Home;
  #inviteHandler: (call: IncomingCall) => void = () => undefined;
  #requestHandler: (request: IncomingRequest) => void = () => undefined;
  readonly #connectionHandlers: ((connected: boolean) => void)[] = [];
  #losing: Timer | undefined;
  /** Whether it has been said that the server refuses us. */
  #refused = false;

  /** @param credentials those of each trunk that has some. Asked when a trunk asks for them. */
  constructor(clock: Clock, log: Log, credentials: (trunk: TrunkId) => TrunkCredentials | undefined = () => undefined) {
    this.#credentials = credentials;
    this.#clock = clock;
    this.#log = log;
    this.#connection = new Connection(this.#srf, clock, log);
    this.#orphans = new Orphans(clock);
    this.#home = { connection: this.#connection, table: this.#table, orphans: this.#orphans, clock };
    installByteExactWire((error) => {
      log.error({ err: error }, 'a message of the SIP server could not be handled');
    });
    this.#srf.use((request, response) => {
      this.#received(request, response);
    });
    for (const method of ['invite', 'options']) {
      this.#srf.use(method, () => undefined);
    }
  }

  get connected(): boolean {
    return this.#connection.connected;
  }

  get reportsTrying(): boolean {
    return this.#connection.isEmbeddedEngine;
  }

  /** Connects, and connects again whenever the connection drops, until `close()`. */
  connect(options: DrachtioOptions): void {
    this.#srf.on('connect', (error: unknown, _hostports: unknown, version: unknown) => {
      this.#connected(error, String(version));
    });
    this.#srf.on('error', (error: unknown) => {
      this.#log.debug({ err: messageOf(error) }, 'control connection failed');
    });
    this.#srf.on('close', () => {
      this.#disconnected();
    });
    this.#srf.connect({ ...options, reconnect: { retryMaxDelay: RECONNECT_AT_LEAST_EVERY } });
  }

  close(): void {
    this.#losing?.cancel();
    this.#orphans.close();
    this.#connection.down();
    this.#connection.lose();
    stopTrying(this.#srf);
    try {
      this.#srf.disconnect();
    } catch (error) {
      this.#log.debug({ err: messageOf(error) }, 'there was no control connection to close');
    }
  }

  /** How many dialogs are open, for the operator and for tests. */
  get dialogs(): number {
    return this.#table.size;
  }

  onInvite(handler: (call: IncomingCall) => void): void {
    this.#inviteHandler = handler;
  }

  onRequest(handler: (request: IncomingRequest) => void): void {
    this.#requestHandler = handler;
  }

  onConnection(handler: (connected: boolean) => void): void {
    this.#connectionHandlers.push(handler);
  }

  onConnected(handler: () => void): void {
    this.onConnection((connected) => {
      if (connected) {
        handler();
      }
    });
  }

  /** Whether it takes up calls that another server had, when it is there. */
  get adopts(): boolean {
    return this.#connection.isEmbeddedEngine;
  }

  /** Gives up what was in set-up here and waits: attempts are lost. */
  abandon(): Abandoned {
    const calls = this.#orphans.takeCalls();
    this.#orphans.giveLegsUp();
    return { calls, attempts: this.#orphans.attempts };
  }

  /** Takes up the calls that another server had, and cancels what may ring there. */
  takeOver({ calls, attempts }: Abandoned): void {
    for (const call of calls) {
      if (call instanceof SrfIncomingCall) {
        this.#orphans.addCall(call);
        this.#askFor(call);
      }
    }
    for (const attempt of attempts) {
      this.#order(cancellation(attempt), 'did not cancel an attempt');
    }
  }

  /** Nobody will take up what was in set-up here. */
  letGo(): void {
    for (const call of this.#orphans.takeCalls()) {
      call.lost();
    }
    this.#orphans.giveLegsUp();
  }

  invite(request: InviteRequest, events: CalleeEvents): CalleeLeg {
    const leg = new SrfCalleeLeg(this.#home, events, this.#log, () => this.#credentials(request.trunk));
    if (!isSendable(request.uri)) {
      this.#log.error({ uri: request.uri }, 'only sip: and sips: with a host may be sent: the attempt is refused here');
      leg.refuse({ origin: 'local', cause: 'unsendable', status: 416 });
      return leg;
    }
    if (!this.#connection.isEmbeddedEngine && isCutByDrachtio(request)) {
      this.#log.warn(
        { uri: request.uri },
        'drachtio-server would cut a message this large: the attempt is refused here',
      );
      leg.refuse({ origin: 'local', cause: 'too-large', status: 513 });
      return leg;
    }
    const { headers, body } = request;
    leg.send(request.uri, [...headers, ...this.#ordersFor(request)], body, hopUri(request.nextHop));
    return leg;
  }

  #ordersFor({ resendAfter, askAfter }: InviteRequest): readonly Header[] {
    if (!this.#connection.isEmbeddedEngine) {
      return [];
    }
    return [
      KEEP,
      ...(resendAfter === undefined ? [] : [resentAfter(resendAfter)]),
      ...(askAfter === undefined ? [] : [askedAfter(askAfter)]),
    ];
  }

  async probe(address: SipAddress, timeout: Milliseconds): Promise<ProbeAnswer> {
    const started = this.#clock.now();
    const uri = hopUri(address);
    const headers = {
      'Max-Forwards': '70',
      From: '<sip:noodroute@localhost>',
      To: `<${uri}>`,
      Accept: 'application/sdp',
    };
    try {
      const [response] = await this.#connection.ask(uri, { method: 'OPTIONS', headers, proxy: uri }, timeout);
      if (isLocal(response)) {
        return response.status === 408 ? { kind: 'silent' } : { kind: 'refused' };
      }
      return { kind: 'answered', status: response.status, roundTrip: between(started, this.#clock.now()) };
    } catch (error) {
      const timedOut = error instanceof SipServerError && error.code === 'timeout' && this.connected;
      return timedOut ? { kind: 'silent' } : { kind: 'unsent', cause: messageOf(error) };
    }
  }

  #connected(error: unknown, version: string): void {
    if (error !== null && error !== undefined) {
      this.#connectionRefused(error);
      return;
    }
    this.#refused = false;
    this.#losing?.cancel();
    this.#connection.up(version);
    this.#table.reconnected();
    this.#log.info({ version }, 'connected to the SIP server');
    if (this.adopts) {
      for (const call of this.#orphans.calls) {
        this.#askFor(call);
      }
      this.#orphans.resumeLegs();
    }
    this.#tell(true);
  }

  /** The server hands the INVITE over again; one that knows it already has done so, or will. */
  #askFor(call: OrphanCall): void {
    this.#order(call.order, 'did not take up a call');
  }

  #order(order: SrfRequestOptions, failure: string): void {
    this.#connection.ask(THE_SERVER, order, CARRIED_OUT_WITHIN).catch((error: unknown) => {
      this.#log.info({ err: messageOf(error) }, `the SIP server ${failure}`);
    });
  }

  #tell(connected: boolean): void {
    for (const handler of this.#connectionHandlers) {
      handler(connected);
    }
  }

  /** Tried again and again, and said once. */
  #connectionRefused(error: unknown): void {
    if (!this.#refused) {
      this.#refused = true;
      this.#log.error({ err: messageOf(error) }, 'the SIP server refused the control connection: is the secret right?');
    }
  }

  #disconnected(): void {
    if (this.#connection.connected) {
      this.#log.error({}, 'the connection to the SIP server is gone');
      this.#connection.down();
      this.#table.disconnected();
      this.#losing = this.#clock.setTimer(LOST_AFTER, () => {
        this.#log.error({ dialogs: this.#table.size }, 'the SIP server does not come back: its calls are given up');
        this.#table.lost();
      });
      this.#tell(false);
      this.#connection.lose();
    }
  }

  #received(request: SrfRequest, response: SrfResponse): void {
    try {
      this.#route(request, response);
    } catch (error) {
      this.#log.error({ err: error }, 'a request could not be handled');
      send(response, { status: 500 });
    }
  }

  #route(request: SrfRequest, response: SrfResponse): void {
    const dialog = request.stackDialogId === '' ? undefined : this.#table.find(request.stackDialogId);
    if (dialog !== undefined) {
      return dialog.received(request, response);
    }
    if (request.method === 'ACK') {
      return;
    }
    if (request.stackDialogId !== '' || request.source === 'application') {
      return send(response, { status: 481 });
    }
    if (request.method === 'INVITE') {
      return this.#invited(request, response);
    }
    this.#requestHandler({
      source: sourceOf(request),
      request: receivedRequest(request),
      respond: (answer) => {
        send(response, answer);
      },
      // srf keeps nothing of a request other than INVITE.
      ignore: () => {
        if (this.#connection.isEmbeddedEngine) {
          send(response, { status: 480, headers: [DROP] });
        }
      },
    });
  }

  /** A new call, or one that was in set-up on a server that is gone. */
  #invited(request: SrfRequest, response: SrfResponse): void {
    const key = this.#orphans.hasCalls ? inviteKey(receivedRequest(request)) : undefined;
    const orphan = key === undefined ? undefined : this.#orphans.takeCall(key);
    if (orphan === undefined) {
      return this.#inviteHandler(new SrfIncomingCall(request, response, this.#home, this.#log));
    }
    orphan.adopted(request, response, this.#home);
  }
}

/** An outgoing `tel:` ends drachtio-server, and `urn:` cannot be sent: neither ever leaves us (DESIGN 6). */
function isSendable(text: string): boolean {
  const uri = parseUri(text);
  return (uri.scheme === 'sip' || uri.scheme === 'sips') && uri.host !== '';
}

/**
 * drachtio-server silently drops headers beyond 8,400 bytes of them, its own included; and its control connection stops for
 * good at a message of more than 12,228 bytes, of which start line, next hop and ids take some.
 */
const MOST_HEADERS = 7_800;
const LARGEST_INVITE = 11_700;

function isCutByDrachtio({ headers, body }: InviteRequest): boolean {
  const size = headers.reduce((total, { name, value }) => total + name.length + value.length + 4, 0);
  return size > MOST_HEADERS || size + body.length > LARGEST_INVITE;
}

function hopUri(address: SipAddress): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `sip:${host}:${address.port};transport=${address.transport}`;
}
