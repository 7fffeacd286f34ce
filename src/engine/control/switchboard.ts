import { randomUUID } from 'node:crypto';
import { header } from '../../sip/headers.js';
import type { Header, SipRequest, SipResponse } from '../../sip/message.js';
import { tagOf } from '../../sip/name-addr.js';
import { UnsendableError, type Agent, type AgentEvents } from '../agent/agent.js';
import type { AgentDialog, DialogEnd, DialogEvents } from '../agent/dialog.js';
import { hopOf } from '../agent/dialog-state.js';
import type { InviteClient, InviteEnding } from '../agent/invite-client.js';
import type { InviteServer } from '../agent/invite-server.js';
import type { ClientEvents, RequestClient } from '../agent/request-client.js';
import type { RequestServer } from '../agent/request-server.js';
import type { LocalCause } from '../transaction/layer.js';
import { responsePeer } from '../transaction/incoming.js';
import type { App } from './app.js';
import { isSendableUri, readAppText, responseHeaders, withAddress, type AppMessage } from './app-text.js';
import {
  cancelSent,
  dialogIdOf,
  dialogIdOfRequest,
  localResponseLine,
  networkLine,
  newRequestLine,
  requestSent,
  responseSent,
  unsolicitedByeLine,
} from './lines.js';
import type { Order } from './order.js';
import { Resolver } from './resolver.js';

type SipOrder = Order & { readonly type: 'sip' };

/** A request of the network that an application has to answer. */
type Asked =
  | { readonly kind: 'invite'; readonly app: App; readonly call: InviteServer; readonly dialogId: string }
  | { readonly kind: 'request'; readonly app: App; readonly request: RequestServer; readonly dialogId: string };

/** A call leg as an application knows it: an INVITE of its own under way, or an answered dialog. */
interface Leg {
  app: App;
  readonly inviteTxnId: string;
  readonly invite: InviteClient | undefined;
  dialog: AgentDialog | undefined;
}

const WHY_ENDED: Readonly<Record<DialogEnd, string>> = {
  bye: '',
  released: '',
  cancelled: 'ACK-BYE due to cancel race condition',
  'not acknowledged': 'ACK timeout',
};

/** The status of a response that we make up, by its cause. */
const LOCAL_STATUS: Readonly<Record<LocalCause | 'given up' | 'unresolvable', number>> = {
  timeout: 408,
  refused: 503,
  unresolvable: 503,
  'given up': 487,
  'too large': 513,
};

/**
 * Joins applications to the agent, in the terms of drachtio's wire protocol: transaction ids, dialog ids, and who owns what.
 *
 * The application that was given an INVITE, or sent it, owns its dialog. Any application may send in any dialog.
 */
export class Switchboard implements AgentEvents {
  readonly #apps: App[] = [];
  readonly #asked = new Map<string, Asked>();
  readonly #invites = new Map<string, InviteClient>();
  readonly #legs = new Map<string, Leg>();
  readonly #resolver = new Resolver();
  #agent: Agent | undefined;
  #turn = 0;

  /** Must be called before anything comes in. */
  attach(agent: Agent): void {
    this.#agent = agent;
  }

