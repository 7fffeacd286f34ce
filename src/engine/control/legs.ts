import { copyOf } from '../copy-of.js';
import { randomUuid } from '../random.js';
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
  /** Its owner got it from one that is gone, and has not shown yet that it knows the call. */
  inherited: boolean;
  /** The INVITE, where the application sent it; until it is answered and owes no PRACK. */
  invite: InviteClient | undefined;
  /** Once it was answered. */
  dialog: AgentDialog | undefined;
  /** The other leg of the call, where the application said so: when one ends without it, so does the other. */
  other: Leg | undefined;
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
    const id = copyOf(dialogIdOf(callId, fromTag));
    return this.#legs.has(id) ? `${id};again=${randomUuid()}` : id;
  }

  add(leg: Leg): void {
    this.#legs.set(leg.id, leg);
  }

  get(id: string): Leg | undefined {
    return this.#legs.get(id);
  }

  remove(leg: Leg): void {
    this.#legs.delete(leg.id);
    part(leg);
  }

  ownedBy(app: App): readonly Leg[] {
    return [...this.#legs.values()].filter((leg) => leg.app === app);
  }

  /** Makes two legs a pair. Earlier pairs of either are no more. An id that is unknown, or its own, leaves it alone. */
  pair(leg: Leg, otherId: string): void {
    const other = this.#legs.get(otherId);
    part(leg);
    if (other !== undefined && other !== leg) {
      part(other);
      leg.other = other;
      other.other = leg;
    }
  }

  /** The application that has the leg; where it is gone, another one with the same tag. */
  ownerOf(leg: Leg): App | undefined {
    const heir = leg.app.connected ? undefined : this.#apps.kinOf(leg.app);
    if (heir !== undefined) {
      leg.app = heir;
      leg.inherited = true;
    }
    return leg.app.connected ? leg.app : undefined;
  }

  /** The application acts in the leg: it knows the call. Where the owner is gone, it is the owner now. */
  actedIn(leg: Leg, app: App): void {
    if (!leg.app.connected) {
      leg.app = app;
    }
    leg.inherited &&= leg.app !== app;
  }
}

function part(leg: Leg): void {
  if (leg.other !== undefined) {
    leg.other.other = undefined;
    leg.other = undefined;
  }
}
