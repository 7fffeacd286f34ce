import * as fc from 'fast-check';
import t from 'tap';
import { STANDARD_TIMERS } from '../../../src/engine/timers.js';
import { InviteClientTransaction } from '../../../src/engine/transaction/invite-client.js';
import { InviteServerTransaction } from '../../../src/engine/transaction/invite-server.js';
import { Machine } from '../../../src/engine/transaction/machine.js';
import { NonInviteClientTransaction } from '../../../src/engine/transaction/non-invite-client.js';
import { NonInviteServerTransaction } from '../../../src/engine/transaction/non-invite-server.js';
import { VirtualClock } from '../../support/virtual-clock.js';

/** One machine, its clock, and what it did, each with the moment in milliseconds. */
interface Running<M> {
  readonly machine: M;
  readonly clock: VirtualClock;
  readonly did: string[];
}

function recorder(): { clock: VirtualClock; did: string[]; note: (what: string) => () => void } {
  const clock = new VirtualClock();
  const did: string[] = [];
  return { clock, did, note: (what) => () => did.push(`${what} ${clock.now()}`) };
}

function inviteClient(isReliable = false, askAfter?: number): Running<InviteClientTransaction> {
  const { clock, did, note } = recorder();
  const machine = new InviteClientTransaction(
    clock,
    STANDARD_TIMERS,
    {
      transmit: note('INVITE'),
      acknowledge: (to) => {
        note(`ACK ${to}`)();
      },
      sendCancel: note('CANCEL'),
      timedOut: note('timed out'),
      terminated: note('end'),
    },
    isReliable,
    askAfter,
  );
  machine.start();
  return { machine, clock, did };
}

function nonInviteClient(isReliable = false): Running<NonInviteClientTransaction> {
  const { clock, did, note } = recorder();
  const machine = new NonInviteClientTransaction(
    clock,
    STANDARD_TIMERS,
    {
      transmit: note('send'),
      timedOut: note('timed out'),
      terminated: note('end'),
    },
    isReliable,
  );
  machine.start();
  return { machine, clock, did };
}

function inviteServer(isReliable = false): Running<InviteServerTransaction> {
  const { clock, did, note } = recorder();
  const machine = new InviteServerTransaction(
    clock,
    STANDARD_TIMERS,
    {
      transmit: (text) => {
        note(text)();
      },
      notAcknowledged: note('no ACK'),
      terminated: note('end'),
    },
    isReliable,
  );
  return { machine, clock, did };
}

function nonInviteServer(isReliable = false): Running<NonInviteServerTransaction> {
  const { clock, did, note } = recorder();
  const machine = new NonInviteServerTransaction(
    clock,
    STANDARD_TIMERS,
    {
      transmit: (text) => {
        note(text)();
      },
      terminated: note('end'),
    },
    isReliable,
  );
  return { machine, clock, did };
}

function taken(did: string[]): readonly string[] {
  return did.splice(0);
}

t.test('an INVITE nobody answers: timer A doubles, timer B ends it', async (t) => {
  const { clock, did } = inviteClient();
  clock.advance(100_000);
  const resent = [0, 500, 1_500, 3_500, 7_500, 15_500, 31_500].map((at) => `INVITE ${at}`);
  t.same(did, [...resent, 'end 32000', 'timed out 32000']);
  t.equal(clock.waiting, 0);
});

t.test('an INVITE given up: no more copies, 64*T1 for what is on its way', async (t) => {
  const { machine, clock, did } = inviteClient();
  clock.advance(600);
  machine.stopResending();
  clock.advance(100);
  machine.stopResending();
  clock.advance(31_899);
  t.same(taken(did), ['INVITE 0', 'INVITE 500']);
  clock.advance(1);
  t.same(did, ['end 32600', 'timed out 32600']);
  t.equal(clock.waiting, 0);
});

t.test('a provisional response stops timers A and B for good', async (t) => {
  const { machine, clock, did } = inviteClient();
  clock.advance(600);
  t.ok(machine.received(100, ''));
  t.ok(machine.received(180, ''));
  machine.stopResending();
  t.equal(clock.waiting, 0, 'the user decides how long it rings');
  clock.advance(1_000_000);
  t.equal(machine.state, 'proceeding');
  t.same(did, ['INVITE 0', 'INVITE 500']);
});

