import fc from 'fast-check';
import t from 'tap';
import {
  id,
  type DestinationAddressId,
  type DestinationId,
  type RouteId,
  type ServiceId,
  type TrunkId,
} from '../../src/domain/ids.js';
import type { Destination, DestinationAddress, Network, Route } from '../../src/domain/network.js';
import { ms } from '../../src/domain/time.js';
import { FakeCaller, type FakeCallee } from '../support/fake-sip-server.js';
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

/** The west has so many channels, the north and the south as many as are wanted. */
function limited(west: number, north?: number): Network {
  const network = matrix();
  const channels = new Map([
    ['west', west],
    ['north', north],
  ]);
  const destinations = [...network.destinations.values()].map(
    (each) => [each.id, { ...each, channels: channels.get(each.id) }] as const,
  );
  return { ...network, destinations: new Map(destinations) };
}

t.test('a destination that is full is passed over: the next one takes over, until a call there is over', async (t) => {
  const { server, dialled, keeper, caller } = called(limited(1));
  server.callee(0).answer();
  await settle();
  t.same(keeper.seats(), [{ destination: 'west', used: 1, total: 1 }]);
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  t.same(dialled(), ['100 kpn-a', '200 kpn-a']);
  server.callee(1).fail(503);
  t.same(dialled().slice(2), ['200 second-a'], 'over the other carrier too');
  caller.events?.ended({ by: 'peer', reasons: [] });
  server.callee(0).events.over();
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  t.same(dialled().at(-1), '100 kpn-a');
  keeper.close();
});

t.test('full is not broken: where nothing else is left, what we think full is tried all the same', async (t) => {
  const network = limited(1, 1);
  const { server, dialled, keeper } = called({
    ...network,
    routes: network.routes.filter(({ destination: to }) => to !== id<DestinationId>('south')),
  });
  server.callee(0).answer();
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  server.callee(1).answer();
  await settle();
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  t.same(dialled(), ['100 kpn-a', '200 kpn-a', '100 kpn-a']);
  server.callee(2).fail(486);
  t.same(dialled().at(-1), '100 second-a', 'busy over one carrier');
  server.callee(3).fail(486);
  t.same(dialled().at(-1), '200 kpn-a', 'and over two: the next one');
  keeper.close();
});

t.test('a call does not stand in its own way: its second attempt goes to the same destination', async (t) => {
  const { clock, dialled, keeper } = called(limited(1));
  clock.advance(600);
  t.same(dialled(), ['100 kpn-a', '100 second-a']);
  t.same(keeper.seats(), [{ destination: 'west', used: 1, total: 1 }], 'and counts once');
  keeper.close();
});

t.test('a leg that was given up before it rang has no place there any more', async (t) => {
  const { server, clock, keeper } = called(limited(9));
  clock.advance(600);
  server.callee(1).answer();
  await settle();
  t.ok(server.callee(0).cancelled);
  t.same(keeper.seats(), [{ destination: 'west', used: 1, total: 9 }]);
  clock.advance(10_000);
  server.callee(1).events.ended({ by: 'peer', reasons: [] });
  server.callee(1).events.over();
  t.same(keeper.seats(), [{ destination: 'west', used: 0, total: 9 }], 'the silent leg is not over, and holds nothing');
  keeper.close();
});

/** One destination with two addresses of one channel each, over two carriers. */
function twoAddresses(): Network {
  const network = smallNetwork(TRUNKS);
  const places = network.routes
    .filter(({ service }) => service === SERVICE_112)
    .flatMap((route) =>
      ['100', '200'].map((number): Route => {
        const own = { id: id<RouteId>(`${route.trunk}-${number}`), number, address: id<DestinationAddressId>(number) };
        return { ...route, ...own };
      }),
    );
  const meldkamer = [...network.destinations.values()].map(
    (each) => [each.id, { ...each, addresses: ['100', '200'].map(addressOf) }] as const,
  );
  return { ...network, destinations: new Map(meldkamer), routes: places };
}

function addressOf(number: string): DestinationAddress {
  const own = id<DestinationAddressId>(number);
  return { id: own, number, domain: undefined, weight: 1, channels: 1, riskGroups: new Set() };
}

t.test('an address that is full is passed over for the next one, over the same carrier', async (t) => {
  const { server, dialled, keeper } = called(twoAddresses());
  server.callee(0).answer();
  await settle();
  const [first = ''] = dialled();
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  const other = first === '100 kpn-a' ? '200 kpn-a' : '100 kpn-a';
  t.same(dialled().slice(0, 2), [first, other]);
  t.match(dialled()[2], / kpn-a$/, 'both are full: the best trunk is tried all the same');
  t.same(
    keeper.seats().map(({ address, used }) => [address, used]),
    [
      ['100', dialled()[2] === '100 kpn-a' ? 2 : 1],
      ['200', dialled()[2] === '200 kpn-a' ? 2 : 1],
    ],
  );
  const route = keeper.explain(id<ServiceId>('112'), [])?.routes[0];
  t.match(route?.why.join('; '), 'the answering point has no place free, by our count');
  keeper.close();
});

