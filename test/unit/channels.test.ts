import fc from 'fast-check';
import t from 'tap';
import { id, type TrunkId } from '../../src/domain/ids.js';
import { FakeCaller, type FakeCallee } from '../support/fake-sip-server.js';
import { smallNetwork } from '../support/network.js';
import { office } from '../support/office.js';

const SMALL = [
  { id: 'kpn-a', carrier: 'kpn', tier: 1, channels: 2 },
  { id: 'second-a', carrier: 'second', tier: 2, channels: 3 },
  { id: 'third-a', carrier: 'third', tier: 3, channels: 1 },
];

/** A gateway with trunks of two, three and one channels. */
function busy() {
  const gateway = office(smallNetwork(SMALL));
  const { server, keeper } = gateway;
  return {
    ...gateway,
    call: (number = '112'): FakeCaller => {
      const caller = new FakeCaller(`sip:${number}@127.0.0.1`);
      server.incoming(caller);
      return caller;
    },
    used: () => Object.fromEntries(keeper.channels().map(({ trunk, used }) => [trunk, used])),
    /** Over which trunk each INVITE went, in order. */
    went: () => server.callees.map(trunkOf),
  };
}

function trunkOf({ request }: FakeCallee): string {
  return SMALL[Number(request.nextHop.host.split('.')[3]) - 1]?.id ?? '';
}

t.test('a full trunk is passed over, and used again when a leg on it is over', async (t) => {
  const { call, went, server, keeper, used } = busy();
  const first = call();
  call();
  call();
  t.same(went(), ['kpn-a', 'kpn-a', 'second-a']);
  t.same(keeper.channels()[0], { trunk: 'kpn-a', used: 2, total: 2 });
  first.events?.cancelled([]);
  call();
  t.same(went().at(-1), 'second-a', 'CANCEL was sent, but the carrier holds the channel until it answers that');
  server.callee(0).events.over();
  call();
  t.same(went().at(-1), 'kpn-a');
  t.same(used(), { 'kpn-a': 2, 'second-a': 2, 'third-a': 0 });
  keeper.close();
});

t.test('a trunk that we think full is tried for 112 when nothing else is left: our count may be wrong', async (t) => {
  const { call, went, keeper, server } = busy();
  for (let calls = 0; calls < 6; calls += 1) {
    call();
  }
  t.same(went().toSorted(), ['kpn-a', 'kpn-a', 'second-a', 'second-a', 'second-a', 'third-a']);
  call();
  t.equal(went().at(-1), 'kpn-a', 'in the order of the plan');
  server.callee(6).fail(503);
  t.equal(went().at(-1), 'second-a');
  keeper.close();
});

t.test('an attempt that starts later looks at the channels of that moment', async (t) => {
  const { call, went, keeper, server } = busy();
  call();
  t.same(went(), ['kpn-a']);
  for (let calls = 0; calls < 4; calls += 1) {
    call();
  }
  server.callee(0).fail(503);
  t.equal(went().at(-1), 'third-a', 'the second carrier had room when the call came, and has none now');
  keeper.close();
});

t.test('a leg of which nothing is reported any more frees its channel in 70 s at most', async (t) => {
  const { call, clock, keeper, used } = busy();
  const caller = call();
  caller.events?.cancelled([]);
  clock.advance(69_000);
  t.equal(used()['kpn-a'], 1);
  clock.advance(1_000);
  t.equal(used()['kpn-a'], 0);
  keeper.close();
});

t.test('a line is let go of when a call on it is over, not when one was refused', async (t) => {
  const { call, clock, keeper, server } = busy();
  const since = (): number | undefined => keeper.sinceRelease(id<TrunkId>('kpn-a'));
  call();
  server.callee(0).fail(486);
  t.equal(since(), undefined);
  const caller = call();
  server.callee(2).provisional(180);
  caller.events?.cancelled([]);
  server.callee(2).events.over();
  clock.advance(700);
  t.equal(since(), 700);
  keeper.close();
});

/** What may happen, and to which of the legs or callers that are there (modulo their number). */
const step = fc.record({
  what: fc.constantFrom(
    ...(['call', 'police', 'call', 'trying', 'ring', 'answer', 'answer', 'fail', 'busy', 'callee-bye'] as const),
    ...(['caller-cancel', 'caller-bye', 'wait', 'wait', 'wait', 'crash', 'loop'] as const),
  ),
  which: fc.nat(1_000),
  ms: fc.constantFrom(1, 20, 600, 2_500, 13_000),
  /** How long the far end takes to let go of a leg that was cancelled or BYEd. */
  lag: fc.constantFrom(0, 5, 500, 32_000, 64_000),
});