t.test(
  '100 and no more: the INVITE is sent four times more where that is wished, until there is progress',
  async (t) => {
    const asking = inviteClient(false, 150);
    asking.machine.received(100, '');
    asking.clock.advance(1_000_000);
    t.same(asking.did, ['INVITE 0', 'INVITE 150', 'INVITE 300', 'INVITE 600', 'INVITE 1200']);
    const helped = inviteClient(false, 150);
    helped.machine.received(100, '');
    helped.clock.advance(200);
    helped.machine.received(100, '');
    helped.machine.received(183, '');
    helped.clock.advance(1_000_000);
    t.same(helped.did, ['INVITE 0', 'INVITE 150'], 'any progress ends it, another 100 does not');
    const silent = inviteClient(false, 150);
    silent.clock.advance(1_000);
    t.same(silent.did, ['INVITE 0', 'INVITE 500'], 'who said nothing gets the usual resends');
    const cancelled = inviteClient(false, 150);
    cancelled.machine.received(100, '');
    cancelled.machine.cancel();
    cancelled.clock.advance(1_000);
    t.same(cancelled.did, ['INVITE 0', 'CANCEL 0']);
    const failed = inviteClient(false, 150);
    failed.machine.received(100, '');
    failed.machine.received(503, 'to');
    failed.clock.advance(1_000);
    t.same(failed.did, ['INVITE 0', 'ACK to 0']);
    const overTcp = inviteClient(true, 150);
    overTcp.machine.received(100, '');
    overTcp.clock.advance(1_000);
    t.same(overTcp.did, ['INVITE 0'], 'nothing is lost there');
  },
);

t.test('a failure: one ACK for each copy of it, timer D', async (t) => {
  const { machine, clock, did } = inviteClient();
  t.ok(machine.received(486, '<a>;tag=1'));
  t.notOk(machine.received(486, '<a>;tag=1'));
  t.notOk(machine.received(180, '<a>;tag=1'));
  t.notOk(machine.received(200, '<a>;tag=2'), 'the layer passes that one up as a stray');
  clock.advance(31_999);
  t.notOk(machine.received(486, '<a>;tag=1'));
  clock.advance(1);
  t.notOk(machine.received(486, '<a>;tag=1'));
  t.same(did, ['INVITE 0', 'ACK <a>;tag=1 0', 'ACK <a>;tag=1 0', 'ACK <a>;tag=1 31999', 'end 32000']);
});

t.test('a 2xx: every copy and every fork goes up until timer M', async (t) => {
  const { machine, clock, did } = inviteClient();
  machine.received(180, '');
  t.ok(machine.received(200, 'a'));
  clock.advance(31_999);
  t.ok(machine.received(200, 'a'));
  t.ok(machine.received(202, 'b'));
  t.notOk(machine.received(180, 'a'));
  t.notOk(machine.received(486, 'a'));
  clock.advance(1);
  t.notOk(machine.received(200, 'a'));
  t.same(did, ['INVITE 0', 'end 32000']);
});

t.test('CANCEL after a provisional response leaves at once and only once', async (t) => {
  const { machine, clock, did } = inviteClient();
  machine.received(180, '');
  clock.advance(1_000);
  machine.cancel();
  clock.advance(1_000);
  machine.cancel();
  t.ok(machine.received(183, ''));
  clock.advance(100_000);
  t.same(did, ['INVITE 0', 'CANCEL 1000', 'end 33000', 'timed out 33000']);
});

t.test('CANCEL before any response waits for one', async (t) => {
  const { machine, clock, did } = inviteClient();
  clock.advance(600);
  machine.cancel();
  clock.advance(20_000);
  t.same(taken(did), ['INVITE 0', 'INVITE 500']);
  machine.received(100, '');
  machine.received(180, '');
  machine.cancel();
  t.same(taken(did), ['CANCEL 20600']);
  t.ok(machine.received(487, 'x'));
  t.same(did, ['ACK x 20600']);
});

t.test('CANCEL after a final response, or with none ever, is none', async (t) => {
  const answered = inviteClient();
  answered.machine.received(200, '');
  answered.machine.cancel();
  const silent = inviteClient();
  silent.machine.cancel();
  silent.clock.advance(100_000);
  silent.machine.cancel();
  t.same(answered.did, ['INVITE 0']);
  t.same(silent.did, ['INVITE 0', 'end 32000', 'timed out 32000']);
});

t.test('a request nobody answers: timer E doubles up to T2, timer F ends it', async (t) => {
  const { clock, did } = nonInviteClient();
  clock.advance(100_000);
  const resent = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
  t.same(did, [...resent.map((at) => `send ${at}`), 'end 32000', 'timed out 32000']);
  t.equal(clock.waiting, 0);
});

t.test('after a provisional response timer E goes on at T2, timer F as before', async (t) => {
  const { machine, clock, did } = nonInviteClient();
  clock.advance(600);
  t.ok(machine.received(100));
  t.ok(machine.received(100));
  clock.advance(100_000);
  const resent = [0, 500, 1_500, 5_500, 9_500, 13_500, 17_500, 21_500, 25_500, 29_500];
  t.same(did, [...resent.map((at) => `send ${at}`), 'end 32000', 'timed out 32000']);
});

