import t from 'tap';
import type { AttemptOutcome, HealthChange } from '../../src/domain/health.js';
import { id, type CarrierId, type ServiceId, type TrunkId } from '../../src/domain/ids.js';
import { instant } from '../../src/domain/time.js';
import { judge } from '../../src/failure/verdict.js';
import { HealthBook } from '../../src/health/book.js';
import { SlowShare } from '../../src/health/slow-share.js';
import { defaultHealthSettings as settings } from '../../src/health/weights.js';
import { SERVICE_112, smallNetwork } from '../support/network.js';

const SERVICE_0900 = id<ServiceId>('0900-8844');
const [kpnA, kpnB, secondA] = ['kpn-a', 'kpn-b', 'second-a'].map((name) => id<TrunkId>(name)) as [
  TrunkId,
  TrunkId,
  TrunkId,
];
const network = smallNetwork([
  { id: 'kpn-a', carrier: 'kpn' },
  { id: 'kpn-b', carrier: 'kpn' },
  { id: 'second-a', carrier: 'second' },
]);

const rang: AttemptOutcome = { kind: 'progressed' };
const answered: AttemptOutcome = { kind: 'answered' };
const slow: AttemptOutcome = { kind: 'slow' };
const late: AttemptOutcome = {
  kind: 'failed',
  verdict: judge({ service: 'emergency', origin: 'deadline', which: 'progress' }),
};

/** A book of health, and what calls find at moments in milliseconds. */
class Story {
  readonly book = new HealthBook(network, instant(0), settings);

  sees(
    at: number,
    trunk: TrunkId,
    outcome: AttemptOutcome,
    startedAt: number,
    service = SERVICE_112,
  ): readonly string[] {
    const evidence = { type: 'attempt', service, outcome, startedAt: instant(startedAt) } as const;
    return this.book.record(trunk, evidence, instant(at)).map(inWords);
  }

  states(service = SERVICE_112): string {
    return [kpnA, kpnB, secondA].map((trunk) => this.book.view().trunk(trunk, service)).join(' ');
  }

  carrier(service = SERVICE_112): string {
    return this.book.view().carrier(id<CarrierId>('kpn'), service);
  }

  /** Calls that rang, so that every trunk is up. */
  warm(): this {
    for (const service of [SERVICE_112, SERVICE_0900]) {
      for (const trunk of [kpnA, kpnB, secondA]) {
        this.sees(20, trunk, rang, 10, service);
      }
    }
    return this;
  }
}

function inWords(change: HealthChange): string {
  return `${change.of === 'trunk' ? change.trunk : change.carrier} ${change.service} ${change.to}`;
}

t.test('P5 calls that wait on both trunks when the first of them is late, and one rings elsewhere', (t) => {
  const story = new Story().warm();
  story.sees(1_300, kpnA, slow, 1_000);
  story.sees(1_500, kpnB, slow, 1_200);
  story.sees(1_700, kpnA, slow, 1_400);
  t.equal(story.states(), 'up up up', 'slow calls alone say nothing');
  story.sees(2_500, kpnA, late, 1_000);
  t.equal(story.states(), 'suspect suspect up', 'the first is late: both trunks go behind the other carrier');
  t.not(story.carrier(), 'absent', 'it may be the answering point that is slow');
  const changes = story.sees(2_600, secondA, rang, 2_500);
  t.ok(changes.includes('kpn 112 absent'), 'the same call rings elsewhere: gone');
  t.match(story.book.carrier(id('kpn'), SERVICE_112)?.cause, /3 calls in a row got 100 from kpn, then nothing/);
  t.equal(story.carrier(SERVICE_0900), 'present', 'R21: 0900-8844 is carried');
  t.end();
});

t.test('one slow answering point is no outage', (t) => {
  const story = new Story().warm();
  story.sees(1_300, kpnA, slow, 1_000);
  story.sees(1_400, kpnB, rang, 1_200);
  story.sees(1_700, kpnB, slow, 1_400);
  story.sees(1_800, kpnA, rang, 1_600);
  story.sees(2_500, kpnA, late, 1_000);
  t.equal(story.states(), 'up up up', 'others that left later got through');
  story.sees(2_600, secondA, rang, 2_500);
  t.equal(story.carrier(), 'present');
  const alone = new Story().warm();
  alone.sees(1_300, kpnA, slow, 1_000);
  alone.sees(2_500, kpnA, late, 1_000);
  alone.sees(2_600, secondA, rang, 2_500);
  t.equal(alone.states(), 'suspect up up', 'a call that is alone says something of its own trunk only');
  t.end();
});

