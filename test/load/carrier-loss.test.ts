import t, { type Test } from 'tap';
import { verifyJournal } from '../../src/adapters/journal/verify.js';
import type { CallResult } from '../../src/lab/results.js';
import { entriesOf, ofType } from '../support/journal.js';
import { startLab } from '../support/lab.js';
import { isQuiet, nothing, open } from '../support/leftovers.js';
import { callIdsOf, runSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

const CALLS = 2_000;
const RATE = 20;
const HOLD_MS = 3_000;
const LOSS_AFTER_MS = (CALLS / RATE / 2) * 1_000;
/** A carrier is judged gone so soon after it is lost (P5). */
const GONE_WITHIN_MS = 1_500;
/** A second answered leg is gone again after this (P12). */
const SECOND_LEG_MS = 50;
/** What was answered so shortly before the loss may have its acknowledgement in the black hole. */
const ACK_LOST_WITHIN_MS = 500;

t.test(`${CALLS} calls at ${RATE} a second, the primary black-holed half way`, { timeout: 240_000 }, async (t) => {
  const lab = await startLab(122);
  t.teardown(async () => lab.stop());
  await until(() => lab.lines.some((line) => /kpn-b .* -> up/.test(line)), 5_000);
  let lostAt = 0;
  const loss = setTimeout(() => {
    lostAt = Date.now();
    void lab.fault('kpn', 'blackhole');
  }, LOSS_AFTER_MS);
  const callers = await runSipp({
    scenario: 'caller.xml',
    address: '127.122.1.1',
    target: lab.sip,
    service: '112',
    calls: CALLS,
    rate: RATE,
    duration: HOLD_MS,
  });
  clearTimeout(loss);
  t.match(callers, { exitCode: 0, successful: CALLS, failed: 0 }, 'every call was answered, and ended by its caller');
  await until(async () => (await lab.results()).every(({ endedMs }) => endedMs !== undefined), 5_000);

  const results = await lab.results();
  onceEach(t, results, lostAt);
  noneTwice(t, results);
  const [psap] = (await lab.state()).psaps;
  const connected = results.reduce((sum, each) => sum + each.connected, 0);
  const overMobile = results.filter(({ over = '' }) => over.startsWith('mobile')).length;
  t.equal(psap?.connected, connected + overMobile, 'the answering point counts the same as the results');
  t.comment(
    `rings ${psap?.rings}, answers ${psap?.answers}, connected ${connected}, phantom rings ${psap?.phantomRings}`,
  );
  await agree(t, results, lab.journal, callIdsOf(callers.messages, /^SIP\/2\.0 200 [^]*^CSeq: 1 INVITE/m));
  pddTable(t, callers.times['2'] ?? []);
  const touched = (await lab.calls()).filter(
    ({ startedAt, attempts }) =>
      Date.parse(startedAt) > lostAt + 3 * GONE_WITHIN_MS && attempts.some(({ carrier }) => carrier === 'kpn'),
  );
  t.same(touched, [], 'P4 from 1.5 s after the loss (three times that on a busy machine) no call touches the carrier');

  await lab.fault('kpn', 'clear');
  const quietFrom = Date.now();
  await until(async () => isQuiet(lab), 40_000);
  t.comment(`all quiet ${Math.round((Date.now() - quietFrom) / 1_000)} s after the black hole was cleared`);
  t.same(await open(lab), nothing(3, 2), '40 s after the last call nothing is left open anywhere but probes');
});

function onceEach(t: Test, results: readonly CallResult[], lostAt: number): void {
  const failed = results.filter(({ outcome }) => outcome !== 'answered');
  t.same(failed, [], `${CALLS - failed.length} of ${CALLS} calls were answered, so says the lab`);
  const isIdentified = ({ over = '' }: CallResult): boolean => !over.startsWith('mobile');
  const unacknowledged = results.filter(
    (each) => each.over !== undefined && isIdentified(each) && each.connected === 0,
  );
  const isAtTheLoss = ({ at, answeredMs = 0, over = '' }: CallResult): boolean =>
    over.startsWith('kpn') && Math.abs(Date.parse(at) + answeredMs - lostAt) < ACK_LOST_WITHIN_MS;
  t.same(
    unacknowledged.filter((each) => !isAtTheLoss(each)),
    [],
    `${unacknowledged.length} acknowledgement(s) fell into the black hole, all in the moment of the loss`,
  );
}

/** A second answer may cross our CANCEL: it is acknowledged and released at once (P12). */
function noneTwice(t: Test, results: readonly CallResult[]): void {
  const seconds = results.flatMap(({ legsMs }) => legsMs.toSorted((a, b) => b - a).slice(1));
  t.comment(
    `${seconds.length} second answer(s) crossed our CANCEL; released after ${Math.max(0, ...seconds)} ms at most`,
  );
  t.same(
    seconds.filter((talkedMs) => talkedMs > 3 * SECOND_LEG_MS),
    [],
    `no call is answered twice: a second leg is gone after ${SECOND_LEG_MS} ms, three times that on a busy machine`,
  );
}

/** SIPp, the lab and the journal know the same calls, answered over the same trunks. */
async function agree(
  t: Test,
  results: readonly CallResult[],
  journal: string,
  answered: ReadonlySet<string>,
): Promise<void> {
  const verified = await verifyJournal(journal);
  t.match(verified, { ok: true, first: '1' }, 'the chain of the journal is whole');
  const entries = await entriesOf(journal);
  const sipCallIds = new Map(
    ofType(entries, 'call-received').map(({ callId, sipCallId }) => [callId, sipCallId ?? '']),
  );
  const inJournal = ofType(entries, 'call-answered').map(({ callId, trunk }) => `${sipCallIds.get(callId)} ${trunk}`);
  const inLab = results
    .filter(({ outcome }) => outcome === 'answered')
    .map(({ sipCallId, over }) => `${sipCallId} ${over}`);
  t.same(new Set(inJournal.map((each) => each.split(' ')[0])), answered, 'SIPp and the journal know the same calls');
  t.same(inJournal.toSorted(), inLab.toSorted(), 'the lab and the journal know the same calls, over the same trunks');
  t.equal(ofType(entries, 'call-ended').length, CALLS, 'each call has its end');
  t.comment(verified.ok ? `${verified.records} records in the journal, ${verified.records / CALLS} per call` : '');
}

/** PDD by SIPp's own clock: from INVITE to ringing, in the order of ringing. */
function pddTable(t: Test, times: readonly number[]): void {
  const half = CALLS / 2;
  const parts = {
    before: times.slice(0, half - 5),
    during: times.slice(half - 5, half + 20),
    after: times.slice(half + 20),
  };
  t.comment('PDD       calls   p50 ms   p99 ms   max ms');
  for (const [name, part] of Object.entries(parts)) {
    const sorted = part.toSorted((a, b) => a - b);
    const at = (share: number): string => String(sorted[Math.floor((sorted.length - 1) * share)] ?? 'none').padStart(8);
    t.comment(`${name.padEnd(8)} ${String(part.length).padStart(6)} ${at(0.5)} ${at(0.99)} ${at(1)}`);
  }
  t.equal(times.length, CALLS);
  t.ok(Math.max(...times) < 3 * 1_000, 'nobody waited longer than a second, three times that on a busy machine');
}
