import t from 'tap';
import { id, type IngressId } from '../../src/domain/ids.js';
import type { Network } from '../../src/domain/network.js';
import type { IncomingRequest, OutgoingResponse } from '../../src/ports/sip-server.js';
import { SERVICE_112, smallNetwork } from '../support/network.js';
import { office } from '../support/office.js';

/** An upstream at 127.0.1.1 that has no other way, and one at 127.0.2.1 that has. */
function network(): Network {
  const small = smallNetwork([
    { id: 'kpn-a', carrier: 'kpn', tier: 1 },
    { id: 'second-a', carrier: 'second', tier: 2 },
  ]);
  const ingress = (name: string, noPath?: 'hold' | 'wilt') => ({
    id: id<IngressId>(name),
    carrier: undefined,
    sources: [name === 'hold' ? '127.0.1.0/24' : '127.0.2.0/24'],
    ...(noPath === undefined ? {} : { noPath }),
  });
  return { ...small, ingresses: [ingress('hold'), ingress('wilt', 'wilt')] };
}

/** What a request outside any dialog is answered. */
function asked(server: ReturnType<typeof office>['server'], address: string, method = 'OPTIONS', to = '<sip:gw>') {
  const answers: (OutgoingResponse | 'nothing')[] = [];
  const request: IncomingRequest = {
    source: { address, port: 5060, transport: 'udp' },
    request: { method, uri: 'sip:gw', headers: [{ name: 'To', value: to }], body: '' },
    respond: (response) => answers.push(response),
    ignore: () => answers.push('nothing'),
  };
  server.received(request);
  return answers;
}

const UNAVAILABLE = [{ status: 503, headers: [] }];

t.test('an upstream is told 200, with what we take, while calls can be served', async (t) => {
  const { server } = office(network());
  t.match(asked(server, '127.0.1.1'), [
    { status: 200, headers: [{ name: 'Allow' }, { name: 'Accept', value: '*/*' }] },
  ]);
  t.match(asked(server, '127.0.2.1'), [{ status: 200 }]);
  t.match(asked(server, '127.0.1.1', 'REGISTER'), [{ status: 405, headers: [{ name: 'Allow' }] }]);
});

t.test('who asks in a dialog that is over is told so', async (t) => {
  const { server } = office(network());
  for (const method of ['OPTIONS', 'UPDATE', 'INFO']) {
    t.match(asked(server, '127.0.1.1', method, '<sip:gw>;tag=gone'), [{ status: 481 }], method);
  }
});

t.test('503 without Retry-After before the SIP server is there, and while a service has no route', async (t) => {
  const { server } = office(network());
  server.connected = false;
  t.same(asked(server, '127.0.1.1'), UNAVAILABLE);
  const whole = network();
  const partial = office({ ...whole, routes: whole.routes.filter(({ service }) => service === SERVICE_112) });
  t.same(asked(partial.server, '127.0.1.1'), UNAVAILABLE);
});

t.test(
  'with no trunk left, an upstream that has another way is told 503, one that has none keeps its 200',
  async (t) => {
    const { server, keeper } = office(network());
    const line = (trunk: string, state: 'up' | 'down'): void => {
      const found = keeper.snapshot().trunks.find((each) => each.trunk === trunk);
      if (found !== undefined) {
        keeper.record(found.trunk, { type: 'line', state, cause: 'test' });
      }
    };
    line('kpn-a', 'down');
    t.match(asked(server, '127.0.2.1'), [{ status: 200 }], 'one trunk is enough');
    line('second-a', 'down');
    t.same(asked(server, '127.0.2.1'), UNAVAILABLE);
    t.match(asked(server, '127.0.1.1'), [{ status: 200 }]);
  },
);

t.test('112 decides: an upstream hears 503 when it is lost, though 0900-8844 still has a way', async (t) => {
  const { server, keeper } = office(network());
  const verdict = { fault: 'carrier', kind: 'loop', weight: 'strong', next: 'next', reason: 'test' } as const;
  for (const { trunk, service } of keeper.snapshot().trunks) {
    if (service === SERVICE_112) {
      keeper.record(trunk, { type: 'attempt', service, outcome: { kind: 'failed', verdict } });
    }
  }
  t.same(asked(server, '127.0.2.1'), UNAVAILABLE);
});

t.test('a trunk on its way back is enough: it needs calls to prove itself', async (t) => {
  const { server, keeper, clock } = office(network());
  const verdict = { fault: 'carrier', kind: 'loop', weight: 'strong', next: 'next', reason: 'test' } as const;
  for (const { trunk, service } of keeper.snapshot().trunks) {
    keeper.record(trunk, { type: 'attempt', service, outcome: { kind: 'failed', verdict } });
  }
  t.same(asked(server, '127.0.2.1'), UNAVAILABLE);
  clock.advance(6_000);
  t.match(keeper.snapshot().trunks[0], { health: { state: 'recovering' } });
  t.match(asked(server, '127.0.2.1'), [{ status: 200 }]);
});

t.test('a stranger gets ten bare 403 in a second, then nothing', async (t) => {
  const { server } = office(network());
  const answers = Array.from({ length: 12 }, () => asked(server, '192.0.2.66')).flat();
  t.same(answers, [...Array.from({ length: 10 }, () => ({ status: 403 })), 'nothing', 'nothing']);
});
