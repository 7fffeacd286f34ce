import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { startGateway, type TestGateway, type TestSite } from '../support/gateway.js';
import { SDP, startRawCaller } from '../support/raw-caller.js';
import { byeOf, startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';

// P8, P10, P23: calls that wait, calls without a path, and calls that were answered and dropped.
const HOST = '127.86.0.1';
const CALLER = '127.86.1.1';
const KPN = '127.86.20.1';
const SECOND = '127.86.30.1';

const site: TestSite = {
  host: HOST,
  trunks: [
    { id: 'kpn-a', carrier: 'kpn', address: `${KPN}:5060`, tier: 1 },
    { id: 'second-a', carrier: 'second', address: `${SECOND}:5060`, tier: 2 },
  ],
};

const OTHER_SDP = SDP.replace('4000', '6000').replace('o=- 1 1', 'o=psap 9 9');

interface Parts {
  readonly gateway: TestGateway;
  readonly kpn: RawPeer;
  readonly second: RawPeer;
}

async function withPeers(t: Test, kpnPlays: RawBehaviour, secondPlays: RawBehaviour, more: Partial<TestSite> = {}) {
  const kpn = await startRawPeer(KPN, 5060, politely(kpnPlays));
  const second = await startRawPeer(SECOND, 5060, politely(secondPlays));
  const gateway = await startGateway({ ...site, ...more });
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    for (const peer of [kpn, second]) {
      peer.close();
    }
  });
  return { gateway, kpn, second };
}

/** A far end that lets go of what is cancelled or ended. */
function politely(plays: RawBehaviour): RawBehaviour {
  const cancelled = new Set<string>();
  return (request, peer) => {
    if (request.startsWith('INVITE ')) {
      return plays(request, peer);
    }
    if (request.startsWith('CANCEL ')) {
      peer.respond(request, '200 OK');
      const invite = peer.requests('INVITE').find((each) => valueOf(each, 'Call-ID') === valueOf(request, 'Call-ID'));
      if (invite !== undefined && !cancelled.has(invite)) {
        cancelled.add(invite);
        peer.respond(invite, '487 Request Terminated');
      }
    } else if (!request.startsWith('ACK ')) {
      peer.respond(request, '200 OK');
    }
  };
}

const answers =
  (host: string, sdp = SDP): RawBehaviour =>
  (invite, peer) => {
    peer.respond(invite, '180 Ringing');
    peer.respond(invite, '200 OK', contact(host), sdp);
  };

function contact(host: string): readonly string[] {
  return [`Contact: <sip:${host}>`, 'Content-Type: application/sdp'];
}

async function nothingIsLeft(t: Test, { gateway }: Parts): Promise<void> {
  const engine = gateway.server === 'embedded engine' ? { engine: { dialogs: 0, legs: 0, invites: 0 } } : {};
  const used = async (): Promise<number> => {
    const { channels } = await gateway.stats();
    return channels.reduce((sum, each) => sum + each.used, 0);
  };
  await until(async () => (await used()) === 0, 5_000);
  t.match(await gateway.stats(), { openCalls: 0, dialogs: 0, ...engine });
  t.equal(await used(), 0, 'no channel is taken any more');
}

