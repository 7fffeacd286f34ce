import t from 'tap';
import type { JournalRecord } from '../../src/domain/journal-record.js';
import type { Header } from '../../src/sip/message.js';
import { FakeCaller } from '../support/fake-sip-server.js';
import { smallNetwork } from '../support/network.js';
import { KPN_AND_SECOND, office, settle } from '../support/office.js';

const CALLER: readonly Header[] = [
  { name: 'Call-ID', value: 'abc@kpn' },
  { name: 'P-Asserted-Identity', value: '"J. Jansen" <sip:+31612345678@kpn.example>' },
];

/** A call to 112 that has come in; first over kpn-a, then over second-a. */
function called(uri = 'sip:112@127.0.0.1', noPath: 'hold' | 'wilt' = 'hold') {
  const desk = office(smallNetwork(KPN_AND_SECOND, noPath));
  const caller = new FakeCaller(uri, CALLER);
  desk.server.incoming(caller);
  return { ...desk, caller };
}

/** What was written about the call, without its report. */
function written(records: readonly JournalRecord[]): readonly JournalRecord[] {
  return records.filter(({ type }) => type !== 'call' && type !== 'health');
}

/** The attempts, in the order of their start. */
function attempts(records: readonly JournalRecord[]): readonly string[] {
  return records.flatMap((record) => (record.type === 'attempt-started' ? [record.attempt] : []));
}

function types(records: readonly JournalRecord[]): readonly string[] {
  return records.map(({ type }) => type);
}

t.test('what came in is written before anything else, with everything that says who called what', (t) => {
  const { records } = called();
  t.match(records.slice(0, 2), [
    {
      type: 'call-received',
      service: '112',
      class: 'emergency',
      ingress: 'local',
      source: 'udp:127.0.0.9:5060',
      dialled: 'sip:112@127.0.0.1',
      caller: '+31612345678',
      identities: [
        { source: 'P-Asserted-Identity', uri: 'sip:+31612345678@kpn.example', display: 'J. Jansen' },
        { source: 'From', uri: 'sip:0612345678@example.nl' },
      ],
      sipCallId: 'abc@kpn',
    },
    {
      type: 'attempt-started',
      place: 1,
      why: 'first',
      trunk: 'kpn-a',
      carrier: 'kpn',
      route: '112-kpn-a',
      destination: 'meldkamer',
      number: '112',
      tier: 1,
      role: 'normal',
      standing: { trunk: 'unproven', carrier: 'present' },
      variant: 'as-sent',
      deadlines: { silenceMs: 600, progressMs: 2_500 },
      afterMs: 0,
    },
  ]);
  t.end();
});

t.test('a silent trunk, then an answer over the next one, and a caller who hangs up', async (t) => {
  const { records, clock, server, caller } = called();
  clock.advance(600);
  server.callee(1).provisional(100);
  clock.advance(50);
  server.callee(1).provisional(180);
  server.callee(1).provisional(180);
  clock.advance(1_000);
  server.callee(1).answer();
  await settle();
  clock.advance(3_000);
  caller.events?.ended({ by: 'peer', reasons: ['Q.850;cause=16'] });
  const [first, second] = attempts(records);
  t.match(written(records).slice(2), [
    {
      type: 'attempt-late',
      attempt: first,
      missing: 'response',
      verdict: { kind: 'silent', fault: 'trunk' },
      afterMs: 600,
    },
    { type: 'attempt-started', attempt: second, place: 2, why: 'silence', trunk: 'second-a', afterMs: 600 },
    { type: 'attempt-responded', attempt: second, status: 100, trusted: false, afterMs: 600 },
    { type: 'attempt-responded', attempt: second, status: 180, trusted: true, afterMs: 650 },
    {
      type: 'attempt-ended',
      attempt: first,
      outcome: 'given up',
      cause: 'rings elsewhere',
      verdict: { kind: 'silent' },
    },
    { type: 'call-ringing', attempt: second, afterMs: 650 },
    { type: 'attempt-ended', attempt: second, outcome: 'answered', status: 200, afterMs: 1_650 },
    { type: 'call-answered', attempt: second, trunk: 'second-a', destination: 'meldkamer', afterMs: 1_650 },
    {
      type: 'call-ended',
      outcome: 'answered',
      by: 'caller',
      cause: 'the caller hung up',
      reasons: ['Q.850;cause=16'],
      afterMs: 4_650,
      talkedMs: 3_000,
    },
  ]);
  t.equal(written(records).length, 11, 'and nothing else');
  t.end();
});

