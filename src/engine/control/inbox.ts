import { randomUUID } from 'node:crypto';
import { header, headerValues } from '../../sip/headers.js';
import type { SipResponse } from '../../sip/message.js';
import { tagOf } from '../../sip/name-addr.js';
import type { AgentEvents } from '../agent/agent.js';
import { WHY_ENDED, type DialogEvents } from '../agent/dialog.js';
import type { InviteServer } from '../agent/invite-server.js';
import type { RequestServer } from '../agent/request-server.js';
import { responsePeer, type IncomingRequest } from '../transaction/incoming.js';
import type { App } from './app.js';
import { METHODS, responseHeaders, withAddress } from './app-text.js';
import type { Apps } from './apps.js';
import type { Leg, Legs } from './legs.js';
import { addressOf, cancelLine, networkLine, newRequestLine, responseSent, unsolicitedByeLine } from './lines.js';
import type { SipOrder } from './order.js';
import { refuse, type Question, type Questions } from './questions.js';

/** Requests that mean nothing outside a dialog, where no application asks for them (RFC 3261 12.2.2). */
const IN_DIALOGS_ONLY = new Set(['BYE', 'PRACK', 'UPDATE', 'INFO']);
/** Bytes that a response keeps for its headers, where a datagram limits it. */
const ROOM_FOR_HEADERS = 8_192;
const UNKNOWN = 'NOK|Response not sent due to unknown transaction';

/** What the network asks: it goes to the applications, and their answers go back. */
export class Inbox implements AgentEvents {
  readonly #apps: Apps;
  readonly #legs: Legs;
  readonly #questions: Questions;

  constructor(apps: Apps, legs: Legs, questions: Questions) {
    this.#apps = apps;
    this.#legs = legs;
    this.#questions = questions;
  }

  invite(call: InviteServer): void {
    const { incoming } = call;
    const app = this.#apps.wanting('invite');
    if (app === undefined) {
      call.reject(503);
      return;
    }
    const id = this.#legs.newId(incoming.callId, incoming.fromTag ?? '');
    const leg: Leg = { id, txnId: randomUUID(), app, invite: undefined, dialog: undefined };
    this.#legs.add(leg);
    this.#questions.add({ kind: 'invite', app, call, leg }, leg.txnId);
    call.attach({
      cancelled: (cancel) => {
        this.#withdrawn(leg, cancel);
      },
      expired: () => {
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
    const app = this.#apps.wanting(method.toLowerCase());
    if (app !== undefined) {
      const txnId = this.#questions.add({ kind: 'request', app, request, dialogId: '' });
      app.tell(newRequestLine(request.incoming, txnId));
    } else if (IN_DIALOGS_ONLY.has(method)) {
      request.respond(481);
    } else {
      request.respond(METHODS.has(method) ? 503 : 501);
    }
  }

  /** What happens in the dialog of a leg. */
  dialogEvents(leg: Leg): DialogEvents {
    return {
      acknowledged: (ack) => {
        this.#legs.ownerOf(leg)?.tell(networkLine(ack, leg.txnId, leg.id));
      },
      request: (request) => {
        this.#deliver(leg, request);
      },
      ended: (cause) => {
        this.#legs.remove(leg);
        if (cause !== 'bye' && leg.dialog !== undefined) {
          const { callId, transport } = leg.dialog.state;
          this.#legs.ownerOf(leg)?.tell(unsolicitedByeLine(leg.id, callId, WHY_ENDED[cause], transport));
        }
      },
    };
  }

  /** Sends the response of an application. */
  respond(app: App, order: SipOrder, message: SipResponse): void {
    const question = this.#questions.get(order.txnId);
    if (question === undefined) {
      return app.reply(order, UNKNOWN);
    }
    const { incoming } = question.kind === 'invite' ? question.call : question.request;
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
    const text = this.#answer(question, { ...message, headers });
    if (message.status >= 200) {
      this.#questions.remove(order.txnId);
    }
    const dialogId = question.kind === 'invite' ? question.leg.id : question.dialogId;
    app.reply(order, text === undefined ? UNKNOWN : responseSent(text, responsePeer(incoming), order.txnId, dialogId));
  }

  #answer(question: Question, message: SipResponse): string | undefined {
    return question.kind === 'invite'
      ? this.#answerInvite(question, message)
      : question.request.respond(message.status, message.headers, message.body);
  }

  #answerInvite({ call, leg }: Question & { readonly kind: 'invite' }, message: SipResponse): string | undefined {
    const { status, headers, body } = message;
    if (status < 200) {
      return call.provisional(status, headers, body);
    }
    if (status >= 300) {
      this.#legs.remove(leg);
      return call.reject(status, headers, body);
    }
    const answered = call.answer(headers, body, this.dialogEvents(leg));
    leg.dialog = answered?.dialog;
    return answered?.text;
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
      return refuse(request);
    }
    const txnId = this.#questions.add({ kind: 'request', app, request, dialogId: leg.id });
    app.tell(networkLine(request.incoming, txnId, leg.id));
  }
}
