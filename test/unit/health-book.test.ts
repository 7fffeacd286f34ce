import t from 'tap';
import type { Evidence, HealthChange } from '../../src/domain/health.js';
import { id, type CarrierId, type RiskGroupId, type ServiceId, type TrunkId } from '../../src/domain/ids.js';
import type { Network } from '../../src/domain/network.js';
import { instant, ms } from '../../src/domain/time.js';
import type { Verdict } from '../../src/domain/verdict.js';
import { HealthBook } from '../../src/health/book.js';
import { restored } from '../../src/health/entries.js';
import { defaultHealthSettings as settings } from '../../src/health/weights.js';
import {
  answered,
  attempt,
  failure,
  goodDrill,
  goodProbe,
  lineDown,
  lostProbe,
  missed,
  rang,
  times,
} from '../support/evidence.js';
import { SERVICE_112, smallNetwork } from '../support/network.js';

const SERVICE_0900 = id<ServiceId>('0900-8844');
const kpnA = id<TrunkId>('kpn-a');
const kpnB = id<TrunkId>('kpn-b');
const secondA = id<TrunkId>('second-a');
const kpn = id<CarrierId>('kpn');
const network = smallNetwork([
  { id: 'kpn-a', carrier: 'kpn' },
  { id: 'kpn-b', carrier: 'kpn' },
  { id: 'second-a', carrier: 'second' },
]);

function of0900(evidence: Evidence): Evidence {
  return evidence.type === 'attempt' ? { ...evidence, service: SERVICE_0900 } : evidence;
}

function told(changes: readonly HealthChange[]): readonly string[] {
  return changes.map(
    (change) => `${change.of === 'trunk' ? change.trunk : change.carrier} ${change.service} ${change.to}`,
  );
}

/** A book, and time that goes on by 10 ms with each piece of evidence. */
class Story {
  readonly book: HealthBook;
  now = 0;

  constructor(of: Network = network, more: Partial<typeof settings> = {}) {
    this.book = new HealthBook(of, instant(0), { ...settings, ...more });
  }

  at(seconds: number): this {
    this.now = seconds * 1_000;
    return this;
  }

  sees(trunk: TrunkId, ...evidence: readonly Evidence[]): readonly string[] {
    return evidence.flatMap((each) => {
      this.now += 10;
      return told(this.book.record(trunk, each, instant(this.now)));
    });
  }

  /** Time passes, and the probes of a trunk are answered. */
  passes(seconds: number, trunk: TrunkId = kpnA): readonly string[] {
    this.now += seconds * 1_000;
    return [...this.sees(trunk, ...times(3, goodProbe)), ...told(this.book.tick(instant(this.now)))];
  }

  admits(trunk: TrunkId, service: ServiceId): boolean {
    return this.book.admitsCanary(trunk, service, instant(this.now));
  }

  state(trunk: TrunkId, service: ServiceId = SERVICE_112): string {
    return this.book.view().trunk(trunk, service);
  }

  carrier(service: ServiceId = SERVICE_112): string {
    return this.book.view().carrier(kpn, service);
  }
}

t.test('the book', (t) => {
  const story = new Story();
  const { book } = story;
  const first = book.view();
  t.equal(book.view(), first, 'the same view until something changes');
  t.equal(first.trunk(kpnA, SERVICE_112), 'unproven');
  t.equal(first.trunk(id<TrunkId>('no such'), SERVICE_112), 'unproven');

  t.same(story.sees(kpnA, failure('rejected')), ['kpn-a 112 suspect']);
  t.equal(story.state(kpnA, SERVICE_0900), 'unproven', 'each service has its own truth');
  t.not(book.view(), first);
  t.same(story.sees(kpnA, failure('rejected')), ['kpn-a 112 down', 'kpn 112 doubted']);
  t.ok((book.nextTick(instant(20)) ?? 0) >= 5_020, 'the hold-down');
  t.same(story.sees(kpnB, lineDown), [
    'kpn-b 112 down',
    'kpn-b 0900-8844 down',
    'kpn 112 absent',
    'kpn 0900-8844 doubted',
  ]);
  t.equal(story.carrier(), 'absent');
  t.equal(story.carrier(SERVICE_0900), 'doubted', 'R21: 0900-8844 goes on over kpn-a');
  t.equal(book.view().carrier(kpn), 'absent', 'the worst of the services');
  t.equal(book.version, 3);

  const smaller = smallNetwork([
    { id: 'kpn-b', carrier: 'kpn' },
    { id: 'new', carrier: 'third' },
  ]);
  const reloaded = new HealthBook(smaller, instant(8_000), settings, book);
  t.equal(reloaded.view().trunk(kpnB, SERVICE_112), 'down', 'a new configuration does not forget');
  t.equal(reloaded.view().carrier(kpn, SERVICE_112), 'absent');
  t.equal(reloaded.view().trunk(id<TrunkId>('new'), SERVICE_112), 'unproven');
  t.end();
});

