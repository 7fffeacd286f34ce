import { printMessage } from '../../sip/message.js';
import type { Agent, AgentEvents } from '../agent/agent.js';
import type { InviteServer } from '../agent/invite-server.js';
import type { RequestServer } from '../agent/request-server.js';
import type { EngineClock } from '../clock.js';
import type { TimerTable } from '../timers.js';
import type { App } from './app.js';
import { readAppText } from './app-text.js';
import { Apps } from './apps.js';
import { CallRecords } from './call-records.js';
import { Inbox } from './inbox.js';
import { Legs } from './legs.js';
import type { SipOrder } from './order.js';
import { Orders } from './orders.js';
import type { OutboundApps } from './outbound.js';
import { Parking } from './parking.js';
import { Questions } from './questions.js';

/**
 * Joins applications to the agent, in the terms of drachtio's wire protocol: transaction ids, dialog ids, and who owns what.
 *
 * The application that was given an INVITE, or sent it, owns its dialog. Any application may send in any dialog.
 */
export class Switchboard implements AgentEvents {
  readonly #apps = new Apps();
  readonly #legs = new Legs(this.#apps);
  readonly #records = new CallRecords(this.#apps);
  readonly #questions: Questions;
  readonly #parking: Parking;
  readonly #inbox: Inbox;
  #orders: Orders | undefined;

  constructor(clock: EngineClock, timers: TimerTable) {
    this.#questions = new Questions(clock, timers);
    this.#parking = new Parking(clock, timers.parked, (call) => {
      this.#inbox.refuse(call, 503);
    });
    this.#inbox = new Inbox(this.#apps, this.#legs, this.#questions, this.#parking, this.#records);
  }

  /** Must be called before anything comes in. */
  attach(agent: Agent): void {
    this.#orders = new Orders(agent, this.#legs, this.#inbox, this.#records);
  }

  /** New requests of some methods go to applications that are called for each. */
  callOut(outbound: OutboundApps): void {
    this.#inbox.callOut(outbound);
  }

  /** How many requests wait for an application, and how many INVITEs and dialogs applications have. */
  stats(): Readonly<Record<'asked' | 'parked' | 'invites' | 'legs' | 'apps', number>> {
    return {
      asked: this.#questions.size,
      parked: this.#parking.size,
      invites: this.#orders?.invites ?? 0,
      legs: this.#legs.size,
      apps: this.#apps.size,
    };
  }

  /** New calls are refused from now on, and what waits for an application. */
  close(): void {
    this.#parking.close();
  }

  /** The application has shown the secret. */
  join(app: App): void {
    this.#apps.join(app);
  }

  /** An application wants a verb from now on. */
  wanted(verb: string): void {
    if (verb === 'invite') {
      this.#inbox.unpark();
    }
  }

  /** The application is gone: what rings is given up, what waits for it is offered again, what was answered stays. */
  leave(app: App): void {
    this.#apps.leave(app);
    this.#inbox.left(app);
    for (const leg of this.#legs.ownedBy(app)) {
      if (leg.dialog !== undefined) {
        leg.dialog.abandon();
      } else if (leg.invite === undefined) {
        this.#legs.remove(leg);
      } else {
        leg.invite.giveUp();
      }
    }
  }

  invite(call: InviteServer): void {
    this.#records.attempt('network', () => printMessage(call.incoming.message));
    this.#inbox.invite(call);
  }

  request(request: RequestServer): void {
    this.#inbox.request(request);
  }

  /** Carries out what an application asks. It gets exactly one reply, whatever happens. */
  carryOut(app: App, order: SipOrder): void {
    const read = readAppText(order.text);
    const orders = this.#orders;
    if (typeof read === 'string' || orders === undefined) {
      return app.reply(order, `NOK|${typeof read === 'string' ? read : 'the server is not ready'}`);
    }
    const { message, wishes } = read;
    if (message.kind === 'response') {
      return this.#inbox.respond(app, order, message, wishes);
    }
    if (wishes.adopt !== undefined) {
      return orders.adopt(app, order, message, wishes.adopt);
    }
    if (wishes.resume !== undefined) {
      return orders.resume(app, order, message, wishes);
    }
    if (wishes.cancelLost) {
      return orders.cancelLost(app, order, message);
    }
    if (order.dialogId !== '') {
      return orders.inDialog(app, order, message, wishes);
    }
    if (order.txnId !== '') {
      return orders.cancel(app, order, message, wishes);
    }
    if (message.method === 'ACK' || message.method === 'PRACK' || message.method === 'CANCEL') {
      return app.reply(order, `NOK|Server error: ${message.method} belongs to a dialog or a transaction`);
    }
    orders.newRequest(app, order, message, wishes).catch((error: unknown) => {
      app.reply(order, `NOK|Error creating sip transaction for uac request: ${String(error)}`);
    });
  }
}