t.test(
  'the count is that of the legs that are open at the far ends, whatever is cancelled, crashes or answers late',
  async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 120 }), async (steps) => {
        const gateway = busy();
        const { server, clock, keeper } = gateway;
        const open = new Set<FakeCallee>();
        const answered = new Set<FakeCallee>();
        const callers: FakeCaller[] = [];
        let lag = 0;
        const over = (callee: FakeCallee): void => {
          if (open.delete(callee)) {
            callee.events.over();
          }
        };
        server.onCallee = (callee) => {
          open.add(callee);
          const letGo = (): void => {
            clock.setTimer(lag as Parameters<typeof clock.setTimer>[0], () => {
              over(callee);
            });
          };
          callee.onCancel = letGo;
          callee.dialog.onRelease = letGo;
        };
        const fail = (callee: FakeCallee, status: number): void => {
          if (open.delete(callee)) {
            callee.fail(status);
          }
        };
        const lose = (callee: FakeCallee): void => {
          if (open.delete(callee)) {
            if (answered.has(callee)) {
              callee.events.ended({ by: 'server', reasons: [] });
            } else if (callee.cancelled === undefined) {
              callee.events.failed({ origin: 'local', cause: 'unsendable', status: 503 });
            }
            callee.events.over();
          }
        };
        for (const { what, which, ms, lag: nextLag } of steps) {
          lag = nextLag;
          const ringing = [...open].filter((each) => each.cancelled === undefined && !answered.has(each));
          const talking = [...open].filter((each) => answered.has(each) && each.dialog.released === undefined);
          const callee = ringing[which % Math.max(ringing.length, 1)];
          const talker = talking[which % Math.max(talking.length, 1)];
          const caller = callers[which % Math.max(callers.length, 1)];
          switch (what) {
            case 'call':
            case 'police':
              callers.push(gateway.call(what === 'call' ? '112' : '09008844'));
              break;
            case 'trying':
              callee?.provisional(100);
              break;
            case 'ring':
              callee?.provisional(180);
              break;
            case 'answer':
              if (callee !== undefined) {
                answered.add(callee);
                callee.answer();
              }
              break;
            case 'fail':
            case 'busy':
              if (callee !== undefined) {
                fail(callee, what === 'busy' ? 486 : 503);
              }
              break;
            case 'callee-bye':
              if (talker !== undefined) {
                open.delete(talker);
                talker.events.ended({ by: 'peer', reasons: [] });
                talker.events.over();
              }
              break;
            case 'caller-cancel':
              caller?.events?.cancelled([]);
              break;
            case 'caller-bye':
              caller?.events?.ended({ by: 'peer', reasons: [] });
              break;
            case 'wait':
              clock.advance(ms);
              break;
            case 'crash':
              for (const each of callers) {
                each.events?.cancelled([]);
              }
              for (const each of [...open]) {
                lose(each);
              }
              break;
            case 'loop':
              if (callee !== undefined) {
                server.incoming(FakeCaller.from(`INVITE sip:112@127.0.0.1 SIP/2.0\r\n${loopHeaders(callee)}\r\n\r\n`));
              }
              break;
          }
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
          compare(gateway.used(), open);
        }
        for (const each of callers) {
          each.events?.cancelled([]);
          each.events?.ended({ by: 'peer', reasons: [] });
        }
        clock.advance(70_000);
        compare(gateway.used(), new Set());
        keeper.close();
      }),
      { numRuns: 150 },
    );
  },
);

function loopHeaders({ request }: FakeCallee): string {
  return request.headers.map(({ name, value }) => `${name}: ${value}`).join('\r\n');
}

function compare(used: Readonly<Record<string, number>>, open: ReadonlySet<FakeCallee>): void {
  for (const { id: trunk } of SMALL) {
    const truth = [...open].filter((each) => trunkOf(each) === trunk).length;
    if (used[trunk] !== truth) {
      throw new Error(`${trunk}: ${used[trunk]} channels are counted, ${truth} legs are open`);
    }
  }
}
