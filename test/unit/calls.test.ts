import fc from 'fast-check';
import t from 'tap';
import type { Attempt, CallCommand, CallEvent, CallState, NoPath } from '../../src/calls/call.js';
import { isOpen } from '../../src/calls/draft.js';
import { newCall, transition } from '../../src/calls/transition.js';
import type { AttemptRole, Deadlines, PlannedAttempt } from '../../src/domain/attempt.js';
import {
  id,
  type AttemptId,
  type CarrierId,
  type DestinationId,
  type RouteId,
  type ServiceId,
  type TrunkId,
} from '../../src/domain/ids.js';
import type { ServiceClass } from '../../src/domain/network.js';
import { instant, ms } from '../../src/domain/time.js';
import type { Verdict } from '../../src/domain/verdict.js';

const service = id<ServiceId>('112');

function planned(name: string, deadlines: Deadlines): PlannedAttempt {
  return {
    route: {
      id: id<RouteId>(`112-${name}`),
      service,
      destination: id<DestinationId>('meldkamer'),
      trunk: id<TrunkId>(name),
      number: '112',
      tier: 1,
    },
    trunk: {
      id: id<TrunkId>(name),
      carrier: id<CarrierId>(name),
      kind: 'sip',
      address: { host: '127.0.0.2', port: 5060, transport: 'udp' },
      channels: 10,
      riskGroups: new Set(),
      trusted180: true,
      trusted183: false,
      probeInterval: ms(1000),
      enabled: true,
    },
    role: 'normal',
    deadlines,
  };
}

const usual: Deadlines = { silence: ms(600), progress: ms(2_500) };

const broken: Verdict = { fault: 'trunk', kind: 'rejected', weight: 'strong', next: 'next', reason: '503' };
const plainAgain: Verdict = { ...broken, kind: 'config', weight: 'none', next: 'same-plain', reason: '488' };
const withServer: Verdict = { ...broken, fault: 'ours', kind: 'ours', weight: 'none', next: 'again', reason: 'lost' };
const busyForGood: Verdict = { fault: 'callee', kind: 'callee', weight: 'none', next: 'end', reason: '486' };

/** A call under test: feeds events, keeps what was asked for. */
class Bench {
  call: CallState;
  readonly all: CallCommand[] = [];
  last: readonly CallCommand[] = [];
  /** Whether the budget of a trunk has room for one more attempt beside an open one. */
  mayHedge = true;
  /** Whether a SIP server is there. */
  canSend = true;
  /** The trunks that have no channel free. */
  readonly full = new Set<string>();
  #now = 0;
  #ids = 0;

  /** What there is to try, also later. */
  plan: readonly PlannedAttempt[];

  constructor(
    names: readonly string[],
    serviceClass: ServiceClass = 'emergency',
    deadlines = usual,
    noPath: NoPath = 'tell',
    role: AttemptRole = 'normal',
    lastResort: readonly string[] = [],
  ) {
    this.plan = [
      ...names.map((name) => ({ ...planned(name, deadlines), role })),
      ...lastResort.map((name) => ({ ...planned(name, deadlines), role: 'panic' as const })),
    ];
    this.call = newCall(serviceClass, this.plan, instant(0), noPath);
    this.feed({ type: 'started' });
  }

  feed(event: CallEvent, now = this.#now + 1): readonly CallCommand[] {
    this.#now = now;
    const step = transition(this.call, event, instant(now), {
      attemptId: () => id<AttemptId>(`a${++this.#ids}`),
      room: ({ id: trunk }) => (this.full.has(trunk) ? 'full' : 'free'),
      hasSeat: () => true,
      mayHedge: () => this.mayHedge,
      canSend: () => this.canSend,
      plan: () => this.plan,
    });
    this.call = step.call;
    this.last = step.commands;
    this.all.push(...step.commands);
    return step.commands;
  }

  names(): readonly string[] {
    return this.last.map((command) =>
      'attempt' in command && typeof command.attempt === 'string' ? `${command.do} ${command.attempt}` : command.do,
    );
  }