t.test('a final response goes up once; timer K absorbs the rest', async (t) => {
  const { machine, clock, did } = nonInviteClient();
  clock.advance(100);
  t.ok(machine.received(200));
  t.notOk(machine.received(200));
  t.notOk(machine.received(100));
  clock.advance(4_999);
  t.equal(machine.state, 'completed');
  clock.advance(1);
  t.same(did, ['send 0', 'end 5100']);
});

t.test('a refused INVITE: timer G doubles up to T2, timer H ends it', async (t) => {
  const { machine, clock, did } = inviteServer();
  t.ok(machine.respond(486, '486'));
  clock.advance(100_000);
  const resent = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
  t.same(did, [...resent.map((at) => `486 ${at}`), 'end 32000']);
  t.equal(clock.waiting, 0);
});

t.test('the ACK of a failure ends its resends; timer I absorbs the rest', async (t) => {
  const { machine, clock, did } = inviteServer();
  machine.respond(100, '100');
  machine.repeated();
  machine.respond(486, '486');
  clock.advance(600);
  machine.repeated();
  machine.acknowledged();
  machine.acknowledged();
  machine.repeated();
  t.notOk(machine.respond(200, '200'));
  clock.advance(4_999);
  t.equal(machine.state, 'confirmed');
  clock.advance(1);
  t.same(did, ['100 0', '100 0', '486 0', '486 500', '486 600', 'end 5600']);
});

t.test('a 2xx is resent at 0.5, 1, 2, 4, 4 ... s until timer L, then its user hears of it', async (t) => {
  const { machine, clock, did } = inviteServer();
  machine.respond(200, '200');
  clock.advance(100_000);
  const resent = [0, 500, 1_500, 3_500, 7_500, 11_500, 15_500, 19_500, 23_500, 27_500, 31_500];
  t.same(did, [...resent.map((at) => `200 ${at}`), 'end 32000', 'no ACK 32000']);
  t.equal(clock.waiting, 0);
});

t.test('the ACK of a 2xx ends its resends; repeated INVITEs are absorbed until timer L', async (t) => {
  const { machine, clock, did } = inviteServer();
  machine.acceptedAcknowledged();
  machine.respond(180, '180');
  machine.respond(200, '200');
  machine.repeated();
  clock.advance(600);
  machine.acceptedAcknowledged();
  machine.repeated();
  clock.advance(100_000);
  t.same(did, ['180 0', '200 0', '200 500', 'end 32000']);
});

t.test('an INVITE that nobody has answered waits without a timer, and repeats get nothing', async (t) => {
  const { machine, clock, did } = inviteServer();
  machine.repeated();
  machine.acknowledged();
  clock.advance(1_000_000);
  t.equal(machine.state, 'proceeding');
  t.equal(clock.waiting, 0);
  t.same(did, []);
});

t.test('a request is answered once; timer J sends the answer again to those who ask', async (t) => {
  const { machine, clock, did } = nonInviteServer();
  machine.repeated();
  machine.respond(100, '100');
  machine.respond(182, '182');
  machine.repeated();
  t.ok(machine.respond(200, '200'));
  t.notOk(machine.respond(500, '500'));
  clock.advance(31_999);
  machine.repeated();
  clock.advance(1);
  machine.repeated();
  t.same(did, ['100 0', '182 0', '182 0', '200 0', '200 31999', 'end 32000']);
  t.equal(clock.waiting, 0);
});

t.test('a request that the application never answers is forgotten', async (t) => {
  const { machine, clock, did } = nonInviteServer();
  clock.advance(1_000_000);
  t.equal(machine.state, 'terminated');
  t.notOk(machine.respond(200, '200'));
  t.same(did, ['end 60000']);
});

