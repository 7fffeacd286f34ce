import * as fc from 'fast-check';
import t from 'tap';
import type { Evidence, TrunkState } from '../../src/domain/health.js';
import { type CarrierId, id, type TrunkId } from '../../src/domain/ids.js';
import type { Trunk } from '../../src/domain/network.js';
import { instant, ms } from '../../src/domain/time.js';
import type { FailureKind, Weight } from '../../src/domain/verdict.js';
import { emptyLedgers, type Ledgers } from '../../src/health/ledgers.js';
import {
  freshSchedule,
  nextProbe,
  type ProbeNeed,
  type ProbeSchedule,
  probeSent,
  probeTimeout,
} from '../../src/health/probing.js';
import { learnRoundTrip, type RoundTrip } from '../../src/health/round-trip.js';
import {
  admitsCanary,
  canaryStarted,
  observe,
  shareOf,
  tick,
  type TrunkHealth,
  unproven,
} from '../../src/health/trunk.js';
import { defaultHealthSettings as settings } from '../../src/health/weights.js';
import {
  answered,
  answeredBusy,
  badDrill,
  cutOff,
  failure,
  goodDrill,
  goodProbe,
  heard,
  lineDown,
  lineUp,
  lostProbe,
  missed,
  mute,
  rang,
  refusedProbe,
  times,
  unheard,
} from '../support/evidence.js';

/** One trunk and a clock that goes one second further with each piece of evidence. */
class Story {
  health: TrunkHealth = unproven(instant(0));
  now = 0;

  after(seconds: number): this {
    this.now += seconds * 1_000;
    this.health = tick(this.health, instant(this.now), settings).health;
    return this;
  }

  sees(...evidence: readonly Evidence[]): this {
    for (const each of evidence) {
      this.now += 1_000;
      this.health = observe(this.health, each, instant(this.now), settings).health;
    }
    return this;
  }

  canary(): this {
    this.health = canaryStarted(this.health, instant(this.now));
    return this;
  }

  get admits(): boolean {
    return admitsCanary(this.health, instant(this.now), settings);
  }

  get share(): number {
    return shareOf(this.health, settings);
  }

  get holdDown(): number {
    return this.health.state === 'down' ? this.health.holdDownUntil - this.health.since : 0;
  }
}

/** Failures and answers in turn. */
function half(pairs: number): readonly Evidence[] {
  return Array.from({ length: pairs }, () => [failure('rejected'), answered]).flat();
}

type Line = readonly [what: string, evidence: readonly Evidence[], state: TrunkState];

