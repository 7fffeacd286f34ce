import { header, headerValues } from '../../sip/headers.js';
import type { Header, SipRequest } from '../../sip/message.js';
import type { IncomingResponse } from '../transaction/incoming.js';
import type { FailOver } from '../transaction/fail-over.js';
import type { ClientUser, InviteHandle, LocalCause } from '../transaction/layer.js';
import type { Peer, Transport } from '../transport/transport.js';
import type { AgentCore } from './core.js';
import { AgentDialog } from './dialog.js';
import type { DialogEvents } from './dialog-events.js';
import { dialogAsClient } from './dialog-state.js';
import { laterCseq, nextRseq } from './numbering.js';
import type { ClientEvents, RequestClient } from './request-client.js';
import { termsOf } from './session-timer.js';

/** How an INVITE ended without an answer: a final response, or a cause found here. */
export type InviteEnding = { readonly response: IncomingResponse } | { readonly cause: LocalCause | 'given up' };

/** What an outgoing INVITE reports. After `answered` or `failed` nothing comes but dialog events. */
export interface InviteClientEvents {
  /** 100 to 199. */
  provisional(response: IncomingResponse): void;
  /** The first 2xx. The dialog owes its ACK. */
  answered(response: IncomingResponse, dialog: AgentDialog): void;
  failed(ending: InviteEnding): void;
  /** Of early dialogs too, for what the far end asks before it answers. */
  readonly dialog: DialogEvents;
}

/** A provisional response that waits for its PRACK. */
interface Unacknowledged {
  readonly dialog: AgentDialog;
  readonly rack: string;
}

const EARLY_AT_MOST = 32;
/** More PRACKs and UPDATEs than any INVITE has had: a CSeq number may be left out (RFC 3261 12.2.1.1), but not come again. */
const PASSED = 1_000;
const RELEASED: Header = { name: 'Reason', value: 'SIP;cause=200;text="answered elsewhere"' };

type Phase =
  | { readonly phase: 'open' }
  /** CANCEL waits for the first provisional, or was sent. */
  | { readonly phase: 'cancelling'; readonly givenUp: boolean }
  | { readonly phase: 'answered'; readonly dialog: AgentDialog }
  | { readonly phase: 'over' };

/** An INVITE that we sent (RFC 3261 13.2), with a dialog for each To tag that answers. */
export class InviteClient implements RequestClient {
  readonly #core: AgentCore;
  readonly #events: InviteClientEvents;
  readonly #search: FailOver<InviteHandle>;
  readonly #dialogs = new Map<string, AgentDialog>();
  readonly #unacknowledged: Unacknowledged[] = [];
  readonly #lastRSeq = new Map<string, number>();
  #phase: Phase = { phase: 'open' };
  #proceeding: boolean;
  /** Numbers that requests in the dialogs may have had before. */
  readonly #passed: number;
  #waitingCancel: readonly Header[] | undefined;

