import { randomInt } from 'node:crypto';
import { header, type Header } from '../../sip/headers.js';
import type { IncomingResponse } from '../transaction/incoming.js';
import type { AgentCore } from './core.js';
import type { ClientEvents, RequestClient } from './request-client.js';
import type { SessionDescriptions } from './session-descriptions.js';
import { leastOf, refreshHeaders, SessionTimer, tooShort, withTermsOf, type SessionTerms } from './session-timer.js';

/** What keeping a session alive needs of its dialog. */
interface KeptDialog {
  readonly session: SessionDescriptions;
  /** Whether an INVITE of either side is open. */
  readonly inviting: boolean;
  request(method: string, headers: readonly Header[], body: string, events: ClientEvents): RequestClient;
  acknowledge(): string | undefined;
  endedBy(cause: 'expired'): void;
}

/** Keeps the session of a dialog alive on the terms that both sides agreed on, and ends it when it expires (RFC 4028). */
export class SessionKeeper {
  readonly #core: Pick<AgentCore, 'clock' | 'timers'>;
  readonly #dialog: KeptDialog;
  #timer: SessionTimer | undefined;
  #expires = true;

  constructor(core: Pick<AgentCore, 'clock' | 'timers'>, dialog: KeptDialog) {
    this.#core = core;
    this.#dialog = dialog;
  }

  /** The session never expires, and nothing is refused for it. */
  never(): void {
    this.#expires = false;
    this.stop();
  }

  /** The session was made or refreshed on these terms; without any it does not expire. */
  expiresOn(terms: SessionTerms | undefined): void {
    if (terms === undefined || !this.#expires) {
      return this.stop();
    }
    const { clock, timers } = this.#core;
    this.#timer ??= new SessionTimer(clock, timers.second, {
      refresh: (seconds) => {
        this.#refresh(seconds);
      },
      expired: () => {
        this.#dialog.endedBy('expired');
      },
    });
    this.#timer.arm(terms);
  }

  stop(): void {
    this.#timer?.stop();
  }

  /** What a request of the peer is refused with, which would have the session expire too soon. */
  tooShort(request: readonly Header[]): readonly Header[] | undefined {
    return this.#expires ? tooShort(request) : undefined;
  }

  /** The headers of our 2xx to a request that refreshes the session. */
  withTermsOf(request: readonly Header[], response: readonly Header[]): readonly Header[] {
    return this.#expires ? withTermsOf(request, response) : response;
  }

  /** What the application says about the session timer, or the terms as they are. */
  withTerms(method: string, headers: readonly Header[]): readonly Header[] {
    const terms = this.#timer?.terms;
    const isSaid = header(headers, 'Session-Expires') !== undefined;
    return terms === undefined || isSaid || !refreshes(method) ? headers : [...headers, ...refreshHeaders(terms)];
  }

  /** A refresh of our own: with our description as it is (RFC 4028 7.4). The application hears nothing of it. */
  #refresh(seconds: number): void {
    if (this.#dialog.inviting) {
      this.#timer?.again(whenFree(), seconds);
      return;
    }
    const { local } = this.#dialog.session;
    const headers = [...refreshHeaders({ seconds, refresher: 'here' }), { name: 'Supported', value: 'timer' }];
    const events: ClientEvents = {
      response: (response) => {
        this.#refreshed(response, seconds);
      },
      failed: () => {
        this.#dialog.endedBy('expired');
      },
    };
    if (local === undefined) {
      this.#dialog.request('UPDATE', headers, '', events);
    } else {
      this.#dialog.request('INVITE', [...headers, { name: 'Content-Type', value: 'application/sdp' }], local, events);
    }
  }

  #refreshed({ message }: IncomingResponse, seconds: number): void {
    const { status, headers } = message;
    if (status < 200) {
      return;
    }
    if (status < 300) {
      this.#dialog.acknowledge();
    } else if (status === 491) {
      this.#timer?.again(whenFree(), seconds);
    } else if (status === 422 && leastOf(headers) > seconds) {
      this.#refresh(leastOf(headers));
    } else {
      this.#dialog.endedBy('expired');
    }
  }
}

/** Whether requests with this method refresh the session (RFC 4028 1). */
export function refreshes(method: string): boolean {
  return method === 'INVITE' || method === 'UPDATE';
}

/** Seconds after which a refused re-INVITE is made again (RFC 3261 14.1). */
function whenFree(): number {
  return randomInt(2_100, 4_000) / 1_000;
}