  /** How many requests wait for an application, and how many dialogs applications have. */
  stats(): { readonly asked: number; readonly invites: number; readonly legs: number; readonly apps: number } {
    return { asked: this.#asked.size, invites: this.#invites.size, legs: this.#legs.size, apps: this.#apps.length };
  }

  /** The application has shown the secret. */
  join(app: App): void {
    this.#apps.push(app);
  }

  /** The application is gone: what rings is given up, what waits is refused, what was answered stays. */
  leave(app: App): void {
    const at = this.#apps.indexOf(app);
    if (at >= 0) {
      this.#apps.splice(at, 1);
    }
    for (const [txnId, asked] of this.#asked) {
      if (asked.app === app) {
        this.#asked.delete(txnId);
        refuse(asked, asked.kind === 'invite' ? 503 : 500);
      }
    }
    for (const leg of this.#legs.values()) {
      if (leg.app === app && leg.dialog === undefined) {
        leg.invite?.giveUp();
      }
    }
  }

  invite(call: InviteServer): void {
    const { incoming } = call;
    const app = this.#appFor('invite');
    if (app === undefined) {
      call.reject(503);
      return;
    }
    const txnId = randomUUID();
    const dialogId = dialogIdOf(incoming.callId, incoming.fromTag ?? '');
    this.#asked.set(txnId, { kind: 'invite', app, call, dialogId });
    call.attach({
      cancelled: (cancel) => {
        this.#asked.delete(txnId);
        app.tell(networkLine(cancel, txnId, dialogId));
      },
      requested: (request) => {
        this.#deliver(app, request, dialogId);
      },
    });
    app.tell(newRequestLine(incoming, txnId));
  }

  request(request: RequestServer): void {
    const app = this.#appFor(request.incoming.message.method.toLowerCase());
    if (app === undefined) {
      request.respond(503);
      return;
    }
    const txnId = randomUUID();
    this.#asked.set(txnId, { kind: 'request', app, request, dialogId: '' });
    app.tell(newRequestLine(request.incoming, txnId));
  }

  /** Carries out what an application asks. It gets exactly one reply, whatever happens. */
  carryOut(app: App, order: SipOrder): void {
    const read = readAppText(order.text);
    if (typeof read === 'string') {
      return app.reply(order, `NOK|${read}`);
    }
    const { message } = read;
    if (message.kind === 'response') {
      return this.#respond(app, order, message);
    }
    if (order.dialogId !== '') {
      return this.#inDialog(app, order, message);
    }
    if (order.txnId !== '') {
      return this.#cancel(app, order, read, message);
    }
    if (message.method === 'ACK' || message.method === 'PRACK' || message.method === 'CANCEL') {
      return app.reply(order, `NOK|Server error: ${message.method} belongs to a dialog or a transaction`);
    }
    this.#newRequest(app, order, message).catch((error: unknown) => {
      app.reply(order, `NOK|Error creating sip transaction for uac request: ${String(error)}`);
    });
  }

  #respond(app: App, order: SipOrder, message: SipResponse): void {
    const asked = this.#asked.get(order.txnId);
    if (asked === undefined) {
      return app.reply(order, 'NOK|Response not sent due to unknown transaction');
    }
    const text =
      asked.kind === 'invite' ? this.#answer(app, order, asked, message) : this.#answerRequest(asked, message);
    if (message.status >= 200) {
      this.#asked.delete(order.txnId);
    }
    if (text === undefined) {
      return app.reply(order, 'NOK|Response not sent due to unknown transaction');
    }
    const { incoming } = asked.kind === 'invite' ? asked.call : asked.request;
    app.reply(
      order,
      text.startsWith('NOK|') ? text : responseSent(text, responsePeer(incoming), order.txnId, asked.dialogId),
    );
  }

  #answer(app: App, order: SipOrder, asked: Asked & { kind: 'invite' }, message: SipResponse): string | undefined {
    const { call, dialogId } = asked;
    const { status, body } = message;
    const tag = tagOf(header(message.headers, 'To') ?? '');
    if (tag !== undefined) {
      call.useTag(tag);
    }
    const headers = withAddress(responseHeaders(message.headers), this.#addressOf(call));
    if (status < 200) {
      const wantsReliable = header(headers, 'Require')?.includes('100rel') ?? false;
      return wantsReliable && !call.takesReliable
        ? 'NOK|Remote endpoint does not support 100rel'
        : call.provisional(status, headers, body);
    }
    if (status >= 300) {
      return call.reject(status, headers, body);
    }
    const leg: Leg = { app, inviteTxnId: order.txnId, invite: undefined, dialog: undefined };
    const answered = call.answer(headers, body, this.#dialogEvents(dialogId, leg));
    if (answered !== undefined) {
      leg.dialog = answered.dialog;
      this.#legs.set(dialogId, leg);
    }
    return answered?.text;
  }

  #answerRequest({ request }: Asked & { kind: 'request' }, message: SipResponse): string | undefined {
    return request.respond(message.status, responseHeaders(message.headers), message.body);
  }

  #cancel(app: App, order: SipOrder, { wishes }: AppMessage, message: SipRequest): void {
    const invite = this.#invites.get(order.txnId);
    if (message.method !== 'CANCEL' || invite === undefined || !invite.pending) {
      return app.reply(order, `NOK|unable to cancel unknown transaction id: ${order.txnId}`);
    }
    const extra = cancelHeaders(message.headers);
    const left = wishes.giveUp ? invite.giveUp(extra) : invite.cancel(extra);
    app.reply(order, cancelSent(invite, left, randomUUID()));
  }

  #inDialog(app: App, order: SipOrder, message: SipRequest): void {
    const leg = this.#legs.get(order.dialogId);
    if (leg === undefined) {
      return app.reply(order, 'NOK|Server error: unable to find dialog for dialog id provided');
    }
    const { method, body } = message;
    const headers = withAddress(dialogHeaders(message.headers), this.#addressOf(leg.dialog ?? leg.invite));
    if (method === 'ACK') {
      const text = leg.dialog?.acknowledge(headers, body);
      return app.reply(order, text === undefined ? NO_ACK : sentText(text, leg));
    }
    const txnId = randomUUID();
    const events = this.#clientEvents(app, txnId, order.dialogId, () => sent?.request);
    const sent = this.#sendInDialog(leg, method, headers, body, events);
    if (sent === undefined) {
      return app.reply(order, 'NOK|Server error: unable to find dialog for dialog id provided');
    }
    if (method === 'BYE') {
      this.#legs.delete(order.dialogId);
    }
    app.reply(order, requestSent(sent, txnId));
  }

  #sendInDialog(
    { dialog, invite }: Leg,
    method: string,
    headers: readonly Header[],
    body: string,
    events: ClientEvents,
  ): RequestClient | undefined {
    if (dialog !== undefined) {
      return dialog.over ? undefined : dialog.request(method, headers, body, events);
    }
    return method === 'PRACK'
      ? invite?.prack(headers, body, events)
      : invite?.earlyDialog?.request(method, headers, body, events);
  }

  async #newRequest(app: App, order: SipOrder, message: SipRequest): Promise<void> {
    const agent = this.#agent;
    const target = order.routeUrl ?? message.uri;
    if (agent === undefined || !isSendableUri(message.uri) || !isSendableUri(target)) {
      return app.reply(order, `NOK|invalid request-uri: ${message.method} ${message.uri} SIP/2.0`);
    }
    const hop = hopOf(target) === undefined ? await this.#resolver.resolve(target) : target;
    const peer = hop === undefined ? undefined : hopOf(hop);
    const transport = peer === undefined ? undefined : agent.transportTo(peer);
    if (hop !== undefined && (peer === undefined || transport === undefined)) {
      return app.reply(order, 'NOK|requested protocol/transport not available');
    }
    if (
      agent.transports.some(
        ({ address, port, protocol }) => peer?.address === address && peer.port === port && peer.transport === protocol,
      )
    ) {
      return app.reply(order, 'NOK|can not send request to myself');
    }
    const local = transport ?? agent.transports[0];
    const headers = withAddress(message.headers, local === undefined ? 'localhost' : `${local.address}:${local.port}`);
    this.#send(agent, app, order, { ...message, headers }, hop);
  }

  #send(agent: Agent, app: App, order: SipOrder, message: SipRequest, hop: string | undefined): void {
    const txnId = randomUUID();
    if (hop === undefined) {
      // The name of the next hop means nothing: said as drachtio-server does, with a response of our own.
      app.reply(order, `OK|application|0|udp||0||${txnId}|Msg sent:|\r\n${unsentText(message)}`);
      return app.tell(localResponseLine(message, LOCAL_STATUS.unresolvable, 'unresolvable', txnId, ''));
    }
    try {
      const sent: RequestClient =
        message.method === 'INVITE'
          ? this.#sendInvite(agent, app, message, hop, txnId)
          : agent.request(
              message,
              hop,
              this.#clientEvents(app, txnId, '', () => sent.request),
            );
      app.reply(order, requestSent(sent, txnId));
    } catch (error) {
      const why = error instanceof UnsendableError ? error.message : `Error creating leg: ${String(error)}`;
      app.reply(order, `NOK|${why}`);
    }
  }

  #sendInvite(agent: Agent, app: App, message: SipRequest, hop: string, txnId: string): InviteClient {
    const leg: { current?: Leg } = {};
    const events = {
      provisional: (response: Parameters<ClientEvents['response']>[0]) => {
        app.tell(networkLine(response, txnId, dialogId));
      },
      answered: (response: Parameters<ClientEvents['response']>[0], dialog: AgentDialog) => {
        this.#invites.delete(txnId);
        if (leg.current !== undefined) {
          leg.current.dialog = dialog;
        }
        if (!app.connected) {
          // Nobody is there who could take the answer (DESIGN 4.4: ACK and BYE).
          this.#legs.delete(dialogId);
          dialog.acknowledge();
          return void dialog.bye();
        }
        app.tell(networkLine(response, txnId, dialogId));
      },
      failed: (ending: InviteEnding) => {
        this.#invites.delete(txnId);
        this.#legs.delete(dialogId);
        app.tell(
          'response' in ending
            ? networkLine(ending.response, txnId, dialogId)
            : localResponseLine(invite.request, LOCAL_STATUS[ending.cause], ending.cause, txnId, dialogId),
        );
      },
      dialog: this.#lazyDialogEvents(
        () => leg.current,
        () => dialogId,
      ),
    };
    const invite: InviteClient = agent.invite(message, hop, events);
    const dialogId = dialogIdOfRequest(invite.request, tagOf(header(invite.request.headers, 'From') ?? '') ?? '');
    leg.current = { app, inviteTxnId: txnId, invite, dialog: undefined };
    this.#invites.set(txnId, invite);
    this.#legs.set(dialogId, leg.current);
    return invite;
  }

  #clientEvents(app: App, txnId: string, dialogId: string, sent: () => SipRequest | undefined): ClientEvents {
    return {
      response: (response) => {
        app.tell(networkLine(response, txnId, dialogId));
      },
      failed: (cause) => {
        const request = sent();
        if (request !== undefined) {
          app.tell(localResponseLine(request, LOCAL_STATUS[cause], cause, txnId, dialogId));
        }
      },
    };
  }

  #dialogEvents(dialogId: string, leg: Leg): DialogEvents {
    return this.#lazyDialogEvents(
      () => leg,
      () => dialogId,
    );
  }

  #lazyDialogEvents(legOf: () => Leg | undefined, idOf: () => string): DialogEvents {
    return {
      acknowledged: (ack) => {
        const leg = legOf();
        this.#ownerOf(leg)?.tell(networkLine(ack, leg?.inviteTxnId ?? randomUUID(), idOf()));
      },
      request: (request) => {
        this.#deliver(this.#ownerOf(legOf()), request, idOf());
      },
      ended: (cause) => {
        const leg = legOf();
        this.#legs.delete(idOf());
        const transport = leg?.dialog?.state.transport;
        if (cause !== 'bye' && transport !== undefined) {
          const callId = leg?.dialog?.state.callId ?? '';
          this.#ownerOf(leg)?.tell(unsolicitedByeLine(idOf(), callId, WHY_ENDED[cause], transport));
        }
      },
    };
  }

  /** The application that has the leg; where it is gone, any other one that is there. */
  #ownerOf(leg: Leg | undefined): App | undefined {
    if (leg !== undefined && !leg.app.connected) {
      leg.app = this.#apps[0] ?? leg.app;
    }
    return leg?.app.connected === true ? leg.app : undefined;
  }

  #deliver(app: App | undefined, request: RequestServer, dialogId: string): void {
    if (app === undefined || !app.connected) {
      request.respond(request.incoming.message.method === 'BYE' ? 200 : 480);
      return;
    }
    const txnId = randomUUID();
    this.#asked.set(txnId, { kind: 'request', app, request, dialogId });
    app.tell(networkLine(request.incoming, txnId, dialogId));
  }

  /** Those who want a verb take turns. */
  #appFor(verb: string): App | undefined {
    const willing = this.#apps.filter(({ verbs, connected }) => connected && verbs.has(verb));
    this.#turn += 1;
    return willing[this.#turn % Math.max(willing.length, 1)];
  }

  #addressOf(what: InviteServer | AgentDialog | InviteClient | undefined): string {
    const transport =
      what === undefined
        ? this.#agent?.transports[0]
        : 'incoming' in what
          ? what.incoming.transport
          : 'state' in what
            ? what.state.transport
            : what.transport;
    return transport === undefined ? 'localhost' : `${transport.address}:${transport.port}`;
  }
}