t.test('P7 the way back of a carrier reads forwards', (t) => {
  const story = new Story();
  story.sees(kpnA, ...times(2, failure('rejected')));
  t.ok(story.sees(kpnB, ...times(2, failure('rejected'))).includes('kpn 112 absent'));
  story.sees(kpnB, lostProbe);
  const states: string[] = [];
  const note = (changes: readonly string[]): void => {
    states.push(...changes.filter((each) => each.startsWith('kpn 112')).map((each) => each.slice(8)));
  };
  note(story.passes(6, kpnA));
  note(story.sees(kpnA, answered));
  note(story.sees(kpnA, ...times(3, answered)));
  t.same(states, ['returning', 'present', 'doubted'], 'one trunk carries calls again, the other is still down');
  note(story.passes(6, kpnB));
  t.equal(story.carrier(), 'doubted', 'kpn-b takes canaries');
  note(story.sees(kpnB, ...times(2, answered)));
  t.same(states, ['returning', 'present', 'doubted', 'present']);
  note(story.sees(kpnA, ...times(60, answered)));
  t.equal(story.state(kpnA), 'up');
  t.same(states, ['returning', 'present', 'doubted', 'present']);
  t.end();
});

t.test('P7 the shares of a returning trunk', (t) => {
  const story = new Story();
  const taken = (calls: number): number =>
    Array.from({ length: calls }, () => story.book.takesShare(kpnA, SERVICE_112)).filter(Boolean).length;
  t.equal(taken(100), 0, 'a trunk in service needs no share');
  story.sees(kpnA, ...times(2, failure('rejected')));
  t.equal(taken(100), 0, 'nor does one that is down take any');
  story.passes(6);
  t.equal(taken(100), 0, 'nor one that takes canaries');
  story.sees(kpnA, ...times(2, answered));
  t.equal(taken(1_000), 50);
  story.sees(kpnA, ...times(20, answered));
  t.equal(taken(1_000), 250);
  story.sees(kpnA, ...times(20, answered));
  t.equal(story.state(kpnA), 'up');
  t.end();
});

t.test('R6, R10 a carrier that succeeds at 40 % does not get its place back', (t) => {
  let seed = 7;
  const random = (): number => {
    seed = (seed * 16_807) % 2_147_483_647;
    return seed / 2_147_483_647;
  };
  const story = new Story();
  story.sees(kpnA, ...times(2, failure('rejected')));
  let inPlace = 0;
  for (let calls = 0; calls < 5_000; calls += 1) {
    story.passes(2);
    const isOffered = story.admits(kpnA, SERVICE_0900) || story.admits(kpnA, SERVICE_112);
    if (isOffered || story.book.takesShare(kpnA, SERVICE_112)) {
      story.book.canaryStarted(kpnA, SERVICE_112, instant(story.now));
      story.sees(kpnA, random() < 0.4 ? answered : failure('rejected'));
    }
    inPlace += story.state(kpnA) === 'up' ? 1 : 0;
  }
  t.equal(inPlace, 0);
  t.end();
});

