import * as fc from 'fast-check';
import t from 'tap';
import type { AttemptOutcome, Evidence, HealthChange, TrunkState } from '../../src/domain/health.js';
import {
  type CarrierId,
  id,
  type IngressId,
  type RouteId,
  type ServiceId,
  type TrunkId,
} from '../../src/domain/ids.js';
import type { Network, Trunk } from '../../src/domain/network.js';
import { instant, ms } from '../../src/domain/time.js';
import type { FailureKind, Verdict, Weight } from '../../src/domain/verdict.js';
import { HealthBook } from '../../src/health/book.js';
import { emptyLedgers, type Ledgers } from '../../src/health/ledgers.js';
import { freshSchedule, nextProbe, type ProbeSchedule, probeSent, probeTimeout } from '../../src/health/probing.js';
import { learnRoundTrip, type RoundTrip } from '../../src/health/round-trip.js';
import { admitsCanary, canaryStarted, observe, tick, type TrunkHealth, unproven } from '../../src/health/trunk.js';
import { defaultHealthSettings as settings } from '../../src/health/weights.js';
import { inForce } from '../support/network.js';

const service = id<ServiceId>('112');
const other = id<ServiceId>('0900-8844');

function attempt(outcome: AttemptOutcome, of: ServiceId = service): Evidence {
  return { type: 'attempt', service: of, outcome };
}

function failure(kind: FailureKind, weight: Weight = 'strong', of: ServiceId = service): Evidence {
  const verdict: Verdict = { fault: 'trunk', kind, weight, next: 'next', reason: kind };
  return attempt({ kind: 'failed', verdict }, of);
}

const answered = attempt({ kind: 'answered' });
const rang = attempt({ kind: 'progressed' });
const unheard = attempt({ kind: 'unheard' });
const goodProbe: Evidence = { type: 'probe', outcome: { kind: 'answered', status: 200, roundTrip: ms(2) } };
const lostProbe: Evidence = { type: 'probe', outcome: { kind: 'silent' } };
const refusedProbe: Evidence = { type: 'probe', outcome: { kind: 'refused' } };
const lineDown: Evidence = { type: 'line', state: 'down', cause: 'E1 loss of signal' };
const lineUp: Evidence = { type: 'line', state: 'up', cause: '' };
const goodDrill: Evidence = { type: 'drill', service, reachedFarEnd: true, cause: '' };
const badDrill: Evidence = { type: 'drill', service, reachedFarEnd: false, cause: 'no token' };
const mute: Evidence = { type: 'media', service, outcome: 'mute' };
const heard: Evidence = { type: 'media', service, outcome: 'heard' };

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

  get holdDown(): number {
    return this.health.state === 'down' ? this.health.holdDownUntil - this.health.since : 0;
  }
}