t.test(
  'P8 fifty calls wait on a carrier that disappears: all of them move at once, 112 before the others',
  async (t) => {
    // A trunk that may take 8 s to ring: nobody moves by the deadline of his own.
    const patient = site.trunks.map((trunk) => (trunk.id === 'kpn-a' ? { ...trunk, kind: 'mobile' as const } : trunk));
    const trying: RawBehaviour = (invite, peer) => {
      peer.respond(invite, '100 Trying');
    };
    const parts = await withPeers(t, trying, answers(SECOND), { probeInterval: '1s', trunks: patient });
    const { gateway, kpn, second } = parts;
    const caller = await startRawCaller(CALLER, gateway.sip);
    t.teardown(() => {
      caller.close();
    });
    // Even numbers call the police: in the order of arrival they would be among the others.
    const calls = Array.from({ length: 50 }, async (_, nth) =>
      caller.call({ uri: `sip:${nth % 2 === 0 ? '09008844' : '112'}@${HOST}` }, 20_000),
    );
    await until(() => kpn.requests('INVITE').length === 50, 5_000);
    kpn.vanish();
    const outcomes = await Promise.all(calls);
    t.same([...new Set(outcomes.map(({ status }) => status))], [200], 'everybody is answered');
    // On a busy machine a 100 Trying may come too late: then its call was moved by its own deadline before.
    // drachtio-server keeps it to itself, and its calls have no such deadline.
    const seesTrying = gateway.server === 'embedded engine';
    const reports = (await gateway.calls()).filter(
      ({ attempts }) => !seesTrying || attempts[0]?.firstResponseAfterMs !== undefined,
    );
    const waiting = new Set(reports.map(({ callId }) => callId));
    t.ok(waiting.size > 25, `${waiting.size} calls were waiting`);
    const arrived = second.received.flatMap((text, index) => {
      const callId = /emergency:uid:callid:(\w+)/.exec(text)?.[1] ?? '';
      const isMoved = text.startsWith('INVITE ') && waiting.has(callId);
      return isMoved ? [{ uri: text.slice(7, 30), at: second.arrivals[index] ?? Number.NaN }] : [];
    });
    const took = Math.max(...arrived.map(({ at }) => at)) - Math.min(...arrived.map(({ at }) => at));
    t.ok(took < 3 * 50, `all moved in ${took.toFixed(1)} ms (promise: 50 ms)`);
    const kinds = arrived.map(({ uri }) => (uri.includes('112@') ? '112' : 'police'));
    t.ok(kinds.lastIndexOf('112') < kinds.indexOf('police'), '112 first');
    const started = reports.map(({ attempts }) => attempts[1]?.startedAfterMs ?? Number.NaN);
    t.ok(Math.max(...started) < 8_000, 'before their own deadlines');
    await Promise.all(outcomes.map(async ({ hangUp }) => hangUp()));
    const used = async (): Promise<number | undefined> =>
      (await gateway.stats()).channels.find(({ trunk }) => trunk === 'second-a')?.used;
    await until(async () => (await used()) === 0, 5_000);
    t.equal(await used(), 0);
    t.equal((await gateway.stats()).openCalls, 0);
  },
);

t.test('P10 an emergency caller is held while every trunk fails, and is answered when one is back', async (t) => {
  let isBack = false;
  const fails: RawBehaviour = (invite, peer) => {
    if (isBack) {
      answers(SECOND)(invite, peer);
    } else {
      peer.respond(invite, '503 Service Unavailable');
    }
  };
  const parts = await withPeers(t, (invite, peer) => peer.respond(invite, '503 Service Unavailable'), fails);
  const caller = await startRawCaller(CALLER, parts.gateway.sip);
  t.teardown(() => {
    caller.close();
  });
  setTimeout(() => {
    isBack = true;
  }, 3_300);
  const began = performance.now();
  const call = await caller.call({ uri: `sip:112@${HOST}` }, 20_000);
  const waited = performance.now() - began;
  t.equal(call.status, 200);
  t.ok(
    waited < 3_300 + 3 * 1_100,
    `answered ${(waited - 3_300).toFixed(0)} ms after the trunk was back (a retry every second)`,
  );
  t.ok(
    call.responses.some((response) => response.startsWith('SIP/2.0 180')),
    'the caller heard ringing meanwhile',
  );
  t.ok(parts.second.requests('INVITE').length >= 4);
  await call.hangUp();
  await nothingIsLeft(t, parts);
});

