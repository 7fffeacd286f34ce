import type { EngineClock, EngineTimer } from '../clock.js';

/** The last state of every machine. */
type End = 'terminated';

/** The steps that a machine may take from each state. */
export type LegalSteps<State extends string> = Readonly<Record<State | End, readonly (State | End)[]>>;

interface Armed {
  /** The name in RFC 3261. */
  readonly name: string;
  readonly timer: EngineTimer;
}

const NO_TIMERS: readonly Armed[] = [];

/**
 * A state machine with the legal steps written down, and timers that end with it.
 *
 * @typeParam State the names of the states.
 */
export abstract class Machine<State extends string> {
  readonly #clock: EngineClock;
  readonly #legal: LegalSteps<State>;
  readonly #ended: () => void;
  /** There are never more than three. */
  #timers = NO_TIMERS;
  #state: State | End;

  /** @param ended called once, when the machine has terminated. */
  constructor(clock: EngineClock, initial: State, legal: LegalSteps<State>, ended: () => void) {
    this.#clock = clock;
    this.#state = initial;
    this.#legal = legal;
    this.#ended = ended;
  }

  get state(): State | End {
    return this.#state;
  }

  /** Ends the machine at once. Its user hears nothing but that it ended. */
  terminate(): void {
    if (this.#state !== 'terminated') {
      this.transition('terminated');
      this.disarmAll();
      this.#ended();
    }
  }

  /** The one way to change the state. An illegal step is a bug. */
  protected transition(to: State | End): void {
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
    const timer = this.#clock.setTimer(delay, () => {
      this.#forget(name);
      action();
    });
    this.#timers = [...this.#timers, { name, timer }];
  }

  /** Ends the machine after a time; at once when that is none. */
  protected terminateAfter(name: string, delay: number): void {
    if (delay === 0) {
      this.terminate();
      return;
    }
    this.arm(name, delay, () => {
      this.terminate();
    });
  }

  protected disarm(name: string): void {
    for (const armed of this.#timers) {
      if (armed.name === name) {
        armed.timer.cancel();
        this.#forget(name);
      }
    }
  }

  protected disarmAll(): void {
    for (const { timer } of this.#timers) {
      timer.cancel();
    }
    this.#timers = NO_TIMERS;
  }

  #forget(name: string): void {
    this.#timers = this.#timers.length === 1 ? NO_TIMERS : this.#timers.filter((armed) => armed.name !== name);
  }
}
