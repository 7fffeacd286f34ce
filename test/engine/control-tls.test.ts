import { once } from 'node:events';
import { connect } from 'node:net';
import t from 'tap';
import { startEngine } from '../../src/engine/engine.js';
import { TlsIdentity } from '../../src/engine/transport/tls-identity.js';
import { Authority } from '../support/certificates.js';
import { startRawPeer } from '../support/raw-peer.js';
import { until } from '../support/until.js';
import { RawCall } from './raw-call.js';
import { newSrf, nextEvent, SECRET, timersOf } from './rig.js';

// Number 14 of the conformance list: drachtio-srf connects over TLS.
const HOST = '127.5.14.1';

t.test('14 drachtio-srf connects over TLS; over TCP on that port nobody gets anywhere', async (t) => {
  const authority = new Authority();
  const engine = await startEngine({
    contacts: [{ address: HOST, port: 5060 }],
    control: { host: HOST, port: 9022, tls: { host: HOST, port: 9023 } },
    identity: new TlsIdentity(authority.issue(`IP:${HOST}`)),
    secret: SECRET,
    timers: timersOf(40),
  });
  const caller = await startRawPeer('127.5.14.2');
  const srf = newSrf();
  srf.options((_req, res) => {
    res.send(200);
  });
  srf.connect({ host: HOST, port: 9023, secret: SECRET, tls: { ca: authority.cert } });
  t.equal(await nextEvent(srf, 'connect'), null);
  await until(() => engine.stats().apps === 1, 1_000);
  const call = new RawCall(caller, '127.5.14.2', HOST);
  call.request('OPTIONS');
  t.not(await call.response(200, 'OPTIONS'), '');

  const plain = connect(9023, HOST);
  plain.on('error', () => undefined);
  plain.write(`44#f46a|authenticate|${SECRET}|`);
  await once(plain, 'close');
  t.equal(engine.stats().apps, 1);
  srf.disconnect();
  caller.close();
  await engine.close();
});