t.test('a call that is held is tried again when a place becomes free', async (t) => {
  const network = limited(1);
  const west = network.routes.filter(({ destination: to }) => to === id<DestinationId>('west'));
  const { server, dialled, keeper } = called({ ...network, routes: west });
  server.callee(0).answer();
  await settle();
  server.incoming(new FakeCaller('sip:112@127.0.0.1'));
  server.callee(1).fail(486);
  server.callee(2).fail(486);
  t.equal(dialled().length, 3);
  server.callee(0).events.ended({ by: 'peer', reasons: [] });
  server.callee(0).events.over();
  t.equal(dialled().length, 4, 'not a second later');
  keeper.close();
});

const step = fc.record({
  what: fc.constantFrom('call', 'call', 'ring', 'answer', 'fail', 'caller-cancel', 'caller-bye', 'over', 'wait'),
  which: fc.nat(1_000),
});

/** A leg of which no end is reported gives its place back so long after its CANCEL or BYE. */
const FORGOTTEN_AFTER_MS = 70_000;

t.test('the count of a destination never goes below the calls that ring or talk there, and ends at none', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 60 }), async (steps) => {
      const { server, clock, keeper } = office(limited(2, 2));
      const callers: FakeCaller[] = [];
      const open = new Map<FakeCallee, 'silent' | 'rings' | 'talks'>();
      const endedAt = new Map<FakeCallee, number>();
      server.onCallee = (callee) => {
        open.set(callee, 'silent');
        const ends = (): void => {
          endedAt.set(callee, endedAt.get(callee) ?? clock.now());
        };
        callee.onCancel = ends;
        callee.dialog.onRelease = ends;
      };
      const isForgotten = (callee: FakeCallee): boolean =>
        clock.now() - (endedAt.get(callee) ?? clock.now()) >= FORGOTTEN_AFTER_MS;
      for (const { what, which } of steps) {
        const waiting = [...open].filter(([callee, is]) => is !== 'talks' && callee.cancelled === undefined);
        const [callee] = waiting[which % Math.max(waiting.length, 1)] ?? [];
        const caller = callers[which % Math.max(callers.length, 1)];
        const ended = [...open.keys()].filter(
          ({ cancelled, dialog }) => cancelled !== undefined || dialog.released !== undefined,
        );
        if (what === 'call') {
          callers.push(new FakeCaller('sip:112@127.0.0.1'));
          server.incoming(callers.at(-1) ?? new FakeCaller(''));
        } else if (what === 'ring' && callee !== undefined) {
          open.set(callee, 'rings');
          callee.provisional(180);
        } else if (what === 'answer' && callee !== undefined) {
          open.set(callee, 'talks');
          callee.answer();
        } else if (what === 'fail' && callee !== undefined) {
          open.delete(callee);
          callee.fail(486);
        } else if (what === 'caller-cancel') {
          caller?.events?.cancelled([]);
        } else if (what === 'caller-bye') {
          caller?.events?.ended({ by: 'peer', reasons: [] });
        } else if (what === 'over') {
          for (const each of ended) {
            open.delete(each);
            each.events.over();
          }
        } else if (what === 'wait') {
          clock.advance(13_000);
        }
        await settle();
        const busy = [...open].filter(
          ([each, is]) => is !== 'silent' && !isForgotten(each) && /sip:100@/.test(each.request.uri),
        );
        const calls = new Set(busy.map(([each]) => callOf(each)));
        const used = keeper.seats().find(({ destination: to }) => to === id<DestinationId>('west'))?.used ?? 0;
        if (used < calls.size) {
          throw new Error(`${used} calls are counted in the west, ${calls.size} ring or talk there`);
        }
      }
      for (const each of callers) {
        each.events?.cancelled([]);
        each.events?.ended({ by: 'peer', reasons: [] });
      }
      clock.advance(70_000);
      if (keeper.seats().some(({ used }) => used !== 0)) {
        throw new Error(`counted when nothing is left: ${JSON.stringify(keeper.seats())}`);
      }
      keeper.close();
    }),
    { numRuns: 100 },
  );
});

function callOf({ request }: FakeCallee): string {
  return request.headers.find(({ value }) => value.includes('callid'))?.value ?? '';
}
