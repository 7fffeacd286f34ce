import { randomUUID } from 'node:crypto';
import type { AgentDialog } from '../agent/dialog.js';
import type { InviteClient } from '../agent/invite-client.js';
import type { App } from './app.js';
import type { Apps } from './apps.js';
import { dialogIdOf } from './lines.js';

/** A call leg as an application knows it: an INVITE under way in one direction, or an answered dialog. */
export interface Leg {
  /** drachtio's dialog id. */
  readonly id: string;
  /** The transaction id of the INVITE that made it. */
  readonly txnId: string;
  /** Who owns it: who was given the INVITE, or sent it. */
  app: App;
  /** The INVITE, where the application sent it. */
  readonly invite: InviteClient | undefined;
  /** Once it was answered. */
  dialog: AgentDialog | undefined;
}

/** The call legs by dialog id. Any application may send in any of them. */
export class Legs {
  readonly #legs = new Map<string, Leg>();
  readonly #apps: Apps;

  constructor(apps: Apps) {
    this.#apps = apps;
  }

  get size(): number {
    return this.#legs.size;
  }

  /** An id for a new leg. A peer that reuses a Call-ID and tag, or an application that does, must not take over another call. */
  newId(callId: string, fromTag: string): string {
    const id = dialogIdOf(callId, fromTag);
    return this.#legs.has(id) ? `${id};again=${randomUUID()}` : id;
  }

  add(leg: Leg): void {
    this.#legs.set(leg.id, leg);
  }

  get(id: string): Leg | undefined {
    return this.#legs.get(id);
  }

  remove({ id }: Leg): void {
    this.#legs.delete(id);
  }

  ownedBy(app: App): readonly Leg[] {
    return [...this.#legs.values()].filter((leg) => leg.app === app);
  }

  /** The application that has the leg; where it is gone, any other one that is there. */
  ownerOf(leg: Leg): App | undefined {
    if (!leg.app.connected) {
      leg.app = this.#apps.any() ?? leg.app;
    }
    return leg.app.connected ? leg.app : undefined;
  }
}