  started(): readonly string[] {
    return this.all.flatMap((each) => (each.do === 'start-attempt' ? [each.attempt.planned.trunk.id] : []));
  }

  state(attempt: string): Attempt['state'] | undefined {
    return this.call.attempts.find((each) => each.id === attempt)?.state;
  }
}

const a1 = id<AttemptId>('a1');
const a2 = id<AttemptId>('a2');

t.test('an answered call: first attempt at once, ringing passed on, the answer to the caller', async (t) => {
  const bench = new Bench(['kpn', 'second']);
  t.same(bench.started(), ['kpn']);
  bench.feed({ type: 'responded', attempt: a1, status: 100, trusted: false });
  t.same(bench.names(), []);
  bench.feed({ type: 'responded', attempt: a1, status: 180, trusted: true });
  t.same(bench.names(), ['report-evidence a1', 'watch-ringing a1', 'ring-caller']);
  bench.feed({ type: 'answered', attempt: a1 });
  t.same(bench.names(), ['answer-caller a1']);
  bench.feed({ type: 'caller-answered' });
  t.equal(bench.call.phase.phase, 'connected');
  t.same(bench.names(), ['arm-proof a1']);
  bench.feed({ type: 'proven', attempt: a1 });
  t.match(bench.last, [{ do: 'report-evidence', outcome: { kind: 'answered' } }]);
  bench.feed({ type: 'caller-ended' });
  t.same(bench.names(), ['release-callee a1', 'finish']);
  t.same(bench.started(), ['kpn']);
});

t.test('a final failure starts the next attempt at once, an unlisted one too (P3)', async (t) => {
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'failed', attempt: a1, verdict: broken, status: 503 });
  t.same(bench.started(), ['kpn', 'second']);
  bench.feed({ type: 'failed', attempt: a2, verdict: broken, status: 599 });
  t.same(bench.names(), ['report-evidence a2', 'reject-caller', 'finish']);
  t.match(bench.call.phase, { phase: 'ended', outcome: 'failed' });
});

t.test('"end" ends the search of a priority call, never of an emergency call', async (t) => {
  const emergency = new Bench(['kpn', 'second']);
  emergency.feed({ type: 'failed', attempt: a1, verdict: busyForGood, status: 486 });
  t.same(emergency.started(), ['kpn', 'second']);
  const priority = new Bench(['kpn', 'second'], 'priority');
  priority.feed({ type: 'failed', attempt: a1, verdict: busyForGood, status: 486 });
  t.same(priority.started(), ['kpn']);
  t.match(priority.call.phase, { phase: 'ended', outcome: 'failed' });
});

t.test(
  'silence: the second attempt starts while the first is left running, and the first may still win (P1)',
  async (t) => {
    const bench = new Bench(['kpn', 'second']);
    bench.feed({ type: 'deadline', attempt: a1, which: 'silence' }, 600);
    t.same(bench.started(), ['kpn', 'second']);
    t.equal(
      bench.all.some((each) => each.do === 'give-up'),
      false,
    );
    bench.feed({ type: 'answered', attempt: a1 }, 700);
    t.same(bench.names(), ['answer-caller a1', 'give-up a2']);
  },
);

t.test('where 100 does not reach us, doubt asks the probes and blames nobody (DESIGN 6)', async (t) => {
  const hidden = { silence: undefined, progress: ms(2_500), doubt: ms(500) };
  const bench = new Bench(['kpn', 'second'], 'emergency', hidden);
  bench.feed({ type: 'doubt-due', attempt: a1 }, 500);
  t.match(bench.last, [{ do: 'report-evidence', attempt: a1, outcome: { kind: 'unheard' } }]);
  t.same(bench.started(), ['kpn'], 'the attempt keeps its time');
  bench.feed({ type: 'deadline', attempt: a1, which: 'progress' }, 2_500);
  t.match(bench.last, [
    {
      do: 'report-evidence',
      outcome: { verdict: { kind: 'stalled', fault: 'unknown', reason: /no sign of ringing/ } },
    },
    { do: 'start-attempt' },
  ]);
  t.same(bench.started(), ['kpn', 'second']);
  bench.feed({ type: 'responded', attempt: a2, status: 183, trusted: false });
  bench.feed({ type: 'doubt-due', attempt: a2 });
  t.same(bench.last, [], 'what was heard of is not in doubt');
});

