import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import t, { type Test } from 'tap';
import { GENESIS, hashOf } from '../../src/adapters/journal/chain.js';
import { FolderDisk } from '../../src/adapters/journal/disk.js';
import { FileJournal, type FileJournalOptions } from '../../src/adapters/journal/file-journal.js';
import { verifyJournal } from '../../src/adapters/journal/verify.js';
import { id, type AttemptId, type CallId } from '../../src/domain/ids.js';
import type { JournalEntry, JournalRecord } from '../../src/domain/journal-record.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { settle } from '../support/office.js';
import { VirtualClock } from '../support/virtual-clock.js';

const callId = id<CallId>('c1');
const attempt = id<AttemptId>('a1');

/** A record that counts: the nth of its kind. */
function ended(n: number): JournalRecord {
  return { type: 'call-ended', callId, outcome: 'answered', by: 'caller', cause: `no. ${n}`, reasons: [], afterMs: n };
}

/** A record that may be dropped first. */
function ringing(n: number): JournalRecord {
  return { type: 'call-ringing', callId, attempt, afterMs: n };
}

function bench(options: Partial<FileJournalOptions> = {}) {
  const disk = new MemoryDisk();
  const clock = new VirtualClock();
  const logged: string[] = [];
  const troubles: (string | undefined)[] = [];
  const write =
    (level: string) =>
    (_: unknown, text: string): void => {
      logged.push(`${level}: ${text}`);
    };
  const journal = new FileJournal({
    site: 'west',
    directory: 'var/journal',
    disk,
    clock,
    log: { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') },
    trouble: (why) => troubles.push(why),
    ...options,
  });
  return { disk, clock, logged, troubles, journal };
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) {
    await settle();
  }
}

function entries(disk: MemoryDisk): readonly JournalEntry[] {
  return disk.lines.map((line) => JSON.parse(line) as JournalEntry);
}

/** Each line carries the hash of the one before, and their numbers have no gap. */
function isChain(t: Test, lines: readonly string[]): void {
  const expected = lines.map((_, index) => ({
    seq: String(index + 1),
    prev: index === 0 ? GENESIS : hashOf(Buffer.from(lines[index - 1] ?? '')),
  }));
  t.match(
    lines.map((line) => JSON.parse(line) as JournalEntry),
    expected,
  );
}

t.test('a record becomes a line with its number, both times, the site and the hash of the line before', async (t) => {
  const { journal, disk, clock } = bench();
  journal.record(ended(1));
  clock.advance(1_500.1234);
  journal.record(ended(2));
  t.same(disk.lines, [], 'nothing is written before the call has gone on');
  await settled();
  t.match(entries(disk)[1], {
    at: '2019-06-24T13:34:01.500Z',
    mono: 1_500.123,
    site: 'west',
    type: 'call-ended',
    callId,
  });
  isChain(t, disk.lines);
  t.same([...disk.files.keys()], ['00000000000000000001-2019-06-24.jsonl']);
  t.equal(disk.writes, 1, 'what comes together is written together');
});

t.test('it is safe from a loss of power a tenth of a second later, at the cost of one sync', async (t) => {
  const { journal, disk, clock } = bench();
  journal.record(ended(1));
  await settled();
  journal.record(ended(2));
  await settled();
  t.same([disk.writes, disk.syncs], [2, 0]);
  clock.advance(100);
  await settled();
  t.same([disk.writes, disk.syncs], [2, 1]);
});

t.test('a file ends with its day or its size, and the chain goes on in the next', async (t) => {
  const { journal, disk, clock } = bench({ largestFile: 500 });
  for (let n = 1; n <= 4; n += 1) {
    journal.record(ended(n));
    await settled();
  }
  clock.advance(24 * 3_600_000);
  journal.record(ended(5));
  await settled();
  t.same([...disk.files.keys()].toSorted(), [
    '00000000000000000001-2019-06-24.jsonl',
    '00000000000000000003-2019-06-24.jsonl',
    '00000000000000000005-2019-06-25.jsonl',
  ]);
  isChain(t, disk.lines);
});

