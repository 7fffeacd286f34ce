import t from 'tap';
import type { AttemptOutcome } from '../../src/domain/health.js';
import { id, type CarrierId, type TrunkId } from '../../src/domain/ids.js';
import { instant } from '../../src/domain/time.js';
import { HealthBook } from '../../src/health/book.js';
import { restoreTrunk, saveTrunk } from '../../src/health/saved.js';
import { defaultHealthSettings as settings } from '../../src/health/weights.js';
import { ms } from '../../src/domain/time.js';
import { FakeCaller } from '../support/fake-sip-server.js';
import { SERVICE_112, smallNetwork } from '../support/network.js';
import { office, settle } from '../support/office.js';

// A carrier rings, and nobody is there: the same answering point is answered over another carrier.

const network = smallNetwork([
  { id: 'kpn-a', carrier: 'kpn', tier: 1 },
  { id: 'kpn-b', carrier: 'kpn', tier: 1 },
  { id: 'second-a', carrier: 'second', tier: 2 },
]);
const kpnA = id<TrunkId>('kpn-a');
const kpnB = id<TrunkId>('kpn-b');

class Story {
  readonly book = new HealthBook(network, instant(0), settings);
  #now = 0;

  sees(trunk: TrunkId, kind: 'progressed' | 'in-vain' | 'answered'): void {
    this.#now += 100;
    const outcome: AttemptOutcome = { kind };
    this.book.record(trunk, { type: 'attempt', service: SERVICE_112, outcome }, instant(this.#now));
  }

  states(): string {
    return [kpnA, kpnB].map((trunk) => this.book.view().trunk(trunk, SERVICE_112)).join(' ');
  }
}

t.test(
  'three calls in a row put the trunks of the carrier behind the others, though they ring again and again',
  (t) => {
    const story = new Story();
    for (const trunk of [kpnA, kpnB, kpnA]) {
      t.not(story.states(), 'suspect suspect');
      story.sees(trunk, 'progressed');
      story.sees(trunk, 'in-vain');
    }
    t.equal(story.states(), 'suspect suspect');
    story.sees(kpnA, 'progressed');
    t.equal(story.states(), 'suspect suspect', 'ringing is what it did all the time');
    t.match(
      story.book.trunk(kpnA, SERVICE_112)?.cause,
      /3 calls in a row rang, and were answered over another carrier/,
    );
    story.sees(kpnA, 'answered');
    t.equal(story.states(), 'up suspect', 'each clears itself');
    t.end();
  },
);

t.test('a trunk of two whose calls ring where nobody is: the other one stays', (t) => {
  const story = new Story();
  for (let calls = 0; calls < 3; calls += 1) {
    story.sees(kpnA, 'in-vain');
    story.sees(kpnB, 'answered');
  }
  t.equal(story.states(), 'suspect up');
  t.end();
});

t.test('ten in a row, and it is gone: calls that ring there are tried elsewhere at once', (t) => {
  const story = new Story();
  for (let calls = 0; calls < 9; calls += 1) {
    story.sees(kpnA, 'in-vain');
  }
  t.equal(story.states(), 'suspect suspect');
  story.sees(kpnB, 'in-vain');
  t.equal(story.states(), 'down down');
  t.equal(story.book.view().carrier(id<CarrierId>('kpn'), SERVICE_112), 'absent');
  t.end();
});

t.test('an answer in between ends the row', (t) => {
  const story = new Story();
  for (let calls = 0; calls < 20; calls += 1) {
    story.sees(kpnA, calls % 3 === 2 ? 'answered' : 'in-vain');
    story.sees(kpnB, 'answered');
  }
  t.equal(story.states(), 'up up', 'all positions are taken, and either leg is picked up');
  t.end();
});

t.test('a gateway that was restarted knows it', async (t) => {
  const story = new Story();
  for (let calls = 0; calls < 3; calls += 1) {
    story.sees(kpnA, 'in-vain');
  }
  const health = story.book.trunk(kpnA, SERVICE_112);
  const saved = health && saveTrunk({ trunk: kpnA, service: SERVICE_112 }, health, instant(1_000));
  const restored = saved && restoreTrunk(saved, ms(5_000), instant(0));
  t.match(restored, { state: 'suspect', ledgers: { calls: { inVain: 3 } } });
});

t.test('the call machine tells it: rang too long, answered soon over the other carrier', async (t) => {
  const { server, clock, keeper } = office(network);
  for (let call = 0; call < 3; call += 1) {
    const before = server.callees.length;
    server.incoming(new FakeCaller('sip:112@127.0.0.1'));
    server.callee(before).provisional(180);
    clock.advance(12_000);
    server.callee(before + 1).provisional(180);
    clock.advance(200);
    server.callee(before + 1).answer('v=0');
    await settle();
  }
  const emergency = keeper.snapshot().trunks.filter(({ service }) => service === SERVICE_112);
  const states = emergency.map(({ trunk, health }) => `${trunk} ${health.state}`);
  t.same(states, ['kpn-a suspect', 'kpn-b suspect', 'second-a up']);
  keeper.close();
});
