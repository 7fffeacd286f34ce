import t from 'tap';
import { Alarms } from '../../src/app/alarms.js';
import { Watch } from '../../src/app/watch.js';
import { LogNotifier } from '../../src/adapters/notifier/log.js';
import type { Evidence } from '../../src/domain/health.js';
import { id, type CallId, type IngressId, type TrunkId } from '../../src/domain/ids.js';
import type { JournalRecord } from '../../src/domain/journal-record.js';
import type { Network } from '../../src/domain/network.js';
import { judge } from '../../src/failure/verdict.js';
import { answered, attempt, failure, goodProbe, lostProbe, times } from '../support/evidence.js';
import { SERVICE_112, smallNetwork } from '../support/network.js';
import { office } from '../support/office.js';

const small = smallNetwork([
  { id: 'kpn-a', carrier: 'kpn' },
  { id: 'second-a', carrier: 'second' },
]);
const network: Network = {
  ...small,
  ingresses: [
    {
      ...{ id: id<IngressId>('kpn'), carrier: [...small.carriers.keys()][0], sources: ['127.0.0.0/8'] },
      expectedBusyHour: new Map([[SERVICE_112, 600]]),
    },
  ],
};
const kpnA = id<TrunkId>('kpn-a');

/** A gateway that raises alarms. */
function watched(of: Network = network) {
  const records: JournalRecord[] = [];
  let see: (entry: JournalRecord) => void = ignore;
  const journal = {
    record: (entry: JournalRecord): void => {
      records.push(entry);
      see(entry);
    },
  };
  const bench = office(of, { journal });
  const { clock, keeper, logged } = bench;
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const told: string[] = [];
  const lines = { ...log, error: (_: unknown, text: string) => told.push(text) };
  let made = 0;
  const random = { fraction: () => 0.5, hex: () => `alarm-${++made}` };
  const alarms = new Alarms({ clock, random, journal, log, notifiers: [new LogNotifier(lines)] });
  const watch = new Watch(() => keeper.watched, alarms, clock);
  see = (entry) => {
    watch.see(entry);
  };
  watch.start();
  t.teardown(() => {
    watch.stop();
    keeper.close();
  });
  const kinds = (): readonly string[] => alarms.active().map(({ kind, severity }) => `${kind} ${severity}`);
  const sees = (trunk: TrunkId, ...evidence: readonly Evidence[]): void => {
    for (const each of evidence) {
      clock.advance(10);
      keeper.record(trunk, each);
    }
  };
  return { clock, records, journal, alarms, kinds, sees, told, logged };
}

function ignore(): void {
  // Nobody reads it.
}

function received(callId: string): JournalRecord {
  return {
    ...{ type: 'call-received', callId: id<CallId>(callId), service: SERVICE_112, class: 'emergency' },
    ...{
      ingress: id<IngressId>('kpn'),
      source: 'udp:127.0.0.1:5060',
      dialled: 'sip:112@x',
      caller: '',
      identities: [],
    },
  };
}

function ended(callId: string, outcome: 'answered' | 'failed'): JournalRecord {
  return {
    ...{ type: 'call-ended', callId: id<CallId>(callId), outcome, by: 'gateway', cause: '', reasons: [], afterMs: 100 },
  };
}

function events(records: readonly JournalRecord[]): readonly string[] {
  return records.flatMap((each) =>
    each.type === 'alarm-raised' || each.type === 'alarm-cleared' ? [`${each.type} ${each.alarm.kind}`] : [],
  );
}

t.test(
  'an alarm is raised once and cleared once: in the journal, as an error in the log, and in the list',
  async (t) => {
    const { sees, kinds, records, told, alarms, clock } = watched();
    sees(kpnA, goodProbe, answered, ...times(4, failure('rejected')));
    clock.advance(5_000);
    t.same(kinds(), [
      'carrier-absent critical',
      'trunk-down major',
      'failing-attempts major',
      'green-without-calls major',
    ]);
    t.equal(told.filter((line) => /kpn is gone for 112/.test(line)).length, 1);
    t.match(alarms.active()[0], { subject: { of: 'carrier', carrier: 'kpn', service: '112' }, since: /^\d{4}-/ });
    const raised = events(records).filter((each) => each === 'alarm-raised carrier-absent');
    t.equal(raised.length, 1);
    sees(kpnA, ...times(3, goodProbe));
    clock.advance(10_000);
    sees(kpnA, ...times(80, answered));
    clock.advance(2_000);
    t.same(kinds(), [], 'all over');
    const cleared = records.flatMap((each) => (each.type === 'alarm-cleared' ? [each.alarm] : []));
    const started = records.flatMap((each) => (each.type === 'alarm-raised' ? [each.alarm] : []));
    t.same(cleared.map((each) => each.id).toSorted(), started.map((each) => each.id).toSorted(), 'under the same ids');
  },
);

