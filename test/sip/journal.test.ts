import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import t from 'tap';
import { verifyJournal } from '../../src/adapters/journal/verify.js';
import { startGateway } from '../support/gateway.js';
import { entriesOf, ofType } from '../support/journal.js';
import { startLab } from '../support/lab.js';
import { callIdsOf, momentsOf, runSipp, startSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));
const NET = 117;

function noodroute(...args: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  return { status, stdout, stderr };
}

t.test(
  'P14 P15 the gateway is killed in the middle of calls: no call that rang is missing from the journal',
  async (t) => {
    const lab = await startLab(NET);
    t.teardown(async () => lab.stop());
    const callers = await startSipp({
      scenario: 'caller.xml',
      address: `127.${NET}.1.1`,
      target: lab.sip,
      service: '112',
      calls: 40,
      rate: 50,
      duration: 60_000,
    });
    await until(async () => ofType(await entriesOf(lab.journal), 'call-answered').length >= 10, 10_000);
    const { pid } = (await lab.state()).gateway;
    process.kill(pid ?? 0, 'SIGKILL');
    const killedAt = Date.now();
    const { messages } = await callers.stop();
    await until(async () => (await lab.state()).gateway.restarts === 1 && (await lab.state()).gateway.running, 10_000);
    await until(async () => ofType(await entriesOf(lab.journal), 'process-started').length === 2, 5_000);

    t.match(await verifyJournal(lab.journal), { ok: true, first: '1' }, 'the chain goes on over the kill');
    const entries = await entriesOf(lab.journal);
    const rung = callIdsOf(messages, /^SIP\/2\.0 180 /m);
    const received = ofType(entries, 'call-received').filter(({ sipCallId = '' }) => rung.has(sipCallId));
    t.equal(received.length, rung.size, `${rung.size} callers heard ringing, and each is in the journal`);
    t.ok(rung.size >= 10);
    const started = new Set(ofType(entries, 'attempt-started').map(({ callId }) => callId));
    t.same(
      received.filter(({ callId }) => !started.has(callId)),
      [],
      'each with its attempt',
    );
    const answered = momentsOf(messages, /^SIP\/2\.0 200 [^]*^CSeq: 1 INVITE/m);
    const answers = new Set(ofType(entries, 'attempt-ended').map(({ callId }) => callId));
    // A record is written at once, but nobody waits for it: what is answered in the last moment may lack its answer.
    const missing = received.flatMap(({ callId, sipCallId = '' }) => {
      const at = answered.get(sipCallId);
      return at === undefined || answers.has(callId) ? [] : [killedAt - at];
    });
    const earliest = Math.max(0, ...missing);
    t.ok(
      earliest < 500,
      `and with its answer where it was answered, but for ${missing.length} of the last ${earliest} ms`,
    );
    t.same(ofType(entries, 'process-stopped'), [], 'nothing says that it ended in an orderly way');

    const [first] = received;
    const shown = noodroute('journal', 'show', lab.journal, '--call', first?.sipCallId ?? '');
    t.match(shown, {
      status: 0,
      stdout: new RegExp(`\\[${first?.callId}\\] call to 112 \\(emergency\\) from \\+31612345678`),
    });
    t.match(shown.stdout, /attempt 1 \(first\): 112 over kpn-[ab] of kpn, tier 1, normal/);
    t.match(noodroute('journal', 'verify', lab.journal), {
      status: 0,
      stdout: /: good, \d+ record\(s\) in 1 file\(s\)/,
    });
    t.match(noodroute('journal', 'show', lab.journal, '--call', 'nobody'), {
      status: 1,
      stderr: /no record concerns a call nobody/,
    });
    t.match(noodroute('journal', 'verify', '/nowhere'), {
      status: 1,
      stderr: /\/nowhere: the journal cannot be read: ENOENT/,
    });
  },
);

/** Writes until there is no room left. */
function fill(file: string): void {
  try {
    for (;;) {
      writeFileSync(file, Buffer.alloc(4_096), { flag: 'a' });
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') {
      throw error;
    }
  }
}

t.test(
  'P13 the disk of the journal is full: calls go on, and what was not lost is written when there is room',
  async (t) => {
    const disk = mkdtempSync(join(tmpdir(), 'noodroute-disk-'));
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk]);
    t.teardown(() => {
      execFileSync('umount', [disk]);
      rmSync(disk, { recursive: true });
    });
    const far = `127.${NET + 1}.20.1`;
    const gateway = await startGateway({
      host: `127.${NET + 1}.0.1`,
      trunks: [
        { id: 'kpn-a', carrier: 'kpn', address: `${far}:5060`, tier: 1 },
        { id: 'second-a', carrier: 'second', address: `127.${NET + 1}.30.1:5060`, tier: 2 },
      ],
      journal: join(disk, 'journal'),
    });
    t.teardown(async () => gateway.stop());
    const answering = await startSipp({ scenario: 'answer.xml', address: far });
    t.teardown(async () => answering.stop());
    fill(join(disk, 'filler'));
    const call = async (from: number) =>
      runSipp({
        scenario: 'caller.xml',
        address: `127.${NET + 1}.1.${from}`,
        target: gateway.sip,
        service: '112',
        calls: 20,
        rate: 20,
        duration: 100,
      });
    const full = await call(1);
    t.match(full, { exitCode: 0, successful: 20, failed: 0 }, 'every call was answered');
    await until(() => gateway.log().includes('the journal cannot be written'), 3_000);
    t.equal(gateway.log().split('the journal cannot be written; calls go on').length, 2, 'it is said once');
    const ofJournal = async () => (await gateway.alarms()).filter(({ kind }) => kind === 'journal');
    await until(async () => (await ofJournal()).length > 0, 3_000);
    t.match(await ofJournal(), [{ severity: 'major', text: /ENOSPC/ }], 'and stands among the alarms');
    rmSync(join(disk, 'filler'));
    await until(() => gateway.log().includes('the journal is written again'), 5_000);
    await until(async () => (await ofJournal()).length === 0, 5_000);
    t.same(await ofJournal(), [], 'until it is over');
    const told = (how: string) => gateway.log().split(`${how}: the journal cannot be written`).length - 1;
    await until(() => told('alarm over') > 0, 5_000);
    t.same([told('alarm'), told('alarm over')], [1, 1], 'each once');
    const ended = async () => ofType(await entriesOf(join(disk, 'journal')), 'call-ended').length;
    await until(async () => (await ended()) === 20, 5_000);
    const entries = await entriesOf(join(disk, 'journal'));
    t.match(await verifyJournal(join(disk, 'journal')), { ok: true, first: '1' });
    t.equal(ofType(entries, 'call-ended').length, 20, 'no call is missing');
    const alarms = ofType(entries, 'alarm-raised').filter(({ alarm }) => alarm.kind === 'journal');
    t.match(alarms, [{ alarm: { text: /ENOSPC/ } }]);
    const cleared = ofType(entries, 'alarm-cleared').filter(({ alarm }) => alarm.kind === 'journal');
    t.same(
      cleared.map(({ alarm }) => alarm.id),
      alarms.map(({ alarm }) => alarm.id),
      'raised once, cleared once',
    );
    const worst = Math.max(...(full.times['1'] ?? []));
    t.ok(worst < 3 * 200 + 200, `answered after ${worst} ms at most (promise: 200 ms more than usual)`);
  },
);
