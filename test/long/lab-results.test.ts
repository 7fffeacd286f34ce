import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import t from 'tap';
import { startLab } from '../support/lab.js';
import { runSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const NET = 123;

t.test('a script takes a carrier away over HTTP, and reads what became of each call', async (t) => {
  const lab = await startLab(NET);
  t.teardown(async () => lab.stop());
  const url = `http://${lab.control}`;
  const post = async (body: unknown) => {
    const response = await fetch(`${url}/faults`, { method: 'POST', body: JSON.stringify(body) });
    return { status: response.status, answer: await response.json() };
  };
  t.same(await post({ carrier: 'kpn', fault: 'reject' }), { status: 200, answer: { ok: true } });
  t.match(await post({ carrier: 'kpm', fault: 'reject' }), {
    status: 404,
    answer: { error: /there is no carrier kpm, only kpn/ },
  });
  t.same(await (await fetch(`${url}/faults`)).json(), [
    { carrier: 'kpn', trunk: 'kpn-a', fault: 'reject=503' },
    { carrier: 'kpn', trunk: 'kpn-b', fault: 'reject=503' },
  ]);
  const callers = await runSipp({
    scenario: 'caller.xml',
    address: `127.${NET}.1.1`,
    target: lab.sip,
    service: '112',
    calls: 3,
    rate: 3,
    duration: 200,
  });
  t.match(callers, { exitCode: 0, successful: 3 });
  await until(async () => (await lab.results()).filter(({ endedMs }) => endedMs !== undefined).length === 3, 5_000);
  t.equal((await fetch(`${url}/faults`, { method: 'DELETE' })).status, 200);
  t.same(await (await fetch(`${url}/faults`)).json(), []);

  const run = async (...args: readonly string[]) =>
    promisify(execFile)(process.execPath, [MAIN, 'lab', 'results', '--control', lab.control, ...args]);
  const lines = (await run('--json')).stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as unknown);
  const answeredBySecond = {
    caller: '+31612345678',
    service: '112',
    outcome: 'answered',
    answeredBy: 'meldkamer',
    over: 'second-a',
    connected: 1,
    endedBy: 'caller',
  };
  t.match(lines, [answeredBySecond, answeredBySecond, answeredBySecond]);
  t.match(lines[0], { attempts: [{ carrier: 'kpn', verdict: 'rejected', status: 503 }] });
  const csv = (await run('--csv', '--since', '10m')).stdout;
  t.equal(csv.split('\r\n').length, 5, 'a line of names, three calls, and the end');
  t.match(csv, /,112,answered,meldkamer,second-a,1,\d+,\d+,\d+,caller,\d,kpn-[ab] rejected 503 at \d+-\d+ ms; /);
  t.equal((await run('--since', '2100-01-01T00:00:00Z')).stdout.split('\r\n').length, 2);
  await t.rejects(run('--since', 'yesterday'), { code: 2, stderr: /expected 30s, 10m, 2h, or a time/ });
});