  /**
   * @param send sends the INVITE, to one address after the other.
   * @param resumed where another process of ours sent it: whether a provisional response had come.
   */
  constructor(
    core: AgentCore,
    events: InviteClientEvents,
    send: (user: ClientUser) => FailOver<InviteHandle>,
    resumed?: { readonly heard: boolean },
  ) {
    this.#core = core;
    this.#events = events;
    this.#proceeding = resumed?.heard ?? false;
    this.#passed = resumed === undefined ? 0 : PASSED;
    this.#search = send({
      response: (response) => {
        this.#received(response);
      },
      failed: (cause) => {
        this.#end(this.#isGivenUp ? { cause: 'given up' } : { cause });
      },
    });
  }

  get #handle(): InviteHandle {
    return this.#search.handle;
  }

  get peer(): Peer {
    return this.#handle.peer;
  }

  get transport(): Transport {
    return this.#handle.transport;
  }

  /** As it left, Via included. */
  get request(): SipRequest {
    return this.#handle.request;
  }

  get text(): string {
    return this.#handle.text;
  }

  /** Whether CANCEL can still do something: no final response has come. */
  get pending(): boolean {
    return this.#phase.phase === 'open' || this.#phase.phase === 'cancelling';
  }

  /**
   * Cancels the INVITE. Before the first provisional response the CANCEL waits (RFC 3261 9.1). A 2xx that crosses it is
   * reported, and the dialog is ended as soon as it was acknowledged.
   *
   * @returns whether the CANCEL left at once.
   */
  cancel(headers: readonly Header[] = []): boolean {
    return this.#cancel(headers, false);
  }

  /**
   * The same, but resends stop at once, and a 2xx that still comes is acknowledged and released here: `failed` is all that
   * is reported.
   */
  giveUp(headers: readonly Header[] = []): boolean {
    this.#handle.stopResending();
    return this.#cancel(headers, true);
  }

  /**
   * Acknowledges the oldest reliable provisional response (RFC 3262 4). RAck is written here.
   *
   * @returns undefined where none is owed.
   */
  prack(headers: readonly Header[], body: string, events: ClientEvents): RequestClient | undefined {
    const owed = this.#unacknowledged.shift();
    return owed?.dialog.request('PRACK', [{ name: 'RAck', value: owed.rack }, ...headers], body, events);
  }

  /** Whether a reliable provisional response waits for its PRACK. */
  get owesPrack(): boolean {
    return this.#unacknowledged.length > 0;
  }

  /** The early dialog that spoke last, for requests before the answer (RFC 3311). */
  get earlyDialog(): AgentDialog | undefined {
    return [...this.#dialogs.values()].at(-1);
  }

  get #isGivenUp(): boolean {
    return this.#phase.phase === 'cancelling' && this.#phase.givenUp;
  }

  #cancel(headers: readonly Header[], givenUp: boolean): boolean {
    if (this.#phase.phase !== 'open') {
      this.#phase = this.#phase.phase === 'cancelling' && givenUp ? { phase: 'cancelling', givenUp } : this.#phase;
      return false;
    }
    this.#phase = { phase: 'cancelling', givenUp };
    this.#search.settle();
    if (!this.#proceeding) {
      this.#waitingCancel = headers;
      return false;
    }
    this.#handle.cancel(headers);
    return true;
  }

  #received(response: IncomingResponse): void {
    const { status } = response.message;
    if (status < 200) {
      return this.#provisional(response);
    }
    return status < 300 ? this.#accepted(response) : this.#end({ response });
  }

  #provisional(response: IncomingResponse): void {
    this.#proceeding = true;
    if (this.#waitingCancel !== undefined) {
      this.#handle.cancel(this.#waitingCancel);
      this.#waitingCancel = undefined;
    }
    if (this.#makesDialog(response)) {
      const dialog = this.#dialogFor(response);
      if (!this.#isInOrder(response, dialog)) {
        return;
      }
      dialog.session.exchanged(undefined, response.message);
    }
    if (!this.#isGivenUp) {
      this.#events.provisional(response);
    }
  }

  /** RFC 3261 12.1. A far end that makes up more and more tags gets no more dialogs. */
  #makesDialog({ message, toTag }: IncomingResponse): boolean {
    const isNew = toTag !== undefined && !this.#dialogs.has(toTag);
    const isEarly = message.status > 100 && toTag !== undefined && !this.#isGivenUp;
    return isEarly && !(isNew && this.#dialogs.size >= EARLY_AT_MOST);
  }

  /** RFC 3262 4: reliable responses count up by one per dialog; repeated and early ones are dropped. */
  #isInOrder(response: IncomingResponse, dialog: AgentDialog): boolean {
    const { headers } = response.message;
    const rseq = Number(header(headers, 'RSeq'));
    if (!headerValues(headers, 'Require').includes('100rel') || !Number.isInteger(rseq)) {
      return true;
    }
    const last = this.#lastRSeq.get(dialog.state.remoteTag);
    if (last !== undefined && rseq !== nextRseq(last)) {
      return false;
    }
    this.#lastRSeq.set(dialog.state.remoteTag, rseq);
    this.#unacknowledged.push({ dialog, rack: `${rseq} ${response.cseq.number} INVITE` });
    return true;
  }

  #accepted(response: IncomingResponse): void {
    const dialog = this.#dialogFor(response);
    const { phase } = this.#phase;
    if (phase === 'answered' && this.#phase.dialog === dialog) {
      dialog.answered(response);
      return;
    }
    if (phase === 'answered' || phase === 'over' || this.#isGivenUp) {
      return this.#release(response, dialog);
    }
    dialog.answered(response);
    dialog.session.exchanged(this.request, response.message);
    dialog.expiresOn(termsOf(response.message.headers, 'there'));
    if (phase === 'cancelling') {
      dialog.byeAfterAck();
    }
    this.#phase = { phase: 'answered', dialog };
    this.#dropOthers(dialog);
    this.#events.answered(response, dialog);
  }

  /** An answer that nobody waits for: the second of a fork, or one that came too late (RFC 3261 13.2.2.4). */
  #release(response: IncomingResponse, dialog: AgentDialog): void {
    if (dialog.answered(response) && !dialog.over) {
      dialog.listen({ acknowledged: ignore, ended: ignore, request: (request) => request.respond(481) });
      dialog.bye([RELEASED]);
    }
    if (this.#isGivenUp) {
      this.#end({ cause: 'given up' });
    }
  }

  #dialogFor(response: IncomingResponse): AgentDialog {
    const tag = response.toTag ?? '';
    const known = this.#dialogs.get(tag);
    if (known !== undefined) {
      return known;
    }
    const state = dialogAsClient(this.request, response, response.transport);
    state.nextSequence = laterCseq(state.nextSequence, this.#passed);
    const dialog = new AgentDialog(this.#core, state, 'here', this.#events.dialog);
    this.#dialogs.set(state.remoteTag, dialog);
    return dialog;
  }

  #dropOthers(winner?: AgentDialog): void {
    for (const [tag, dialog] of this.#dialogs) {
      if (dialog !== winner && !dialog.over) {
        dialog.drop();
        this.#dialogs.delete(tag);
      }
    }
  }

  #end(ending: InviteEnding): void {
    if (this.#phase.phase === 'answered' || this.#phase.phase === 'over') {
      return;
    }
    this.#phase = { phase: 'over' };
    this.#dropOthers();
    this.#events.failed(ending);
  }
}

function ignore(): void {
  // Nobody waits for this dialog.
}
