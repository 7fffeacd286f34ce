import t from 'tap';
import { id, type DestinationId, type RouteId, type TrunkId } from '../../src/domain/ids.js';
import type { Destination, Network, Route } from '../../src/domain/network.js';
import { ms } from '../../src/domain/time.js';
import { FakeCaller } from '../support/fake-sip-server.js';
import { SERVICE_112, smallNetwork } from '../support/network.js';
import { office, settle } from '../support/office.js';

const TRUNKS = [
  { id: 'kpn-a', carrier: 'kpn', tier: 1 },
  { id: 'second-a', carrier: 'second', tier: 2 },
];

function destination(name: string, takeOver: readonly string[]): [DestinationId, Destination] {
  const own = id<DestinationId>(name);
  const takers = takeOver.map((each) => id<DestinationId>(each));
  return [own, { id: own, name, addresses: [], channels: undefined, ringsFor: ms(25_000), takeOver: takers }];
}

/** 112 is answered in the west; the north takes over from it, then the south. The north alone would do the same for the west. */
function matrix(change: (route: Route) => Partial<Route> = () => ({})): Network {
  const network = smallNetwork(TRUNKS);
  const places = [
    ['south', '300'],
    ['north', '200'],
    ['west', '100'],
  ] as const;
  const routes = places.flatMap(([name, number]) =>
    TRUNKS.map(({ id: trunk, tier }): Route => {
      const route: Route = {
        id: id<RouteId>(`${name}-${trunk}`),
        service: SERVICE_112,
        destination: id<DestinationId>(name),
        trunk: id<TrunkId>(trunk),
        number,
        tier,
      };
      return { ...route, ...change(route) };
    }),
  );
  const destinations = [destination('west', ['north', 'south']), destination('north', []), destination('south', [])];
  return { ...network, destinations: new Map(destinations), routes };
}

/** A call to 112, and what was dialled over which trunk, in order. */
function called(network = matrix(), number = '112') {
  const gateway = office(network);
  const { server } = gateway;
  const caller = new FakeCaller(`sip:${number}@127.0.0.1`);
  server.incoming(caller);
  const dialled = (): readonly string[] =>
    server.callees.map(({ request }) => {
      const trunk = request.nextHop.host === '127.0.99.1' ? 'kpn-a' : 'second-a';
      return `${/sip:(\d+)/.exec(request.uri)?.[1]} ${trunk}`;
    });
  return { ...gateway, caller, dialled };
}

t.test(
  'rings too long: the same destination over an independent carrier, then the next one; nothing that rings is cut',
  async (t) => {
    const { server, clock, dialled, keeper } = called();
    server.callee(0).provisional(180);
    clock.advance(11_999);
    t.same(dialled(), ['100 kpn-a']);
    clock.advance(1);
    t.same(dialled(), ['100 kpn-a', '100 second-a']);
    server.callee(1).provisional(180);
    clock.advance(12_999);
    t.same(dialled().length, 2, 'it may ring for 25 s');
    clock.advance(1);
    t.same(dialled().slice(2), ['200 kpn-a']);
    server.callee(2).provisional(180);
    t.notOk(server.callees.some(({ cancelled }) => cancelled !== undefined));
    clock.advance(12_000);
    t.same(dialled().slice(3), ['200 second-a'], 'and so it goes on from there');
    server.callee(0).answer();
    await settle();
    t.ok(server.callee(1).cancelled && server.callee(2).cancelled, 'the first may still win');
    keeper.close();
  },
);

t.test('a destination that rings is not called twice over the same carrier', async (t) => {
  const network = matrix();
  const kpnOnly = { ...network, routes: network.routes.filter(({ trunk }) => trunk === id<TrunkId>('kpn-a')) };
  const { server, clock, dialled, keeper } = called(kpnOnly);
  server.callee(0).provisional(180);
  clock.advance(24_999);
  t.same(dialled(), ['100 kpn-a']);
  clock.advance(1);
  t.same(dialled(), ['100 kpn-a', '200 kpn-a']);
  keeper.close();
});

t.test(
  'busy over one carrier may be the network; busy over two is busy, and the next destination takes over',
  async (t) => {
    const { server, dialled, keeper } = called();
    server.callee(0).fail(486);
    t.same(dialled(), ['100 kpn-a', '100 second-a']);
    server.callee(1).fail(486);
    t.same(dialled().slice(2), ['200 kpn-a']);
    server.callee(2).answer();
    await settle();
    keeper.close();
  },
);

t.test('a trunk that can be believed says itself that the answering point is busy', async (t) => {
  const network = matrix();
  const kpn = network.trunks.get(id<TrunkId>('kpn-a'));
  const trunks = new Map(network.trunks);
  if (kpn !== undefined) {
    trunks.set(kpn.id, { ...kpn, trustedBusy: true });
  }
  const { server, dialled, keeper } = called({ ...network, trunks });
  server.callee(0).fail(486, [{ name: 'Reason', value: 'Q.850;cause=17;location=U' }]);
  t.same(dialled(), ['100 kpn-a', '200 kpn-a']);
  keeper.close();
});

t.test('a destination that no trunk reaches is taken over too', async (t) => {
  const { server, dialled, keeper } = called();
  for (let nth = 0; nth < 6; nth += 1) {
    server.callee(nth).fail(500);
  }
  t.same(dialled().slice(0, 6), [
    '100 kpn-a',
    '100 second-a',
    '200 kpn-a',
    '200 second-a',
    '300 kpn-a',
    '300 second-a',
  ]);
  keeper.close();
});

t.test('several addresses share the calls by their weights', async (t) => {
  const network = smallNetwork([{ id: 'kpn-a', carrier: 'kpn' }]);
  const [route] = network.routes;
  if (route === undefined) {
    throw new Error('the network has no route');
  }
  const routes = [
    { ...route, id: id<RouteId>('one'), number: '100', weight: 2 },
    { ...route, id: id<RouteId>('two'), number: '200', weight: 1 },
  ];
  const { server, keeper } = office({ ...network, routes });
  for (let call = 0; call < 30; call += 1) {
    server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  }
  const first = server.callees.map(({ request }) => /sip:(\d+)/.exec(request.uri)?.[1]);
  t.equal(first.filter((number) => number === '100').length, 20);
  t.equal(first.filter((number) => number === '200').length, 10);
  t.not(first[0] === first[1] && first[1] === first[2], true, 'and they take turns');
  keeper.close();
});
