import t from 'tap';
import { soak } from '../../bench/engine/soak.js';

const STEP = 10_000;
/** A collected heap is never the same to the byte: so much of it is what the engine of the language keeps for itself. */
const ALLOWED = 1.05;

t.test('20,000 calls through the engine: memory stays flat, and nothing is left', { timeout: 280_000 }, async (t) => {
  const { answered, failed, seconds, marks, after } = await soak(
    49,
    { calls: 2 * STEP, step: STEP, rate: 500, t1: 150 },
    () => undefined,
  );
  const [first, last] = marks;
  t.comment(
    `${seconds.toFixed(0)} s; heap ${marks.map(({ heap }) => `${(heap / 1_048_576).toFixed(2)} MB`).join(', ')}`,
  );
  t.same([answered, failed], [2 * STEP, 0]);
  t.ok((last?.heap ?? Infinity) <= (first?.heap ?? 0) * ALLOWED, 'memory is flat within 5 %');
  const { inviteClients, inviteServers, otherClients, otherServers, dialogs, legs, invites, asked } = after.stats;
  const left = { inviteClients, inviteServers, otherClients, otherServers, dialogs, legs, invites, asked };
  t.same(
    Object.entries(left).filter(([, count]) => count !== 0),
    [],
    'no transaction, dialog or leg',
  );
  t.ok(after.timers <= 3, `${after.timers} timers: those that look after the sockets, and none of a call`);
});