t.test('P10 P20 an upstream with other ways is told 503 in a second when nothing answers at all', async (t) => {
  let isSilent = true;
  const far: RawBehaviour = (invite, peer) => {
    if (!isSilent) {
      peer.respond(invite, '503 Service Unavailable');
    }
  };
  const parts = await withPeers(t, far, far, { noPath: 'wilt' });
  const caller = await startRawCaller(CALLER, parts.gateway.sip);
  t.teardown(() => {
    caller.close();
  });
  const told = async (): Promise<{ status: number; ms: number; heard: readonly string[] }> => {
    const began = performance.now();
    const { status, responses } = await caller.call({ uri: `sip:112@${HOST}` }, 10_000);
    return { status, ms: performance.now() - began, heard: responses.map((text) => text.slice(8, 11)) };
  };
  const first = await told();
  t.equal(first.status, 503);
  t.ok(first.ms < 6_000 + 900, `a trunk was still thought up: after ${first.ms.toFixed(0)} ms (promise: 6 s)`);
  isSilent = false;
  for (let call = 0; call < 4; call += 1) {
    t.equal((await told()).status, 503);
  }
  isSilent = true;
  const last = await told();
  t.equal(last.status, 503);
  t.ok(last.ms < 3 * 1_000, `everything is down: after ${last.ms.toFixed(0)} ms (promise: 1 s)`);
  t.same([...new Set([...first.heard, ...last.heard])], ['100', '503'], 'and no ringing before it');
});

t.test('P23 answered, then dropped: the caller hears the next answering point in the same call', async (t) => {
  const drops: RawBehaviour = (invite, peer) => {
    answers(KPN)(invite, peer);
    setTimeout(() => {
      peer.send(byeOf(invite, KPN), 5060, HOST);
    }, 300);
  };
  const parts = await withPeers(t, drops, answers(SECOND, OTHER_SDP));
  const { gateway, second } = parts;
  const caller = await startRawPeer(CALLER, 5060, (request, peer) => {
    const isInvite = request.startsWith('INVITE ');
    if (!request.startsWith('ACK ')) {
      peer.respond(request, '200 OK', isInvite ? contact(CALLER) : [], isInvite ? SDP : '');
    }
  });
  t.teardown(() => {
    caller.close();
  });
  const said = callOf(caller);
  said('INVITE', 1, SDP);
  const answer = (): string => caller.received.find((text) => text.startsWith('SIP/2.0 200')) ?? '';
  await until(() => answer() !== '', 5_000);
  said('ACK', 1, '', valueOf(answer(), 'To'));
  await until(() => caller.requests('ACK').length > 0, 5_000);
  const [offer = ''] = caller.requests('INVITE');
  t.match(offer, /m=audio 6000 /, 'a re-INVITE with what the second answering point said');
  t.match(offer, /o=- 1 2 IN/, 'as the next version of the session that the caller knows');
  t.equal(caller.requests('ACK').length, 1, 'it is acknowledged');
  t.equal(caller.requests('BYE').length, 0, 'the caller is not released');
  t.equal(second.requests('ACK').length, 1);
  t.match(await gateway.calls(), [
    {
      outcome: 'answered',
      answeredBy: { trunk: 'second-a' },
      attempts: [
        { trunk: 'kpn-a', reason: 'answered, then dropped' },
        { trunk: 'second-a', outcome: 'answered' },
      ],
    },
  ]);
  said('BYE', 2, '', valueOf(answer(), 'To'));
  await until(() => second.requests('BYE').length > 0, 3_000);
  t.equal(second.requests('BYE').length, 1, 'the two are tied');
  await nothingIsLeft(t, parts);
});

/** What the caller says in its call. */
function callOf(caller: RawPeer): (method: string, sequence: number, body?: string, to?: string) => void {
  const callId = `${randomUUID()}@${CALLER}`;
  return (method, sequence, body = '', to = `<sip:112@${HOST}>`) => {
    const lines = [
      `${method} sip:112@${HOST} SIP/2.0`,
      `Via: SIP/2.0/UDP ${CALLER}:5060;branch=z9hG4bK${randomUUID()}`,
      'From: <sip:+31612345678@carrier.example>;tag=raw-caller',
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${sequence} ${method}`,
      `Contact: <sip:caller@${CALLER}:5060>`,
      'Max-Forwards: 70',
      ...(body === '' ? [] : ['Content-Type: application/sdp']),
      `Content-Length: ${body.length}`,
      '',
      body,
    ];
    caller.send(lines.join('\r\n'), 5060, HOST);
  };
}