const lines: readonly Line[] = [
  ['nothing known', [], 'unproven'],
  ['an answered call proves', [answered], 'up'],
  ['trusted ringing proves', [rang], 'up'],
  ['a drill proves', [goodDrill], 'up'],
  ['two good probes do not', times(2, goodProbe), 'unproven'],
  ['three good probes do', times(3, goodProbe), 'up'],
  ['line up only allows', [lineUp], 'unproven'],
  ['two lost probes may be chance', [answered, ...times(2, lostProbe)], 'up'],
  ['three lost probes', [answered, ...times(3, lostProbe)], 'suspect'],
  ['a good probe clears lost ones', [answered, ...times(5, lostProbe), goodProbe], 'up'],
  ['the same, never proven', [...times(5, lostProbe), goodProbe], 'unproven'],
  ['eight lost probes', [answered, ...times(8, lostProbe)], 'suspect'],
  ['P5 nine lost probes', [answered, ...times(9, lostProbe)], 'down'],
  ['a good call among lost probes', [...times(8, lostProbe), answered, ...times(8, lostProbe)], 'suspect'],
  ['the good call itself', [...times(8, lostProbe), answered], 'up'],
  ['a refused probe', [answered, refusedProbe], 'down'],
  ['a call of which nothing was heard yet', [answered, ...times(9, unheard)], 'up'],
  ['... and two lost probes', [answered, unheard, ...times(2, lostProbe)], 'up'],
  ['P5 calls and probes together', [answered, ...times(4, missed), ...times(5, lostProbe)], 'down'],
  ['a call that is answered by a failure is not silent', [answered, ...times(8, missed), answeredBusy, missed], 'up'],
  ['a silent call', [answered, failure('silent')], 'suspect'],
  ['a stalled call', [failure('stalled')], 'suspect'],
  ['a rejected call', [failure('rejected')], 'suspect'],
  ['two stalled calls', times(2, failure('stalled')), 'suspect'],
  ['three stalled calls', times(3, failure('stalled')), 'down'],
  ['three, with an answer between', [...times(2, failure('stalled')), answered, failure('stalled')], 'suspect'],
  ['two silent calls, where no probe tells', [answered, ...times(2, failure('silent'))], 'down'],
  ['a row of silent calls, where probes are answered', [goodProbe, ...times(6, failure('silent'))], 'suspect'],
  ['no good probe clears a failed call', [failure('stalled'), ...times(50, goodProbe)], 'suspect'],
  ['... nor resets the count', [failure('rejected'), ...times(50, goodProbe), failure('rejected')], 'down'],
  ['an answer clears it', [failure('stalled'), answered], 'up'],
  ['ringing clears one', [failure('stalled'), rang], 'up'],
  [
    'ringing clears it by half only',
    [failure('rejected'), rang, failure('rejected'), failure('rejected', 'medium')],
    'down',
  ],
  ['a drill clears it', [failure('stalled'), goodDrill], 'up'],
  ['a failed drill', [answered, badDrill], 'suspect'],
  ['two failed drills', [answered, badDrill, badDrill], 'down'],
  ['one medium failure', [answered, failure('rejected', 'medium')], 'up'],
  ['two medium failures', [answered, ...times(2, failure('rejected', 'medium'))], 'suspect'],
  ['four medium failures', [answered, ...times(4, failure('rejected', 'medium'))], 'down'],
  ['weak failures end at suspect', times(40, failure('rejected', 'weak')), 'suspect'],
  ['an unknown number', [answered, failure('number', 'weak')], 'up'],
  [
    'two unknown numbers are as bad as one strong failure',
    [answered, ...times(2, failure('number', 'weak'))],
    'suspect',
  ],
  ['R1 four are a dead core', [answered, ...times(4, failure('number', 'weak'))], 'down'],
  ['two refused credentials', [answered, ...times(2, failure('config', 'weak'))], 'suspect'],
  ['forty refused credentials', times(40, failure('config', 'weak')), 'suspect'],
  ['credentials help no other failure', [...times(40, failure('config', 'weak')), failure('stalled')], 'suspect'],
  ['a refused call after a refused probe', [answered, refusedProbe, failure('refused')], 'down'],
  ['a rejected call while probes fail', [answered, lostProbe, failure('rejected')], 'suspect'],
  ['one call cut off', [answered, cutOff], 'up'],
  ['R36 many calls cut off', [answered, cutOff, answered, answered, cutOff, answered, cutOff], 'suspect'],
  ['... until the calls last again', [answered, cutOff, cutOff, ...times(50, answered)], 'up'],
  ['R10 every second call fails', [answered, ...half(5)], 'suspect'],
  ['... and an answer alone does not make it good', [answered, ...half(5), answered, answered], 'suspect'],
  ['... ten do', [answered, ...half(5), ...times(12, answered)], 'up'],
  ['a loop blocks at once', [answered, failure('loop')], 'down'],
  ['line down', [answered, lineDown], 'down'],
  ['line down stays while probes answer', [answered, lineDown, ...times(30, goodProbe)], 'down'],
  ['line up again', [answered, lineDown, lineUp, ...times(6, goodProbe)], 'recovering'],
  ['one mute call', [answered, mute], 'up'],
  ['two mute calls, answered each', [answered, mute, answered, mute], 'suspect'],
  ['four mute calls', [answered, mute, answered, mute, answered, mute, answered, mute], 'down'],
  ['speech clears', [answered, mute, answered, mute, heard], 'up'],
  ...(['callee', 'full', 'ours', 'cancelled', 'none'] as const).map((kind): Line => [
    `${kind} is not the trunk`,
    [answered, ...times(40, failure(kind))],
    'up',
  ]),
];

t.test('the states of a trunk', (t) => {
  for (const [what, evidence, state] of lines) {
    t.equal(new Story().sees(...evidence).health.state, state, what);
  }
  t.end();
});