t.test('100 and then nothing is late at the progress deadline, not at the silence deadline (P2)', async (t) => {
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'responded', attempt: a1, status: 100, trusted: false }, 5);
  bench.feed({ type: 'deadline', attempt: a1, which: 'silence' }, 600);
  t.same(bench.started(), ['kpn']);
  bench.feed({ type: 'deadline', attempt: a1, which: 'progress' }, 2500);
  t.same(bench.started(), ['kpn', 'second']);
  t.match(bench.last[0], { do: 'report-evidence', outcome: { kind: 'failed', verdict: { kind: 'stalled' } } });
});

t.test('an overtaken attempt is cancelled when another has trusted progress, not before', async (t) => {
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'deadline', attempt: a1, which: 'silence' }, 600);
  bench.feed({ type: 'responded', attempt: a2, status: 183, trusted: false });
  t.same(bench.names(), []);
  bench.feed({ type: 'responded', attempt: a2, status: 180, trusted: true });
  t.same(bench.names(), ['report-evidence a2', 'watch-ringing a2', 'ring-caller', 'give-up a1']);
});

t.test('what rings is not cut by another that rings; only an answer cuts it', async (t) => {
  const bench = new Bench(['kpn', 'second', 'mobile']);
  bench.feed({ type: 'deadline', attempt: a1, which: 'silence' }, 600);
  bench.feed({ type: 'responded', attempt: a1, status: 180, trusted: true });
  bench.feed({ type: 'responded', attempt: a2, status: 180, trusted: true });
  t.equal(
    bench.all.some((each) => each.do === 'give-up'),
    false,
  );
  bench.feed({ type: 'deadline', attempt: a2, which: 'progress' });
  t.same(bench.started(), ['kpn', 'second'], 'trusted progress holds back further hedges');
  bench.feed({ type: 'answered', attempt: a2 });
  t.same(bench.names(), ['answer-caller a2', 'give-up a1']);
});

t.test('two answers in the same millisecond: the first wins, the other is released (P12)', async (t) => {
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'deadline', attempt: a1, which: 'silence' }, 600);
  bench.feed({ type: 'answered', attempt: a2 }, 650);
  bench.feed({ type: 'answered', attempt: a1 }, 650);
  t.same(bench.names(), ['release-callee a1']);
});

t.test('the caller hangs up while two attempts are open: both are given up', async (t) => {
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'deadline', attempt: a1, which: 'silence' }, 600);
  bench.feed({ type: 'caller-cancelled' });
  t.same(bench.names(), ['give-up a1', 'give-up a2', 'finish']);
  bench.feed({ type: 'answered', attempt: a2 });
  t.same(bench.names(), ['release-callee a2'], 'an answer that crossed the cancel is released');
});

t.test('the caller hears ringing when nothing rings in time (P20), once', async (t) => {
  const bench = new Bench(['kpn']);
  bench.feed({ type: 'ring-due' }, 2000);
  t.same(bench.names(), ['ring-caller']);
  bench.feed({ type: 'responded', attempt: a1, status: 180, trusted: true });
  t.same(bench.names(), ['report-evidence a1', 'watch-ringing a1']);
});

t.test('calls that wait on a trunk that is judged gone move at once (P8)', async (t) => {
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'trunk-gone', trunk: id<TrunkId>('second') });
  t.same(bench.started(), ['kpn']);
  bench.feed({ type: 'trunk-gone', trunk: id<TrunkId>('kpn') });
  t.same(bench.started(), ['kpn', 'second']);
});

