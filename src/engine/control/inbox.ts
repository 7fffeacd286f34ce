import { randomUuid } from '../random.js';
import { header, headerValues } from '../../sip/headers.js';
import { printMessage, type SipResponse } from '../../sip/message.js';
import { METHODS } from '../../sip/methods.js';
import { tagOf } from '../../sip/name-addr.js';
import type { AgentEvents } from '../agent/agent.js';
import type { DialogEvents } from '../agent/dialog-events.js';
import type { InviteServer } from '../agent/invite-server.js';
import type { RequestServer } from '../agent/request-server.js';
import { responsePeer, type IncomingRequest } from '../transaction/incoming.js';
import type { App } from './app.js';
import { responseHeaders, withAddress, type Wishes } from './app-text.js';
import type { Apps } from './apps.js';
import type { CallRecords } from './call-records.js';
import { LegEvents, type LegTaker } from './leg-events.js';
import type { Leg, Legs } from './legs.js';
import { addressOf, cancelLine, networkLine, newRequestLine, responseSent } from './lines.js';
import type { SipOrder } from './order.js';
import type { OutboundApps } from './outbound.js';
import type { Parking } from './parking.js';
import type { InviteQuestion, Question, Questions, RequestQuestion } from './questions.js';
import { StandIn } from './stand-in.js';

/** Requests that mean nothing outside a dialog, where no application asks for them (RFC 3261 12.2.2). */
const IN_DIALOGS_ONLY = new Set(['BYE', 'PRACK', 'UPDATE', 'INFO']);
/** Bytes that a response keeps for its headers, where a datagram limits it. */
const ROOM_FOR_HEADERS = 8_192;
/** An application that was given a dialog of another one says so that it does not know it. */
const KNOWS_NOTHING = new Set([404, 481]);
const UNKNOWN = 'NOK|Response not sent due to unknown transaction';

/** What the network asks: it goes to the applications, and their answers go back. */
export class Inbox implements AgentEvents {
  readonly #apps: Apps;
  readonly #legs: Legs;
  readonly #questions: Questions;
  readonly #parking: Parking;
  readonly #records: CallRecords;
  readonly #standIn: StandIn;
  readonly #taker: LegTaker;
  #outbound: OutboundApps | undefined;
  /** Calls whose first application was lost. A call that ends its application must not end all of them. */
  readonly #offeredAgain = new WeakSet<InviteServer>();

