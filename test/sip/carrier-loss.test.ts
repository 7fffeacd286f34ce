import t, { type Test } from 'tap';
import { startLab, type TestLab } from '../support/lab.js';
import { isQuiet, nothing, open } from '../support/leftovers.js';
import { runSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

const CALLS = 400;
const RATE = 20;
const HOLD_MS = 3_000;
const LOSS_AFTER_MS = (CALLS / RATE / 2) * 1_000;

t.test('400 calls at 20 a second, the primary black-holed half way', { timeout: 150_000 }, async (t) => {
  const lab = await startLab(11);
  t.teardown(async () => lab.stop());
  await until(
    async () => (await lab.calls()).length === 0 && lab.lines.some((line) => /kpn-b .* -> up/.test(line)),
    5_000,
  );
  let lostAt = 0;
  const loss = setTimeout(() => {
    lostAt = Date.now();
    void lab.fault('kpn', 'blackhole');
  }, LOSS_AFTER_MS);
  const callers = await runSipp({
    scenario: 'caller.xml',
    address: '127.11.1.1',
    target: lab.sip,
    service: '112',
    calls: CALLS,
    rate: RATE,
    duration: HOLD_MS,
  });
  clearTimeout(loss);
  t.match(callers, { exitCode: 0, successful: CALLS, failed: 0 }, 'every call was answered, and ended by its caller');

  const reports = await lab.calls();
  t.equal(reports.length, CALLS);
  t.ok(
    reports.every(({ outcome }) => outcome === 'answered'),
    'so says the gateway',
  );
  const [psap] = (await lab.state()).psaps;
  // The ACK of an answer that came just before the loss may have met the black hole.
  const answeredLast = reports.filter(
    ({ startedAt, answeredAfterMs = 0, answeredBy }) =>
      answeredBy?.trunk.startsWith('kpn') === true && Date.parse(startedAt) + answeredAfterMs > lostAt - 500,
  );
  const unconnected = CALLS - (psap?.connected ?? 0);
  t.ok(unconnected >= 0, 'the answering point is connected with no call twice');
  t.ok(
    unconnected <= answeredLast.length,
    `${unconnected} answers lost their ACK with the carrier, all others are connected`,
  );
  t.comment(
    `rings ${psap?.rings}, answers ${psap?.answers}, connected ${psap?.connected}, phantom rings ${psap?.phantomRings}`,
  );
  const lost = (psap?.answers ?? 0) - CALLS;
  t.ok(lost <= RATE, `${lost} calls rang at the moment of the loss: their first answer went into the black hole`);
  const ringing = callers.times['2'] ?? [];
  report(t, ringing);
  const later = reports.slice(CALLS / 2 + 3 * RATE);
  const [usual, now] = [medianOf(ringing.slice(0, CALLS / 2 - 5)), medianOf(ringing.slice(CALLS / 2 + 3 * RATE))];
  t.comment(`ringing after ${now} ms in the median, ${usual} ms before the loss (promise: no delay)`);
  t.same(
    later.filter(({ attempts }) => attempts.length > 1 || attempts[0]?.carrier === 'kpn'),
    [],
    'P4 from 3 s after the loss no call touches the carrier any more',
  );

  await new Promise((resolve) => setTimeout(resolve, 5_000));
  const rings = psap?.rings;
  await lab.fault('kpn', 'clear');
  const cleared = Date.now();
  await until(async () => isQuiet(lab), 35_000);
  t.comment(`all quiet ${5 + Math.round((Date.now() - cleared) / 1_000)} s after the last call`);
  t.equal((await lab.state()).psaps[0]?.rings, rings, 'the black hole is cleared, and no answering point rings');
  await nothingLeft(t, lab);
});

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** PDD by SIPp's own clock: from INVITE to ringing, in the order of ringing. */
function report(t: Test, times: readonly number[]): void {
  const half = CALLS / 2;
  const parts = {
    before: times.slice(0, half - 5),
    during: times.slice(half - 5, half + 20),
    after: times.slice(half + 20),
  };
  for (const [name, part] of Object.entries(parts)) {
    const sorted = part.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)] ?? Number.NaN;
    t.comment(`PDD ${name}: ${part.length} calls, median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`);
  }
  t.ok(
    Math.max(...times) < 3 * 1_000,
    'nobody waited longer than a second for ringing, three times that on a busy machine',
  );
}

async function nothingLeft(t: Test, lab: TestLab): Promise<void> {
  t.same(await open(lab), nothing(3, 2), '40 s after the last call nothing is left open anywhere but probes');
}