t.test(
  'a call that rings on a trunk that is judged gone is tried elsewhere too, and still rings there (P8)',
  async (t) => {
    const bench = new Bench(['kpn', 'second']);
    bench.feed({ type: 'responded', attempt: a1, status: 180, trusted: true }, 20);
    bench.feed({ type: 'trunk-gone', trunk: id<TrunkId>('kpn') }, 300);
    t.same(bench.started(), ['kpn', 'second'], 'its answer may have been lost with the carrier');
    bench.feed({ type: 'responded', attempt: a2, status: 180, trusted: true }, 320);
    t.notOk(
      bench.all.some((each) => each.do === 'give-up'),
      'what rings is cancelled only when another has won',
    );
    bench.feed({ type: 'answered', attempt: a2 }, 520);
    t.ok(bench.names().includes('give-up a1'));
  },
);

t.test(
  'ringing that lasts too long starts the next attempt, without cutting what rings, and nobody is blamed',
  async (t) => {
    const bench = new Bench(['kpn', 'second']);
    bench.feed({ type: 'responded', attempt: a1, status: 180, trusted: true }, 20);
    t.ok(bench.names().includes('watch-ringing a1'));
    bench.feed({ type: 'deadline', attempt: a1, which: 'ringing' }, 12_020);
    t.same(bench.started(), ['kpn', 'second']);
    t.notOk(bench.names().some((name) => /give-up|evidence/.test(name)));
    bench.feed({ type: 'answered', attempt: a1 }, 13_000);
    t.ok(bench.names().includes('give-up a2'), 'the first may still win');
  },
);

t.test('what rings on a gone trunk keeps ringing when nothing else is left', async (t) => {
  const bench = new Bench(['kpn']);
  bench.feed({ type: 'responded', attempt: a1, status: 180, trusted: true }, 20);
  bench.feed({ type: 'trunk-gone', trunk: id<TrunkId>('kpn') }, 300);
  t.same(bench.names(), []);
  bench.feed({ type: 'answered', attempt: a1 }, 4_000);
  t.ok(bench.names().includes('answer-caller a1'));
});

t.test('routes over a trunk that is judged gone go behind the others', async (t) => {
  const bench = new Bench(['kpn', 'second', 'mobile']);
  bench.feed({ type: 'trunk-gone', trunk: id<TrunkId>('second') });
  bench.feed({ type: 'trunk-gone', trunk: id<TrunkId>('kpn') });
  t.same(bench.started(), ['kpn', 'mobile']);
});

t.test('the same trunk once more, plain, and then the next', async (t) => {
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'failed', attempt: a1, verdict: plainAgain, status: 488 });
  t.match(bench.call.attempts[1], { variant: 'plain', planned: { trunk: { id: 'kpn' } } });
  bench.feed({ type: 'failed', attempt: a2, verdict: plainAgain, status: 488 });
  t.same(bench.started(), ['kpn', 'kpn', 'second']);
});

t.test('when nothing is left, late attempts keep a last chance, then the caller is told', async (t) => {
  const bench = new Bench(['kpn']);
  bench.feed({ type: 'deadline', attempt: a1, which: 'silence' }, 600);
  t.same(bench.names(), ['report-evidence a1', 'arm-last-chance']);
  bench.feed({ type: 'last-chance-over' }, 4600);
  t.same(bench.names(), ['give-up a1', 'reject-caller', 'finish']);
});

t.test('an attempt that rings after all is not cut by the last chance', async (t) => {
  const bench = new Bench(['kpn']);
  bench.feed({ type: 'deadline', attempt: a1, which: 'silence' }, 600);
  bench.feed({ type: 'responded', attempt: a1, status: 180, trusted: true }, 3000);
  bench.feed({ type: 'last-chance-over' }, 4600);
  t.same(bench.names(), []);
  bench.feed({ type: 'answered', attempt: a1 });
  t.ok(bench.names().includes('answer-caller a1'));
});

t.test('the callee hangs up while our 200 is on its way: the caller is released once it stands', async (t) => {
  const bench = new Bench(['kpn']);
  bench.feed({ type: 'answered', attempt: a1 });
  bench.feed({ type: 'callee-ended', attempt: a1, reasons: ['Q.850;cause=16'] });
  t.same(bench.names(), []);
  bench.feed({ type: 'caller-answered' });
  t.same(bench.names(), ['report-evidence a1', 'release-caller', 'finish']);
});

