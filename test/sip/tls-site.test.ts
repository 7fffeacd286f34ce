import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import t from 'tap';
import { Authority } from '../support/certificates.js';
import { usesDrachtio } from '../support/drachtio-server.js';
import { startGatewayProcess } from '../support/gateway.js';

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

t.test(
  'a site with a certificate takes requests over TLS',
  { skip: usesDrachtio && 'the engine is ours' },
  async (t) => {
    const authority = new Authority();
    const { certFile, keyFile } = authority.issue(`IP:${HOST}`);
    const folder = mkdtempSync(join(tmpdir(), 'noodroute-tls-'));
    const files = {
      'site.yaml': `site: test
lab: true
dialplan: dialplan.yaml
inventory: inventory.yaml
sip:
  contacts: [sip:${HOST}:5060;transport=udp, sip:${HOST}:5061;transport=tls]
  control: { host: ${HOST} }
  tls: { certificateFile: ${certFile}, keyFile: ${keyFile} }
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
trunks: { kpn-a: { carrier: kpn, kind: sip, address: 127.44.20.1, channels: 9, probeInterval: 1h } }
ingresses: { local: { sources: [127.0.0.0/8] } }
`,
    };
    for (const [name, text] of Object.entries(files)) {
      writeFileSync(join(folder, name), text);
    }
    const gateway = await startGatewayProcess('lab-gateway', {
      folder,
      file: 'site.yaml',
      host: HOST,
      drachtio: undefined,
    });
    t.teardown(async () => gateway.stop());
    t.match(await ask(authority.cert), /^SIP\/2\.0 (200|503) /);
    await t.rejects(ask(new Authority().cert), 'it is our certificate that is shown');
  },
);
