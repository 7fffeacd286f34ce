/** Durations of RFC 3261 table 4 and RFC 6026, in milliseconds. */
export interface TimerTable {
  /** Round-trip estimate; the first resend comes after it. */
  readonly t1: number;
  /** Longest pause between resends of non-INVITE requests and INVITE responses. */
  readonly t2: number;
  /** Longest time that a message stays in the network. */
  readonly t4: number;
  /** Timers B, F, H, L, M: how long a transaction waits for the other side. */
  readonly t1x64: number;
  /** Timer D: how long repeated final responses to INVITE are absorbed over UDP. */
  readonly timerD: number;
  /** An application that does not answer an INVITE is given up after this. Shorter than 64 s, after which callers give up. */
  readonly silentApplication: number;
  /** So long a new INVITE waits for an application, where none is connected. */
  readonly parked: number;
  /** A second of the session timer (RFC 4028). */
  readonly second: number;
}

export const STANDARD_TIMERS: TimerTable = {
  t1: 500,
  t2: 4_000,
  t4: 5_000,
  t1x64: 32_000,
  timerD: 32_000,
  silentApplication: 60_000,
  parked: 2_500,
  second: 1_000,
};