t.test('P7 canaries of 112 wait for those of 0900-8844', (t) => {
  const both = (): Story => {
    const story = new Story();
    story.sees(kpnA, lineDown, { type: 'line', state: 'up', cause: '' });
    story.passes(6);
    return story;
  };
  t.ok(both().admits(kpnA, SERVICE_0900));
  t.notOk(both().admits(kpnA, SERVICE_112));
  const proven = both();
  proven.sees(kpnA, of0900(answered));
  t.ok(proven.admits(kpnA, SERVICE_112), 'a call of 0900-8844 got through');
  const drilled = both();
  drilled.sees(kpnA, goodDrill);
  t.equal(drilled.book.trunk(kpnA, SERVICE_112)?.state, 'recovering');
  t.ok(Array.from({ length: 20 }, () => drilled.book.takesShare(kpnA, SERVICE_112)).includes(true), 'a drill did');
  const quiet = both();
  quiet.passes(601);
  t.ok(quiet.admits(kpnA, SERVICE_112), 'nobody dials 0900-8844: not for ever');
  const only112 = new Story();
  only112.sees(kpnA, of0900(answered), ...times(2, failure('rejected')), of0900(answered));
  only112.passes(6);
  t.equal(only112.state(kpnA, SERVICE_0900), 'up');
  t.ok(only112.admits(kpnA, SERVICE_112), 'R21: 0900-8844 is carried all the time');
  t.end();
});

/** Misses of both trunks of KPN, in turn, while `second-a` is heard or not. */
function silence(story: Story, count: number, isHeard: boolean, ...trunks: readonly TrunkId[]): readonly string[] {
  return Array.from({ length: count }, (_, index) => {
    story.now += 50;
    const changes = story.sees(trunks[index % trunks.length] ?? kpnA, index % 2 === 0 ? missed : lostProbe);
    return isHeard ? [...changes, ...story.sees(secondA, goodProbe)] : changes;
  }).flat();
}

t.test('P5 nine datagrams in a row over the trunks of a carrier', (t) => {
  const story = new Story();
  silence(story, 8, true, kpnA, kpnB);
  t.not(story.carrier(), 'absent');
  const changes = silence(story, 1, true, kpnA);
  t.ok(changes.includes('kpn 112 absent') && changes.includes('kpn 0900-8844 absent'), changes.join(', '));
  t.equal(story.state(kpnB), 'down', 'with all its trunks');
  t.match(story.book.carrier(kpn, SERVICE_112)?.cause, /everything of kpn fell silent together/);

  const other = new Story();
  silence(other, 8, true, kpnA);
  other.sees(kpnB, goodProbe);
  silence(other, 8, true, kpnA);
  t.not(other.carrier(), 'absent', 'one trunk answers');
  t.equal(other.state(kpnA), 'down', 'the other has nine in a row of its own');

  const atOnce = new Story();
  for (let misses = 0; misses < 6; misses += 1) {
    atOnce.sees(kpnA, missed);
    atOnce.sees(kpnB, missed);
  }
  t.not(atOnce.carrier(), 'absent', 'many at once may be a pause of the network');

  const late = new Story();
  silence(late, 8, true, kpnA, kpnB);
  late.sees(kpnB, { type: 'attempt', service: SERVICE_112, outcome: { kind: 'heard' } });
  silence(late, 1, true, kpnA);
  t.not(late.carrier(), 'absent', 'an answer came late, and ends the row');

  const apart = new Story(network, { correlation: false });
  silence(apart, 12, true, kpnA, kpnB);
  t.not(apart.carrier(), 'absent', 'without correlation each needs nine of its own');
  t.end();
});

t.test('P17 trunks of two carriers that share a fibre', (t) => {
  const fibre = id<RiskGroupId>('fibre-west');
  const trunks = [...network.trunks.values()].map((trunk) =>
    trunk.id === kpnB ? trunk : { ...trunk, riskGroups: new Set([...trunk.riskGroups, fibre]) },
  );
  const story = new Story({ ...network, trunks: new Map(trunks.map((trunk) => [trunk.id, trunk])) });
  const changes: string[] = [];
  for (let misses = 0; misses < 9; misses += 1) {
    story.now += 50;
    changes.push(...story.sees(misses % 2 === 0 ? kpnA : secondA, missed), ...story.sees(kpnB, goodProbe));
  }
  t.ok(changes.includes('kpn-a 112 down') && changes.includes('second-a 112 down'), changes.join(', '));
  t.equal(story.state(kpnB), 'up');
  t.match(story.book.trunk(kpnA, SERVICE_112)?.cause, /everything on fibre-west fell silent together/);
  t.end();
});