  constructor(apps: Apps, legs: Legs, questions: Questions, parking: Parking, records: CallRecords) {
    this.#apps = apps;
    this.#legs = legs;
    this.#questions = questions;
    this.#parking = parking;
    this.#records = records;
    this.#standIn = new StandIn(legs);
    this.#taker = {
      legs,
      records,
      standIn: this.#standIn,
      deliver: (leg, request) => {
        this.#deliver(leg, request);
      },
    };
  }

  /** Requests of these methods go to applications that are called for each. */
  callOut(outbound: OutboundApps): void {
    this.#outbound = outbound;
  }

  /** A new call goes to the application whose turn it is. Without one it waits a while. */
  invite(call: InviteServer): void {
    const handler = this.#outbound?.handlerOf('INVITE');
    const app = handler === undefined ? this.#apps.wanting('invite') : undefined;
    if (app !== undefined) {
      this.#offer(call, app);
    } else if (handler === undefined) {
      this.#parking.park(call);
    } else {
      this.#outbound?.open(handler, (called) => {
        this.#offerOrRefuse(call, called);
      });
    }
  }

  /** A call that the application had on a server that is lost. */
  handBack(call: InviteServer, app: App): void {
    this.#offer(call, app);
  }

  #offerOrRefuse(call: InviteServer, app: App | undefined): void {
    if (app === undefined) {
      this.refuse(call, 480);
    } else if (call.answered) {
      app.close();
    } else {
      this.#offer(call, app);
    }
  }

  /** Refuses a call that no application takes. */
  refuse(call: InviteServer, status: number): void {
    this.#refused(call.reject(status));
  }

  #refused(text: string | undefined): string | undefined {
    if (text !== undefined) {
      this.#records.stop('application', 'call-rejected', () => text);
    }
    return text;
  }

  #offer(call: InviteServer, app: App): void {
    const { incoming } = call;
    const id = this.#legs.newId(incoming.callId, incoming.fromTag ?? '');
    const legs = { invite: undefined, dialog: undefined, other: undefined };
    const leg: Leg = { id, txnId: randomUuid(), app, inherited: false, ...legs };
    this.#legs.add(leg);
    this.#questions.add({ kind: 'invite', app, call, leg }, ignore, leg.txnId);
    call.attach({
      cancelled: (cancel) => {
        this.#records.stop('network', 'call-canceled', () => printMessage(cancel.message));
        this.#withdrawn(leg, cancel);
      },
      expired: () => {
        this.#records.stop('application', 'call-rejected', () => printMessage(incoming.message));
        this.#withdrawn(leg, incoming);
      },
      requested: (request) => {
        this.#deliver(leg, request);
      },
    });
    app.tell(newRequestLine(incoming, leg.txnId));
  }

  request(request: RequestServer): void {
    const { method } = request.incoming.message;
    const handler = this.#outbound?.handlerOf(method);
    const app = handler === undefined ? this.#apps.wanting(method.toLowerCase()) : undefined;
    if (handler !== undefined) {
      this.#outbound?.open(handler, (called) => {
        this.#put(request, called);
      });
    } else if (app !== undefined) {
      this.#put(request, app);
    } else if (IN_DIALOGS_ONLY.has(method)) {
      request.respond(481);
    } else {
      request.respond(METHODS.has(method) ? 503 : 501);
    }
  }

  #put(request: RequestServer, app: App | undefined): void {
    if (app === undefined) {
      request.respond(480);
      return;
    }
    const txnId = this.#ask({ kind: 'request', app, request, leg: undefined, other: undefined });
    app.tell(newRequestLine(request.incoming, txnId));
  }

  /** An application wants INVITEs now: it gets those that wait. */
  unpark(): void {
    for (const call of this.#parking.takeAll()) {
      this.invite(call);
    }
  }

  /** An application is gone: what waits for it goes to another one, or is answered here. */
  left(app: App): void {
    for (const question of this.#questions.takeFrom(app)) {
      if (question.kind === 'invite') {
        this.#offerAgain(question);
      } else {
        this.#unanswered(question);
      }
    }
  }

  /** What happens in the dialog of a leg. */
  dialogEvents(leg: Leg): DialogEvents {
    return new LegEvents(this.#taker, leg);
  }

  /** Sends the response of an application. */
  respond(app: App, order: SipOrder, message: SipResponse, wishes: Wishes): void {
    const question = this.#questions.get(order.txnId);
    if (question === undefined) {
      return app.reply(order, UNKNOWN);
    }
    const { incoming } = question.kind === 'invite' ? question.call : question.request;
    const dialogId = question.leg?.id ?? '';
    if (wishes.drop) {
      this.#drop(question, order.txnId);
      return app.reply(order, responseSent('', responsePeer(incoming), order.txnId, dialogId, printMessage(message)));
    }
    const headers = withAddress(responseHeaders(message.headers), addressOf(incoming.transport));
    const isReliable = message.status < 200 && headerValues(headers, 'Require').includes('100rel');
    if (question.kind === 'invite' && isReliable && !question.call.takesReliable) {
      return app.reply(order, 'NOK|Remote endpoint does not support 100rel');
    }
    if (message.body.length > (incoming.transport.largest ?? Infinity) - ROOM_FOR_HEADERS) {
      return app.reply(order, 'NOK|too large');
    }
    const tag = tagOf(header(message.headers, 'To') ?? '');
    if (question.kind === 'invite' && tag !== undefined) {
      question.call.useTag(tag);
    }
    const text = this.#answer(app, question, { ...message, headers }, wishes);
    if (message.status >= 200) {
      this.#questions.remove(order.txnId);
    }
    app.reply(order, text === undefined ? UNKNOWN : responseSent(text, responsePeer(incoming), order.txnId, dialogId));
  }

  #answer(app: App, question: Question, message: SipResponse, wishes: Wishes): string | undefined {
    if (question.kind === 'invite') {
      return this.#answerInvite(question, message, wishes);
    }
    const { request, leg, other } = question;
    if (leg?.inherited === true && KNOWS_NOTHING.has(message.status)) {
      return this.#standIn.answer(request, leg, other);
    }
    if (leg !== undefined) {
      this.#legs.actedIn(leg, app);
    }
    return request.respond(message.status, message.headers, message.body);
  }

  #answerInvite({ call, leg }: InviteQuestion, message: SipResponse, { keep, pair }: Wishes): string | undefined {
    const { status, headers, body } = message;
    if (status < 200) {
      return call.provisional(status, headers, body);
    }
    if (status >= 300) {
      this.#legs.remove(leg);
      return this.#refused(call.reject(status, headers, body));
    }
    if (keep) {
      call.neverExpires();
    }
    const answered = call.answer(headers, body, this.dialogEvents(leg));
    leg.dialog = answered?.dialog;
    if (answered === undefined) {
      return undefined;
    }
    this.#records.start('application', 'uas', () => answered.text);
    if (pair !== undefined) {
      this.#legs.pair(leg, pair);
    }
    return answered.text;
  }

  /** Nothing leaves: not even that we are here. */
  #drop(question: Question, txnId: string): void {
    this.#questions.remove(txnId);
    if (question.kind === 'invite') {
      this.#legs.remove(question.leg);
      question.call.drop();
    } else {
      question.request.drop();
    }
  }

  /** A caller who has heard nothing that binds us can have another application, once. */
  #offerAgain({ call, leg }: InviteQuestion): void {
    this.#legs.remove(leg);
    if (call.committed || this.#offeredAgain.has(call)) {
      this.refuse(call, 503);
      return;
    }
    this.#offeredAgain.add(call);
    this.invite(call);
  }

  /** The caller gave up, or nobody answered in time: `why` says which. The INVITE has had its final response. */
  #withdrawn(leg: Leg, why: IncomingRequest): void {
    this.#questions.remove(leg.txnId);
    this.#legs.remove(leg);
    leg.app.tell(cancelLine(why, leg.txnId, leg.id));
  }

  #deliver(leg: Leg, request: RequestServer): void {
    const app = this.#legs.ownerOf(leg);
    if (app === undefined) {
      this.#standIn.answer(request, leg, leg.other);
      return;
    }
    const txnId = this.#ask({ kind: 'request', app, request, leg, other: leg.other });
    app.tell(networkLine(request.incoming, txnId, leg.id));
  }

  #ask(question: RequestQuestion): string {
    return this.#questions.add(question, (unanswered) => {
      this.#unanswered(unanswered);
    });
  }

  #unanswered({ request, leg, other }: RequestQuestion): void {
    this.#standIn.answer(request, leg, other);
  }
}

function ignore(): void {
  // An INVITE that nobody answers ends by itself.
}