function times(count: number, evidence: Evidence): readonly Evidence[] {
  return Array.from({ length: count }, () => evidence);
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
  ['one lost probe', [answered, lostProbe], 'suspect'],
  ['a good probe clears a lost one', [answered, lostProbe, goodProbe], 'up'],
  ['the same, never proven', [lostProbe, goodProbe], 'unproven'],
  ['two lost probes', [answered, ...times(2, lostProbe)], 'suspect'],
  ['three lost probes', [answered, ...times(3, lostProbe)], 'down'],
  ['a good call among lost probes', [lostProbe, lostProbe, answered, lostProbe, lostProbe], 'suspect'],
  ['the good call itself', [lostProbe, lostProbe, answered], 'up'],
  ['a refused probe', [answered, refusedProbe], 'down'],
  ['a call of which nothing was heard yet', [answered, ...times(9, unheard)], 'up'],
  ['... and a lost probe', [answered, unheard, lostProbe], 'suspect'],
  ['... and three', [answered, unheard, ...times(3, lostProbe)], 'down'],
  ['a silent call', [answered, failure('silent')], 'suspect'],
  ['a stalled call', [failure('stalled')], 'suspect'],
  ['a rejected call', [failure('rejected')], 'suspect'],
  ['two stalled calls', times(2, failure('stalled')), 'down'],
  ['two, with an answer between', [failure('stalled'), answered, failure('stalled')], 'suspect'],
  ['no good probe clears a failed call', [failure('stalled'), ...times(50, goodProbe)], 'suspect'],
  ['... nor resets the count', [failure('stalled'), ...times(50, goodProbe), failure('stalled')], 'down'],
  ['an answer clears it', [failure('stalled'), answered], 'up'],
  ['ringing clears one', [failure('stalled'), rang], 'up'],
  [
    'ringing clears it by half only',
    [failure('stalled'), rang, failure('stalled'), failure('rejected', 'medium')],
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
  ['a silent call while probes fail', [answered, lostProbe, failure('silent')], 'down'],
  ['a refused call while probes fail', [answered, lostProbe, failure('refused')], 'down'],
  ['a rejected call while probes fail', [answered, lostProbe, failure('rejected')], 'suspect'],
  ['a loop blocks at once', [answered, failure('loop')], 'down'],
  ['line down', [answered, lineDown], 'down'],
  ['line down stays while probes answer', [answered, lineDown, ...times(30, goodProbe)], 'down'],
  ['line up again', [answered, lineDown, lineUp, ...times(6, goodProbe)], 'recovering'],
  ['one mute call', [answered, mute], 'up'],
  ['two mute calls, answered each', [answered, mute, answered, mute], 'suspect'],
  ['four mute calls', [answered, mute, answered, mute, answered, mute, answered, mute], 'down'],
  ['speech clears', [answered, mute, answered, mute, heard], 'up'],
  [
    'drought says nothing of a trunk',
    [{ type: 'drought', ingress: id<IngressId>('in'), service, over: false }],
    'unproven',
  ],
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
  const gone = (): Story => new Story().sees(answered, ...times(2, failure('stalled')));
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
  t.equal(back().canary().sees(answered).health.state, 'up');
  t.notOk(back().canary().sees(answered).admits);
  t.equal(back().sees(...times(100, goodProbe)).health.state, 'recovering', 'no probe completes the return');
  t.equal(back().sees(...times(3, lostProbe)).health.state, 'down', 'probes can end it');
  t.notOk(back().sees(lostProbe).admits, 'no canary while a probe is missing');
  t.match(back().canary().sees(failure('rejected', 'weak')).health, { state: 'recovering', trialFrom: 10_000 + 9_000 });
  t.equal(back().sees(lineDown).health.state, 'down');
  t.equal(back().sees(goodDrill).health.state, 'up');
  t.end();
});

t.test('P7 a trunk that flaps waits longer each time', (t) => {
  const story = new Story().sees(answered, ...times(2, failure('stalled')));
  const waits: number[] = [];
  for (let round = 0; round < 9; round += 1) {
    waits.push(story.holdDown / 1_000);
    story
      .after(story.holdDown / 1_000)
      .canary()
      .sees(failure('stalled'));
  }
  t.same(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600]);
  story.after(600).canary().sees(answered);
  t.equal(story.health.state, 'up');
  story.after(3_600).sees(...times(2, failure('stalled')));
  t.equal(story.holdDown, (600_000 * 2) / 2 ** 6, 'an hour of good time forgives');
  story.after(60).canary().sees(answered).after(86_400).sees(lineDown);
  t.equal(story.holdDown, 5_000, 'a day forgives all');
  t.end();
});