t.test('self-doubt: when everything falls silent in the same moment the trunks are not blamed', (t) => {
  const story = new Story();
  const changes = silence(story, 60, false, kpnA, kpnB, secondA);
  t.notOk(
    changes.some((each) => / (down|absent)$/.test(each)),
    changes.join(', '),
  );
  t.ok(story.book.snapshot(instant(story.now)).selfDoubtSince !== undefined, 'it is said');
  t.ok(story.sees(secondA, goodProbe).every((each) => !each.includes('down')));
  t.equal(story.book.snapshot(instant(story.now)).selfDoubtSince, undefined);
  story.now += 1_000;
  t.ok(silence(story, 9, true, kpnA, kpnB).includes('kpn 112 absent'), 'somebody is heard, and KPN is not');

  const sure = new Story(network, { selfDoubt: false });
  t.ok(silence(sure, 60, false, kpnA, kpnB, secondA).includes('kpn 112 absent'), 'without self-doubt it is blamed');

  const lonely = new Story(smallNetwork([{ id: 'kpn-a', carrier: 'kpn' }]));
  t.ok(silence(lonely, 9, false, kpnA).includes('kpn 112 absent'), 'with nobody else to hear, it is taken for gone');
  t.end();
});

t.test('self-doubt: what was not heard while our own process stood still is no evidence', (t) => {
  const story = new Story();
  story.book.ignoreSilence(instant(story.now), ms(300));
  t.same(story.sees(kpnA, ...times(9, lostProbe), ...times(9, failure('silent'))), []);
  t.same(story.sees(kpnA, failure('rejected')), ['kpn-a 112 suspect'], 'an answer is');
  story.at(1);
  t.ok(silence(story, 9, true, kpnA).includes('kpn-a 112 down'));
  t.end();
});

t.test('calls that fail behind two trunks of a carrier', (t) => {
  const behind = attempt({
    kind: 'failed',
    verdict: { fault: 'carrier', kind: 'rejected', weight: 'strong', next: 'next', reason: '503', status: 503 },
  });
  const story = new Story();
  story.sees(kpnA, behind);
  story.sees(kpnB, behind);
  t.ok(story.sees(kpnA, behind).includes('kpn 112 absent'), 'three, and none got through');
  t.equal(story.state(kpnB), 'down');
  t.equal(story.state(kpnB, SERVICE_0900), 'unproven', 'R21: 112 only');
  const half = new Story();
  half.sees(kpnA, behind);
  half.sees(kpnB, behind, rang, behind);
  t.not(half.carrier(), 'absent', 'one rang');
  const apart = new Story(network, { correlation: false });
  apart.sees(kpnA, behind);
  apart.sees(kpnB, behind);
  apart.sees(kpnA, behind);
  t.not(apart.carrier(), 'absent');
  t.end();
});

const busy: Verdict = {
  ...{ fault: 'callee', kind: 'callee', weight: 'none', next: 'next', reason: '486', status: 486, told: 'busy' },
} as const;
const saidBusy = attempt({ kind: 'failed', verdict: busy });

t.test('R9 a cluster of busy that nobody else confirms', (t) => {
  const story = new Story();
  story.sees(secondA, answered);
  story.sees(kpnA, saidBusy, saidBusy);
  t.equal(story.state(kpnA), 'unproven');
  t.same(story.sees(kpnA, saidBusy), ['kpn-a 112 suspect']);
  t.same(story.sees(kpnA, saidBusy).slice(0, 1), ['kpn-a 112 down']);

  const full = new Story();
  full.sees(secondA, answered, saidBusy);
  full.sees(kpnA, ...times(9, saidBusy));
  t.equal(full.state(kpnA), 'unproven', 'another carrier says the same');
  const closed = new Story();
  closed.sees(kpnA, ...times(9, saidBusy));
  t.equal(closed.state(kpnA), 'unproven', 'nobody is answered anywhere');
  const slow = new Story();
  for (let minutes = 1; minutes < 9; minutes += 1) {
    slow.at(minutes * 31).sees(kpnA, saidBusy);
    slow.sees(secondA, answered);
  }
  t.equal(slow.state(kpnA), 'unproven', 'two in a minute');
  const sure = new Story();
  sure.sees(secondA, answered);
  sure.sees(kpnA, ...times(9, attempt({ kind: 'failed', verdict: { ...busy, isSure: true } })));
  t.equal(sure.state(kpnA), 'unproven', 'the far end itself');
  t.end();
});

