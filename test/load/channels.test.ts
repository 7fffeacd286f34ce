import { readFileSync } from 'node:fs';
import t from 'tap';
import { startGateway, type TestGateway, type TestSite } from '../support/gateway.js';
import { SDP } from '../support/raw-caller.js';
import { byeOf, startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';
import { runSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

// Every way in which a leg may end, a thousand calls long: what the gateway counts beside what the far ends have open.
const HOST = '127.87.0.1';
const FAR = [
  { id: 'kpn-a', carrier: 'kpn', host: '127.87.20.1', tier: 1 },
  { id: 'second-a', carrier: 'second', host: '127.87.30.1', tier: 1 },
  { id: 'third-a', carrier: 'third', host: '127.87.40.1', tier: 2 },
] as const;

const site: TestSite = {
  host: HOST,
  noPath: 'wilt',
  probeInterval: '1s',
  trunks: FAR.map(({ id, carrier, host, tier }) => ({ id, carrier, address: `${host}:5060`, tier })),
};

const ANSWERING = 700;
const GIVING_UP = 300;
/** A leg may be counted so long before the far end has its INVITE, and after it let go: the way there and back. */
const ON_ITS_WAY_MS = 400;

/** What the gateway counted on a trunk at some moment of this time. */
interface Count {
  readonly trunk: string;
  readonly used: number;
  readonly from: number;
  readonly to: number;
}

interface Leg {
  readonly from: number;
  to: number;
  readonly invite: string;
  answered: boolean;
}

/** A far end that knows which of its legs are open, and has ten ways to treat a call. */
class FarEnd {
  readonly #legs = new Map<string, Leg>();
  readonly #host: string;
  #calls = 0;

  constructor(host: string) {
    this.#host = host;
  }

  /** How many of its legs were open at some moment of this time. */
  openBetween(from: number, to: number): number {
    return [...this.#legs.values()].filter((leg) => leg.from <= to && leg.to >= from).length;
  }

  /** Legs of which it never heard the end. */
  get orphans(): number {
    return [...this.#legs.values()].filter(({ to }) => to === Number.POSITIVE_INFINITY).length;
  }

  received(request: string, peer: RawPeer): void {
    const callId = valueOf(request, 'Call-ID');
    const leg = this.#legs.get(callId);
    if (request.startsWith('INVITE ') && leg === undefined) {
      const fresh = { from: performance.now(), to: Number.POSITIVE_INFINITY, invite: request, answered: false };
      this.#legs.set(callId, fresh);
      this.#treat(fresh, peer);
    } else if (request.startsWith('CANCEL ')) {
      peer.respond(request, '200 OK');
      this.#cancelled(leg, peer);
    } else if (request.startsWith('BYE ')) {
      peer.respond(request, '200 OK');
      this.#close(leg);
    }
  }

  #treat(leg: Leg, peer: RawPeer): void {
    const say = (status: string): void => {
      if (leg.to === Number.POSITIVE_INFINITY) {
        peer.respond(leg.invite, status);
      }
    };
    const answer = (): void => {
      if (leg.to === Number.POSITIVE_INFINITY && !leg.answered) {
        leg.answered = true;
        peer.respond(leg.invite, '200 OK', [`Contact: <sip:${this.#host}>`, 'Content-Type: application/sdp'], SDP);
      }
    };
    const refuse = (status: string): void => {
      say(status);
      this.#close(leg);
    };
    switch (this.#calls++ % 10) {
      case 4:
        return refuse('503 Service Unavailable');
      case 5:
        say('100 Trying');
        setTimeout(answer, 3_000);
        return;
      case 6:
        setTimeout(answer, 1_500);
        return;
      case 7:
        say('180 Ringing');
        setTimeout(() => {
          refuse('486 Busy Here');
        }, 300);
        return;
      case 8:
        say('180 Ringing');
        answer();
        setTimeout(() => {
          peer.send(byeOf(leg.invite, this.#host, ['Reason: Q.850;cause=16']), 5060, HOST);
          this.#close(leg);
        }, 500);
        return;
      case 9:
        return say('100 Trying');
      default:
        say('100 Trying');
        say('180 Ringing');
        setTimeout(answer, 500);
    }
  }

  /** Every third one answers all the same: its 200 crosses the CANCEL, or so it says. */
  #cancelled(leg: Leg | undefined, peer: RawPeer): void {
    if (leg === undefined || leg.answered || leg.to !== Number.POSITIVE_INFINITY) {
      return;
    }
    if (this.#calls % 3 === 0) {
      leg.answered = true;
      peer.respond(leg.invite, '200 OK', [`Contact: <sip:${this.#host}>`, 'Content-Type: application/sdp'], SDP);
    } else {
      peer.respond(leg.invite, '487 Request Terminated');
      this.#close(leg);
    }
  }

  #close(leg: Leg | undefined): void {
    if (leg !== undefined) {
      leg.to = Math.min(leg.to, performance.now());
    }
  }
}

/** The process of the embedded engine. */
function engineOf({ pid }: TestGateway): number {
  return Number(readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ')[0]);
}

t.test(
  '1,000 calls that are cancelled, crash or are answered late: no channel is counted that is not taken',
  async (t) => {
    const ends = FAR.map(({ id, host }) => ({ id, host, end: new FarEnd(host) }));
    const peers = await Promise.all(
      ends.map(async ({ host, end }) =>
        startRawPeer(host, 5060, (request, peer) => {
          end.received(request, peer);
        }),
      ),
    );
    const gateway = await startGateway(site);
    t.teardown(async () => {
      await gateway.stop();
      for (const peer of peers) {
        peer.close();
      }
    });
    t.comment(`SIP server: ${gateway.server}`);

    const counts: Count[] = [];
    const watching = new AbortController();
    const watch = async (): Promise<void> => {
      while (!watching.signal.aborted) {
        const from = performance.now();
        const { channels } = await gateway.stats();
        counts.push(...channels.map(({ trunk, used: count }) => ({ trunk, used: count, from, to: performance.now() })));
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    };
    const watched = watch();

    const more = ['-recv_timeout', '9000', '-timeout', '70'];
    const common = { target: gateway.sip, service: '112', more } as const;
    const callers = [
      runSipp({ ...common, scenario: 'caller.xml', address: '127.87.1.1', calls: ANSWERING, rate: 21, duration: 700 }),
      runSipp({
        ...common,
        scenario: 'caller-gives-up.xml',
        address: '127.87.1.2',
        calls: GIVING_UP,
        rate: 9,
        duration: 150,
      }),
    ];
    if (gateway.server === 'embedded engine') {
      await new Promise((resolve) => setTimeout(resolve, 15_000));
      process.kill(engineOf(gateway), 'SIGKILL');
    }
    const results = await Promise.all(callers);
    const served = results.reduce((sum, { successful, failed }) => sum + successful + failed, 0);
    t.ok(
      served >= ANSWERING + GIVING_UP,
      `${served} calls, ${results[0]?.successful} answered and ended by their callers`,
    );
    const used = async (): Promise<number> =>
      (await gateway.stats()).channels.reduce((sum, each) => sum + each.used, 0);
    await until(async () => (await used()) === 0, 75_000);
    watching.abort();
    await watched;
    const wrong = counts.flatMap(({ trunk, used: count, from, to }) => {
      const end = ends.find(({ id }) => id === trunk)?.end;
      const open = end?.openBetween(from - ON_ITS_WAY_MS, to + ON_ITS_WAY_MS) ?? 0;
      return count > open ? [`${trunk}: ${count} counted, at most ${open} open`] : [];
    });
    const most = Math.max(...counts.map(({ used: count }) => count));
    const orphans = ends.reduce((sum, { end }) => sum + end.orphans, 0);
    t.comment(
      `at most ${most} channels of a trunk; ${orphans} legs ended for their far ends with the engine that was killed`,
    );
    t.ok(most > 5, 'there was something to count');
    t.same(wrong, [], 'never more than was open');
    t.equal(await used(), 0, 'and nothing is left');
    t.match(await gateway.stats(), { openCalls: 0, dialogs: 0 });
  },
);
