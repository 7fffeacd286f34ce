import type { Header } from '../../sip/message.js';
import type { IncomingRequest } from '../transaction/incoming.js';
import type { ServerHandle } from '../transaction/layer.js';

/** Sends a response, and gives it as it left; undefined where a final one has been sent before. */
export type Responder = (status: number, headers: readonly Header[], body: string) => string | undefined;

/** A request to be answered: outside any dialog, or in one. A re-INVITE too. */
export class RequestServer {
  readonly incoming: IncomingRequest;
  readonly #handle: ServerHandle;
  readonly #respond: Responder;

  constructor(handle: ServerHandle, respond: Responder) {
    this.incoming = handle.incoming;
    this.#handle = handle;
    this.#respond = respond;
  }

  /** @returns the response as it left, or undefined where a final one has been sent before. */
  respond(status: number, headers: readonly Header[] = [], body = ''): string | undefined {
    return this.#respond(status, headers, body);
  }

  /** Sends nothing at all, neither now nor later: for strangers. */
  drop(): void {
    this.#handle.drop();
  }
}
