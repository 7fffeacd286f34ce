import { header, headerValues } from '../../sip/headers.js';
import { printMessage, type Header, type SipResponse } from '../../sip/message.js';
import type { EngineTimer } from '../clock.js';
import type { IncomingRequest } from '../transaction/incoming.js';
import { newTag, type InviteServerHandle, type ServerHandle } from '../transaction/layer.js';
import type { AgentCore } from './core.js';
import { AgentDialog } from './dialog.js';
import type { DialogEvents } from './dialog-events.js';
import { dialogAsServer } from './dialog-state.js';
import { ReliableProvisionals } from './reliable.js';
import type { RequestServer } from './request-server.js';
import { termsOf, withTermsOf } from './session-timer.js';

/** What an INVITE that came in reports until it is answered. */
export interface InviteServerEvents {
  /** The caller gave up. 200 to its CANCEL and 487 to its INVITE have been sent. */
  cancelled(cancel: IncomingRequest): void;
  /** A request in the early dialog (PRACK, UPDATE ...), to be answered. Without it PRACK gets 200, all else 500. */
  requested?(request: RequestServer): void;
  /** Nobody answered in time, or the caller did not acknowledge a reliable response: refused by ourselves. */
  expired?(status: number): void;
}

/** What another process of ours said in an INVITE before it was lost. */
export interface Adopted {
  /** The tag of our side, where the caller has seen one. */
  readonly tag?: string | undefined;
  /** The number of the last reliable response. */
  readonly rseq?: number | undefined;
}

const NOBODY: InviteServerEvents = { cancelled: () => undefined };

/** An INVITE outside any dialog, to be answered (RFC 3261 13.3). 100 Trying has been sent. */
export class InviteServer {
  readonly #core: AgentCore;
  readonly #handle: InviteServerHandle;
  readonly #reliable: ReliableProvisionals;
  #localTag: string;
  #events = NOBODY;
  #dialog: AgentDialog | undefined;
  #patience: EngineTimer | undefined;
  /** Set while our 100 waits. */
  #tryingTimer: EngineTimer | undefined;
  /** Whether the caller has a description of ours, or may have one that waits for its PRACK. */
  #committed = false;
  #expires = true;

