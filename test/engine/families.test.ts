import t from 'tap';
import { TlsIdentity } from '../../src/engine/transport/tls-identity.js';
import type { Contact } from '../../src/engine/agent/agent.js';
import { Authority } from '../support/certificates.js';
import { RawApp, textOf, tokensOf } from './raw-app.js';
import { isIdle, open, startRig, timersOf } from './rig.js';

// Two engines call each other: over UDP, TCP and mutual TLS, in IPv4 and IPv6. Applications are raw: bytes are compared.
const CONTROL = ['127.31.60.1', '127.31.60.2'] as const;
const authority = new Authority();

/** A binary eCall data set in a multipart body: every byte value, line ends and a boundary look-alike among them. */
const MSD = `${Array.from({ length: 256 }, (_, code) => String.fromCharCode(code)).join('')}\r\n--bound\r\n\0\n`;
const BODY = [
  '--boundary1',
  'Content-Type: application/sdp',
  '',
  'v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8\r\n',
  '--boundary1',
  'Content-Type: application/EmergencyCallData.eCall.MSD',
  'Content-Transfer-Encoding: binary',
  '',
  MSD,
  '--boundary1--',
  '',
].join('\r\n');

const contacts = (address: string, port: number): readonly Contact[] => [
  { address, port, transport: 'udp' },
  { address, port, transport: 'tcp' },
  { address, port: port + 1, transport: 'tls' },
];

for (const [family, here, there] of [
  ['IPv4', '127.31.61.1', '127.31.61.2'],
  ['IPv6', '::1', '::1'],
] as const) {
  t.test(`a call with a binary body over UDP, TCP and mutual TLS: ${family}`, async (t) => {
    const certificate = authority.issue(`IP:${here}`, ...(here === there ? [] : [`IP:${there}`]));
    const identity = (): TlsIdentity =>
      new TlsIdentity({ cert: certificate.cert, key: certificate.key, ca: authority.cert, callerCa: authority.cert });
    const engines = [
      await startRig(CONTROL[0], timersOf(40), { contacts: contacts(here, 5060), identity: identity() }),
      await startRig(CONTROL[1], timersOf(40), { contacts: contacts(there, 5080), identity: identity() }),
    ];
    const caller = await RawApp.ready(CONTROL[0]);
    const called = await RawApp.ready(CONTROL[1], 'invite');
    t.teardown(async () => {
      caller.cut();
      called.cut();
      await Promise.all(engines.map(async (engine) => engine.close()));
    });
    const host = there.includes(':') ? `[${there}]` : there;
    for (const [transport, port] of [
      ['udp', 5080],
      ['tcp', 5080],
      ['tls', 5081],
    ] as const) {
      const uri = `sip:${transport}@${host}:${port};transport=${transport}`;
      const headers = 'Content-Type: multipart/mixed;boundary=boundary1\r\nm: <sip:me@localhost>';
      const reply = await caller.ask(`sip|||\r\nINVITE ${uri} SIP/2.0\r\n${headers}\r\n\r\n${BODY}`);
      t.match(reply, new RegExp(`^OK\\|application\\|\\d+\\|${transport}\\|`), `${transport}: it left`);
      const start = new RegExp(`^INVITE sip:${transport}@`);
      const invite = await called.message(start);
      t.match(textOf(invite), new RegExp(`Via: SIP/2.0/${transport.toUpperCase()} `), `${transport}: it came`);
      t.equal(textOf(invite).slice(textOf(invite).indexOf('\r\n\r\n') + 4), BODY, `${transport}: byte for byte`);
      called.send(`sip|${tokensOf(invite)[8] ?? ''}|\r\nSIP/2.0 486 Busy Here\r\n\r\n`);
      const busy = await caller.message(new RegExp(`^SIP/2.0 486 [^]*To: <?sip:${transport}@`));
      t.not(busy, '', `${transport}: and its answer went back`);
    }
    for (const engine of engines) {
      t.ok(await isIdle(engine, 6_000), open(engine));
    }
  });
}
