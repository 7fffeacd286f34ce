import t from 'tap';
import { isDrop } from '../../src/calls/dropped.js';
import { ms } from '../../src/domain/time.js';
import { withOriginOf } from '../../src/sip/sdp.js';
import { ANSWER, FakeCaller, inDialog, OFFER, type FakeDialog } from '../support/fake-sip-server.js';
import { office, reports, settle } from '../support/office.js';

const SDP = { name: 'Content-Type', value: 'application/sdp' };
const OTHER = ANSWER.replace('5000', '6000').replace('o=a 1 1', 'o=b 7 7');

/** A call that was answered over the first trunk. */
async function answered(number = '112', body = OFFER) {
  const gateway = office();
  const caller = new FakeCaller(`sip:${number}@127.0.0.1`, [SDP], body);
  gateway.server.incoming(caller);
  gateway.server.callee(0).answer();
  await settle();
  return { ...gateway, caller };
}

/** The far side hangs up. */
async function drop({ server }: Awaited<ReturnType<typeof answered>>, nth: number, reasons: readonly string[] = []) {
  server.callee(nth).events.ended({ by: 'peer', reasons });
  server.callee(nth).events.over();
  await settle();
}

/** Answers the nth request that was made of a dialog. */
async function respond(dialog: FakeDialog, nth: number, status: number, body = '') {
  dialog.requests[nth]?.answer({ status, reason: '', headers: [SDP], body });
  await settle();
}

t.test('P23 answered, then dropped: the caller is offered to the next path, and hears it in a re-INVITE', async (t) => {
  const call = await answered();
  const { server, caller, clock, keeper, desk, records } = call;
  clock.advance(1_000);
  await drop(call, 0);
  t.equal(caller.dialog.released, undefined, 'the caller is not released');
  const second = server.callee(1);
  t.equal(second.request.nextHop.host, '127.0.99.2');
  t.equal(second.request.body, OFFER, 'what the caller offered');
  second.provisional(180);
  second.answer(OTHER);
  await settle();
  t.same(second.acknowledgements, [undefined]);
  t.match(caller.dialog.requests, [{ method: 'INVITE', body: OTHER.replace('o=b 7 7', 'o=a 1 2') }]);
  await respond(caller.dialog, 0, 200, OFFER);
  t.same(caller.dialog.acknowledged, [undefined]);
  const info = inDialog('INFO');
  caller.events?.requested(info);
  t.equal(second.dialog.requests.length, 1, 'the two are tied');
  clock.advance(60_000);
  caller.events?.ended({ by: 'peer', reasons: [] });
  t.same(second.dialog.released, []);
  t.equal(desk.openCalls, 0);
  t.match(reports(records).at(-1), {
    outcome: 'answered',
    answeredBy: { trunk: 'second-a' },
    attempts: [{ trunk: 'kpn-a', outcome: 'failed', reason: 'answered, then dropped' }, { outcome: 'answered' }],
  });
  keeper.close();
});

t.test('P23 it counts against the trunk, call after call', async (t) => {
  const gateway = office();
  const { server, keeper } = gateway;
  const over = (): readonly string[] => server.callees.map(({ request }) => request.nextHop.host);
  for (let call = 0; call < 4; call += 1) {
    const caller = new FakeCaller('sip:112@127.0.0.1', [SDP]);
    const at = server.callees.length;
    server.incoming(caller);
    server.callee(at).answer();
    await settle();
    if (server.callee(at).request.nextHop.host === '127.0.99.1') {
      server.callee(at).events.ended({ by: 'peer', reasons: [] });
      await settle();
    }
  }
  t.match(
    keeper.snapshot().trunks[0],
    { health: { state: /suspect|down/ } },
    'an answer that is dropped clears nothing',
  );
  t.equal(over().at(-1), '127.0.99.2', 'and it loses the first place');
  keeper.close();
});

t.test('P23 once per call: the second drop ends it', async (t) => {
  const call = await answered();
  const { server, caller, desk, keeper } = call;
  await drop(call, 0);
  server.callee(1).answer(OTHER);
  await settle();
  await drop(call, 1);
  t.same(caller.dialog.released, []);
  t.equal(desk.openCalls, 0);
  keeper.close();
});

