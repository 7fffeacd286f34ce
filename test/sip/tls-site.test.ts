import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t from 'tap';
import { Authority, type Certificate } from '../support/certificates.js';
import { usesDrachtio } from '../support/drachtio-server.js';
import { startGatewayProcess, type TestGateway } from '../support/gateway.js';
import { startKamailio } from '../support/kamailio.js';
import { runSipp, startSipp } from '../support/sipp.js';
import { until } from '../support/until.js';

const HOST = '127.44.0.1';
const OPTIONS = [
  `OPTIONS sip:112@${HOST} SIP/2.0`,
  `Via: SIP/2.0/TLS ${HOST}:5061;branch=z9hG4bK1;rport`,
  'Max-Forwards: 70',
  `From: <sip:peer@${HOST}>;tag=1`,
  `To: <sip:112@${HOST}>`,
  'Call-ID: tls-site@peer',
  'CSeq: 1 OPTIONS',
  'Content-Length: 0',
].join('\r\n');

/** The first line of the answer to OPTIONS over TLS; rejects where the server's certificate is not signed by `ca`. */
async function ask(ca: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port: 5061, ca });
    socket.setTimeout(5_000, () => socket.destroy(new Error('no answer within 5 s')));
    socket.once('secureConnect', () => socket.write(`${OPTIONS}\r\n\r\n`));
    socket.once('error', reject);
    socket.once('data', (data: Buffer) => {
      socket.destroy();
      resolve(data.toString('latin1').split('\r\n')[0] ?? '');
    });
  });
}

/** A site that takes SIP over UDP and TLS, with one trunk. */
function site({ certFile, keyFile }: Certificate, trunk: string, tls = ''): string {
  const folder = mkdtempSync(join(tmpdir(), 'noodroute-tls-'));
  const files = {
    'site.yaml': `site: test
lab: true
dialplan: dialplan.yaml
inventory: inventory.yaml
sip:
  contacts: [sip:${HOST}:5060;transport=udp, sip:${HOST}:5061;transport=tls]
  control: { host: ${HOST} }
  tls: { certificateFile: ${certFile}, keyFile: ${keyFile}${tls} }
admin: { address: ${HOST} }
journal: { directory: journal }
`,
    'dialplan.yaml': `numbering: { countryCode: 31, internationalPrefix: 00, nationalPrefix: 0 }
services: { 112: { class: emergency, short: [112] } }
destinations: { meldkamer: { name: Emergency centre } }
routes: [{ service: 112, destination: meldkamer, trunk: kpn-a, number: 112, tier: 1 }]
`,
    'inventory.yaml': `carriers: { kpn: { name: KPN } }
sites: { test: { name: Test } }
trunks: { kpn-a: { carrier: kpn, kind: sip, address: ${trunk}, channels: 9, probeInterval: 1s } }
ingresses: { local: { sources: [127.0.0.0/8] } }
`,
  };
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(folder, name), text);
  }
  return folder;
}

async function start(folder: string): Promise<TestGateway> {
  return startGatewayProcess('lab-gateway', { folder, file: 'site.yaml', host: HOST, drachtio: undefined });
}

const skip = usesDrachtio && 'the engine is ours';

t.test('a site with a certificate takes requests over TLS; callers need none', { skip }, async (t) => {
  const authority = new Authority();
  const trust = `, caFile: ${authority.certFile}`;
  const gateway = await start(site(authority.issue(`IP:${HOST}`), '127.44.20.1', trust));
  t.teardown(async () => gateway.stop());
  t.match(await ask(authority.cert), /^SIP\/2\.0 (200|503) /);
  await t.rejects(ask(new Authority().cert), 'it is our certificate that is shown');
});

t.test('carriers over mutual TLS on both sides: SIPp, Kamailio, the gateway, Kamailio, SIPp', { skip }, async (t) => {
  const authority = new Authority();
  const kamailio = async (address: string, nextHop: string) =>
    startKamailio(address, nextHop, { tls: { own: authority.issue(`IP:${address}`), authority } });
  const trust = `, caFile: ${authority.certFile}, callerCaFile: ${authority.certFile}`;
  const psap = await startSipp({ scenario: 'answer.xml', address: '127.44.21.1' });
  const carrier = await kamailio('127.44.20.1', '127.44.21.1:5060');
  const upstream = await kamailio('127.44.10.1', `${HOST}:5061;transport=tls`);
  const gateway = await start(site(authority.issue(`IP:${HOST}`), '127.44.20.1:5061;transport=tls', trust));
  t.teardown(async () => {
    await Promise.all([gateway.stop(), carrier.stop(), upstream.stop(), psap.stop()]);
  });
  await t.rejects(ask(authority.cert), 'who shows no certificate is not heard');
  const callers = { scenario: 'caller.xml', address: '127.44.1.1', target: '127.44.10.1:5060', service: '112' };
  const result = await runSipp({ ...callers, calls: 20, rate: 20, duration: 300 });
  t.match(result, { exitCode: 0, successful: 20, failed: 0 });
  const { received } = await psap.stop();
  t.equal(received('INVITE').size, 20);
  t.same(received('ACK'), received('INVITE'));
  t.same(received('BYE'), received('INVITE'));
  const up = { trunk: 'kpn-a', health: { state: 'up', ledgers: { probe: { misses: 0 } } } };
  // One probe may be late on a busy machine; all of them are lost where TLS is not used.
  await until(async () => JSON.stringify(await gateway.health()).includes('"misses":0'), 3_000);
  t.match(await gateway.health(), { trunks: [up] }, 'probes go over TLS too');
});
