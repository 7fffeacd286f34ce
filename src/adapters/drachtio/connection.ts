import { messageOf } from '../../domain/errors.js';
import type { Milliseconds } from '../../domain/time.js';
import { ms } from '../../domain/time.js';
import type { Clock } from '../../ports/clock.js';
import type { Log } from '../../ports/journal.js';
import { SipServerError } from '../../ports/sip-server.js';
import type { SrfAck, SrfClient, SrfReceivedResponse, SrfRequest, SrfRequestOptions } from './srf.js';

/** How long the SIP server may take to say that it sent a request. srf itself would wait for ever. */
const SENT_WITHIN = ms(2_000);

/** What a sent request reports. */
export interface SentRequestEvents {
  /** It left; seldom after `lost`, where the server was slow to say so. */
  sent(request: SrfRequest): void;
  response(response: SrfReceivedResponse, acknowledge: SrfAck): void;
  /** Nobody says that it left, or the connection is gone. Called at most once. */
  lost(error: SipServerError): void;
}

/**
 * The control connection: sends requests so that each one ends.
 *
 * srf's callbacks never come when the connection drops with a request in flight; here every open request is told.
 */
export class Connection {
  readonly #srf: SrfClient;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #open = new Set<(error: SipServerError) => void>();
  #version: string | undefined;
  #isEmbedded = false;

  constructor(srf: SrfClient, clock: Clock, log: Log) {
    this.#srf = srf;
    this.#clock = clock;
    this.#log = log;
  }

  get connected(): boolean {
    return this.#version !== undefined;
  }

  /** Whether the server understands `X-Noodroute-*` headers; of one that is gone, whether it did. */
  get isEmbeddedEngine(): boolean {
    return this.#isEmbedded;
  }

  up(version: string): void {
    this.#version = version;
    this.#isEmbedded = version.includes('noodroute');
  }

  /** The connection is gone. `lose()` follows. */
  down(): void {
    this.#version = undefined;
  }

  /** Tells every request in flight that it went down with the connection. */
  lose(): void {
    const open = [...this.#open];
    this.#open.clear();
    for (const lose of open) {
      lose(new SipServerError('disconnected', 'the connection to the SIP server is gone'));
    }
  }

  /**
   * Sends a request. Exactly one of these ends it: a final response, or `lost`.
   *
   * @returns a function that forgets the request: nothing is reported any more.
   */
  send(uri: string, options: SrfRequestOptions, events: SentRequestEvents): () => void {
    let over = false;
    const lose = (error: SipServerError): void => {
      if (!over) {
        forget();
        events.lost(error);
      }
    };
    const timer = this.#clock.setTimer(SENT_WITHIN, () => {
      lose(unconfirmed(options.method));
    });
    const forget = (): void => {
      over = true;
      timer.cancel();
      this.#open.delete(lose);
    };
    this.#open.add(lose);
    this.#ask(uri, options, (error, request) => {
      timer.cancel();
      if (error !== undefined) {
        return lose(error);
      }
      events.sent(request);
      request.on('response', (response: SrfReceivedResponse, acknowledge: SrfAck) => {
        if (response.status >= 200) {
          this.#open.delete(lose);
        }
        this.#guard(() => {
          events.response(response, acknowledge);
        });
      });
    });
    return forget;
  }

  /**
   * Sends a request whose only interest is its final response.
   *
   * @throws SipServerError with code `timeout` only where the request left: a SIP server that does not even say so is our
   *   own trouble, and no sign of the far end.
   */
  async ask(uri: string, options: SrfRequestOptions, timeout: Milliseconds): Promise<[SrfReceivedResponse, SrfAck]> {
    return new Promise((resolve, reject) => {
      let isSent = false;
      const timer = this.#clock.setTimer(timeout, () => {
        forget();
        const silent = new SipServerError('timeout', `no final response to ${options.method} in ${timeout} ms`);
        reject(isSent ? silent : unconfirmed(options.method));
      });
      const forget = this.send(uri, options, {
        sent: () => {
          isSent = true;
        },
        response: (response, acknowledge) => {
          if (response.status >= 200) {
            timer.cancel();
            resolve([response, acknowledge]);
          }
        },
        lost: (error) => {
          timer.cancel();
          reject(error);
        },
      });
    });
  }

  #ask(
    uri: string,
    options: SrfRequestOptions,
    answer: (error: SipServerError | undefined, sent: SrfRequest) => void,
  ): void {
    const refuse = (error: unknown, request?: SrfRequest): void => {
      answer(new SipServerError(this.connected ? 'refused' : 'disconnected', messageOf(error)), request as SrfRequest);
    };
    if (!this.connected) {
      queueMicrotask(() => {
        refuse('the SIP server is not connected');
      });
      return;
    }
    try {
      this.#srf.request(uri, options, (error, sent) => {
        this.#guard(() => {
          if (error === null || error === undefined) {
            answer(undefined, sent);
          } else {
            refuse(error);
          }
        });
      });
    } catch (error) {
      queueMicrotask(() => {
        refuse(error);
      });
    }
  }

  /** A fault of ours in a handler must not end the process, nor poison srf's reader. */
  #guard(action: () => void): void {
    try {
      action();
    } catch (error) {
      this.#log.error({ err: error }, 'a handler of a SIP message failed');
    }
  }
}

function unconfirmed(method: string): SipServerError {
  return new SipServerError('refused', `the SIP server did not confirm ${method}`);
}
