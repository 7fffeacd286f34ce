import t from 'tap';
import { csvOf, Results } from '../../src/lab/results.js';

/** A call that is silent on KPN and answered over the second carrier. */
function told(): Results {
  const results = new Results((trunk, number) => (trunk === 'second-a' && number === '112' ? 'meldkamer' : undefined));
  const callId = 'c1';
  results.heard('call-received', { callId, sipCallId: 'abc@phone', caller: '+31612345678', service: '112' });
  results.heard('attempt-started', { callId, trunk: 'kpn-a', carrier: 'kpn', number: '112', afterMs: 0.4 });
  results.heard('attempt-started', { callId, trunk: 'second-a', carrier: 'second', number: '112', afterMs: 612 });
  results.heard('attempt-ended', {
    callId,
    trunk: 'kpn-a',
    outcome: 'given up',
    verdict: { kind: 'silent' },
    afterMs: 640,
  });
  results.heard('attempt-ended', { callId, trunk: 'second-a', outcome: 'answered', status: 200, afterMs: 840 });
  return results;
}

function answered(results: Results): void {
  results.heard('call', {
    callId: 'c1',
    startedAt: '2019-06-24T13:30:00.000Z',
    outcome: 'answered',
    ringingAfterMs: 640,
    answeredAfterMs: 841,
    answeredBy: { trunk: 'second-a' },
  });
}

t.test('a call is put together from what the gateway and the answering points say', (t) => {
  const results = told();
  t.match(results.list(), [
    { callId: 'c1', outcome: 'open', attempts: [{ verdict: 'silent' }, { verdict: 'answered' }] },
  ]);
  answered(results);
  t.match(results.list(), [{ answeredBy: 'meldkamer', connected: 0 }], 'as the dial plan says');
  results.answered('politie', 'c1');
  results.connected('politie', 'c1');
  results.over('c1', 3_000.4);
  results.heard('call-ended', { callId: 'c1', outcome: 'answered', by: 'caller', afterMs: 3_841 });
  results.heard('health', {});
  t.same(results.list(), [
    {
      at: '2019-06-24T13:30:00.000Z',
      sipCallId: 'abc@phone',
      callId: 'c1',
      caller: '+31612345678',
      service: '112',
      outcome: 'answered',
      attempts: [
        { trunk: 'kpn-a', carrier: 'kpn', number: '112', startedMs: 0.4, endedMs: 640, verdict: 'silent' },
        {
          trunk: 'second-a',
          carrier: 'second',
          number: '112',
          startedMs: 612,
          endedMs: 840,
          verdict: 'answered',
          status: 200,
        },
      ],
      connected: 1,
      legsMs: [3_000],
      ringingMs: 640,
      answeredMs: 841,
      over: 'second-a',
      endedMs: 3_841,
      endedBy: 'caller',
      answeredBy: 'politie',
    },
  ]);
  t.same(results.list(new Date('2019-06-24T13:30:01Z')), []);
  t.equal(results.list(new Date('2019-06-24T13:30:00Z')).length, 1);
  t.end();
});

t.test('CSV: a line of names, a line for each call, quotes where a value needs them', (t) => {
  const results = told();
  answered(results);
  results.answered('a "good", point', 'c1');
  results.connected('a "good", point', 'c1');
  t.equal(
    csvOf(results.list()),
    [
      'at,sip_call_id,call_id,caller,service,outcome,answered_by,over,connected,ringing_ms,answered_ms,ended_ms,ended_by,attempts,verdicts',
      '2019-06-24T13:30:00.000Z,abc@phone,c1,+31612345678,112,answered,"a ""good"", point",second-a,1,640,841,,,2,kpn-a silent at 0-640 ms; second-a answered at 612-840 ms',
      '',
    ].join('\r\n'),
  );
  t.end();
});