t.test('each failure is written with its whole verdict, and with what it led to', (t) => {
  const { records, server } = called(undefined, 'wilt');
  server.callee(0).fail(503, [{ name: 'Reason', value: 'Q.850;cause=34;location=TN' }]);
  server.callee(1).fail(486);
  t.match(written(records).slice(2), [
    { type: 'attempt-ended', outcome: 'failed', status: 503, verdict: { kind: 'full', cause: 34 } },
    { type: 'attempt-started', place: 2, why: 'failure', trunk: 'second-a' },
    { type: 'attempt-ended', outcome: 'failed', status: 486, verdict: { kind: 'callee' } },
    { type: 'call-ended', outcome: 'failed', by: 'gateway', cause: 'nothing was left to try' },
  ]);
  t.end();
});

function endOf(records: readonly JournalRecord[]): JournalRecord | undefined {
  return records.find(({ type }) => type === 'call-ended');
}

t.test('who ended a call, and when nobody was connected yet', async (t) => {
  const gaveUp = called();
  gaveUp.caller.events?.cancelled(['SIP;cause=487']);
  t.match(endOf(gaveUp.records), {
    type: 'call-ended',
    outcome: 'cancelled',
    by: 'caller',
    reasons: ['SIP;cause=487'],
  });

  const hungUp = called();
  hungUp.server.callee(0).answer();
  await settle();
  hungUp.server.callee(0).events.ended({ by: 'peer', reasons: ['Q.850;cause=16'] });
  t.match(endOf(hungUp.records), {
    type: 'call-ended',
    outcome: 'answered',
    by: 'callee',
    reasons: ['Q.850;cause=16'],
  });

  const noAck = called();
  noAck.server.callee(0).answer();
  await settle();
  noAck.caller.events?.ended({ by: 'server', reasons: [] });
  t.match(endOf(noAck.records), { type: 'call-ended', by: 'server' });
  t.equal(types(noAck.records).filter((type) => type === 'call-ended').length, 1);
  t.end();
});

t.test('a call whose SIP server does not come back has an end, and nobody is cut off', async (t) => {
  for (const side of ['caller', 'callee'] as const) {
    const { caller, server, records, desk, keeper } = called();
    const callee = server.callee(0);
    callee.answer();
    await settle();
    t.equal(desk.openCalls, 1);
    (side === 'caller' ? caller : callee).events?.ended({ by: 'lost', reasons: [] });
    t.match(endOf(records), { outcome: 'answered', by: 'server', cause: /lost control: .* may go on/ });
    t.equal(desk.openCalls, 0);
    t.same([caller.dialog.released, callee.dialog.released], [undefined, undefined], 'no BYE to a leg that may live');
    t.equal(keeper.channels()[0]?.used, 1, 'the leg has its channel until it is over');
    callee.events.over();
    t.equal(keeper.channels()[0]?.used, 0);
  }
});

t.test('an answer that comes too late is written as released', async (t) => {
  const { records, server, clock } = called();
  clock.advance(600);
  server.callee(1).provisional(180);
  server.callee(0).answer();
  await settle();
  t.match(
    written(records).filter(({ type }) => type === 'answer-released'),
    [{ attempt: attempts(records)[0], afterMs: 600 }],
  );
  t.end();
});

t.test('a call that nobody serves leaves a trace too', (t) => {
  const { records } = called('sip:0201234567@127.0.0.1');
  t.match(records, [
    { type: 'call-refused', status: 404, dialled: 'sip:0201234567@127.0.0.1', ingress: 'local', sipCallId: 'abc@kpn' },
  ]);
  t.equal(records.length, 1);
  t.end();
});

t.test('a change of health is written with what was seen', (t) => {
  const { records, clock, keeper } = called();
  clock.advance(600);
  const [change] = records.flatMap((record) => (record.type === 'health' ? [record] : []));
  t.match(change, {
    change: { of: 'trunk', trunk: 'kpn-a', service: '112', from: 'unproven', to: 'suspect' },
    evidence: { trunk: 'kpn-a', type: 'attempt', service: '112', outcome: { kind: 'failed' } },
  });
  keeper.close();
  t.end();
});

t.test('an answer that its path dropped, and who connected the caller after it', async (t) => {
  const { records, server } = called();
  server.callee(0).answer();
  await settle();
  server.callee(0).events.ended({ by: 'peer', reasons: [] });
  server.callee(1).answer();
  await settle();
  t.match(
    written(records).filter(({ type }) => /^(attempt-ended|attempt-started|call-answered)$/.test(type)),
    [
      { type: 'attempt-started', trunk: 'kpn-a', why: 'first' },
      { type: 'attempt-ended', trunk: 'kpn-a', outcome: 'answered' },
      { type: 'call-answered', trunk: 'kpn-a' },
      { type: 'attempt-ended', trunk: 'kpn-a', outcome: 'failed', verdict: { reason: 'answered, then dropped' } },
      { type: 'attempt-started', trunk: 'second-a', why: 'dropped' },
      { type: 'attempt-ended', trunk: 'second-a', outcome: 'answered' },
      { type: 'call-answered', trunk: 'second-a' },
    ],
  );
  t.end();
});