t.test('silence that a later call outweighs is a lost packet', (t) => {
  const story = new Story();
  story.sees(kpnA, goodProbe, answered);
  const stalled = (startedAt: number): Evidence =>
    ({ ...failure('stalled'), startedAt: instant(startedAt) }) as Evidence;
  t.same(story.sees(kpnA, stalled(story.now - 5)), [], 'a call was answered after this one had left');
  t.same(story.sees(kpnA, answered, stalled(story.now - 5)), []);
  t.same(story.sees(kpnA, stalled(story.now + 1)), ['kpn-a 112 suspect']);
  t.end();
});

t.test('KPN gone, gateway restarted: KPN starts as gone', (t) => {
  const story = new Story();
  story.sees(kpnA, goodProbe);
  story.sees(kpnB, goodProbe);
  silence(story, 9, true, kpnA, kpnB);
  story.sees(secondA, answered, goodProbe);
  t.equal(story.carrier(), 'absent');
  const saved = JSON.parse(JSON.stringify(story.book.save(instant(story.now)))) as ReturnType<HealthBook['save']>;
  const start = instant(50);
  const next = new HealthBook(network, start, settings, restored(saved, ms(3_000), start));
  t.equal(next.view().carrier(kpn, SERVICE_112), 'absent');
  t.equal(next.view().trunk(kpnA, SERVICE_112), 'down');
  t.equal(next.view().trunk(secondA, SERVICE_112), 'up');
  const health = next.trunk(kpnA, SERVICE_112);
  t.ok(health !== undefined && health.since < -2_900 && health.since > -3_200, 'with its age');
  t.match(health, { wait: { holdDown: 5_000 } });
  t.same(told(next.tick(instant(10_000))), [], 'it waits for probes as before');
  const back = times(3, goodProbe).flatMap((each) => told(next.record(kpnA, each, instant(10_000))));
  t.ok(back.includes('kpn 112 returning'), back.join(', '));

  const longAgo = new HealthBook(network, start, settings, restored(saved, ms(7_200_000), start));
  t.equal(longAgo.view().carrier(kpn, SERVICE_112), 'absent', 'what was down starts as down, however long ago');
  t.equal(longAgo.view().trunk(secondA, SERVICE_112), 'unproven', 'what worked two hours ago is to be proven');
  const flapping = next.record(kpnA, failure('rejected'), instant(11_000));
  t.same(
    told(flapping).filter((each) => each.includes('kpn-a')),
    ['kpn-a 112 down'],
  );
  t.match(next.trunk(kpnA, SERVICE_112), { wait: { holdDown: 10_000 } }, 'the hold-down goes on doubling');
  t.end();
});

t.test('an answer that was heard before a trunk fell silent, and proved only later, brings nothing back', (t) => {
  const story = new Story();
  story.sees(kpnA, answered, ...times(2, failure('rejected')));
  t.equal(story.state(kpnA), 'down');
  const heard = (at: number): Evidence =>
    answered.type === 'attempt' ? { ...answered, heardAt: instant(at) } : answered;
  const proven = heard(5);
  t.same(story.sees(kpnA, proven), [], 'it says nothing of the time since');
  t.equal(story.state(kpnA), 'down');
  t.same(story.sees(kpnA, heard(story.now)), ['kpn-a 112 recovering']);
  t.same(story.sees(kpnA, proven, proven), [], 'nor does it count as a canary');
  t.equal(story.book.takesShare(kpnA, SERVICE_112), false);
  t.end();
});