t.test('the way back', (t) => {
  const gone = (): Story => new Story().sees(answered, ...times(2, failure('rejected')));
  t.equal(gone().holdDown, 5_000);
  t.equal(gone().sees(...times(4, goodProbe)).health.state, 'down', 'held down, however good the probes');
  t.equal(gone().sees(...times(5, goodProbe)).health.state, 'recovering', 'hold-down over, probes green');
  t.equal(gone().after(60).health.state, 'recovering', 'a trunk without probes waits for time only');
  t.equal(gone().sees(lostProbe).after(60).sees(goodProbe, goodProbe).health.state, 'down', 'two good probes');
  t.equal(
    gone()
      .sees(lostProbe)
      .after(60)
      .sees(...times(3, goodProbe)).health.state,
    'recovering',
  );
  t.equal(
    gone()
      .sees(...times(3, goodProbe))
      .after(3).health.state,
    'recovering',
    'time alone ends the hold-down',
  );
  t.equal(gone().sees(answered).health.state, 'recovering', 'a call that got through in a panic');
  t.equal(gone().sees(goodDrill).health.state, 'recovering');

  t.equal(
    gone()
      .sees(lostProbe)
      .after(60)
      .sees(failure('stalled'))
      .sees(...times(4, goodProbe)).health.state,
    'down',
  );

  const back = (): Story => gone().sees(...times(5, goodProbe));
  t.ok(back().admits);
  t.notOk(back().canary().admits, 'one canary at a time');
  t.ok(back().canary().after(61).admits, 'a lost canary is forgotten');
  t.ok(back().canary().sees(failure('callee', 'none')).admits, 'a busy far end decides nothing');
  t.ok(back().canary().sees(failure('cancelled', 'none')).admits, 'nor does a caller who hung up');
  t.equal(back().canary().sees(rang).health.state, 'recovering', 'ringing is not yet proof');
  t.match(back().canary().sees(answered).health, { state: 'recovering', step: 0, good: 1 });
  t.ok(back().canary().sees(answered).admits, 'the next canary may go at once');
  t.equal(back().canary().sees(answered, answered).share, 0.05);
  t.notOk(back().canary().sees(answered, answered).admits, 'a share needs no canaries');
  t.equal(back().sees(...times(21, answered)).share, 0.05);
  t.equal(back().sees(...times(22, answered)).share, 0.25);
  t.equal(back().sees(...times(41, answered)).health.state, 'recovering');
  t.equal(back().sees(...times(42, answered)).health.state, 'up');
  t.match(back().sees(...times(12, answered), failure('stalled')).health, { step: 1, good: 0 }, 'the step begins anew');
  t.equal(back().sees(...times(12, answered), ...times(2, failure('rejected'))).health.state, 'down');
  t.equal(back().sees(...times(100, goodProbe)).health.state, 'recovering', 'no probe completes the return');
  t.equal(back().sees(...times(9, lostProbe)).health.state, 'down', 'probes can end it');
  t.notOk(back().sees(lostProbe).admits, 'no canary while a probe is missing');
  t.match(back().canary().sees(failure('rejected', 'weak')).health, { state: 'recovering', trialFrom: 10_000 + 9_000 });
  t.equal(back().sees(lineDown).health.state, 'down');
  t.equal(back().sees(goodDrill).share, 0.05, 'a drill says as much as all canaries');
  t.end();
});

t.test('P7 a trunk that flaps waits longer each time', (t) => {
  const story = new Story().sees(answered, ...times(2, failure('rejected')));
  const waits: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    waits.push(story.holdDown / 1_000);
    story
      .after(story.holdDown / 1_000)
      .canary()
      .sees(failure('rejected'));
  }
  t.same(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
  story
    .after(600)
    .canary()
    .sees(...times(42, answered));
  t.equal(story.health.state, 'up');
  story.after(3_600).sees(...times(2, failure('rejected')));
  t.equal(story.holdDown, (600_000 * 2) / 2 ** 6, 'an hour of good time forgives');
  story
    .after(60)
    .sees(...times(42, answered))
    .after(86_400)
    .sees(lineDown);
  t.equal(story.holdDown, 5_000, 'a day forgives all');
  t.end();
});

t.test('a suspect trunk gets a chance', (t) => {
  const doubted = (): Story => new Story().sees(answered, failure('stalled'));
  t.notOk(doubted().admits);
  t.ok(doubted().after(5).admits);
  t.equal(doubted().after(5).canary().sees(answered).health.state, 'up');
  t.equal(doubted().after(5).canary().sees(failure('stalled')).health.state, 'suspect');
  t.equal(
    doubted()
      .after(5)
      .canary()
      .sees(...times(2, failure('stalled'))).health.state,
    'down',
  );
  t.notOk(doubted().after(5).sees(lostProbe).admits, 'not while probes fail');
  const misdialled = new Story()
    .sees(...times(2, failure('config', 'weak')))
    .after(5)
    .canary();
  misdialled.sees(failure('config', 'weak'));
  t.notOk(misdialled.after(4).admits);
  t.ok(misdialled.after(1).admits);
  misdialled.canary().sees(failure('config', 'weak'));
  t.notOk(misdialled.after(9).admits, 'the next chance waits twice as long');
  t.ok(misdialled.after(1).admits);
  t.notOk(new Story().sees(answered, ...times(4, lostProbe)).after(60).admits, 'a doubt of probes needs no call');
  t.end();
});

