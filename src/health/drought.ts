import type { SavedTraffic } from '../domain/saved-health.js';
import { between, type Instant } from '../domain/time.js';

/** Time in one hour of the day in which no call came. */
interface Quiet {
  readonly hour: number;
  readonly hours: number;
}

/** The calls of one service from one ingress: what is usual at each hour of the day, and what came lately. */
export interface Traffic {
  /** Calls, and hours in which they came, for each hour of the day (UTC). Older days weigh less. */
  readonly calls: readonly number[];
  readonly hours: readonly number[];
  /** The hour of the day to which the newest of them belong. */
  readonly hour: number | undefined;
  /** How many calls should have come since the last one. */
  readonly expected: number;
  /** The time since the last call, by hour of the day; it is learned when the next one comes. */
  readonly quiet: readonly Quiet[];
  readonly lastCallAt: Instant | undefined;
  /** Up to when `expected` was counted. */
  readonly at: Instant | undefined;
  readonly drought: Drought | undefined;
}

/** Calls that usually come do not come. */
export interface Drought {
  readonly since: Instant;
  /** How many calls should have come. */
  readonly expected: number;
  /** Whether something else agreed, so that less was enough. */
  readonly isCorroborated: boolean;
}

/** A moment on both clocks: time passes on the monotonic one, the hour of the day is on the wall. */
export interface Moment {
  readonly now: Instant;
  /** Milliseconds since 1970. */
  readonly wallTime: number;
}

const hoursOfDay = 24;
const hourMs = 3_600_000;

/** The chance of no call, e^-expected, is under one in a million; in a thousand where something else agrees (R3). */
const enoughAlone = Math.log(1e6);
const enoughCorroborated = Math.log(1e3);

/** What a day weighs after the next one was learned. */
const memory = 0.85;
/** How many hours of experience a configured rate counts for, at each hour of the day. */
const priorHours = 0.5;
/** With less than this, nothing is known about an hour of the day. */
const leastHours = 0.25;

/** The usual course of a day, as shares of the busy hour, by UTC hour: quiet nights, busiest in the late afternoon. */
const usualDay: readonly number[] = [
  0.35, 0.28, 0.22, 0.2, 0.2, 0.22, 0.3, 0.45, 0.6, 0.7, 0.75, 0.8,
  0.85, 0.88, 0.9, 0.95, 1, 1, 0.95, 0.88, 0.8, 0.7, 0.6, 0.45,
]; // prettier-ignore

/** Traffic of which nothing was seen yet. @param expectedBusyHour calls in the busiest hour, where somebody said so. */
export function freshTraffic(expectedBusyHour?: number): Traffic {
  const known = expectedBusyHour === undefined ? 0 : priorHours;
  return {
    calls: usualDay.map((share) => share * (expectedBusyHour ?? 0) * known),
    hours: usualDay.map(() => known),
    hour: undefined,
    ...{ expected: 0, quiet: [], lastCallAt: undefined, at: undefined, drought: undefined },
  };
}

/** What was learned by another process. Nothing is expected of the time in which no gateway ran. */
export function restoredTraffic({ calls, hours }: Pick<SavedTraffic, 'calls' | 'hours'>): Traffic {
  return { ...freshTraffic(), calls, hours };
}

/** A call came. It ends a drought; the time of the drought is not learned. */
export function callCame(before: Traffic, moment: Moment): Traffic {
  const passed = timePassed(before, moment, false);
  const calls = [...passed.calls];
  const hours = [...passed.hours];
  let { hour } = passed;
  const enter = (next: number): void => {
    if (hour !== next) {
      calls[next] = (calls[next] ?? 0) * memory;
      hours[next] = (hours[next] ?? 0) * memory;
      hour = next;
    }
  };
  for (const quiet of before.drought === undefined ? passed.quiet : []) {
    enter(quiet.hour);
    hours[quiet.hour] = (hours[quiet.hour] ?? 0) + quiet.hours;
  }
  const now = hourOf(moment.wallTime);
  enter(now);
  calls[now] = (calls[now] ?? 0) + 1;
  return {
    ...{ calls, hours, hour, expected: 0, quiet: [], drought: undefined },
    ...{ lastCallAt: moment.now, at: moment.now },
  };
}

/**
 * Time passed without a call. To be told at least once a minute.
 *
 * @param isCorroborated whether something else says that calls do not get through to us.
 */
export function timePassed(before: Traffic, { now, wallTime }: Moment, isCorroborated: boolean): Traffic {
  const hours = before.at === undefined ? 0 : Math.max(0, between(before.at, now)) / hourMs;
  const expected = before.expected + callsPerHour(before, wallTime) * hours;
  const passed = { ...before, at: now, expected, quiet: longer(before.quiet, hourOf(wallTime), hours) };
  const enough = isCorroborated ? enoughCorroborated : enoughAlone;
  if (before.drought !== undefined || expected < enough) {
    return passed;
  }
  return { ...passed, drought: { since: before.lastCallAt ?? now, expected, isCorroborated } };
}

/** Whether fewer calls came than chance explains, though not so few that it is sure by itself. */
export function isSuspicious({ expected }: Traffic): boolean {
  return expected >= enoughCorroborated;
}

/**
 * How many calls usually come in an hour at this time of day, between the middles of its hours. A careful figure: what was
 * seen, less its standard deviation, so that little experience gives no false alarm. 0 where nothing is known.
 */
export function callsPerHour(traffic: Traffic, wallTime: number): number {
  const place = ((wallTime / hourMs) % hoursOfDay) - 0.5;
  const first = Math.floor(place);
  const share = place - first;
  return rateOf(traffic, first) * (1 - share) + rateOf(traffic, first + 1) * share;
}

function rateOf({ calls, hours }: Traffic, hour: number): number {
  const at = (hour + hoursOfDay) % hoursOfDay;
  const seen = calls[at] ?? 0;
  const time = hours[at] ?? 0;
  return time < leastHours ? 0 : Math.max(0, seen - Math.sqrt(seen)) / time;
}

function hourOf(wallTime: number): number {
  return Math.floor(wallTime / hourMs) % hoursOfDay;
}

function longer(quiet: readonly Quiet[], hour: number, hours: number): readonly Quiet[] {
  const last = quiet.at(-1);
  return last?.hour === hour
    ? [...quiet.slice(0, -1), { hour, hours: last.hours + hours }]
    : [...quiet, { hour, hours }];
}