t.test('an attempt that comes back to us is ended, and the search goes on; a late loop only counts', async (t) => {
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'came-back', attempt: a1 });
  t.same(bench.names(), ['give-up a1', 'report-evidence a1', 'start-attempt']);
  t.match(bench.last[1], { outcome: { kind: 'failed', verdict: { kind: 'loop', weight: 'strong' } } });
  t.match(bench.state('a1'), { phase: 'failed' });
  bench.feed({ type: 'answered', attempt: a2 });
  bench.feed({ type: 'came-back', attempt: a2 });
  t.same(bench.names(), ['report-evidence a2']);
  t.match(bench.state('a2'), { phase: 'answered' });
});

t.test('a trunk that refuses the caller is tried with its own number only where it has one', async (t) => {
  const screened: Verdict = { ...broken, next: 'same-own-number', weight: 'weak', reason: '403' };
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'failed', attempt: a1, verdict: screened, status: 403 });
  t.same(bench.started(), ['kpn', 'second']);
});

t.test('a trunk that does not know the number is tried with the second form only where there is one', async (t) => {
  const unknown: Verdict = { ...broken, kind: 'number', next: 'same-second-form', weight: 'weak', reason: '404' };
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'failed', attempt: a1, verdict: unknown, status: 404 });
  t.same(bench.started(), ['kpn', 'second']);
});

t.test('a trunk that wants longer session intervals gets them, once', async (t) => {
  const tooShort: Verdict = { ...broken, next: 'same-min-se', weight: 'none', reason: '422', minSe: 1_800 };
  const bench = new Bench(['kpn', 'second']);
  bench.feed({ type: 'failed', attempt: a1, verdict: tooShort, status: 422 });
  t.match(bench.last.at(-1), { do: 'start-attempt', attempt: { variant: 'min-se', minSe: 1_800 } });
  bench.feed({ type: 'failed', attempt: a2, verdict: tooShort, status: 422 });
  t.same(bench.started(), ['kpn', 'kpn', 'second']);
});

t.test('no hedge beyond the budget: a priority call waits for what it has, then goes on', async (t) => {
  const bench = new Bench(['kpn', 'second'], 'priority');
  bench.mayHedge = false;
  bench.feed({ type: 'deadline', attempt: a1, which: 'silence' }, 600);
  t.same(bench.started(), ['kpn']);
  t.ok(bench.names().includes('arm-last-chance'));
  bench.feed({ type: 'last-chance-over' }, 4_600);
  t.same(bench.started(), ['kpn', 'second'], 'the first was given up: that is no hedge any more');
  const refused = new Bench(['kpn', 'second'], 'priority');
  refused.mayHedge = false;
  refused.feed({ type: 'failed', attempt: a1, verdict: broken, status: 503 });
  t.same(refused.started(), ['kpn', 'second'], 'nor is what follows a failure');
});

t.test('an emergency call is exempt from the budget while its trunk has a channel free', async (t) => {
  const bench = new Bench(['kpn', 'second', 'third']);
  bench.mayHedge = false;
  bench.full.add('second');
  bench.feed({ type: 'deadline', attempt: a1, which: 'silence' }, 600);
  t.same(bench.started(), ['kpn', 'third']);
  bench.feed({ type: 'deadline', attempt: a2, which: 'silence' }, 1_200);
  t.same(bench.started(), ['kpn', 'third'], 'a full trunk is not hammered');
  bench.feed({ type: 'last-chance-over' }, 5_200);
  t.same(bench.started(), ['kpn', 'third', 'second'], 'and is tried when nothing else is open');
});

t.test('two are started at once only where everything looks down (DESIGN 4.2)', async (t) => {
  const panic = (serviceClass: ServiceClass): Bench => {
    const bench = new Bench(['kpn', 'second', 'third'], serviceClass, usual, 'tell', 'panic');
    return bench;
  };
  t.same(panic('emergency').started(), ['kpn', 'second']);
  t.same(panic('priority').started(), ['kpn']);
  const ringing = panic('emergency');
  ringing.feed({ type: 'responded', attempt: a1, status: 180, trusted: true });
  ringing.feed({ type: 'failed', attempt: a2, verdict: broken });
  t.same(ringing.started(), ['kpn', 'second'], 'and no third when one rings');
});