t.test('numbers go on past 2^53', async (t) => {
  const { journal, disk } = bench();
  const line = JSON.stringify({ seq: '9007199254740993', prev: GENESIS, at: '', mono: 0, site: 'west', type: 'x' });
  disk.files.set('00009007199254740993-2019-06-24.jsonl', Buffer.from(`${line}\n`));
  journal.record(ended(1));
  await settled();
  t.match(entries(disk)[1], { seq: '9007199254740994', prev: hashOf(Buffer.from(line)) });
});

t.test(
  'a full disk: records wait, the first to be dropped are the old ones of low value, and the loss is written',
  async (t) => {
    const { journal, disk, clock, logged, troubles } = bench({ waitingAtMost: 6 });
    journal.record(ended(0));
    await settled();
    disk.room = (disk.lines[0]?.length ?? 0) + 100;
    for (let n = 1; n <= 4; n += 1) {
      journal.record(ringing(n));
      journal.record(ended(n));
    }
    await settled();
    for (let second = 0; second < 5; second += 1) {
      clock.advance(1_000);
      await settled();
    }
    t.equal(disk.lines.length, 1, 'no part of a line is left behind the whole ones');
    t.same(
      logged,
      ['error: the journal cannot be written; calls go on, and records wait in memory'],
      'it is said once',
    );
    disk.room = Number.POSITIVE_INFINITY;
    clock.advance(1_000);
    await settled();
    isChain(t, disk.lines);
    t.match(
      entries(disk)
        .slice(1)
        .map((entry) => (entry.type === 'records-dropped' ? entry.byType : 'afterMs' in entry && entry.afterMs)),
      [{ 'call-ringing': 2 }, 1, 2, 3, 3, 4, 4],
    );
    t.match(troubles, ['ENOSPC: no space left on device', undefined]);
    t.match(logged[1], 'warn: the journal is written again');
  },
);

t.test('a disk that hangs is noticed, holds nobody up, and goes on where it was', async (t) => {
  const { journal, disk, clock, logged } = bench({ waitingAtMost: 100 });
  let release: () => void = () => undefined;
  disk.hold = new Promise((resolve) => {
    release = resolve;
  });
  for (let n = 1; n <= 50; n += 1) {
    journal.record(ended(n));
    clock.advance(100);
    await settle();
  }
  t.same(disk.lines, []);
  t.equal(logged.length, 1);
  release();
  await settled();
  t.equal(disk.lines.length, 50);
  isChain(t, disk.lines);
});

t.test('a folder that cannot be opened at first is tried again', async (t) => {
  const { journal, disk, clock, troubles } = bench();
  disk.fault = 'EROFS: read-only file system';
  journal.record(ended(1));
  await settled();
  t.same(troubles, ['EROFS: read-only file system']);
  disk.fault = undefined;
  clock.advance(1_000);
  await settled();
  isChain(t, disk.lines);
  t.equal(disk.lines.length, 1);
});

t.test('a torn last line is cut off with a note, and the chain goes on', async (t) => {
  const first = bench();
  first.journal.record(ended(1));
  first.journal.record(ended(2));
  await settled();
  for (const torn of ['{"seq":"3","pr', 'x'.repeat(200_000)]) {
    const { journal, disk, logged } = bench();
    for (const [name, bytes] of first.disk.files) {
      disk.files.set(name, Buffer.concat([bytes, Buffer.from(torn)]));
    }
    journal.record(ended(3));
    await settled();
    t.match(entries(disk)[2], { type: 'journal-repaired', cutBytes: torn.length, cut: torn.slice(0, 2_000) });
    t.match(entries(disk)[3], { type: 'call-ended', cause: 'no. 3' });
    isChain(t, disk.lines);
    t.match(logged, ['warn: the journal ended in the middle of a line, which was cut off']);
  }
});