t.test('an answering point that is slow over every carrier', (t) => {
  const story = new Story().warm();
  for (const [trunk, startedAt] of [
    [kpnA, 1_000],
    [kpnB, 1_200],
    [kpnA, 1_400],
  ] as const) {
    story.sees(startedAt + 300, trunk, slow, startedAt);
  }
  story.sees(2_500, kpnA, late, 1_000);
  story.sees(2_800, secondA, slow, 2_500);
  t.not(story.carrier(), 'absent', 'nobody rings elsewhere');
  t.end();
});

t.test('R1 two calls that stall on trunks of one carrier: the third goes elsewhere at once', (t) => {
  const story = new Story().warm();
  story.sees(1_300, kpnA, slow, 1_000);
  story.sees(2_300, kpnB, slow, 2_000);
  story.sees(2_500, kpnA, late, 1_000);
  t.equal(story.states(), 'suspect suspect up');
  story.sees(2_600, kpnB, rang, 2_000);
  t.equal(story.states(), 'suspect up up', 'the second rings late: it takes its trunk back');

  const taught = new Story().warm();
  for (let call = 0; call < 50; call += 1) {
    taught.sees(500, kpnA, rang, 400);
  }
  taught.sees(1_300, kpnA, slow, 1_000);
  taught.sees(2_500, kpnA, late, 1_000);
  t.equal(taught.states(), 'suspect up up');
  taught.sees(2_600, secondA, rang, 2_500);
  t.equal(
    taught.states(),
    'suspect suspect up',
    'where no call ever did, one is enough when it rings elsewhere at once',
  );
  t.equal(taught.states(SERVICE_0900), 'up up up');
  t.end();
});

t.test('calls that were put through before may be answered when the core is dead', (t) => {
  const story = new Story().warm();
  story.sees(1_100, kpnA, rang, 1_000);
  story.sees(1_500, kpnA, slow, 1_200);
  story.sees(2_700, kpnA, late, 1_200);
  t.equal(story.states(), 'suspect up up');
  story.sees(5_000, kpnA, answered, 1_000);
  t.equal(story.states(), 'suspect up up', 'an answer to an earlier call clears nothing');
  story.sees(5_100, kpnA, rang, 5_000);
  story.sees(9_000, kpnA, answered, 5_000);
  t.equal(story.states(), 'up up up', 'one to a later call does');
  t.end();
});

t.test('a dead core is dead for every service', (t) => {
  const story = new Story().warm();
  story.sees(1_300, kpnA, slow, 1_000);
  story.sees(1_400, kpnB, slow, 1_100, SERVICE_0900);
  story.sees(1_500, kpnA, slow, 1_200, SERVICE_0900);
  story.sees(2_500, kpnA, late, 1_000);
  t.ok(story.sees(2_600, secondA, rang, 2_500).includes('kpn 112 absent'), 'two calls of 0900-8844 stall with it');
  t.ok(story.sees(2_700, secondA, rang, 2_600, SERVICE_0900).includes('kpn 0900-8844 absent'));
  t.end();
});

t.test('what stalled seconds ago says nothing of now', (t) => {
  const story = new Story().warm();
  story.sees(1_300, kpnA, slow, 1_000);
  story.sees(9_300, kpnB, slow, 9_000);
  story.sees(17_300, kpnA, slow, 17_000);
  story.sees(18_500, kpnA, late, 17_000);
  story.sees(18_600, secondA, rang, 18_500);
  t.equal(story.states(), 'suspect up up');
  t.end();
});

t.test('where calls are slow now and then it takes more of them', (t) => {
  const share = new SlowShare();
  t.equal(share.callsInARow, 3);
  for (let call = 0; call < 2_000; call += 1) {
    if (call % 20 === 0) {
      share.wasSlow();
    } else {
      share.gotThrough();
    }
  }
  t.equal(share.callsInARow, 6, 'one in twenty');
  for (let call = 0; call < 20_000; call += 1) {
    share.gotThrough();
  }
  t.equal(share.callsInARow, 3, 'and fewer when that is over');
  t.end();
});