t.test('in any order of events: one winner, no leg left open, the caller told exactly once', async () => {
  const attempt = fc.constantFrom(...['a1', 'a2', 'a3', 'a4'].map((name) => id<AttemptId>(name)));
  const event: fc.Arbitrary<CallEvent> = fc.oneof(
    fc.record({
      type: fc.constant('responded' as const),
      attempt,
      status: fc.constantFrom(100, 180, 183),
      trusted: fc.boolean(),
    }),
    fc.record({ type: fc.constant('answered' as const), attempt }),
    fc.record({
      type: fc.constant('failed' as const),
      attempt,
      verdict: fc.constantFrom(broken, plainAgain, busyForGood),
    }),
    fc.record({
      type: fc.constant('deadline' as const),
      attempt,
      which: fc.constantFrom('silence' as const, 'progress' as const),
    }),
    fc.constantFrom<CallEvent>(
      { type: 'ring-due' },
      { type: 'last-chance-over' },
      { type: 'caller-cancelled' },
      { type: 'caller-answered' },
      { type: 'caller-unreachable' },
      { type: 'caller-ended' },
      { type: 'trunk-gone', trunk: id<TrunkId>('kpn') },
      { type: 'retry-due' },
      { type: 'wilt-due', which: 'early' },
      { type: 'wilt-due', which: 'late' },
    ),
    fc.record({ type: fc.constant('proven' as const), attempt }),
    fc.record({ type: fc.constant('callee-ended' as const), attempt, reasons: fc.constant(['Q.850;cause=16']) }),
    fc.record({ type: fc.constant('callee-ended' as const), attempt }),
    fc.record({ type: fc.constant('came-back' as const), attempt }),
  );
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 30 }),
      fc.constantFrom<ServiceClass>('emergency', 'priority'),
      fc.constantFrom<NoPath>('hold', 'wilt', 'tell'),
      (events, serviceClass, noPath) => {
        const bench = new Bench(['kpn', 'second', 'mobile'], serviceClass, usual, noPath);
        const exists = (each: CallEvent): boolean =>
          !('attempt' in each) || bench.call.attempts.some(({ id }) => id === each.attempt);
        for (const each of events.filter((one) => exists(one))) {
          bench.feed(each);
          checkInvariants(bench);
        }
      },
    ),
    { numRuns: 3000 },
  );
});

function checkInvariants(bench: Bench): void {
  const count = (kind: CallCommand['do']): number => bench.all.filter((each) => each.do === kind).length;
  const { call } = bench;
  const open = call.attempts.filter(isOpen).length;
  const told = count('answer-caller') + count('reject-caller');
  if (told > 1 || count('finish') > 1 || count('ring-caller') > 1) {
    throw new Error(`the caller was told ${told} times, finished ${count('finish')} times`);
  }
  if (call.phase.phase !== 'searching' && open > 0) {
    throw new Error(`${open} attempts are left open in ${call.phase.phase}`);
  }
  if (call.phase.phase === 'searching' && open === 0 && call.retryArmed !== true) {
    throw new Error('a search with nothing open, nothing decided and nothing to wait for');
  }
  if ((call.phase.phase === 'ended') !== (count('finish') === 1)) {
    throw new Error('ended without finish, or finish without end');
  }
  const proofs = bench.all.flatMap((each) =>
    each.do === 'report-evidence' && each.outcome.kind === 'answered' ? [each.attempt] : [],
  );
  if (new Set(proofs).size !== proofs.length) {
    throw new Error('an answer was counted twice');
  }
  if (new Set(call.attempts.map(({ id }) => id)).size !== call.attempts.length) {
    throw new Error('two attempts share an id');
  }
}

