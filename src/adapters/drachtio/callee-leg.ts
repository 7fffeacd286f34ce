import { messageOf } from '../../domain/errors.js';
import { ms } from '../../domain/time.js';
import type { Timer } from '../../ports/clock.js';
import type { Log } from '../../ports/journal.js';
import type {
  CalleeEvents,
  CalleeLeg,
  InDialogRequest,
  InviteFailure,
  LegEnd,
  LostAttempt,
  LocalCause,
  TrunkCredentials,
} from '../../ports/sip-server.js';
import { header, withoutHeader } from '../../sip/headers.js';
import type { Header } from '../../sip/message.js';
import type { SentRequestEvents } from './connection.js';
import { ChallengeAnswers, sameCall } from './credentials.js';
import {
  acknowledgeWith,
  EarlyDialog,
  inDialogRequest,
  reasonHeaders,
  SrfDialog,
  type DialogReports,
} from './dialog.js';
import { isLocal, receivedResponse, toSrfHeaders } from './message.js';
import type { Home, OrphanLeg } from './orphans.js';
import { Provisionals } from './provisionals.js';
import { GIVE_UP, resumption, THE_SERVER } from './requests-of-ours.js';
import type { SrfAck, SrfReceivedResponse, SrfRequest, SrfResponse } from './srf.js';

type LegState =
  | { readonly phase: 'open'; readonly request: SrfRequest | undefined }
  | { readonly phase: 'answered'; acknowledge: SrfAck | undefined }
  | { readonly phase: 'given-up'; readonly reasons: readonly string[] }
  | { readonly phase: 'over' };

/** An INVITE that has outlived so many SIP servers may be what ends them. */
const RESUMPTIONS_AT_MOST = 3;

/**
 * drachtio-server says nothing more of an INVITE whose trunk rang, fell silent and was cancelled. 64*T1 until a late
 * provisional gets its CANCEL, as long again until that is answered, and some room: then nothing of it is left.
 */
const OVER_WITHIN = ms(70_000);

/** How far an INVITE had come, as far as that matters when its SIP server is lost. */
interface Left {
  /** Its text, Via included. */
  readonly text: string;
  /** The highest provisional status that came; 0 where none did. */
  heard: number;
}

/** An INVITE to a trunk. */
export class SrfCalleeLeg implements CalleeLeg, OrphanLeg {
  readonly #home: Home;
  readonly #events: CalleeEvents;
  readonly #log: Log;
  readonly #provisionals = new Provisionals();
  #state: LegState = { phase: 'open', request: undefined };
  #early: EarlyDialog | undefined;
  #isOver = false;
  #nextHop = '';
  #left: Left | undefined;
  #resumptions = 0;
  readonly #credentials: () => TrunkCredentials | undefined;
  #answers: ChallengeAnswers | undefined;
  #untilOver: Timer | undefined;
  /** What is sent again where the trunk asks who we are; nothing once it did not. */
  #sending: { readonly uri: string; readonly headers: readonly Header[]; readonly body: string } | undefined;

  /** @param credentials of the trunk. Asked for when they are needed. */
  constructor(home: Home, events: CalleeEvents, log: Log, credentials: () => TrunkCredentials | undefined) {
    this.#home = home;
    this.#credentials = credentials;
    this.#events = events;
    this.#log = log;
  }

  /** Sends the INVITE. Every ending is reported, also that it never left. */
  send(uri: string, headers: readonly Header[], body: string, nextHop: string): void {
    this.#nextHop = nextHop;
    this.#sending = { uri, headers, body };
    this.#send(headers);
  }

  #send(headers: readonly Header[]): void {
    const { uri = '', body = '' } = this.#sending ?? {};
    const options = { method: 'INVITE', headers: toSrfHeaders(headers), body, proxy: this.#nextHop };
    this.#home.connection.send(uri, options, this.#sentEvents('unsendable'));
  }

  get isWanted(): boolean {
    return this.#state.phase === 'open';
  }

  resume(): void {
    const { text, heard } = this.#left ?? { text: '', heard: 0 };
    this.#resumptions += 1;
    this.#home.connection.send(THE_SERVER, resumption(text, this.#nextHop, heard > 0), this.#sentEvents('server-gone'));
  }