  /** @param adopted of one that another process of ours received. */
  constructor(core: AgentCore, handle: InviteServerHandle, { tag, rseq }: Adopted = {}) {
    this.#core = core;
    this.#handle = handle;
    handle.owner = this;
    this.#localTag = tag ?? newTag();
    const user = {
      print: (status: number, headers: readonly Header[], body: string) =>
        printMessage(this.#response(status, headers, body)),
      transmit: (status: number, headers: readonly Header[], body: string) => this.#send(status, headers, body),
    };
    this.#reliable = new ReliableProvisionals(core.clock, core.timers, core.first.rseq(), user, rseq);
    this.#patience = core.clock.setTimer(core.timers.silentApplication, () => {
      this.#expire();
    });
    if (tag === undefined) {
      this.#trying();
    } else {
      this.#early();
    }
  }

  /** The INVITE; without its message after the final response. */
  get incoming(): IncomingRequest {
    return this.#handle.incoming;
  }

  /** The tag of our side. */
  get localTag(): string {
    return this.#localTag;
  }

  /** Whether a final response has been sent. */
  get answered(): boolean {
    return this.#handle.answered;
  }

  /** Whether the caller takes reliable provisional responses (RFC 3262 3). */
  get takesReliable(): boolean {
    const { headers } = this.incoming.message;
    return [...headerValues(headers, 'Supported'), ...headerValues(headers, 'Require')].includes('100rel');
  }

  /** Whether the caller has been promised something that another application could not keep. */
  get committed(): boolean {
    return this.#committed;
  }

  /** The session timer never ends the dialog of this call; what the caller says about one is not taken up. */
  neverExpires(): void {
    this.#expires = false;
  }

  attach(events: InviteServerEvents): void {
    this.#events = events;
  }

  /** Uses this tag for our side, where no response of ours has shown another. */
  useTag(tag: string): void {
    if (this.#dialog === undefined) {
      this.#localTag = tag;
    }
  }

  /**
   * Sends a provisional response; with `Require: 100rel` among its headers reliably (RFC 3262).
   *
   * @returns the response as it left (a reliable one may wait for the one before it); undefined after a final one.
   */
  provisional(status: number, headers: readonly Header[], body: string): string | undefined {
    if (this.answered) {
      return undefined;
    }
    if (status > 100) {
      this.#patience?.cancel();
      this.#early();
    }
    const isReliable = status > 100 && headerValues(headers, 'Require').includes('100rel');
    this.#committed ||= isReliable || body !== '';
    return isReliable ? this.#reliable.send(status, headers, body) : this.#send(status, headers, body);
  }

  /** Sends 200. @returns the dialog, or undefined where the INVITE was answered or cancelled before. */
  accept(headers: readonly Header[], body: string, events: DialogEvents): AgentDialog | undefined {
    return this.answer(headers, body, events)?.dialog;
  }

  /** The same, with the 200 as it left. */
  answer(
    headers: readonly Header[],
    body: string,
    events: DialogEvents,
  ): { readonly dialog: AgentDialog; readonly text: string } | undefined {
    const dialog = this.answered ? undefined : this.#early();
    const all = this.#expires ? withTermsOf(this.incoming.message.headers, headers) : headers;
    const text = dialog === undefined ? undefined : this.#send(200, all, body);
    if (dialog === undefined || text === undefined) {
      return undefined;
    }
    if (this.#expires) {
      dialog.expiresOn(termsOf(all, 'here'));
    } else {
      dialog.neverExpires();
    }
    dialog.listen(events);
    dialog.awaitAck(this.#handle, true);
    this.#finished();
    this.#events = NOBODY;
    return { dialog, text };
  }

  /** Sends a final failure. @returns it as it left; undefined where a final one has been sent before. */
  reject(status: number, headers: readonly Header[] = [], body = ''): string | undefined {
    const text = this.#send(status, headers, body);
    if (text !== undefined) {
      this.#dialog?.drop();
      this.#finished();
    }
    return text;
  }

  /** Sends nothing at all, neither now nor later: for strangers. */
  drop(): void {
    this.#handle.drop();
    this.#dialog?.drop();
    this.#finished();
  }

  /** The CANCEL of this INVITE came (RFC 3261 9.2). After our 200 the call is over as soon as the caller's ACK is there. */
  cancelled(handle: ServerHandle): void {
    const { incoming } = handle;
    handle.respond(this.#core.response(incoming, 200, this.#localTag, [], ''));
    if (this.answered) {
      this.#dialog?.endedBy('cancelled by the peer');
      return;
    }
    this.reject(487);
    this.#events.cancelled(incoming);
  }

  #expire(): void {
    if (this.reject(480) !== undefined) {
      this.#events.expired?.(480);
    }
  }

  #finished(): void {
    this.#patience?.cancel();
    this.#patience = undefined;
    this.#tryingTimer?.cancel();
    this.#tryingTimer = undefined;
    this.#reliable.stop();
  }

  #trying(): void {
    const { clock, tryingAfter } = this.#core;
    if (tryingAfter === 0) {
      this.#send(100, [], '');
      return;
    }
    this.#tryingTimer = clock.setTimer(tryingAfter, () => {
      this.#send(100, [], '');
    });
  }

  #early(): AgentDialog {
    this.#dialog ??= new AgentDialog(
      this.#core,
      dialogAsServer(this.incoming, this.#localTag, this.#contact, this.#core.first.cseq()),
      'there',
      {
        acknowledged: () => undefined,
        request: (request) => {
          this.#requested(request);
        },
        ended: () => undefined,
      },
    );
    return this.#dialog;
  }

  #requested(request: RequestServer): void {
    const { message } = request.incoming;
    const isPrack = message.method === 'PRACK';
    if (isPrack && !this.#reliable.acknowledge(header(message.headers, 'RAck') ?? '')) {
      request.respond(481);
      return;
    }
    if (message.method === 'BYE') {
      // The caller ends the call that is not there yet (RFC 3261 15): as good as a CANCEL.
      request.respond(200);
      this.reject(487);
      this.#events.cancelled(request.incoming);
    } else if (this.#events.requested !== undefined) {
      this.#events.requested(request);
    } else {
      request.respond(isPrack ? 200 : 500, isPrack ? [] : [{ name: 'Retry-After', value: '5' }]);
    }
  }

  get #contact(): string {
    return this.#core.contactOf(this.incoming.transport, /^sips:/i.test(this.incoming.message.uri));
  }

  #send(status: number, headers: readonly Header[], body: string): string | undefined {
    this.#tryingTimer?.cancel();
    const response = this.#response(status, headers, body);
    this.#dialog?.session.exchanged(response, this.incoming.message);
    return this.#handle.respond(response);
  }

  #response(status: number, headers: readonly Header[], body: string): SipResponse {
    const makesDialog = status > 100 && status < 300;
    const routes = makesDialog ? headerValues(this.incoming.message.headers, 'Record-Route').map(asRecordRoute) : [];
    const lacksContact = makesDialog && header(headers, 'Contact') === undefined;
    const contact = lacksContact ? [{ name: 'Contact', value: this.#contact }] : [];
    const all = [...routes, ...contact, ...headers];
    return this.#core.response(this.incoming, status, status === 100 ? undefined : this.#localTag, all, body);
  }
}

function asRecordRoute(value: string): Header {
  return { name: 'Record-Route', value };
}
