import type { SipRequest } from '../../sip/message.js';
import type { EngineClock, EngineTimer } from '../clock.js';
import type { Peer, Transport } from '../transport/transport.js';
import type { IncomingResponse } from './incoming.js';
import type { ClientHandle, ClientUser, LocalCause } from './user.js';

/** One address to try. */
export interface Way {
  readonly peer: Peer;
  readonly transport: Transport;
  /** The request, as it goes this way. */
  readonly request: SipRequest;
  /** The connection must be there after so many milliseconds, else the next way is tried. */
  readonly connectWithin?: number;
}

/** What the search for an address that answers needs. */
export interface FailOverOptions<Handle extends ClientHandle> {
  readonly clock: EngineClock;
  /** Milliseconds without any response after which the next way is tried. */
  readonly silence: number;
  /** Starts a transaction of its own. */
  send(way: Way, user: ClientUser): Handle;
  /** This peer did not answer, or refused. */
  lost(peer: Peer): void;
}

/**
 * Tries the ways of a request one after the other (RFC 3263 4.3): the next one when a peer refuses, says nothing, or says
 * 503 before anything else. Each is a transaction of its own, with the same request in it.
 *
 * A peer that was silent may have the request all the same. A 2xx that it sends late is reported like that of a fork; what
 * rings there is cancelled.
 */
export class FailOver<Handle extends ClientHandle> {
  /** None once one of them is settled on. */
  #ways: readonly Way[];
  readonly #options: FailOverOptions<Handle>;
  readonly #user: ClientUser;
  #at = 0;
  #handle: Handle;
  #timer: EngineTimer | undefined;
  /** No other way is tried any more: the peer has said something, or nobody wants an answer. */
  #settled = false;

  constructor(ways: readonly [Way, ...Way[]], options: FailOverOptions<Handle>, user: ClientUser) {
    this.#ways = ways;
    this.#options = options;
    this.#user = user;
    this.#handle = this.#try(ways[0]);
  }

  /** The transaction under way. */
  get handle(): Handle {
    return this.#handle;
  }

  /** Stays with the way under way. */
  settle(): void {
    this.#settled = true;
    this.#ways = [];
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  get #next(): Way | undefined {
    return this.#settled ? undefined : this.#ways[this.#at + 1];
  }

  #try(way: Way): Handle {
    const handle = this.#options.send(way, this.#listener(way.peer));
    if (this.#next !== undefined) {
      this.#watch(way, handle);
    }
    return handle;
  }

  #listener(peer: Peer): ClientUser {
    const at = this.#at;
    return {
      response: (response) => {
        this.#heard(at, response);
      },
      failed: (cause) => {
        this.#failed(at, peer, cause);
      },
    };
  }

  #watch({ peer, transport, connectWithin }: Way, handle: Handle): void {
    const { clock, silence } = this.#options;
    const goOn = (): void => {
      handle.giveUp();
      this.#options.lost(peer);
      this.#goOn();
    };
    if (connectWithin === undefined) {
      this.#timer = clock.setTimer(silence, goOn);
      return;
    }
    this.#timer = clock.setTimer(connectWithin, () => {
      if (transport.retract?.(handle.text, peer) === true) {
        goOn();
      } else {
        this.#timer = clock.setTimer(silence, goOn);
      }
    });
  }

  #goOn(): void {
    const way = this.#next;
    this.#timer?.cancel();
    if (way !== undefined) {
      this.#at += 1;
      this.#handle = this.#try(way);
    }
  }

  #heard(at: number, response: IncomingResponse): void {
    const { status } = response.message;
    if (at !== this.#at) {
      return status >= 200 && status < 300 ? this.#user.response(response) : undefined;
    }
    if (status === 503 && this.#next !== undefined) {
      return this.#goOn();
    }
    this.settle();
    this.#user.response(response);
  }

  #failed(at: number, peer: Peer, cause: LocalCause): void {
    if (at !== this.#at) {
      return;
    }
    if (cause !== 'too large') {
      this.#options.lost(peer);
    }
    if (this.#next === undefined) {
      return this.#user.failed(cause);
    }
    this.#goOn();
  }
}