t.test('an empty last file, and a last line that cannot be read, do not stop it', async (t) => {
  const empty = bench();
  empty.disk.files.set('00000000000000000001-2019-06-24.jsonl', Buffer.alloc(0));
  empty.journal.record(ended(1));
  await settled();
  isChain(t, empty.disk.lines);

  const damaged = bench();
  damaged.disk.files.set('00000000000000000001-2019-06-24.jsonl', Buffer.from('one\ntwo\n'));
  damaged.journal.record(ended(1));
  await settled();
  t.match(JSON.parse(damaged.disk.lines[2] ?? '') as JournalEntry, { seq: '3', prev: hashOf(Buffer.from('two')) });
});

t.test('at the end everything that waits is written and synced; a disk that hangs is left', async (t) => {
  const { journal, disk } = bench();
  journal.record(ended(1));
  await journal.close();
  t.same([disk.lines.length, disk.syncs], [1, 1]);

  const hanging = bench();
  hanging.disk.hold = new Promise(() => undefined);
  hanging.journal.record(ended(1));
  await settled();
  const closing = hanging.journal.close();
  hanging.clock.advance(1_000);
  await settled();
  hanging.clock.advance(500);
  await closing;
  t.same(hanging.disk.lines, []);
});

/** A journal of three records in a folder of this machine. */
async function onDisk(t: Test) {
  const directory = mkdtempSync(join(tmpdir(), 'noodroute-journal-'));
  t.teardown(() => {
    rmSync(directory, { recursive: true });
  });
  const { journal } = bench({ disk: new FolderDisk(directory) });
  [1, 2, 3].forEach((n) => {
    journal.record(ended(n));
  });
  while (readdirSync(directory).length < 2) {
    await settle();
  }
  await journal.close();
  const [name = ''] = readdirSync(directory);
  return { directory, file: join(directory, name) };
}

t.test('verify names the first line that does not follow from the one before', async (t) => {
  const { directory, file } = await onDisk(t);
  const whole = readFileSync(file, 'utf8');
  const lines = whole.trimEnd().split('\n');
  t.match(await verifyJournal(directory), { ok: true, records: 3, first: '1', last: '3', head: /^[0-9a-f]{64}$/ });

  const broken = async (text: string) => {
    writeFileSync(file, text);
    return verifyJournal(directory);
  };
  t.match(await broken(whole.replace('no. 1', 'no. 7')), {
    ok: false,
    at: `${file}:2`,
    problem: /line before it was changed/,
  });
  t.match(await broken(`${lines[0]}\n${lines[2]}\n`), { ok: false, at: `${file}:2`, problem: /number 3, expected 2/ });
  t.match(await broken(`${lines[0]}\nnothing\n${lines[2]}\n`), { ok: false, at: `${file}:2`, problem: /no record/ });
  t.match(await broken(`${lines[1]}\n${lines[2]}\n`), { ok: true, first: '2' }, 'older files may have been taken away');
  writeFileSync(file, whole);
  appendFileSync(file, '{"seq":"4"');
  t.match(await verifyJournal(directory), { ok: true, records: 3, torn: `${file}:4` });
});

t.test(
  'two gateways do not write in one folder; a lock that was left by a process that is gone does not count',
  async (t) => {
    const { directory } = await onDisk(t);
    writeFileSync(
      join(directory, 'journal.lock'),
      `1 ${
        readFileSync('/proc/1/stat', 'utf8')
          .replace(/^.*\) /s, '')
          .split(' ')[19]
      }`,
    );
    await t.rejects(new FolderDisk(directory).claim(), { message: `${directory} is in use by the process 1` });
    writeFileSync(join(directory, 'journal.lock'), '1 12');
    await t.resolves(new FolderDisk(directory).claim(), 'the number is that of another process by now');
  },
);