  get attempt(): LostAttempt | undefined {
    const { text, heard } = this.#left ?? { text: '', heard: 0 };
    return heard === 0 ? undefined : { invite: text, nextHop: this.#nextHop };
  }

  /** The call goes on without it. What may ring there is cancelled as soon as that can be done. */
  lost(): void {
    if (this.#state.phase === 'open') {
      this.#state = { phase: 'given-up', reasons: [] };
      this.#leaveEarlyDialog();
      this.#events.failed({ origin: 'local', cause: 'server-gone', status: 503 });
    }
    this.#over();
  }

  /** @param unsent what it means that the server does not take it. */
  #sentEvents(unsent: LocalCause): SentRequestEvents {
    return {
      sent: (request) => {
        this.#sent(request);
      },
      response: (response, acknowledge) => {
        this.#responded(response, acknowledge);
      },
      lost: ({ code }) => {
        if (code === 'disconnected') {
          this.#serverGone();
        } else {
          this.#fail({ origin: 'local', cause: unsent, status: 503 });
        }
      },
    };
  }

  /** What rings goes on ringing, and waits for its server. Of all else the call may have a new attempt at once. */
  #serverGone(): void {
    const { connection, orphans } = this.#home;
    if (this.#left === undefined || !connection.isEmbeddedEngine || this.#resumptions >= RESUMPTIONS_AT_MOST) {
      return this.#fail({ origin: 'local', cause: 'server-gone', status: 503 });
    }
    const rings = this.#left.heard > 100 && this.#nextHop.endsWith(';transport=udp');
    if (!rings) {
      this.lost();
    }
    orphans.addLeg(this);
  }

  /** Fails without having been sent, once the caller of `invite` has the leg. */
  refuse(failure: InviteFailure): void {
    queueMicrotask(() => {
      this.#fail(failure);
    });
  }

  cancel(reasons: readonly string[]): void {
    const state = this.#state;
    if (state.phase !== 'open') {
      return;
    }
    this.#state = { phase: 'given-up', reasons };
    this.#untilOver ??= this.#home.clock.setTimer(OVER_WITHIN, () => {
      this.#leaveEarlyDialog();
      this.#over();
    });
    if (state.request !== undefined) {
      this.#cancel(state.request, reasons);
    }
  }

  acknowledge(body?: string): void {
    if (this.#state.phase === 'answered') {
      acknowledgeWith(this.#state.acknowledge, body, this.#log, this.#answers?.headers);
      this.#state.acknowledge = undefined;
    }
  }

  #sent(request: SrfRequest): void {
    // UPDATE in an early dialog (RFC 3311). Nobody answers it if we do not listen.
    request.on('update', (update: SrfRequest, response: SrfResponse) => {
      this.#events.requested(inDialogRequest(update, response));
    });
    this.#left ??= { text: request.msg.raw ?? '', heard: 0 };
    if (this.#state.phase === 'open') {
      this.#state = { phase: 'open', request };
    } else if (this.#state.phase !== 'answered') {
      this.#cancel(request, this.#state.phase === 'given-up' ? this.#state.reasons : []);
    }
  }

  #cancel(request: SrfRequest, reasons: readonly string[]): void {
    const why = reasonHeaders(reasons);
    const headers = toSrfHeaders(this.#home.connection.isEmbeddedEngine ? [...why, GIVE_UP] : why);
    try {
      request.cancel({ headers }, (error) => {
        this.#log.debug({ err: error === null ? undefined : messageOf(error) }, 'CANCEL handed over');
      });
    } catch (error) {
      this.#log.debug({ err: messageOf(error) }, 'CANCEL could not be handed over');
    }
  }

  #responded(response: SrfReceivedResponse, acknowledge: SrfAck): void {
    const { phase } = this.#state;
    if (response.status < 200) {
      this.#heard(response.status);
      return phase === 'open' ? this.#progressed(response, acknowledge) : undefined;
    }
    this.#leaveEarlyDialog();
    if (response.status < 300) {
      return phase === 'open' ? this.#answered(response, acknowledge) : this.#releaseLate(response, acknowledge);
    }
    if (phase === 'open' && this.#sendKnown(response)) {
      return;
    }
    this.#fail(failureOf(response, this.#answers?.headers));
  }

  /**
   * Where the trunk asks who we are, the same INVITE goes out again with its credentials: the same call to it (RFC 3261
   * 22.2), and the same attempt to us. It goes to the trunk's address, whoever the challenge came from.
   */
  #sendKnown(response: SrfReceivedResponse): boolean {
    this.#answers ??= new ChallengeAnswers(this.#credentials());
    if (this.#sending === undefined || !this.#answers.take(response)) {
      return false;
    }
    const same = sameCall(response);
    const { headers } = this.#sending;
    this.#state = { phase: 'open', request: undefined };
    this.#left = undefined;
    this.#send([...withoutHeader(headers, ...same.map(({ name }) => name)), ...same, ...this.#answers.headers]);
    return true;
  }

  #heard(status: number): void {
    if (this.#left !== undefined) {
      this.#left.heard = Math.max(this.#left.heard, status);
    }
  }

  /** Each reliable one gets its PRACK, once: `acknowledge` does nothing for the others. */
  #progressed(response: SrfReceivedResponse, acknowledge: SrfAck): void {
    const received = receivedResponse(response);
    if (!this.#provisionals.take(received)) {
      return;
    }
    acknowledgeWith(acknowledge, undefined, this.#log);
    if (this.#early === undefined && response.stackDialogId !== '') {
      this.#early = new EarlyDialog(response.stackDialogId, {
        requested: (request) => {
          this.#events.requested(request);
        },
      });
      this.#home.table.add(this.#early);
    }
    this.#events.progressed(received);
  }

  #answered(response: SrfReceivedResponse, acknowledge: SrfAck): void {
    this.#state = { phase: 'answered', acknowledge };
    const events = {
      ended: (end: LegEnd) => {
        this.#events.ended(end);
      },
      requested: (request: InDialogRequest) => {
        this.#events.requested(request);
      },
      over: () => {
        this.#over();
      },
    };
    const dialog = this.#dialog(response, events);
    this.#left = undefined;
    this.#sending = undefined;
    this.#events.answered(this.#provisionals.complete(receivedResponse(response)), dialog);
  }

  /** A 2xx of a leg that was given up: ACK and BYE (DESIGN 4.4). Some servers send the BYE themselves. */
  #releaseLate(response: SrfReceivedResponse, acknowledge: SrfAck): void {
    const reasons = this.#state.phase === 'given-up' ? this.#state.reasons : [];
    acknowledgeWith(acknowledge, undefined, this.#log, this.#answers?.headers);
    const events = {
      ended: () => undefined,
      requested: () => undefined,
      over: () => {
        this.#over();
      },
    };
    this.#dialog(response, events).release(reasons);
  }

  #dialog({ stackDialogId }: SrfReceivedResponse, events: DialogReports): SrfDialog {
    const { connection, table } = this.#home;
    return new SrfDialog(stackDialogId, connection, table, events, this.#log, this.#credentials);
  }

  #leaveEarlyDialog(): void {
    if (this.#early !== undefined) {
      this.#home.table.remove(this.#early);
      this.#early = undefined;
    }
  }

  /** The end of one that was given up is none of the call's business any more, but its channel is free. */
  #fail(failure: InviteFailure): void {
    const { phase } = this.#state;
    if (phase === 'answered') {
      return;
    }
    this.#state = { phase: 'over' };
    this.#leaveEarlyDialog();
    if (phase === 'open') {
      this.#events.failed(failure);
    }
    this.#over();
  }

  #over(): void {
    this.#untilOver?.cancel();
    if (!this.#isOver) {
      this.#isOver = true;
      this.#events.over();
    }
  }
}

function failureOf(response: SrfReceivedResponse, shown: readonly Header[] = []): InviteFailure {
  if (!isLocal(response)) {
    const known = shown.length > 0 ? { known: true as const } : {};
    return { origin: 'peer', response: receivedResponse(response), ...known };
  }
  return { origin: 'local', cause: localCause(response), status: response.status };
}

/** The embedded engine names the cause in a Warning; drachtio-server only has the status (`reference`: local 408, 503). */
function localCause(response: SrfReceivedResponse): LocalCause {
  const warning = header(receivedResponse(response).headers, 'Warning') ?? '';
  if (response.status === 408 || warning.includes('timeout')) {
    return 'timeout';
  }
  if (warning.includes('too large')) {
    return 'too-large';
  }
  if (warning.includes('unresolvable') || response.reason.includes('DNS')) {
    return 'unresolvable';
  }
  return response.status === 503 ? 'refused' : 'unsendable';
}
