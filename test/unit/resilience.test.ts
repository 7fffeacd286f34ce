import t from 'tap';
import { id, type RiskGroupId, type TrunkId } from '../../src/domain/ids.js';
import type { Network } from '../../src/domain/network.js';
import { resilienceOf, type Loss } from '../../src/routing/resilience.js';
import { inForce, SERVICE_112, smallNetwork } from '../support/network.js';

interface Row {
  readonly name: string;
  /** Trunk, its risk groups, and for a number that is hosted somewhere: its host's network after `>`. */
  readonly trunks: readonly string[];
  readonly alone: readonly string[];
  readonly pairs: readonly string[];
}

const TABLE: readonly Row[] = [
  {
    name: 'one trunk: everything about it is a single point',
    trunks: ['a: kpn-core ups-a'],
    alone: ['kpn-core = trunk:a = ups-a: 0'],
    pairs: [],
  },
  {
    name: 'two trunks that share nothing: only both together',
    trunks: ['a: kpn-core', 'b: second-core'],
    alone: ['kpn-core = trunk:a: 120', 'second-core = trunk:b: 120'],
    pairs: ['kpn-core + second-core: 0'],
  },
  {
    name: 'two trunks that share a power feed count as one',
    trunks: ['a: kpn-core ups-a', 'b: second-core ups-a'],
    alone: ['ups-a: 0', 'kpn-core = trunk:a: 120', 'second-core = trunk:b: 120'],
    pairs: ['kpn-core + second-core: 0'],
  },
  {
    name: 'a reseller shares the fate of the network it resells',
    trunks: ['a: kpn-core', 'b: reseller-core kpn-core'],
    alone: ['kpn-core: 0', 'trunk:a: 120', 'reseller-core = trunk:b: 120'],
    pairs: ['trunk:a + reseller-core: 0'],
  },
  {
    name: 'a number that is hosted at the first carrier is lost with it, whoever dials it',
    trunks: ['a: kpn-core', 'b: second-core > kpn-core'],
    alone: ['kpn-core: 0', 'trunk:a: 120', 'second-core = trunk:b: 120'],
    pairs: ['trunk:a + second-core: 0'],
  },
  {
    name: 'three trunks in a ring: each two share something, so each two of those end the service',
    trunks: ['a: x y', 'b: y z', 'c: z x'],
    alone: ['x: 120', 'y: 120', 'z: 120', 'trunk:a: 240', 'trunk:b: 240', 'trunk:c: 240'],
    pairs: [
      'trunk:a + z: 0',
      'trunk:b + x: 0',
      'trunk:c + y: 0',
      'x + y: 0',
      'x + z: 0',
      'y + z: 0',
      'trunk:a + trunk:b: 120',
      'trunk:a + trunk:c: 120',
      'trunk:b + trunk:c: 120',
    ],
  },
];

function networkOf(trunks: readonly string[]): Network {
  const lines = trunks.map((text) => {
    const [name = '', groups = '', host = ''] = text.split(/: | > /);
    return { name, groups: groups.split(' ') as RiskGroupId[], host: host === '' ? [] : [id<RiskGroupId>(host)] };
  });
  const small = smallNetwork(lines.map(({ name }) => ({ id: name, carrier: name })));
  const found = (name: string) => lines.find((line) => line.name === name);
  const routes = small.routes.map((route) => ({ ...route, riskGroups: new Set(found(route.trunk)?.host) }));
  return {
    ...small,
    ...inForce(routes),
    trunks: new Map(
      [...small.trunks].map(([key, trunk]) => [key, { ...trunk, riskGroups: new Set(found(key)?.groups) }]),
    ),
  };
}

function alone({ lost, channelsLeft }: Loss): string {
  return `${lost.flat().join(' = ')}: ${channelsLeft}`;
}

function pair({ lost, channelsLeft }: Loss): string {
  return `${lost.map(([first]) => first).join(' + ')}: ${channelsLeft}`;
}

for (const row of TABLE) {
  t.test(row.name, (t) => {
    const found = resilienceOf(networkOf(row.trunks), SERVICE_112);
    t.same(found.alone.map(alone).toSorted(), [...row.alone].toSorted());
    t.same(found.pairs.map(pair).map(inOrder).toSorted(), row.pairs.map(inOrder).toSorted());
    t.end();
  });
}

/** Which of two stands first says nothing. */
function inOrder(text: string): string {
  const [both = '', left = ''] = text.split(/: (?=\d+$)/);
  return `${both.split(' + ').toSorted().join(' + ')}: ${left}`;
}

t.test('a SIM is lost with its home network, and leaves the others of its trunk', (t) => {
  const sim = (network: string) => ({
    trunk: id<TrunkId>('lte'),
    channels: 1,
    riskGroups: new Set([id<RiskGroupId>(network)]),
  });
  const network = networkOf(['lte: mobile-core']);
  const { channels, alone: losses } = resilienceOf(network, SERVICE_112, [sim('kpn-core'), sim('kpn-core'), sim('x')]);
  t.equal(channels, 3);
  t.same(losses.map(alone), ['mobile-core = trunk:lte: 0', 'kpn-core: 1', 'x: 2']);
  t.end();
});

t.test('a trunk that is not enabled is no backup', (t) => {
  const network = networkOf(['a: kpn-core', 'b: second-core']);
  const off = new Map([...network.trunks].map(([key, trunk]) => [key, { ...trunk, enabled: trunk.id === 'a' }]));
  const { channels, pairs } = resilienceOf({ ...network, trunks: off }, SERVICE_112);
  t.equal(channels, 120);
  t.same(pairs, []);
  t.end();
});
