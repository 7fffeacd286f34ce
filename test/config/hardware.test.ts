import { inspect } from 'node:util';
import t from 'tap';
import { loadConfig } from '../../src/config/load.js';
import {
  id,
  type GatewayId,
  type IngressId,
  type LineId,
  type RiskGroupId,
  type TrunkId,
} from '../../src/domain/ids.js';
import { change, good, lines, loaded, loadWith, SITE } from '../support/site-files.js';

const PEM = '-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\nx\n';

t.test('hardware is loaded with what it is lost with, through every chain', (t) => {
  const inventory = good.inventory
    .replace('ups-a: Power feed A', 'ups-a: { name: UPS A, riskGroups: [feed] }\n  feed: The feed of the building')
    .replace('name: Mobile operator', 'name: Mobile operator, riskGroups: [kpn-core]')
    .replace('kind: sim, channels: 1', 'kind: sim, port: 2, card: blue, homeNetwork: mobile')
    .replace('address: 192.0.2.13 }', 'model: UC2000, address: 192.0.2.13, management: { address: 192.0.2.14 } }')
    .replace(
      'trunks:',
      '  e1-1: { gateway: lte, kind: e1, port: 2, clock: line, circuit: KPN-1, barred: [112] }\ntrunks:',
    );
  const { inventory: hardware, network } = loaded(loadWith({ inventory }));
  t.match(hardware.gateways.get(id<GatewayId>('lte')), {
    family: 'dinstar',
    model: 'UC2000',
    firmware: undefined,
    site: 'west',
    management: '192.0.2.14',
  });
  t.match(hardware.lines.get(id<LineId>('sim-1')), {
    kind: 'sim',
    port: 2,
    channels: 1,
    card: 'blue',
    homeNetwork: 'mobile',
    riskGroups: new Set(['kpn-core', 'mobile-core']),
    barred: new Set(),
  });
  t.match(hardware.lines.get(id<LineId>('e1-1')), {
    kind: 'e1',
    channels: 30,
    clock: 'line',
    circuit: 'KPN-1',
    barred: new Set(['112']),
  });
  t.match(hardware.riskGroups.get(id<RiskGroupId>('mobile-core')), { within: new Set(['kpn-core']) });
  t.match(hardware.riskGroups.get(id<RiskGroupId>('gateway:lte')), { within: new Set(['feed', 'site:west', 'ups-a']) });
  t.same(
    [...(network.trunks.get(id<TrunkId>('lte-a'))?.riskGroups ?? [])],
    ['feed', 'gateway:lte', 'kpn-core', 'mobile-core', 'site:west', 'ups-a'],
  );
  t.end();
});

t.test('a trunk is lost with what all of its lines share, and not with what only some of them need', (t) => {
  const groups = (second: string): readonly string[] => {
    const more = `homeNetwork: kpn }\n  sim-2: { gateway: lte, trunk: lte-a, kind: sim${second} }`;
    const { network } = loaded(loadWith(change('inventory', 'channels: 1 }', more)));
    return [...(network.trunks.get(id<TrunkId>('lte-a'))?.riskGroups ?? [])];
  };
  t.ok(groups(', homeNetwork: kpn').includes('kpn-core'));
  t.notOk(groups('').includes('kpn-core'));
  t.end();
});

t.test('zones reach each other both ways', (t) => {
  const zones = 'zones:\n  lan: { name: LAN, reaches: [wan] }\n  wan: WAN\ntrunks:';
  const inventory = good.inventory
    .replace('trunks:', zones)
    .replace('channels: 30', 'channels: 30, zone: wan')
    .replace('any: {', 'any: { zone: lan,');
  const result = loadWith({ inventory });
  t.same(lines(result), []);
  const { inventory: hardware, network } = loaded(result);
  t.match([...hardware.zones.values()], [{ reaches: new Set(['wan']) }, { reaches: new Set(['lan']) }]);
  t.equal(network.trunks.get(id<TrunkId>('kpn-a'))?.zone, 'wan');
  t.equal(network.ingresses[1]?.zone, 'lan');
  t.end();
});

