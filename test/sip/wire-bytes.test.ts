import t from 'tap';
import { usesDrachtio } from '../support/drachtio-server.js';
import { startGateway, type TestGateway } from '../support/gateway.js';
import { startRawPeer, valueOf, type RawBehaviour, type RawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';

// Both ends are plain sockets: what is compared are the bytes on the wire, with the whole gateway and its engine between.
const HOST = '127.5.0.1';
const CALLER = '127.5.1.1';
const KPN = '127.5.20.1';
const SECOND = '127.5.30.1';
const OFFER = 'v=0\r\no=a 1 1 IN IP4 127.5.1.1\r\ns=-\r\nc=IN IP4 127.5.1.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n';
const ANSWER = OFFER.replace('4000', '5000');

interface Parts {
  readonly gateway: TestGateway;
  readonly caller: RawPeer;
  readonly kpn: RawPeer;
  readonly second: RawPeer;
}

/** A gateway between a caller and two carriers that behave as told. */
async function withPeers(
  behave: { kpn?: RawBehaviour; second?: RawBehaviour },
  action: (parts: Parts) => Promise<void>,
) {
  const caller = await startRawPeer(CALLER);
  const kpn = await startRawPeer(KPN, 5060, behave.kpn);
  const second = await startRawPeer(SECOND, 5060, behave.second);
  const gateway = await startGateway({
    host: HOST,
    trunks: [
      { id: 'kpn-a', carrier: 'kpn', address: `${KPN}:5060`, tier: 1 },
      { id: 'second-a', carrier: 'second', address: `${SECOND}:5060`, tier: 2 },
    ],
  });
  try {
    await action({ gateway, caller, kpn, second });
  } finally {
    await gateway.stop();
    for (const peer of [caller, kpn, second]) {
      peer.close();
    }
  }
}

/** A request of the caller. The dialog is that of `callId`. */
function request(method: string, callId: string, headers: readonly string[], body = '', toTag = ''): string {
  return [
    `${method} sip:112@${HOST} SIP/2.0`,
    `Via: SIP/2.0/UDP ${CALLER}:5060;branch=z9hG4bK-${callId}-${method}`,
    `From: "Jans\xc3\xa9n" <sip:0612345678@x>;tag=${callId}`,
    `To: <sip:112@${HOST}>${toTag === '' ? '' : `;tag=${toTag}`}`,
    `Call-ID: ${callId}`,
    `CSeq: ${method === 'INVITE' || method === 'ACK' ? 1 : 2} ${method}`,
    `Contact: <sip:0612345678@${CALLER}:5060>`,
    'Max-Forwards: 70',
    ...headers,
    `Content-Length: ${body.length}`,
    '',
    body,
  ].join('\r\n');
}

function bodyOf(message: string): string {
  return message.slice(message.indexOf('\r\n\r\n') + 4);
}

/** The first response with that status that the peer got. */
async function response(peer: RawPeer, status: number, method = 'INVITE'): Promise<string> {
  const isIt = (text: string): boolean =>
    text.startsWith(`SIP/2.0 ${status} `) && valueOf(text, 'CSeq').endsWith(method);
  await until(() => peer.received.some(isIt), 10_000);
  return peer.received.find(isIt) ?? '';
}

function isInvite(text: string): boolean {
  return text.startsWith('INVITE ');
}

t.test('a 112 call crosses the gateway byte for byte, in both directions', async (t) => {
  // drachtio-server refuses a body with a zero byte, and writes Content-Type anew, without blanks (docs/engines.md).
  const [zero, blank] = usesDrachtio ? ['\x01', ''] : ['\x00', ' '];
  const binary = `--b 1\r\nContent-Type: application/sdp\r\n\r\n${OFFER}\r\n--b 1\r\nContent-Type: application/x-msd\r\nContent-ID: <msd@x>\r\n\r\n${zero}\xff\xfe\r\n\r\n#\xc3\xa9\r\n--b 1--\r\n`;
  const said = [
    `Content-Type: multipart/mixed;${blank}boundary="b 1"`,
    'P-Asserted-Identity: "Jans\xc3\xa9n, J" <sip:+31612345678@kpn>',
    'P-Asserted-Identity: <tel:+31612345678>',
    'Geolocation: <cid:here@x>',
    'Geolocation-Routing: yes',
    'Call-Info: <cid:msd@x>;purpose=EmergencyCallData.eCall.MSD',
    'Resource-Priority: esnet.1',
    'X-Odd: \xff\x80',
  ];
  const back = [
    'Content-Type: application/sdp',
    `Contact: <sip:112@${KPN}:5060>`,
    'P-Asserted-Identity: "Meldkamer \xc3\xa9" <sip:112@psap>',
  ];
  const answer: RawBehaviour = (text, peer) => {
    if (isInvite(text)) {
      peer.respond(text, '200 OK', back, `${ANSWER}a=x:\xff\r\n`);
    }
  };
  await withPeers({ kpn: answer }, async ({ caller, kpn, gateway }) => {
    t.comment(`SIP server: ${gateway.server}`);
    caller.send(request('INVITE', 'bytes', said, binary), 5060, HOST);
    const answered = await response(caller, 200);
    const [sent = ''] = kpn.requests('INVITE');
    t.equal(bodyOf(sent), binary);
    for (const line of said) {
      t.ok(sent.includes(`\r\n${line}\r\n`), line);
    }
    t.match(valueOf(sent, 'From'), /^"Jans\u00c3\u00a9n" <sip:0612345678@x>;tag=/);
    t.equal(bodyOf(answered), `${ANSWER}a=x:\xff\r\n`);
    t.equal(valueOf(answered, 'P-Asserted-Identity'), '"Meldkamer \xc3\xa9" <sip:112@psap>');
  });
});

t.test('a reliable 183 with SDP, then 200 without: PRACK once, 180 without SDP, and the SDP in the 200', async (t) => {
  const reliable: RawBehaviour = (text, peer) => {
    const contact = `Contact: <sip:112@${KPN}:5060>`;
    if (isInvite(text)) {
      const early = [
        'Require: 100rel',
        'RSeq: 77',
        'P-Early-Media: sendrecv',
        'Content-Type: application/sdp',
        contact,
      ];
      peer.respond(text, '183 Session Progress', early, ANSWER);
      peer.respond(text, '183 Session Progress', early, ANSWER);
    } else if (text.startsWith('PRACK ')) {
      peer.respond(text, '200 OK');
      peer.respond(peer.requests('INVITE')[0] ?? '', '200 OK', [contact]);
    }
  };
  await withPeers({ kpn: reliable }, async ({ caller, kpn }) => {
    caller.send(request('INVITE', 'early', ['Content-Type: application/sdp'], OFFER), 5060, HOST);
    const answered = await response(caller, 200);
    const ringing = await response(caller, 180);
    t.equal(bodyOf(ringing), '');
    t.notMatch(ringing, /\r\n(Require|RSeq|Content-Type|P-Early-Media):/i);
    t.equal(bodyOf(answered), ANSWER);
    t.equal(valueOf(answered, 'Content-Type'), 'application/sdp');
    t.equal(kpn.requests('PRACK').length, 1);
    t.match(valueOf(kpn.requests('PRACK')[0] ?? '', 'RAck'), /^77 \d+ INVITE$/);
    await until(() => kpn.requests('ACK').length === 1, 10_000);
    t.equal(kpn.requests('ACK').length, 1);
  });
});

t.test('a caller who requires 100rel is rung reliably, and the PRACK is answered', async (t) => {
  const ring: RawBehaviour = (text, peer) => {
    if (isInvite(text)) {
      peer.respond(text, '180 Ringing', [`Contact: <sip:112@${KPN}:5060>`]);
    }
  };
  await withPeers({ kpn: ring }, async ({ caller, kpn }) => {
    caller.send(request('INVITE', 'rel', ['Require: 100rel', 'Content-Type: application/sdp'], OFFER), 5060, HOST);
    const ringing = await response(caller, 180);
    t.equal(valueOf(ringing, 'Require'), '100rel');
    const rack = `RAck: ${valueOf(ringing, 'RSeq')} 1 INVITE`;
    const tag = /;tag=(.*)$/.exec(valueOf(ringing, 'To'))?.[1] ?? '';
    caller.send(request('PRACK', 'rel', [rack], '', tag), 5060, HOST);
    t.ok(await response(caller, 200, 'PRACK'));
    t.equal(valueOf(kpn.requests('INVITE')[0] ?? '', 'Require'), '', 'what belongs to a leg stays on it');
    caller.send(request('CANCEL', 'rel', []).replace('-CANCEL', '-INVITE').replace('2 CANCEL', '1 CANCEL'), 5060, HOST);
    t.ok(await response(caller, 487));
  });
});

t.test('a carrier that sends our call back to us: 482, and the second carrier rings', async (t) => {
  const sendBack: RawBehaviour = (text, peer) => {
    if (isInvite(text) && peer.requests('INVITE').length === 1) {
      const via = `\r\nVia: SIP/2.0/UDP ${KPN}:5060;branch=z9hG4bK-back\r\n`;
      peer.send(text.replace('\r\n', via).replace(/Call-ID: .*/, 'Call-ID: back'), 5060, HOST);
    }
  };
  const answer: RawBehaviour = (text, peer) => {
    if (isInvite(text)) {
      peer.respond(text, '200 OK', ['Content-Type: application/sdp', `Contact: <sip:112@${SECOND}:5060>`], ANSWER);
    }
  };
  await withPeers({ kpn: sendBack, second: answer }, async ({ caller, kpn, gateway }) => {
    const started = performance.now();
    caller.send(request('INVITE', 'loop', ['Content-Type: application/sdp'], OFFER), 5060, HOST);
    t.ok(await response(caller, 200));
    t.comment(`answered over the second carrier after ${Math.round(performance.now() - started)} ms`);
    t.ok(await response(kpn, 482));
    await until(() => gateway.log().includes('our own call came back to us'), 4_000);
    t.match(gateway.log(), /our own call came back to us/);
    t.match((await gateway.calls())[0]?.attempts, [
      { trunk: 'kpn-a', outcome: 'failed', reason: 'our own call came back to us' },
      { trunk: 'second-a', outcome: 'answered' },
    ]);
  });
});