t.test('P19, R8 probes are green and no calls come', async (t) => {
  const { clock, journal, sees, kinds, told, records } = watched();
  journal.record(received('a'));
  for (let seconds = 0; seconds < 1_200; seconds += 1) {
    clock.advance(1_000);
    sees(kpnA, goodProbe);
  }
  t.same(kinds(), ['drought critical', 'green-without-calls critical']);
  t.ok(
    told.some((line) => /no call of 112 came from kpn for 101 s, where 14 usually come/.test(line)),
    told.join('\n'),
  );
  t.ok(told.some((line) => /automatic checks of kpn see no fault, and no call of 112 came/.test(line)));
  journal.record(received('b'));
  clock.advance(1_000);
  t.same(kinds(), []);
  t.equal(events(records).length, 4, 'each raised once and cleared once');
});

t.test('R33 none of the last calls connected pages at the highest level', async (t) => {
  const { journal, kinds } = watched();
  for (let calls = 0; calls < 5; calls += 1) {
    t.same(kinds(), []);
    journal.record(received(String(calls)));
    journal.record(ended(String(calls), 'failed'));
  }
  t.same(kinds(), ['inability critical']);
  journal.record(received('6'));
  journal.record({
    ...{ type: 'call-answered', callId: id<CallId>('6'), attempt: id('a'), trunk: kpnA, afterMs: 100 },
    ...{ carrier: id('kpn'), destination: id('meldkamer') },
  });
  t.same(kinds(), []);
});

t.test('R25 one first attempt in ten fails, hidden by good retries: an alarm within 30 calls', async (t) => {
  const { sees, kinds, clock } = watched();
  let calls = 0;
  while (!kinds().some((each) => each.startsWith('failing-attempts')) && calls < 100) {
    calls += 1;
    sees(kpnA, calls % 9 === 5 ? attempt({ kind: 'failed', verdict: refusal }) : answered);
    clock.advance(1_000);
  }
  t.ok(calls <= 30, `after ${calls} calls`);
});

const refusal = judge({
  ...{ service: 'emergency', origin: 'peer', status: 500, reasons: [], sawProgress: false },
  ...{ plain: false, ownNumber: false },
});

t.test('what has to be mended, and silence of everybody', async (t) => {
  const { journal, kinds, clock, sees } = watched(small);
  const wrong = judge({
    ...{ service: 'emergency', origin: 'peer', status: 403, reasons: [], sawProgress: false },
    ...{ plain: false, ownNumber: false },
  });
  const refused = (): JournalRecord => ({
    ...{ type: 'attempt-ended', callId: id<CallId>('a'), attempt: id('a'), trunk: kpnA, carrier: id('kpn') },
    ...{ outcome: 'failed', verdict: wrong, afterMs: 10 },
  });
  journal.record(refused());
  t.same(kinds(), ['configuration minor']);
  clock.advance(3_000_000);
  journal.record(refused());
  clock.advance(3_000_000);
  t.same(kinds(), ['configuration minor'], 'it is heard again and again');
  clock.advance(3_000_000);
  t.same(kinds(), []);

  for (let misses = 0; misses < 20; misses += 1) {
    sees(kpnA, lostProbe);
    sees(id<TrunkId>('second-a'), lostProbe);
  }
  clock.advance(1_000);
  t.same(kinds(), ['part-gone critical'], 'nobody is blamed');
  sees(kpnA, goodProbe);
  sees(id<TrunkId>('second-a'), goodProbe);
  clock.advance(1_000);
  t.same(kinds(), []);
});

t.test('a gateway that starts while a carrier is gone says so', async (t) => {
  const { keeper, clock } = office(network);
  keeper.record(kpnA, failure('refused'));
  keeper.record(kpnA, failure('refused'));
  const raised: string[] = [];
  const journal = {
    record: (entry: JournalRecord) => void (entry.type === 'alarm-raised' && raised.push(entry.alarm.kind)),
  };
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const random = { fraction: () => 0, hex: () => 'a' };
  const watch = new Watch(() => keeper.watched, new Alarms({ clock, random, journal, log, notifiers: [] }), clock);
  watch.start();
  t.ok(raised.includes('carrier-absent'), raised.join(', '));
  watch.stop();
  keeper.close();
});