t.test('trunks and ingresses carry their settings', (t) => {
  const inventory = good.inventory
    .replace('channels: 30', 'channels: 30, reserved: 4, quickProbes: { spacing: 1s }, numberForm: e164')
    .replace('any: {', 'any: { upstreamRingLimit: 60s, holdAnswer: true, expectedBusyHour: { 112: 0.5 },');
  const { network } = loaded(loadWith({ inventory }));
  t.match(network.trunks.get(id<TrunkId>('kpn-a')), { reserved: 4, quickProbes: { spacing: 1_000, atMost: 9 } });
  t.match(network.ingresses, [
    { id: id<IngressId>('kpn'), upstreamRingLimit: 90_000, holdAnswer: false, expectedBusyHour: new Map() },
    {
      id: id<IngressId>('any'),
      upstreamRingLimit: 60_000,
      holdAnswer: true,
      expectedBusyHour: new Map([['112', 0.5]]),
    },
  ]);
  const dialled = network.routes.map(({ trunk, number }) => `${trunk} ${number}`);
  t.same(dialled, ['kpn-a 112', 'lte-a 0880000112', 'kpn-a +319008844', 'lte-a 0880008844'], 'short codes stay');
  const again = loaded(loadWith(change('inventory', 'channels: 30', 'channels: 30, secondForm: international')));
  t.same(
    again.network.routes.map(({ trunk, number, secondNumber = '' }) => `${trunk} ${number} ${secondNumber}`),
    ['kpn-a 112 ', 'lte-a 0880000112 ', 'kpn-a 09008844 00319008844', 'lte-a 0880008844 '],
    'the second form, where it is another',
  );
  t.end();
});

t.test('passwords of trunks come from a file or the environment, and show themselves to nobody', (t) => {
  const named = (where: string) => change('inventory', 'channels: 30', `channels: 30, credentials: { ${where} }`);
  const fromFile = loaded(loadWith({ ...named('user: us, realm: kpn.nl, secretFile: pass.yaml'), pass: 'hunter 2\n' }));
  const found = fromFile.credentials.get(id<TrunkId>('kpn-a'));
  t.match(found, { user: 'us', realm: 'kpn.nl' });
  t.equal(found?.password.reveal(), 'hunter 2');
  const fromVariable = loaded(loadWith(named('user: us, secretVariable: KPN'), { KPN: 'hunter 2' }));
  t.equal(fromVariable.credentials.get(id<TrunkId>('kpn-a'))?.password.reveal(), 'hunter 2');
  const shown = [inspect(fromFile, { depth: 9 }), JSON.stringify([...fromFile.credentials]), String(found?.password)];
  t.notMatch(shown.join(), /hunter/);
  t.match(shown[1], /\[secret\]/);
  const warned = lines(loadWith(named('user: us, secretVariable: KPN'), { KPN: 'hunter 2' }));
  t.same(warned, []);
  const unusable = loadWith({ ...named('user: us, secretFile: pass.yaml'), pass: 'hunter\n2\n' });
  t.match(lines(unusable), [/pass.yaml holds no usable secret, expected one line of text$/]);
  t.end();
});

t.test('several SIP servers, each with its own secret, and the files for TLS', (t) => {
  const more = `]
  servers: [{ host: 127.0.0.2, secretFile: second.yaml }, { host: 127.0.0.3, port: 9023 }]
  tls: { certificateFile: tls.yaml, keyFile: tls.yaml }`;
  const site = good.site.replace(';transport=udp]', `;transport=udp, sip:192.0.2.1:5061;transport=tls${more}`);
  const { sip } = loaded(loadWith({ site, second: 'second-secret\n', tls: PEM }));
  const servers = sip.servers.map(({ host, port, secret }) => `${host}:${port} ${secret.reveal()}`);
  t.same(servers, ['127.0.0.1:9022 cymru', '127.0.0.2:9022 second-secret', '127.0.0.3:9023 cymru']);
  const file = 'test/config/good/tls.yaml';
  t.same(sip.tls, { certificateFile: file, keyFile: file, caFile: undefined, callerCaFile: undefined });
  t.equal(loaded(loadWith({})).sip.tls, undefined);
  t.end();
});

t.test('a secret that everybody can read is warned of', (t) => {
  const site = good.site.replace('sip:\n', 'sip:\n  control: { host: 192.0.2.5, secretFile: secret.yaml }\n');
  const told = (mode: number | undefined): readonly string[] => {
    const texts: Readonly<Record<string, string>> = { [SITE]: site, 'test/config/good/secret.yaml': 's3cret' };
    const readFile = (path: string): string => texts[path] ?? good[/inventory/.test(path) ? 'inventory' : 'dialplan'];
    return lines(loadConfig(SITE, { env: {}, readFile, modeOf: () => mode }));
  };
  t.same(told(0o100_600), []);
  t.same(told(undefined), []);
  t.match(told(0o100_644), [
    'site.yaml:5:43: sip.control.secretFile: everybody on this machine can read secret.yaml, expected chmod 600',
  ]);
  t.end();
});