const NO_ACK = 'NOK|Server error: ACK for non-success final response is automatically generated by server';

function refuse(asked: Asked, status: number): void {
  if (asked.kind === 'invite') {
    asked.call.reject(status);
  } else {
    asked.request.respond(status);
  }
}

function sentText(text: string, leg: Leg): string {
  const transport = leg.dialog?.state.transport;
  return `OK|application|${text.length}|${transport?.protocol ?? 'udp'}|${transport?.address ?? ''}|${transport?.port ?? 0}||${randomUUID()}|Msg sent:|\r\n${text}`;
}

function unsentText({ method, uri, headers }: SipRequest): string {
  const lines = headers.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
  return `${method} ${uri} SIP/2.0\r\n${lines}Content-Length: 0\r\n\r\n`;
}

const OF_THE_DIALOG = ['From', 'To', 'Call-ID', 'CSeq', 'Max-Forwards', 'RAck'] as const;

/** What a request in a dialog says beside what the dialog knows. */
function dialogHeaders(headers: readonly Header[]): readonly Header[] {
  return headers.filter(({ name }) => !OF_THE_DIALOG.some((own) => own.toLowerCase() === name.toLowerCase()));
}

/** What a CANCEL may carry of its own: mostly Reason (RFC 3326). */
function cancelHeaders(headers: readonly Header[]): readonly Header[] {
  return dialogHeaders(headers).filter(({ name }) => !/^(?:contact|p-asserted-identity|content-.*)$/i.test(name));
}