t.test('P23 an emergency caller is not released when no path is left: it is tried again every second', async (t) => {
  const call = await answered();
  const { server, caller, clock, desk, keeper } = call;
  await drop(call, 0);
  server.callee(1).fail(503);
  server.callee(2).fail(503);
  t.equal(server.callee(2).request.nextHop.host, '127.0.99.1', 'the path that dropped it comes last, but it comes');
  t.equal(caller.dialog.released, undefined);
  clock.advance(1_000);
  server.callees.at(-1)?.answer(OTHER);
  await settle();
  t.match(caller.dialog.requests, [{ method: 'INVITE' }]);
  const priority = await answered('09008844');
  await drop(priority, 0);
  priority.server.callee(1).fail(503);
  priority.server.callees.at(-1)?.fail(503);
  t.same(priority.caller.dialog.released, [], 'a priority caller is told the end');
  t.equal(desk.openCalls, 1);
  keeper.close();
  priority.keeper.close();
});

t.test('P23 the caller hangs up meanwhile: nothing is left', async (t) => {
  const call = await answered();
  const { server, caller, desk, keeper } = call;
  await drop(call, 0);
  caller.events?.ended({ by: 'peer', reasons: [] });
  t.ok(server.callee(1).cancelled);
  t.equal(desk.openCalls, 0);
  keeper.close();
});

t.test('P23 dropped while our 200 was on its way', async (t) => {
  const { server, keeper } = office();
  const caller = new FakeCaller('sip:112@127.0.0.1', [SDP]);
  server.incoming(caller);
  server.callee(0).answer();
  server.callee(0).events.ended({ by: 'peer', reasons: [] });
  await settle();
  t.equal(server.callees.length, 2);
  server.callee(1).answer(OTHER);
  await settle();
  t.match(caller.dialog.requests, [{ method: 'INVITE' }]);
  keeper.close();
});

t.test('P23 a caller who is changing the session is asked again; one who refuses is not released', async (t) => {
  const call = await answered();
  const { server, caller, clock, desk, logged, keeper } = call;
  await drop(call, 0);
  server.callee(1).answer(OTHER);
  await settle();
  await respond(caller.dialog, 0, 491);
  clock.advance(2_100);
  t.equal(caller.dialog.requests.length, 2);
  await respond(caller.dialog, 1, 488);
  clock.advance(60_000);
  t.equal(caller.dialog.requests.length, 2);
  t.equal(caller.dialog.released, undefined);
  t.equal(desk.openCalls, 1);
  t.ok(logged.some(({ text }) => text.includes('there may be no sound')));
  keeper.close();
});

t.test('P23 the new path gets what the caller said last, and what it answers to the re-INVITE', async (t) => {
  const call = await answered();
  const { server, caller, keeper } = call;
  const moved = OFFER.replace('4000', '4444').replace('o=a 1 1', 'o=a 1 2');
  caller.events?.requested(inDialog('INVITE', moved, [SDP]));
  await respond(server.callee(0).dialog, 0, 200, ANSWER);
  await drop(call, 0);
  t.equal(server.callee(1).request.body, moved);
  server.callee(1).answer(OTHER);
  await settle();
  const elsewhere = OFFER.replace('4000', '4600');
  await respond(caller.dialog, 0, 200, elsewhere);
  t.match(server.callee(1).dialog.requests, [{ method: 'INVITE', body: withOriginOf(elsewhere, moved) }]);
  keeper.close();
});

t.test(
  'P23 a call without an offer: the new path offers, and the answer of the caller goes into its ACK',
  async (t) => {
    const call = await answered('112', '');
    const { server, caller, keeper } = call;
    await drop(call, 0);
    t.equal(server.callee(1).request.body, '');
    server.callee(1).answer(OTHER);
    await settle();
    t.same(server.callee(1).acknowledgements, []);
    await respond(caller.dialog, 0, 200, OFFER);
    t.same(server.callee(1).acknowledgements, [OFFER]);
    keeper.close();
  },
);

t.test('P23 what is a drop, and what is somebody who hangs up', async (t) => {
  const rows: readonly (readonly [number, readonly string[], boolean])[] = [
    [0, [], true],
    [2_000, [], true],
    [2_001, [], false],
    [1_000, ['Q.850;cause=16'], false],
    [1_000, ['Q.850;cause=17'], false],
    [1_000, ['Q.850;cause=31'], false],
    [5_000, ['Q.850;cause=41'], true],
    [5_001, ['Q.850;cause=41'], false],
    [3_000, ['SIP;cause=200', 'Q.850;cause=38;text="x"'], true],
    [1_000, ['SIP;cause=200'], false],
  ];
  for (const [stood, reasons, expected] of rows) {
    t.equal(isDrop(ms(stood), reasons), expected, `${stood} ms, ${reasons.join()}`);
  }
});