t.test('an attempt that was lost with our SIP server is made again on its own route, and nobody is blamed', (t) => {
  const bench = new Bench(['kpn-a', 'second-a']);
  bench.feed({ type: 'responded', attempt: id<AttemptId>('a1'), status: 180, trusted: true });
  bench.feed({ type: 'failed', attempt: id<AttemptId>('a1'), verdict: withServer });
  t.same(bench.started(), ['kpn-a', 'kpn-a']);
  t.match(bench.state('a1'), { phase: 'failed' });
  bench.feed({ type: 'failed', attempt: id<AttemptId>('a2'), verdict: broken });
  t.same(bench.started(), ['kpn-a', 'kpn-a', 'second-a'], 'the others keep their order');
  t.same(
    bench.all.flatMap((each) => (each.do === 'report-evidence' ? [each.outcome] : [])),
    [{ kind: 'progressed' }, { kind: 'failed', verdict: withServer }, { kind: 'failed', verdict: broken }],
  );
  t.end();
});

t.test('while no SIP server is there the call waits for one, and is not refused', (t) => {
  for (const noPath of ['hold', 'wilt', 'tell'] as const) {
    const bench = new Bench(['kpn-a', 'second-a'], 'emergency', usual, noPath);
    bench.canSend = false;
    bench.feed({ type: 'failed', attempt: id<AttemptId>('a1'), verdict: withServer });
    t.same(bench.started(), ['kpn-a']);
    bench.feed({ type: 'wilt-due', which: 'early' }, 900);
    t.equal(bench.call.phase.phase, 'searching', noPath);
    bench.canSend = true;
    bench.feed({ type: 'retry-due' });
    t.same(bench.started(), ['kpn-a', 'kpn-a']);
  }
  const late = new Bench(['kpn-a'], 'emergency', usual, 'wilt');
  late.canSend = false;
  late.feed({ type: 'failed', attempt: id<AttemptId>('a1'), verdict: withServer });
  late.feed({ type: 'wilt-due', which: 'late' }, 6_000);
  t.match(late.call.phase, { phase: 'ended', outcome: 'failed' }, 'an upstream that has other ways is told in time');
  t.end();
});

t.test('an answer that was lost with our SIP server before the caller had it: the search goes on', (t) => {
  const bench = new Bench(['kpn-a', 'second-a']);
  bench.feed({ type: 'answered', attempt: id<AttemptId>('a1') });
  bench.feed({ type: 'failed', attempt: id<AttemptId>('a1'), verdict: withServer });
  t.equal(bench.call.phase.phase, 'searching');
  t.same(bench.started(), ['kpn-a', 'kpn-a']);
  bench.feed({ type: 'answered', attempt: id<AttemptId>('a2') });
  bench.feed({ type: 'caller-answered' });
  t.match(bench.call.phase, { phase: 'connected', winner: 'a2' });
  bench.feed({ type: 'failed', attempt: id<AttemptId>('a2'), verdict: withServer });
  t.match(bench.call.phase, { phase: 'connected', winner: 'a2' }, 'one that the caller has stays as it is');
  t.end();
});

t.test('a caller whom no SIP server takes up ends the call', (t) => {
  const bench = new Bench(['kpn-a']);
  bench.feed({ type: 'caller-lost' });
  t.match(bench.call.phase, { phase: 'ended', outcome: 'cancelled' });
  t.same(bench.names(), ['give-up a1', 'finish']);
  t.end();
});

t.test('what is on its way back is not tried beside a healthy trunk, but when that is late', async (t) => {
  for (const noPath of ['tell', 'wilt'] as const) {
    const bench = new Bench(['second'], 'emergency', usual, noPath, 'normal', ['kpn', 'third']);
    t.same(bench.started(), ['second'], 'each leg that rings and is cancelled is a phantom ring');
    bench.feed({ type: 'responded', attempt: a1, status: 100, trusted: false });
    t.same(bench.started(), ['second']);
    bench.feed({ type: 'deadline', attempt: a1, which: 'progress' });
    t.same(bench.started(), ['second', 'kpn', 'third'], 'then nothing healthy is left');
  }
});
