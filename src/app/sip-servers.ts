import type { SipAddress } from '../domain/network.js';
import type { Milliseconds } from '../domain/time.js';
import type {
  CalleeEvents,
  CalleeLeg,
  IncomingCall,
  IncomingRequest,
  InviteRequest,
  ProbeAnswer,
  SipServer,
} from '../ports/sip-server.js';

/** A SIP server that comes and goes. */
export interface ServerMember extends SipServer {
  readonly dialogs: number;
  onConnection(handler: (connected: boolean) => void): void;
}

/**
 * The SIP servers of a site, as one. Calls come in on any of them; a call goes out over the one that it came in on while that
 * is connected, else over the first that is. Dialogs stay with the server that has them, and end with it.
 */
export class SipServers implements SipServer {
  readonly #members: readonly [ServerMember, ...ServerMember[]];
  readonly #cameInOn = new WeakMap<IncomingCall, ServerMember>();

  constructor(first: ServerMember, others: readonly ServerMember[]) {
    this.#members = [first, ...others];
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

  /** The first one that is connected; where none is, the first one says so. */
  #inService(): ServerMember {
    return this.#members.find(({ connected }) => connected) ?? this.#members[0];
  }
}
