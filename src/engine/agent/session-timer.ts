import { header, headerValues } from '../../sip/headers.js';
import type { Header } from '../../sip/message.js';
import type { EngineClock, EngineTimer } from '../clock.js';

/** Seconds that no session may expire sooner than (RFC 4028 4, Min-SE). */
const SHORTEST = 90;

/** Who keeps a session alive, and after how many seconds it is dead otherwise. */
export interface SessionTerms {
  readonly seconds: number;
  readonly refresher: 'here' | 'there';
}

/** What a session timer asks for. */
export interface SessionTimerUser {
  /** Half of the time is over: the session is to be refreshed, and lasts so many seconds then. */
  refresh(seconds: number): void;
  /** The peer did not refresh it. */
  expired(): void;
}

/** The timer of RFC 4028 for one dialog. */
export class SessionTimer {
  readonly #clock: EngineClock;
  /** Milliseconds in a second. */
  readonly #second: number;
  readonly #user: SessionTimerUser;
  #terms: SessionTerms | undefined;
  #timer: EngineTimer | undefined;

  constructor(clock: EngineClock, second: number, user: SessionTimerUser) {
    this.#clock = clock;
    this.#second = second;
    this.#user = user;
  }

  get terms(): SessionTerms | undefined {
    return this.#terms;
  }

  /** The session was made or refreshed on these terms; without any it does not expire. */
  arm(terms: SessionTerms | undefined): void {
    this.stop();
    this.#terms = terms;
    if (terms === undefined) {
      return;
    }
    const { seconds } = terms;
    this.#timer =
      terms.refresher === 'here'
        ? this.#after(seconds / 2, () => {
            this.#user.refresh(seconds);
          })
        : this.#after(seconds, () => {
            this.#user.expired();
          });
  }

  /** The refresh could not be made now: it is made so many seconds later (RFC 3261 14.1). */
  again(after: number, seconds: number): void {
    this.#timer?.cancel();
    this.#timer = this.#after(after, () => {
      this.#user.refresh(seconds);
    });
  }

  stop(): void {
    this.#timer?.cancel();
    this.#terms = undefined;
  }

  #after(seconds: number, action: () => void): EngineTimer {
    return this.#clock.setTimer(seconds * this.#second, action);
  }
}

/**
 * The terms that a 2xx sets.
 *
 * @param sender who sent it. Its `uac` is the other side, and a 2xx that names nobody means that one (RFC 4028 7.2, 9).
 */
export function termsOf(headers: readonly Header[], sender: 'here' | 'there'): SessionTerms | undefined {
  const value = header(headers, 'Session-Expires');
  const seconds = secondsIn(value);
  if (seconds === undefined) {
    return undefined;
  }
  const uas = sender;
  const uac = sender === 'here' ? 'there' : 'here';
  return { seconds: Math.max(seconds, SHORTEST), refresher: refresherIn(value) === 'uas' ? uas : uac };
}

/** The headers of our 2xx, with the terms of a request that names a refresher where the application says none. */
export function withTermsOf(request: readonly Header[], response: readonly Header[]): readonly Header[] {
  const value = header(request, 'Session-Expires');
  const isSaid = header(response, 'Session-Expires') !== undefined;
  if (value === undefined || isSaid || refresherIn(value) === undefined || secondsIn(value) === undefined) {
    return response;
  }
  const knowsTimer = headerValues(request, 'Supported').includes('timer');
  const require = knowsTimer ? [{ name: 'Require', value: 'timer' }] : [];
  return [...response, { name: 'Session-Expires', value }, ...require];
}

/** What a refresh of ours says; a request of the application too, where it says nothing about the timer itself. */
export function refreshHeaders({ seconds, refresher }: SessionTerms): readonly Header[] {
  return [
    { name: 'Session-Expires', value: `${seconds};refresher=${refresher === 'here' ? 'uac' : 'uas'}` },
    { name: 'Min-SE', value: String(SHORTEST) },
  ];
}

/** What a request is refused with when it would have the session expire too soon (422, RFC 4028 6). */
export function tooShort(request: readonly Header[]): readonly Header[] | undefined {
  const seconds = secondsIn(header(request, 'Session-Expires'));
  const isShort = seconds !== undefined && seconds < SHORTEST;
  return isShort ? [{ name: 'Min-SE', value: String(SHORTEST) }] : undefined;
}

/** What a peer that refuses with 422 wants at least, in seconds. */
export function leastOf(headers: readonly Header[]): number {
  return Math.max(secondsIn(header(headers, 'Min-SE')) ?? SHORTEST, SHORTEST);
}

function secondsIn(value: string | undefined): number | undefined {
  const seconds = Number.parseInt(value ?? '', 10);
  return seconds > 0 ? seconds : undefined;
}

function refresherIn(value: string | undefined): string | undefined {
  return /;\s*refresher\s*=\s*(ua[cs])/i.exec(value ?? '')?.[1]?.toLowerCase();
}
