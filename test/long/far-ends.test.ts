import t, { type Test } from 'tap';
import { startGateway, type TestGateway, type TestSite } from '../support/gateway.js';
import { runSipp, startSipp, type Sipp, type SippResult } from '../support/sipp.js';
import { until } from '../support/until.js';

// SIPp at both ends: each way in which a far end may fail, with calls on the way. No part of the lab is here.

/** Two at a time: most of each test is waiting. */
t.jobs = 2;

const RATE = 5;

interface Parts {
  readonly gateway: TestGateway;
  readonly kpn: Sipp;
  readonly second: Sipp;
  readonly call: (calls: number, scenario?: string) => Promise<SippResult>;
}

/** What the first carrier does: a scenario of SIPp, and what is said in it. */
interface FarEnd {
  readonly scenario: string;
  readonly words?: Readonly<Record<string, string>>;
}

async function between(
  t: Test,
  net: number,
  { scenario, words }: FarEnd,
  more: Partial<TestSite> = {},
): Promise<Parts> {
  const [host, far, other] = [`127.${net}.0.1`, `127.${net}.20.1`, `127.${net}.30.1`];
  const kpn = await startSipp({ scenario, address: far, ...(words === undefined ? {} : { words }) });
  const second = await startSipp({ scenario: 'answer.xml', address: other });
  const gateway = await startGateway({
    host,
    trunks: [
      { id: 'kpn-a', carrier: 'kpn', address: `${far}:5060`, tier: 1 },
      { id: 'second-a', carrier: 'second', address: `${other}:5060`, tier: 2 },
    ],
    ...more,
  });
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    await Promise.all([kpn.stop(), second.stop()]);
  });
  const call = async (calls: number, scenario = 'caller.xml') =>
    runSipp({
      ...{ scenario, address: `127.${net}.1.1`, target: gateway.sip, service: '112' },
      ...{ calls, rate: RATE, duration: 300 },
    });
  return { gateway, kpn, second, call };
}

/** Milliseconds until the caller heard ringing, the longest. */
function rangAfter({ times }: SippResult): number {
  return Math.max(...(times['2'] ?? [Number.NaN]));
}

const CALLS = 10;

for (const [index, { name, promise, most, ...farEnd }] of [
  {
    name: 'P2 a far end says 183 with a session description, and nothing more',
    ...{ scenario: 'rings-then-nothing.xml', words: { said: '183 Session Progress' } },
    ...{ promise: 2_500, most: 4_500 },
  },
  {
    name: 'P3 a far end says 404 with the cause of a full network',
    ...{ scenario: 'refuse.xml', words: { said: '404 Not Found', cause: 'Q.850;cause=34' } },
    ...{ promise: 300, most: 900 },
  },
  {
    name: 'P3 a far end says 480 with a cause of the network',
    ...{ scenario: 'refuse.xml', words: { said: '480 Temporarily Unavailable', cause: 'Q.850;cause=41' } },
    ...{ promise: 300, most: 900 },
  },
  {
    name: 'P3 a far end says 603, which ends no search for 112',
    ...{ scenario: 'refuse.xml', words: { said: '603 Decline', cause: 'Q.850;cause=21' } },
    ...{ promise: 300, most: 900 },
  },
].entries()) {
  t.test(name, { timeout: 60_000, buffered: true }, async (t) => {
    const { call, kpn, second } = await between(t, 140 + index, farEnd);
    const callers = await call(CALLS);
    t.match(callers, { exitCode: 0, successful: CALLS, failed: 0 }, 'every call was answered, and ended by its caller');
    const late = rangAfter(callers);
    t.ok(late < most, `rang after ${late} ms at the latest (promise: ${promise} ms)`);
    const [first, answered] = [await kpn.stop(), await second.stop()];
    t.ok(first.received('INVITE').size >= 1, `the first carrier was asked ${first.received('INVITE').size} times`);
    t.equal(answered.received('BYE').size, CALLS, 'each call was answered once, by the second carrier');
  });
}

t.test(
  'P20 a far end says 180, and nothing more: the caller hears it ring, and is answered elsewhere',
  { timeout: 90_000, buffered: true },
  async (t) => {
    const { call, kpn, second } = await between(t, 146, {
      scenario: 'rings-then-nothing.xml',
      words: { said: '180 Ringing' },
    });
    const callers = await call(3);
    t.match(callers, { exitCode: 0, successful: 3, failed: 0 });
    t.ok(rangAfter(callers) < 900, `rang after ${rangAfter(callers)} ms at the latest (promise: 300 ms)`);
    const answered = Math.max(...(callers.times['1'] ?? [Number.NaN]));
    t.ok(answered < 20_000, `answered after ${Math.round(answered)} ms at the latest (promise: 12 s of ringing, cold)`);
    const [first, other] = [await kpn.stop(), await second.stop()];
    t.same(first.received('CANCEL'), first.received('INVITE'), 'what rang in vain is cancelled in the end');
    t.equal(other.received('BYE').size, 3);
  },
);

t.test(
  'P23 a far end answers and hangs up: the caller is offered to the next one, which answers',
  { timeout: 60_000, buffered: true },
  async (t) => {
    const { call, second, gateway } = await between(t, 147, { scenario: 'drops.xml' });
    const callers = await call(5, 'caller-offered-again.xml');
    t.match(callers, { exitCode: 0, successful: 5, failed: 0 }, 'no caller was released');
    t.equal((await second.stop()).received('BYE').size, 5);
    const offered = (await gateway.calls()).filter(({ attempts }) => attempts[0]?.carrier === 'kpn');
    t.ok(offered.length >= 1, `${offered.length} of 5 calls were dropped, and offered again`);
    t.ok(
      offered.every(({ answeredBy }) => answeredBy?.trunk === 'second-a'),
      'and talked over the second carrier',
    );
  },
);

t.test(
  'P4 a far end is deaf: when its carrier is judged gone, no call touches it, and none is later than usual',
  { timeout: 60_000, buffered: true },
  async (t) => {
    const parts = await between(t, 148, { scenario: 'deaf.xml' }, { probeInterval: '1s' });
    const { gateway, kpn, call } = parts;
    const first = await call(1);
    t.match(first, { successful: 1 });
    const [promise, most] = gateway.server === 'embedded engine' ? [700, 2_100] : [1_300, 3_900];
    t.ok(rangAfter(first) < most, `the call that found it rang after ${rangAfter(first)} ms (promise: ${promise} ms)`);
    await until(() => /carrier \w+ -> absent/.test(gateway.log()), 5_000);
    const later = await call(20);
    t.match(later, { exitCode: 0, successful: 20, failed: 0 });
    t.equal((await kpn.stop()).received('INVITE').size, 1, 'one INVITE went there, and no other');
    t.ok(rangAfter(later) < 300, `later calls rang after ${rangAfter(later)} ms at the latest (promise: 0 ms more)`);
  },
);
