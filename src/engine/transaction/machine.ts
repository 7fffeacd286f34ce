import type { EngineClock, EngineTimer } from '../clock.js';

/**
 * A state machine with the legal steps written down, and timers that end with it.
 *
 * @typeParam State the names of the states; one of them is `terminated`.
 */
export abstract class Machine<State extends string> {
  readonly #clock: EngineClock;
  readonly #legal: Readonly<Record<State, readonly State[]>>;
  readonly #timers = new Map<string, EngineTimer>();
  #state: State;

  constructor(clock: EngineClock, initial: State, legal: Readonly<Record<State, readonly State[]>>) {
    this.#clock = clock;
    this.#state = initial;
    this.#legal = legal;
  }

  get state(): State {
    return this.#state;
  }

  /** The one way to change the state. An illegal step is a bug. */
  protected transition(to: State): void {
    if (!this.#legal[this.#state].includes(to)) {
      throw new Error(`illegal step ${this.#state} -> ${to}`);
    }
    this.#state = to;
  }

  /** Sets the timer of that RFC 3261 name; a timer that runs under the name is replaced. None outlives the machine. */
  protected arm(name: string, delay: number, action: () => void): void {
    if (this.#state === 'terminated') {
      return;
    }
    this.disarm(name);
    this.#timers.set(
      name,
      this.#clock.setTimer(delay, () => {
        this.#timers.delete(name);
        action();
      }),
    );
  }

  protected disarm(name: string): void {
    this.#timers.get(name)?.cancel();
    this.#timers.delete(name);
  }

  protected disarmAll(): void {
    for (const timer of this.#timers.values()) {
      timer.cancel();
    }
    this.#timers.clear();
  }
}
