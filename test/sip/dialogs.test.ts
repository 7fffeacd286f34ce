import { randomUUID } from 'node:crypto';
import t, { type Test } from 'tap';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { startRawPeer, valueOf, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';

// After the answer both dialogs are tied: what one side asks in its dialog is asked of the other side, both ways.
const HOST = '127.16.0.1';
const CALLER = '127.16.1.1';
const PSAP = '127.16.20.1';
const SDP_TYPE = 'Content-Type: application/sdp';

function sdp(address: string, port: number, direction = 'sendrecv'): string {
  return `v=0\r\no=- 1 ${port} IN IP4 ${address}\r\ns=-\r\nc=IN IP4 ${address}\r\nt=0 0\r\nm=audio ${port} RTP/AVP 8\r\na=${direction}\r\n`;
}

/** One side of an answered call, written byte by byte. */
class Side {
  readonly peer: RawPeer;
  readonly #dialog: { readonly from: string; readonly to: string; readonly callId: string; readonly target: string };
  readonly #address: string;
  #sequence = 10;

  constructor(peer: RawPeer, address: string, dialog: { from: string; to: string; callId: string; target: string }) {
    this.peer = peer;
    this.#address = address;
    this.#dialog = dialog;
  }

  /** Sends a request in the dialog. @returns its CSeq number. */
  send(method: string, extra: readonly string[] = [], body = '', sequence = (this.#sequence += 1)): number {
    const { from, to, callId, target } = this.#dialog;
    const text = [
      `${method} ${target} SIP/2.0`,
      `Via: SIP/2.0/UDP ${this.#address}:5060;branch=z9hG4bK${randomUUID()}`,
      `From: ${from}`,
      `To: ${to}`,
      `Call-ID: ${callId}`,
      `CSeq: ${sequence} ${method}`,
      `Contact: <sip:side@${this.#address}>`,
      'Max-Forwards: 70',
      ...extra,
      `Content-Length: ${body.length}`,
      '',
      body,
    ].join('\r\n');
    this.peer.send(text, 5060, HOST);
    return sequence;
  }

  /** The final response to a request of this side. */
  async final(sequence: number, method: string): Promise<string> {
    const find = (): string | undefined =>
      this.peer.received.find(
        (text) => /^SIP\/2\.0 [2-6]/.test(text) && valueOf(text, 'CSeq') === `${sequence} ${method}`,
      );
    await until(() => find() !== undefined, 4_000);
    return find() ?? '';
  }

  /** The next request of that method that reaches this side in the dialog, after `seen` of them. */
  async request(method: string, seen = 0): Promise<string> {
    const find = (): string | undefined => this.peer.requests(method)[seen];
    await until(() => find() !== undefined, 4_000);
    return find() ?? '';
  }
}

interface Call {
  readonly caller: Side;
  readonly psap: Side;
  readonly gateway: TestGateway;
}

/** An answered call, with nothing answered for the test from then on. */
async function answeredCall(t: Test): Promise<Call> {
  const callerPeer = await startRawPeer(CALLER);
  const psapPeer = await startRawPeer(PSAP);
  const gateway = await startGateway({
    host: HOST,
    trunks: [
      { id: 'kpn-a', carrier: 'kpn', address: `${PSAP}:5060`, tier: 1 },
      { id: 'second-a', carrier: 'second', address: '127.16.30.1:5060', tier: 2 },
    ],
  });
  t.comment(`SIP server: ${gateway.server}`);
  t.teardown(async () => {
    await gateway.stop();
    callerPeer.close();
    psapPeer.close();
  });
  const from = '<sip:+31612345678@carrier.example>;tag=caller';
  const callId = randomUUID();
  const before = new Side(callerPeer, CALLER, { from, to: '<sip:112@gw>', callId, target: 'sip:112@gw' });
  before.send('INVITE', [SDP_TYPE], sdp(CALLER, 4_000), 1);
  await until(() => psapPeer.requests('INVITE').length === 1, 4_000);
  const invite = psapPeer.requests('INVITE')[0] ?? '';
  psapPeer.respond(invite, '180 Ringing', [`Contact: <sip:psap@${PSAP}>`], '', 'psap');
  psapPeer.respond(invite, '200 OK', [`Contact: <sip:psap@${PSAP}>`, SDP_TYPE], sdp(PSAP, 5_000), 'psap');
  const answer = await before.final(1, 'INVITE');
  t.match(answer, /^SIP\/2\.0 200/, 'answered');
  const target = /<([^>]+)>/.exec(valueOf(answer, 'Contact'))?.[1] ?? '';
  const caller = new Side(callerPeer, CALLER, { from, to: valueOf(answer, 'To'), callId, target });
  caller.send('ACK', [], '', 1);
  await until(() => psapPeer.requests('ACK').length === 1, 4_000);
  const psap = new Side(psapPeer, PSAP, {
    from: `${valueOf(invite, 'To')};tag=psap`,
    to: valueOf(invite, 'From'),
    callId: valueOf(invite, 'Call-ID'),
    target: /<([^>]+)>/.exec(valueOf(invite, 'Contact'))?.[1] ?? '',
  });
  return { caller, psap, gateway };
}

function bodyOf(message: string): string {
  return message.slice(message.indexOf('\r\n\r\n') + 4);
}

t.test('re-INVITE, INFO and UPDATE pass both ways, and BYE of the caller ends both legs', async (t) => {
  const { caller, psap, gateway } = await answeredCall(t);

  const hold = caller.send('INVITE', [SDP_TYPE], sdp(CALLER, 4_000, 'sendonly'));
  const reinvite = await psap.request('INVITE', 1);
  t.equal(bodyOf(reinvite), sdp(CALLER, 4_000, 'sendonly'), 'the offer of the caller reaches the answering point');
  psap.peer.respond(reinvite, '200 OK', [`Contact: <sip:psap@${PSAP}>`, SDP_TYPE], sdp(PSAP, 5_000, 'recvonly'));
  t.equal(bodyOf(await caller.final(hold, 'INVITE')), sdp(PSAP, 5_000, 'recvonly'), 'and its answer the caller');
  caller.send('ACK', [], '', hold);
  await until(() => psap.peer.requests('ACK').length === 2, 2_000);
  t.equal(psap.peer.requests('ACK').length, 2);

  const info = psap.send('INFO', ['Content-Type: application/dtmf-relay'], 'Signal=5\r\nDuration=160\r\n');
  const digits = await caller.request('INFO');
  t.equal(bodyOf(digits), 'Signal=5\r\nDuration=160\r\n', 'DTMF of the answering point reaches the caller');
  t.equal(valueOf(digits, 'Content-Type'), 'application/dtmf-relay');
  caller.peer.respond(digits, '200 OK');
  t.match(await psap.final(info, 'INFO'), /^SIP\/2\.0 200/);

  const update = psap.send('UPDATE', [SDP_TYPE], sdp(PSAP, 5_002));
  const asked = await caller.request('UPDATE');
  t.equal(bodyOf(asked), sdp(PSAP, 5_002));
  caller.peer.respond(asked, '200 OK', [`Contact: <sip:side@${CALLER}>`, SDP_TYPE], sdp(CALLER, 4_002));
  t.equal(bodyOf(await psap.final(update, 'UPDATE')), sdp(CALLER, 4_002));

  const bye = caller.send('BYE', ['Reason: Q.850;cause=16;text="Normal call clearing"']);
  const ended = await psap.request('BYE');
  t.match(valueOf(ended, 'Reason'), /^Q\.850;cause=16/);
  psap.peer.respond(ended, '200 OK');
  t.match(await caller.final(bye, 'BYE'), /^SIP\/2\.0 200/);
  await until(async () => (await gateway.stats()).dialogs === 0, 2_000);
  t.match(await gateway.stats(), { openCalls: 0, dialogs: 0 });

  const late = psap.send('OPTIONS');
  t.match(
    await psap.final(late, 'OPTIONS'),
    /^SIP\/2\.0 481/,
    'whoever asks for the call later is told that it is over',
  );
});

t.test(
  'a crossing offer gets 491, a refused one leaves the call as it was, and BYE of the answering point ends both',
  async (t) => {
    const { caller, psap, gateway } = await answeredCall(t);

    const first = caller.send('INVITE', [SDP_TYPE], sdp(CALLER, 4_000, 'sendonly'));
    const reinvite = await psap.request('INVITE', 1);
    const crossing = psap.send('INVITE', [SDP_TYPE], sdp(PSAP, 5_000, 'sendonly'));
    t.match(await psap.final(crossing, 'INVITE'), /^SIP\/2\.0 491/, 'one offer in flight over both legs');
    psap.send('ACK', [], '', crossing);
    psap.peer.respond(reinvite, '488 Not Acceptable Here');
    t.match(await caller.final(first, 'INVITE'), /^SIP\/2\.0 488/);
    caller.send('ACK', [], '', first);
    t.match(await gateway.stats(), { openCalls: 1 }, 'the call goes on');

    const again = psap.send('INVITE', [SDP_TYPE], sdp(PSAP, 5_004));
    const offered = await caller.request('INVITE');
    t.equal(bodyOf(offered), sdp(PSAP, 5_004), 'and the next offer passes');
    caller.peer.respond(offered, '200 OK', [`Contact: <sip:side@${CALLER}>`, SDP_TYPE], sdp(CALLER, 4_004));
    t.equal(bodyOf(await psap.final(again, 'INVITE')), sdp(CALLER, 4_004));
    psap.send('ACK', [], '', again);

    const bye = psap.send('BYE', ['Reason: Q.850;cause=16']);
    const ended = await caller.request('BYE');
    caller.peer.respond(ended, '200 OK');
    t.match(await psap.final(bye, 'BYE'), /^SIP\/2\.0 200/);
    await until(async () => (await gateway.stats()).dialogs === 0, 2_000);
    t.match(await gateway.stats(), { openCalls: 0, dialogs: 0 });
  },
);
