import t, { type Test } from 'tap';
import { startGateway, type TestGateway, type TestSite } from '../support/gateway.js';
import { SDP, startRawCaller, type RawCaller } from '../support/raw-caller.js';
import { startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';

// Calls with large bodies, as calls with a location are, and what the SIP server's control connection makes of them.
const HOST = '127.44.97.1';
const CALLER = '127.44.97.11';
const KPN = '127.44.97.20';
const SECOND = '127.44.97.30';

const site: TestSite = {
  host: HOST,
  trunks: [
    { id: 'kpn-a', carrier: 'kpn', address: `${KPN}:5060`, tier: 1 },
    { id: 'second-a', carrier: 'second', address: `${SECOND}:5060`, tier: 2 },
  ],
};

const AT_ONCE = 12;

/** SDP, and a second part that fills the body up to `size` bytes. */
function multipart(size: number): string {
  const rest = '\r\n--part--\r\n';
  const start = `--part\r\nContent-Type: application/sdp\r\n\r\n${SDP}\r\n--part\r\nContent-Type: text/plain\r\n\r\n`;
  return start + 'location\r\n'.repeat(size / 10).slice(0, size - start.length - rest.length) + rest;
}

function bodyOf(message: string): string {
  return message.slice(message.indexOf('\r\n\r\n') + 4);
}

interface Parts {
  readonly gateway: TestGateway;
  readonly caller: RawCaller;
  readonly kpn: RawPeer;
}

async function withAnsweringCarrier(t: Test): Promise<Parts> {
  const answering = (text: string, peer: RawPeer): void => {
    if (text.startsWith('INVITE ')) {
      peer.respond(text, '200 OK', [`Contact: <sip:${KPN}>`, 'Content-Type: application/sdp'], SDP);
    } else if (text.startsWith('BYE ')) {
      peer.respond(text, '200 OK');
    }
  };
  const kpn = await startRawPeer(KPN, 5060, answering);
  const second = await startRawPeer(SECOND, 5060, answering);
  const gateway = await startGateway(site);
  const caller = await startRawCaller(CALLER, gateway.sip);
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    caller.close();
    kpn.close();
    second.close();
  });
  return { gateway, caller, kpn };
}

const call = (size: number) => ({
  uri: `sip:112@${HOST}`,
  headers: ['Content-Type: multipart/mixed;boundary=part'],
  body: multipart(size),
});

t.test('many calls with large bodies in the same moment arrive whole', async (t) => {
  const { gateway, caller, kpn } = await withAnsweringCarrier(t);
  const started = performance.now();
  const outcomes = await Promise.all(Array.from({ length: AT_ONCE }, async () => caller.call(call(5_000))));
  t.comment(`all answered after ${Math.round(performance.now() - started)} ms`);
  t.same(outcomes.map(({ status }) => status), outcomes.map(() => 200)); // prettier-ignore
  const bodies = kpn.requests('INVITE').map(bodyOf);
  t.equal(bodies.length, AT_ONCE);
  t.same([...new Set(bodies)], [multipart(5_000)]);
  await Promise.all(outcomes.map(async ({ hangUp }) => hangUp()));
  t.match(await gateway.stats(), { openCalls: 0, dialogs: 0 });
});

t.test('a call too large for the SIP server goes on with its SDP alone, and the next calls are served', async (t) => {
  const { gateway, caller, kpn } = await withAnsweringCarrier(t);
  const whole = gateway.server === 'embedded engine';
  for (const size of [11_800, 20_000]) {
    const { status, hangUp } = await caller.call(call(size));
    t.equal(status, 200, `${size} bytes`);
    const sent = kpn.requests('INVITE').at(-1) ?? '';
    t.match(valueOf(sent, 'Content-Type'), whole ? /^multipart\/mixed/ : /^application\/sdp$/);
    t.equal(bodyOf(sent), whole ? multipart(size) : SDP);
    await hangUp();
  }
  const { status, hangUp } = await caller.call(call(3_000));
  t.equal(status, 200);
  t.equal(bodyOf(kpn.requests('INVITE').at(-1) ?? ''), multipart(3_000));
  await hangUp();
});
