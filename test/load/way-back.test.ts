import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t from 'tap';
import { ms } from '../../src/domain/time.js';
import { startGateway } from '../support/gateway.js';
import { entriesOf, ofType } from '../support/journal.js';
import { gone } from '../support/saved-health.js';
import { runSipp, startSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

// A carrier that comes back, seen in the calls that it gets: SIPp at both ends.
const HOST = '127.88.0.1';
const KPN = '127.88.20.1';
const SECOND = '127.88.30.1';
const CALLS = 700;
const RATE = 50;
/** Each step of the share lasts so many good calls. */
const STEP = 20;

t.test('P7 a carrier that is back gets canaries, then 5 %, then 25 %, then all', { timeout: 120_000 }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-way-back-'));
  const kpn = await startSipp({ scenario: 'answer.xml', address: KPN });
  const second = await startSipp({ scenario: 'answer.xml', address: SECOND });
  const gateway = await startGateway({
    host: HOST,
    saved: gone([{ id: 'kpn-a', carrier: 'kpn' }], ['112'], ms(1_000)),
    probeInterval: '1s',
    journal: join(folder, 'journal'),
    trunks: [
      { id: 'kpn-a', carrier: 'kpn', address: `${KPN}:5060`, tier: 1 },
      { id: 'second-a', carrier: 'second', address: `${SECOND}:5060`, tier: 2 },
    ],
  });
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    await Promise.all([kpn.stop(), second.stop()]);
    rmSync(folder, { recursive: true, force: true });
  });
  const call = async (calls: number, service = '112') =>
    runSipp({
      ...{ scenario: 'caller.xml', address: '127.88.1.1', target: gateway.sip, service },
      ...{ calls, rate: RATE, duration: 50 },
    });
  await until(() => /"trunk":"kpn-a","service":"112","from":"down","to":"recovering"/.test(gateway.log()), 20_000);
  t.match(await call(20), { successful: 20 });
  const early = (await gateway.calls()).flatMap(({ attempts }) => attempts.filter(({ carrier }) => carrier === 'kpn'));
  t.same(early, [], 'no call of 112 is its first proof, nor tries it beside another');
  t.match(await call(1, '09008844'), { successful: 1 }, 'a call of 0900-8844 is');
  t.match(await call(CALLS), { exitCode: 0, successful: CALLS, failed: 0 }, 'nobody is lost by it');

  const started = ofType(await entriesOf(join(folder, 'journal')), 'attempt-started').filter(
    ({ place }) => place === 1,
  );
  const firsts = started.slice(-CALLS).map(({ trunk, role }) => (trunk === 'kpn-a' ? role : 'elsewhere'));
  const canaries = firsts.filter((role) => role === 'canary').length;
  t.ok(canaries >= 2, `${canaries} canaries went there first`);
  const proven = firsts.lastIndexOf('canary') + 1;
  t.ok(!firsts.slice(0, proven).includes('normal'), 'and nothing else meanwhile');
  const there = firsts.flatMap((role, index) => (role === 'normal' && index >= proven ? [index] : []));
  const after = (calls: number): number => there[calls - 1] ?? Number.NaN;
  const share = (from: number, to: number): number => (100 * STEP) / (to - from);
  const [first, then] = [share(proven, after(STEP)), share(after(STEP), after(2 * STEP))];
  t.ok(first > 3 && first < 8, `its first ${STEP} calls were ${first.toFixed(1)} % of all (promise: 5 %)`);
  t.ok(then > 15 && then < 40, `the next ${STEP} were ${then.toFixed(1)} % (promise: 25 %)`);
  const [last] = firsts.slice(-50).filter((role) => role === 'elsewhere');
  t.equal(last, undefined, 'and then it gets every call');
});
