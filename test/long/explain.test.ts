import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { startLab } from '../support/lab.js';
import { runSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const run = promisify(execFile);

async function noodroute(...args: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  try {
    const { stdout, stderr } = await run(process.execPath, [MAIN, ...args], { timeout: 20_000 });
    return { code: 0, out: stdout, err: stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, out: stdout, err: stderr };
  }
}

t.test('a past call is explained from the journal, and the plan of that moment too', async (t) => {
  const lab = await startLab(76);
  t.teardown(async () => lab.stop());
  const site = ['--site', lab.file];
  const call = async () =>
    runSipp({
      ...{ scenario: 'caller.xml', address: '127.76.1.1', target: lab.sip, service: '112' },
      ...{ calls: 1, duration: 200 },
    });
  await call();
  const before = new Date();
  await lab.fault('kpn', 'lie');
  t.match(await call(), { successful: 1 });
  await lab.fault('kpn', 'blackhole');
  await until(() => lab.lines.some((line) => /carrier kpn .*-> absent/.test(line)), 10_000);
  await call();
  await until(async () => (await lab.calls()).length === 3, 3_000);
  await new Promise((resolve) => setTimeout(resolve, 500));
  const ids = (await lab.calls()).map(({ callId }) => callId);

  await t.test('the call that found the loss', async (t) => {
    const { code, out } = await noodroute('explain', ids[1] ?? '', '--journal', lab.journal, ...site);
    t.equal(code, 0);
    t.match(out, /^when it came, nothing was known to be wrong for 112$/m);
    t.match(out, /^ {3}1 {2}kpn-[ab] .*up; tier 1/m, 'the plan of that moment');
    t.match(out, /\+\d+ ms attempt 1 \(first\): 112 over kpn-[ab] of kpn, tier 1, normal, trunk up, carrier present/);
    t.match(out, /\+\d+ ms attempt \S+ is late: no (?:progress|response)/);
    t.match(out, /attempt 2 \(progress\): 112 over second-a/);
    t.match(out, /trunk kpn-[ab] .*-> suspect/, 'what was judged while it lasted');
    t.match(out, /answered by meldkamer over second-a of second/);
  });

  await t.test('the call after it, by the Call-ID of its caller, for programs', async (t) => {
    const { out } = await noodroute('explain', ids[2] ?? '', '--journal', lab.journal, '--json');
    const { service, knownThen, records } = JSON.parse(out) as {
      service: string;
      knownThen: { of: string; state: string; cause: string }[];
      records: { type: string; sipCallId?: string }[];
    };
    t.equal(service, '112');
    t.ok(knownThen.some(({ of, state, cause }) => of === 'carrier kpn' && state === 'absent' && cause !== ''));
    t.equal(records.at(-1)?.type, 'call-ended');
    const again = await noodroute('explain', records[0]?.sipCallId ?? '', '--journal', lab.journal, '--json');
    t.same(JSON.parse(again.out), JSON.parse(out));
  });

  await t.test('the plan of another time', async (t) => {
    const first = async (...more: readonly string[]) => {
      const { out } = await noodroute('route', '112', ...site, '--journal', lab.journal, '--json', ...more);
      return (JSON.parse(out) as { routes: { trunk: string }[] }).routes[0]?.trunk;
    };
    t.match(await first('--at-time', before.toISOString()), /^kpn-/);
    t.equal(await first(), 'second-a');
  });

  await t.test('what there is not', async (t) => {
    t.match(await noodroute('explain', 'nobody', '--journal', lab.journal), {
      code: 1,
      err: `${lab.journal}: no record concerns a call nobody\n`,
    });
    t.match(await noodroute('explain', 'x', '--journal', '/nowhere'), {
      code: 1,
      err: /^\/nowhere: the journal cannot be read/,
    });
    t.match(await noodroute('route', '112', '--at-time', 'yesterday'), { code: 2, err: /expected a time such as/ });
    t.match(await noodroute('route', '112', '--at-time', '2026-01-01'), { code: 1, err: /name the site file as well/ });
  });
});