const anyKind = fc.constantFrom<FailureKind>(
  ...(['silent', 'stalled', 'refused', 'rejected', 'full', 'callee', 'config', 'loop', 'ours', 'cancelled'] as const),
);
const anyFailure = fc
  .tuple(anyKind, fc.constantFrom<Weight>('none', 'weak', 'medium', 'strong'))
  .map(([kind, weight]) => failure(kind, weight));
const probes = fc.constantFrom(goodProbe, goodProbe, lostProbe, refusedProbe);
const anyEvidence = fc.oneof(
  anyFailure,
  probes,
  fc.constantFrom<Evidence>(answered, rang, goodDrill, badDrill, mute, heard, lineDown, lineUp),
);
const anyStep = fc.record({
  evidence: fc.option(anyEvidence, { nil: undefined }),
  wait: fc.integer({ min: 0, max: 20_000 }),
  canary: fc.boolean(),
});

const legal: Readonly<Record<TrunkState, readonly TrunkState[]>> = {
  unproven: ['unproven', 'up', 'suspect', 'down'],
  up: ['up', 'suspect', 'down'],
  suspect: ['unproven', 'up', 'suspect', 'down'],
  down: ['down', 'recovering'],
  recovering: ['recovering', 'up', 'suspect', 'down'],
};

t.test('every step is legal', (t) => {
  fc.assert(
    fc.property(fc.array(anyStep, { maxLength: 60 }), (steps) => {
      let health = unproven(instant(0));
      let now = 0;
      for (const { evidence, wait, canary } of steps) {
        now += wait;
        const before = canary ? canaryStarted(health, instant(now)) : health;
        const { health: next, change } =
          evidence === undefined
            ? tick(before, instant(now), settings)
            : observe(before, evidence, instant(now), settings);
        const moved = next.state !== before.state;
        if (!legal[before.state].includes(next.state) || (change !== undefined) !== moved || next.since > now) {
          return false;
        }
        health = next;
      }
      return true;
    }),
    { numRuns: 1_000 },
  );
  t.pass('1,000 histories');
  t.end();
});

t.test('P6 no row of probes gives back what a call took', (t) => {
  fc.assert(
    fc.property(
      fc.array(anyEvidence, { maxLength: 20 }),
      fc.array(fc.tuple(probes, fc.integer({ min: 0, max: 10_000 })), { maxLength: 200 }),
      (history, later) => {
        const story = new Story().sees(...history, lineUp, ...times(3, failure('rejected')));
        const gone = story.health.state === 'down' ? story.health : undefined;
        for (const [probe, wait] of later) {
          story.after(wait / 1_000).sees(probe);
          const early = gone !== undefined && story.now < gone.holdDownUntil && story.health.state !== 'down';
          if (early || (story.health.state !== 'down' && story.health.state !== 'recovering')) {
            return false;
          }
        }
        return gone !== undefined;
      },
    ),
    { numRuns: 500 },
  );
  t.pass('500 liars');
  t.end();
});

t.test('kinds that are not the fault of the trunk never take it down', (t) => {
  const innocent = fc
    .tuple(
      fc.constantFrom<FailureKind>('callee', 'full', 'ours', 'config', 'cancelled', 'none'),
      fc.constantFrom<Weight>('none', 'weak', 'medium', 'strong'),
    )
    .map(([kind, weight]) => failure(kind, weight));
  fc.assert(
    fc.property(fc.array(fc.oneof(innocent, fc.constantFrom(answered, rang, goodProbe)), { maxLength: 50 }), (seen) => {
      return new Story().sees(...seen).health.state !== 'down';
    }),
  );
  t.pass('100 histories');
  t.end();
});

function trunk(name: string, carrier: string, more: Partial<Trunk> = {}): Trunk {
  return {
    id: id<TrunkId>(name),
    carrier: id<CarrierId>(carrier),
    kind: 'sip',
    address: { host: '127.0.0.1', port: 5060, transport: 'udp' },
    channels: 10,
    riskGroups: new Set(),
    trusted183: false,
    trusted180: true,
    probeInterval: ms(1_000),
    enabled: true,
    ...more,
  };
}

