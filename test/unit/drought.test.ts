import t from 'tap';
import { instant } from '../../src/domain/time.js';
import {
  callCame,
  callsPerHour,
  freshTraffic,
  restoredTraffic,
  timePassed,
  type Traffic,
} from '../../src/health/drought.js';
import { able, type CallEnd, oneMoreCall } from '../../src/health/inability.js';
import { ms } from '../../src/domain/time.js';
import { seeded } from '../support/seeded.js';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TICK = 5_000;

/** 8,000 calls a day: 8 calls a minute in the afternoon, 3 an hour's minutes before dawn. */
function trueRate(wallTime: number): number {
  const hour = (wallTime / HOUR) % 24;
  return (8_000 / 24) * (1 - 0.75 * Math.cos(((hour - 4) / 24) * 2 * Math.PI));
}

/** Traffic of a Poisson stream with a daily curve, and the alarms that it raised. */
class Stream {
  traffic: Traffic;
  wallTime = 0;
  alarms = 0;
  readonly #random: () => number;
  #next: number;

  constructor(seed: number, start: Traffic) {
    this.traffic = start;
    this.#random = seeded(seed);
    this.#next = this.#gap();
  }

  runs(days: number): this {
    const end = this.wallTime + days * DAY;
    while (this.wallTime < end) {
      this.wallTime += TICK;
      while (this.#next <= this.wallTime) {
        this.traffic = callCame(this.traffic, { now: instant(this.#next), wallTime: this.#next });
        this.#next += this.#gap();
      }
      const before = this.traffic.drought;
      this.traffic = timePassed(this.traffic, { now: instant(this.wallTime), wallTime: this.wallTime }, false);
      this.alarms += before === undefined && this.traffic.drought !== undefined ? 1 : 0;
    }
    return this;
  }

  /** No call comes any more. Gives the seconds until the alarm. */
  driesUp(isCorroborated = false): number {
    const since = this.traffic.lastCallAt ?? instant(0);
    while (this.traffic.drought === undefined) {
      this.wallTime += 1_000;
      const moment = { now: instant(this.wallTime), wallTime: this.wallTime };
      this.traffic = timePassed(this.traffic, moment, isCorroborated);
    }
    return (this.wallTime - since) / 1_000;
  }

  #gap(): number {
    return (-Math.log(1 - this.#random()) / trueRate(this.wallTime)) * HOUR;
  }
}

/** When the chance of no call falls under one in a million, by the true curve. */
function ideal(from: number, enough = 13.8155): number {
  let expected = 0;
  let at = from;
  for (; expected < enough; at += 1_000) {
    expected += trueRate(at) / 3_600;
  }
  return (at - from) / 1_000;
}

t.test('P19 a drought is noticed in time, and 30 days of traffic raise no false alarm', (t) => {
  const stream = new Stream(1, freshTraffic(600)).runs(30);
  t.ok(stream.alarms <= 1, `${stream.alarms} false alarms in 30 days, 240,000 calls (promise: 1)`);
  const learned = stream.traffic;
  for (const hour of [0, 4, 8, 12, 17, 22]) {
    const began = new Stream(hour + 2, learned);
    began.wallTime = stream.wallTime + hour * HOUR;
    began.traffic = callCame(restoredTraffic(learned), { now: instant(began.wallTime), wallTime: began.wallTime });
    const expected = ideal(began.wallTime);
    const took = began.driesUp();
    t.ok(Math.abs(took / expected - 1) < 0.2, `at ${hour} h: ${took} s, ideal ${expected} s (promise: within 20 %)`);
  }
  t.end();
});

t.test('half the time is enough where something else agrees', (t) => {
  const learned = new Stream(3, freshTraffic(600)).runs(10);
  const from = learned.wallTime;
  learned.traffic = callCame(learned.traffic, { now: instant(from), wallTime: from });
  const took = learned.driesUp(true);
  const expected = ideal(from, 6.9078);
  t.ok(Math.abs(took / expected - 1) < 0.2, `${took} s, ideal ${expected} s`);
  t.equal(learned.traffic.drought?.isCorroborated, true);
  t.end();
});

t.test('what is expected until something is learned', (t) => {
  const noon = { now: instant(0), wallTime: 16 * HOUR + HOUR };
  t.equal(callsPerHour(freshTraffic(), noon.wallTime), 0, 'nothing, where nobody said anything');
  t.ok(callsPerHour(freshTraffic(600), noon.wallTime) > 500);
  t.ok(callsPerHour(freshTraffic(600), 4 * HOUR) < 150, 'nights are quiet');
  t.end();
});

t.test('a drought is not learned, and a call ends it', (t) => {
  const stream = new Stream(4, freshTraffic(600)).runs(10);
  const before = callsPerHour(stream.traffic, stream.wallTime);
  stream.driesUp();
  stream.wallTime += HOUR;
  const moment = { now: instant(stream.wallTime), wallTime: stream.wallTime };
  const ended = callCame(timePassed(stream.traffic, moment, false), moment);
  t.equal(ended.drought, undefined);
  const after = callsPerHour(ended, stream.wallTime - HOUR);
  t.ok(after > before * 0.7, `${Math.round(before)} calls an hour before, ${Math.round(after)} after`);
  const restored = restoredTraffic(ended);
  t.equal(callsPerHour(restored, stream.wallTime), callsPerHour(ended, stream.wallTime));
  t.equal(timePassed(restored, moment, false).expected, 0, 'the time before the start counts for nothing');
  t.end();
});

t.test('R33 inability: none of the last calls was connected, whatever the reason', (t) => {
  const after = (...ends: readonly CallEnd[]) => ends.reduce(oneMoreCall, able);
  const failed: CallEnd = { kind: 'failed' };
  const answered: CallEnd = { kind: 'answered' };
  const gaveUp: CallEnd = { kind: 'abandoned', after: ms(20_000) };
  const changedMind: CallEnd = { kind: 'abandoned', after: ms(2_000) };
  t.notOk(after(failed, failed, failed, failed).isOn);
  t.ok(after(failed, failed, gaveUp, failed, failed).isOn);
  t.notOk(after(failed, failed, changedMind, failed, failed).isOn);
  t.ok(after(failed, failed, changedMind, failed, failed, failed).isOn);
  t.notOk(after(failed, failed, failed, failed, answered, failed).isOn);
  t.end();
});
