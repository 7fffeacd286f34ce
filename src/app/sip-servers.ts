import type { SipAddress } from '../domain/network.js';
import { ms, type Milliseconds } from '../domain/time.js';
import type { Clock } from '../ports/clock.js';
import type {
  Abandoned,
  CalleeEvents,
  CalleeLeg,
  IncomingCall,
  IncomingRequest,
  InviteRequest,
  ProbeAnswer,
  SipServer,
} from '../ports/sip-server.js';

/** A SIP server that comes and goes. What is in set-up on it when it goes waits for it, for some seconds. */
export interface ServerMember extends SipServer {
  readonly dialogs: number;
  onConnection(handler: (connected: boolean) => void): void;
  /** Whether it takes up calls in set-up that it or another one had, when it is there. */
  readonly adopts: boolean;
  /** Gives up what waits for it: attempts are lost. */
  abandon(): Abandoned;
  /** Takes up the calls that another server had, and cancels what may ring there. */
  takeOver(abandoned: Abandoned): void;
  /** Nobody will take up what waits for it. */
  letGo(): void;
}

/** An engine that died is there again before, and its callers hear of it from the address that they called. */
const ELSEWHERE_AFTER = ms(1_000);

/**
 * The SIP servers of a site, as one. Calls come in on any of them; a call goes out over the one that it came in on while that
 * is connected, else over the first that is. Dialogs stay with the server that has them, and end with it.
 */
export class SipServers implements SipServer {
  readonly #members: readonly [ServerMember, ...ServerMember[]];
  readonly #clock: Clock;
  readonly #cameInOn = new WeakMap<IncomingCall, ServerMember>();

  constructor(clock: Clock, first: ServerMember, others: readonly ServerMember[]) {
    this.#clock = clock;
    this.#members = [first, ...others];
    for (const member of this.#members) {
      member.onConnection((connected) => {
        if (!connected) {
          this.#lost(member);
        }
      });
    }
  }

  get connected(): boolean {
    return this.#members.some(({ connected }) => connected);
  }

  /** Deadlines are the same for all: those of the server that tells least, of the connected ones. */
  get reportsTrying(): boolean {
    const connected = this.#members.filter((member) => member.connected);
    return (connected.length > 0 ? connected : this.#members).every(({ reportsTrying }) => reportsTrying);
  }

  /** How many dialogs are open on all of them. */
  get dialogs(): number {
    return this.#members.reduce((sum, { dialogs }) => sum + dialogs, 0);
  }

  onInvite(handler: (call: IncomingCall) => void): void {
    for (const member of this.#members) {
      member.onInvite((call) => {
        this.#cameInOn.set(call, member);
        handler(call);
      });
    }
  }

  onConnected(handler: () => void): void {
    for (const member of this.#members) {
      member.onConnected(handler);
    }
  }

  onRequest(handler: (request: IncomingRequest) => void): void {
    for (const member of this.#members) {
      member.onRequest(handler);
    }
  }

  invite(request: InviteRequest, events: CalleeEvents, forCall?: IncomingCall): CalleeLeg {
    const own = forCall && this.#cameInOn.get(forCall);
    const member = own?.connected === true ? own : this.#inService();
    return member.invite(request, events, forCall);
  }

  async probe(address: SipAddress, timeout: Milliseconds): Promise<ProbeAnswer> {
    return this.#inService().probe(address, timeout);
  }

  /** Without a server that takes up calls, those in set-up on a lost one end at once, as their callers cannot be answered. */
  #lost(member: ServerMember): void {
    if (!this.#members.some(({ adopts }) => adopts)) {
      return member.letGo();
    }
    this.#clock.setTimer(ELSEWHERE_AFTER, () => {
      const other = this.#members.find(({ connected, adopts }) => connected && adopts);
      if (!member.connected && other !== undefined) {
        this.#move(member, other);
      }
    });
  }

  #move(from: ServerMember, to: ServerMember): void {
    const abandoned = from.abandon();
    for (const call of abandoned.calls) {
      this.#cameInOn.set(call, to);
    }
    to.takeOver(abandoned);
  }

  /** The first one that is connected; where none is, the first one says so. */
  #inService(): ServerMember {
    return this.#members.find(({ connected }) => connected) ?? this.#members[0];
  }
}