function need(...ledgers: readonly Ledgers[]): ProbeNeed {
  return { ledgers, quickSince: undefined, onceSince: undefined };
}

/** The moments of `count` probes in a row, none answered yet. */
function probeTimes(of: Trunk, ledgers: Ledgers, start: ProbeSchedule, count: number): readonly number[] {
  let schedule = start;
  const moments: number[] = [];
  for (let sent = 0; sent < count; sent += 1) {
    const at = nextProbe(of, schedule, need(ledgers), instant(10_000), 0) ?? instant(-1);
    moments.push(at);
    schedule = probeSent(schedule, need(ledgers), at);
  }
  return moments;
}

t.test('when to probe', (t) => {
  const usual = trunk('kpn-a', 'kpn');
  const probed: ProbeSchedule = { ...freshSchedule, sent: 7, lastSent: instant(10_000) };
  t.equal(nextProbe(usual, freshSchedule, need(emptyLedgers), instant(50), 0.5), 50, 'the first goes at once');
  const once = probeSent(freshSchedule, need(emptyLedgers), instant(50));
  t.equal(nextProbe(usual, once, need(emptyLedgers), instant(60), 0.5), 1_550, 'the second is out of step with others');
  t.same(probeTimes(usual, emptyLedgers, probed, 3), [11_000, 12_000, 13_000]);
  t.equal(nextProbe(usual, probed, need(emptyLedgers), instant(10_000), 0.5), 11_050, 'spread');
  t.equal(nextProbe(trunk('x', 'y', { probeInterval: ms(0) }), probed, need(emptyLedgers), instant(0), 0), undefined);

  const doubted = new Story().sees(failure('silent')).health.ledgers;
  const quick = probeTimes(usual, doubted, probed, 11);
  t.equal(quick[0], 10_050);
  t.equal(quick[8], 10_450, 'nine quick ones');
  t.same(quick.slice(9), [11_450, 12_450], 'then every second');
  const frail = trunk('x', 'y', { quickProbes: { spacing: ms(200), atMost: 2 } });
  t.same(probeTimes(frail, doubted, probed, 3), [10_200, 10_400, 11_400], 'no more than the far end tolerates');
  const untouchable = trunk('x', 'y', { quickProbes: { spacing: ms(50), atMost: 0 } });
  t.same(probeTimes(untouchable, doubted, probed, 1), [11_000]);
  t.same(probeTimes(usual, new Story().sees(lostProbe).health.ledgers, probed, 1), [10_050], 'after a lost probe too');
  t.same(probeTimes(usual, new Story().sees(failure('silent'), goodProbe).health.ledgers, probed, 1), [11_000]);
  t.same(probeTimes(usual, new Story().sees(failure('rejected')).health.ledgers, probed, 1), [11_000]);
  t.same(
    probeTimes(trunk('x', 'y', { probeInterval: ms(60_000) }), doubted, probed, 1),
    [13_000],
    'as the profile allows',
  );

  const busy: Ledgers = { ...emptyLedgers, calls: { ...emptyLedgers.calls, lastGoodAt: instant(9_000) } };
  t.equal(
    nextProbe(usual, probed, need(emptyLedgers, busy), instant(10_000), 0),
    12_000,
    'traffic is the better probe',
  );
  t.equal(nextProbe(usual, probed, need(busy), instant(14_000), 0), 11_000, 'old traffic is not');
  t.end();
});

t.test('when a probe is late', (t) => {
  const learned = (...samples: readonly number[]): RoundTrip | undefined =>
    samples.reduce<RoundTrip | undefined>((known, sample) => learnRoundTrip(known, ms(sample)), undefined);
  const timeout = (roundTrip: RoundTrip | undefined): number => probeTimeout({ ...emptyLedgers.probe, roundTrip });
  t.equal(timeout(undefined), 500);
  t.equal(timeout(learned(300, 300)), 500, 'too few answers');
  t.equal(timeout(learned(...Array.from({ length: 40 }, () => 2))), 150, 'never shorter');
  t.ok(timeout(learned(300, 500, 300, 500, 300, 500, 300, 500)) > 500, 'a trunk that answers slowly has more time');
  t.equal(timeout(learned(...Array.from({ length: 9 }, () => 9_000))), 1_500, 'never longer');
  t.end();
});