t.test('over TCP nothing is resent, and nothing is kept to absorb copies', async (t) => {
  const calling = inviteClient(true);
  calling.clock.advance(100_000);
  t.same(calling.did, ['INVITE 0', 'end 32000', 'timed out 32000'], 'no A, but B');
  const refused = inviteClient(true);
  t.ok(refused.machine.received(486, 'x'));
  t.same(refused.did, ['INVITE 0', 'end 0', 'ACK x 0'], 'D is zero');
  const asking = nonInviteClient(true);
  asking.clock.advance(31_999);
  t.same(asking.did, ['send 0'], 'no E');
  asking.clock.advance(1);
  t.same(asking.did, ['send 0', 'end 32000', 'timed out 32000'], 'but F');
  const asked = nonInviteClient(true);
  t.ok(asked.machine.received(200));
  t.equal(asked.machine.state, 'terminated', 'K is zero');
  const refusing = inviteServer(true);
  refusing.machine.respond(486, '486');
  refusing.clock.advance(31_999);
  t.same(refusing.did, ['486 0'], 'no G');
  refusing.machine.acknowledged();
  t.same(refusing.did, ['486 0', 'end 31999'], 'I is zero');
  const unheard = inviteServer(true);
  unheard.machine.respond(486, '486');
  unheard.clock.advance(32_000);
  t.same(unheard.did, ['486 0', 'end 32000'], 'but H');
  const answering = nonInviteServer(true);
  t.ok(answering.machine.respond(200, '200'));
  t.same(answering.did, ['200 0', 'end 0'], 'J is zero');
});

t.test('over TCP a 2xx is not resent, but a missing ACK is told', async (t) => {
  const { machine, clock, did } = inviteServer(true);
  machine.respond(200, '200');
  clock.advance(100_000);
  t.same(did, ['200 0', 'end 32000', 'no ACK 32000']);
  const client = inviteClient(true);
  client.machine.received(200, '');
  client.clock.advance(31_999);
  t.ok(client.machine.received(200, 'fork'), 'M is the same');
});

t.test('an illegal step throws, and changes nothing', async (t) => {
  class Lamp extends Machine<'off' | 'on' | 'terminated'> {
    constructor() {
      super(new VirtualClock(), 'off', { off: ['on'], on: ['terminated'], terminated: [] }, () => undefined);
    }
    go(to: 'off' | 'on' | 'terminated'): void {
      this.transition(to);
    }
  }
  const lamp = new Lamp();
  t.throws(() => {
    lamp.go('terminated');
  }, new Error('illegal step off -> terminated'));
  t.equal(lamp.state, 'off');
  lamp.go('on');
  lamp.go('terminated');
  t.throws(() => {
    lamp.go('on');
  }, new Error('illegal step terminated -> on'));
});

/** What can happen to a machine, and a pause before it. */
const anyStatus = fc.constantFrom(100, 180, 183, 199, 200, 202, 300, 404, 486, 487, 503, 603, 699);
const anyEvents = fc.array(
  fc.record({
    pause: fc.constantFrom(0, 0, 1, 499, 500, 4_000, 5_000, 31_999, 32_000),
    kind: fc.nat({ max: 3 }),
    status: anyStatus,
  }),
  { maxLength: 40 },
);
type Event = { readonly pause: number; readonly kind: number; readonly status: number };

function everySequence<M extends { readonly state: string }>(
  make: (isReliable: boolean) => Running<M>,
  step: (machine: M, event: Event) => void,
  end: (machine: M) => void,
): void {
  fc.assert(
    fc.property(anyEvents, fc.boolean(), (events, isReliable) => {
      const { machine, clock, did } = make(isReliable);
      for (const event of events) {
        clock.advance(event.pause);
        step(machine, event);
      }
      end(machine);
      clock.advance(200_000);
      return (
        machine.state === 'terminated' &&
        clock.waiting === 0 &&
        did.filter((what) => what.startsWith('end')).length === 1
      );
    }),
    { numRuns: 500 },
  );
}

t.test('whatever happens in whatever order, an INVITE client ends with no timer left', async () => {
  everySequence(
    inviteClient,
    (machine, { kind, status }) => {
      const steps = [
        () => machine.received(status, 'to'),
        () => machine.received(status, 'other'),
        () => {
          machine.stopResending();
        },
        () => {
          machine.cancel();
        },
      ];
      steps[kind]?.();
    },
    (machine) => {
      machine.cancel();
    },
  );
});

t.test('... a non-INVITE client', async () => {
  everySequence(
    nonInviteClient,
    (machine, { status }) => {
      machine.received(status);
    },
    () => undefined,
  );
});

t.test('... an INVITE server', async () => {
  everySequence(
    inviteServer,
    (machine, { kind, status }) => {
      const steps = [
        () => machine.respond(status, String(status)),
        () => {
          machine.repeated();
        },
        () => {
          machine.acknowledged();
        },
        () => {
          machine.acceptedAcknowledged();
        },
      ];
      steps[kind]?.();
    },
    (machine) => {
      machine.respond(500, '500');
    },
  );
});

t.test('... a non-INVITE server', async () => {
  everySequence(
    nonInviteServer,
    (machine, { kind, status }) => {
      if (kind === 0) {
        machine.repeated();
      } else {
        machine.respond(status, String(status));
      }
    },
    () => undefined,
  );
});