t.test('a suspect trunk gets a chance', (t) => {
  const doubted = (): Story => new Story().sees(answered, failure('stalled'));
  t.notOk(doubted().admits);
  t.ok(doubted().after(5).admits);
  t.equal(doubted().after(5).canary().sees(answered).health.state, 'up');
  t.equal(doubted().after(5).canary().sees(failure('stalled')).health.state, 'down');
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
  t.notOk(new Story().sees(answered, lostProbe).after(60).admits, 'a doubt of probes needs no call');
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
        const story = new Story().sees(...history, lineUp, failure('stalled'), failure('stalled'), failure('stalled'));
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

function networkOf(...trunks: readonly Trunk[]): Network {
  const services = [service, other];
  return {
    services: new Map(services.map((each) => [each, { id: each, class: 'emergency' }])),
    destinations: new Map(),
    carriers: new Map(trunks.map(({ carrier }) => [carrier, { id: carrier, name: carrier }])),
    trunks: new Map(trunks.map((each) => [each.id, each])),
    ...inForce(
      trunks.flatMap((each) =>
        services.map((of) => ({
          id: id<RouteId>(`${each.id} ${of}`),
          service: of,
          destination: id('psap'),
          trunk: each.id,
          number: '112',
          tier: 1,
        })),
      ),
    ),
    ingresses: [],
  };
}

const kpnA = id<TrunkId>('kpn-a');
const kpnB = id<TrunkId>('kpn-b');
const kpn = id<CarrierId>('kpn');
const network = networkOf(trunk('kpn-a', 'kpn'), trunk('kpn-b', 'kpn'), trunk('second-a', 'second'));

function told(changes: readonly HealthChange[]): readonly string[] {
  return changes.map(
    (change) => `${change.of === 'trunk' ? change.trunk : change.carrier} ${change.service} ${change.to}`,
  );
}

t.test('the book', (t) => {
  const book = new HealthBook(network, instant(0));
  const first = book.view();
  t.equal(book.view(), first, 'the same view until something changes');
  t.equal(first.trunk(kpnA, service), 'unproven');
  t.equal(first.trunk(id<TrunkId>('no such'), service), 'unproven');

  t.same(told(book.record(kpnA, failure('stalled'), instant(1))), ['kpn-a 112 suspect']);
  t.equal(book.view().trunk(kpnA, other), 'unproven', 'each service has its own truth');
  t.not(book.view(), first);
  t.same(told(book.record(kpnA, failure('stalled'), instant(2))), ['kpn-a 112 down', 'kpn 112 doubted']);
  t.equal(book.nextTick(instant(2)), 5_002);
  t.same(told(book.record(kpnB, lineDown, instant(3))), [
    'kpn-b 112 down',
    'kpn-b 0900-8844 down',
    'kpn 112 absent',
    'kpn 0900-8844 doubted',
  ]);
  t.equal(book.view().carrier(kpn, service), 'absent');
  t.equal(book.view().carrier(kpn, other), 'doubted', 'R21: 0900-8844 goes on over kpn-a');
  t.equal(book.view().carrier(kpn), 'absent', 'the worst of the services');
  t.equal(book.version, 3);

  t.same(told(book.tick(instant(4_000))), []);
  t.same(told(book.tick(instant(5_002))), ['kpn-a 112 recovering', 'kpn 112 returning']);
  t.ok(book.admitsCanary(kpnA, service, instant(5_100)));
  book.canaryStarted(kpnA, service, instant(5_100));
  t.notOk(book.admitsCanary(kpnA, service, instant(5_200)));
  t.same(told(book.record(kpnA, answered, instant(5_300))), ['kpn-a 112 up', 'kpn 112 doubted']);

  const drought: Evidence = { type: 'drought', ingress: id<IngressId>('in'), service, over: false };
  t.same(book.record(kpnA, drought, instant(6_000)), []);
  t.match(book.snapshot(instant(6_000)).droughts, [{ ingress: 'in', service: '112', since: 6_000 }]);
  book.record(kpnA, { ...drought, over: true }, instant(7_000));
  t.same(book.snapshot(instant(7_000)).droughts, []);
  const saved = JSON.parse(JSON.stringify(book.snapshot(instant(7_000))));
  t.match(saved.trunks[0], {
    trunk: 'kpn-a',
    service: '112',
    health: { state: 'up', ledgers: { calls: { points: 0 } } },
  });

  const reloaded = new HealthBook(
    networkOf(trunk('kpn-b', 'kpn'), trunk('new', 'third')),
    instant(8_000),
    settings,
    book,
  );
  t.equal(reloaded.view().trunk(kpnB, service), 'down', 'a new configuration does not forget');
  t.equal(reloaded.view().carrier(kpn, service), 'absent');
  t.equal(reloaded.view().trunk(id<TrunkId>('new'), service), 'unproven');
  t.end();
});

t.test('P5 silence on two trunks at once is an absent carrier', (t) => {
  const book = new HealthBook(network, instant(0));
  book.record(kpnA, failure('silent'), instant(1_000));
  t.same(told(book.record(kpnB, failure('silent'), instant(1_600))), ['kpn-b 112 suspect', 'kpn 112 absent']);
  t.same(told(book.record(kpnA, answered, instant(7_000))), ['kpn-a 112 up', 'kpn 112 present']);
  const slow = new HealthBook(network, instant(0));
  slow.record(kpnA, failure('silent'), instant(1_000));
  t.same(told(slow.record(kpnB, failure('silent'), instant(7_000))), ['kpn-b 112 suspect'], 'not at once');
  const lying = new HealthBook(network, instant(0));
  lying.record(kpnA, failure('rejected'), instant(1_000));
  t.same(told(lying.record(kpnB, failure('rejected'), instant(1_100))), ['kpn-b 112 suspect'], 'not silent');
  t.end();
});

/** The moments of `count` probes in a row, none answered yet. */
function probeTimes(of: Trunk, ledgers: Ledgers, start: ProbeSchedule, count: number): readonly number[] {
  let schedule = start;
  const moments: number[] = [];
  for (let sent = 0; sent < count; sent += 1) {
    const at = nextProbe(of, schedule, [ledgers], instant(10_000), 0) ?? instant(-1);
    moments.push(at);
    schedule = probeSent(schedule, [ledgers], at);
  }
  return moments;
}

t.test('when to probe', (t) => {
  const usual = trunk('kpn-a', 'kpn');
  const probed: ProbeSchedule = { ...freshSchedule, sent: 7, lastSent: instant(10_000) };
  t.equal(nextProbe(usual, freshSchedule, [emptyLedgers], instant(50), 0.5), 50, 'the first goes at once');
  const once = probeSent(freshSchedule, [emptyLedgers], instant(50));
  t.equal(nextProbe(usual, once, [emptyLedgers], instant(60), 0.5), 1_550, 'the second is out of step with others');
  t.same(probeTimes(usual, emptyLedgers, probed, 3), [11_000, 12_000, 13_000]);
  t.equal(nextProbe(usual, probed, [emptyLedgers], instant(10_000), 0.5), 11_050, 'spread');
  t.equal(nextProbe(trunk('x', 'y', { probeInterval: ms(0) }), probed, [emptyLedgers], instant(0), 0), undefined);

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
  t.equal(nextProbe(usual, probed, [emptyLedgers, busy], instant(10_000), 0), 15_000, 'traffic is the better probe');
  t.equal(nextProbe(usual, probed, [busy], instant(14_000), 0), 11_000, 'old traffic is not');
  t.end();
});

t.test('when a probe is late', (t) => {
  const learned = (...samples: readonly number[]): RoundTrip | undefined =>
    samples.reduce<RoundTrip | undefined>((known, sample) => learnRoundTrip(known, ms(sample)), undefined);
  const timeout = (roundTrip: RoundTrip | undefined): number => probeTimeout({ ...emptyLedgers.probe, roundTrip });
  t.equal(timeout(undefined), 500);
  t.equal(timeout(learned(300, 300)), 500, 'too few answers');
  t.equal(timeout(learned(...Array.from({ length: 40 }, () => 2))), 500, 'never shorter');
  t.ok(timeout(learned(300, 500, 300, 500, 300, 500, 300, 500)) > 500);
  t.equal(timeout(learned(...Array.from({ length: 9 }, () => 9_000))), 1_500, 'never longer');
  t.end();
});
