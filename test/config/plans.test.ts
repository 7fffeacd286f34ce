import t from 'tap';
import { id, type DestinationId, type PlanId } from '../../src/domain/ids.js';
import type { Route } from '../../src/domain/network.js';
import { change, good, lines, loaded, loadWith } from '../support/site-files.js';

const ADDRESSES = `
    addresses:
      desk-a: { number: 088-0000112, weight: 2, channels: 4, hostedBy: mobile }
      desk-b: { number: 088-0000113, riskGroups: [ups-a] }
      direct: { address: 112@198.51.100.77:5070 }
    channels: 8
    ringsFor: 20s
    takeOver: [psap-east]
  psap-east: { name: Control room east }
routes:`;

const ROUTES = `  - { service: 112, destination: psap, trunk: kpn-a, tier: 1 }
  - { service: 112, destination: psap, trunk: lte-a, address: desk-b, tier: 2 }
  - { service: 112, destination: psap-east, trunk: lte-a, number: 0880000114, hostedBy: kpn, tier: 3 }
  - { service: 0900-8844, destination: psap-east, trunk: kpn-a, number: 09008844, tier: 1 }
  - { service: 0900-8844, destination: psap-east, trunk: lte-a, number: 0880008844, tier: 2 }
`;

const dialplan = good.dialplan
  .replace('  psap: { name: Control room }\nroutes:', `  psap:\n    name: Control room${ADDRESSES}`)
  .replace(/ {2}- \{[^]*$/, ROUTES);

function short({ id: name, number, domain, address, weight, tier, riskGroups }: Route) {
  return { name, number, host: domain?.host, address, weight, tier, groups: [...(riskGroups ?? [])] };
}

t.test('a route without a number leads to every address of its destination, each with its weight', (t) => {
  const { network } = loaded(loadWith({ dialplan }));
  t.match(network.routes.map(short).slice(0, 5), [
    { name: '112/kpn-a/0880000112', number: '0880000112', address: 'desk-a', weight: 2, groups: ['mobile-core'] },
    { name: '112/kpn-a/0880000113', number: '0880000113', address: 'desk-b', weight: 1, groups: ['ups-a'] },
    { number: '112', host: '198.51.100.77', address: 'direct', weight: 1, tier: 1, groups: [] },
    { name: '112/lte-a/0880000113', address: 'desk-b', tier: 2 },
    { name: '112/lte-a/0880000114', address: undefined, tier: 3, groups: ['kpn-core'] },
  ]);
  t.equal(network.routes.length, 7);
  t.end();
});

t.test('a destination says what it can take, how long it rings, and who takes over', (t) => {
  const { destinations } = loaded(loadWith({ dialplan })).network;
  t.match(destinations.get(id<DestinationId>('psap')), {
    channels: 8,
    ringsFor: 20_000,
    takeOver: ['psap-east'],
    addresses: [{ id: 'desk-a', channels: 4 }, { id: 'desk-b' }, { id: 'direct', domain: { port: 5070 } }],
  });
  t.match(destinations.get(id<DestinationId>('psap-east')), {
    addresses: [],
    channels: undefined,
    ringsFor: 25_000,
    takeOver: [],
  });
  t.end();
});

t.test('the routes at the top of a small file are the plan normal', (t) => {
  const { plans, defaultPlan, routes } = loaded(loadWith({})).network;
  t.equal(defaultPlan, 'normal');
  t.same([...plans.keys()], ['normal']);
  t.match(plans.get(defaultPlan), { name: 'normal', next: [], routes });
  t.equal(routes.length, 4);
  t.end();
});

t.test('plans are named sets of routes; the default one is in force, and says what comes after it', (t) => {
  const text = `${good.dialplan}plans:
  normal: { name: Normal operation, next: [scenario-4] }
  scenario-4:
    name: KPN is gone
    next: [normal]
    routes:
      - { service: 112, destination: psap, trunk: lte-a, number: 0880000112, tier: 1 }
      - { service: 0900-8844, destination: psap, trunk: lte-a, number: 0880008844, tier: 1 }
defaultPlan: scenario-4
`;
  const { plans, routes } = loaded(loadWith({ dialplan: text })).network;
  t.match(plans.get(id<PlanId>('normal')), { name: 'Normal operation', next: ['scenario-4'] });
  t.match(plans.get(id<PlanId>('scenario-4')), { name: 'KPN is gone', next: ['normal'], routes });
  t.same(
    routes.map(({ trunk }) => trunk),
    ['lte-a', 'lte-a'],
  );
  t.end();
});

t.test('two destinations may take over from each other', (t) => {
  const mutual = dialplan
    .replace('name: Control room east', 'name: Control room east, takeOver: [psap]')
    .concat('  - { service: 0900-8844, destination: psap, trunk: lte-a, number: 0880008845, tier: 3 }\n');
  t.same(lines(loadWith({ dialplan: mutual })), []);
  t.same(lines(loadWith(change('dialplan', 'Control room', 'Control room west'))), []);
  t.end();
});
