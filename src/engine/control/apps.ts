import type { App } from './app.js';

/** The applications that have shown the secret. */
export class Apps {
  readonly #apps: App[] = [];
  #turn = 0n;

  get size(): number {
    return this.#apps.length;
  }

  join(app: App): void {
    this.#apps.push(app);
  }

  leave(app: App): void {
    const at = this.#apps.indexOf(app);
    if (at >= 0) {
      this.#apps.splice(at, 1);
    }
  }

  /** The next one whose turn it is, of those that want a verb (a method in lower case). */
  wanting(verb: string): App | undefined {
    const willing = this.#apps.filter((app) => app.connected && app.lastServed(verb) !== undefined);
    const [app] = willing.toSorted((a, b) => Number((a.lastServed(verb) ?? 0n) - (b.lastServed(verb) ?? 0n)));
    this.#turn += 1n;
    app?.served(verb, this.#turn);
    return app;
  }

  /** One that is there and can stand in for an application that is gone. */
  kinOf(gone: App): App | undefined {
    return this.#apps.find((app) => app.connected && app.isKinOf(gone));
  }
}
