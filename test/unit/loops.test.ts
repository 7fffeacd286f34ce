import t from 'tap';
import { Door } from '../../src/calls/door.js';
import { refusalOf } from '../../src/calls/limits.js';
import { id, type CarrierId, type IngressId } from '../../src/domain/ids.js';
import type { Ingress, Network } from '../../src/domain/network.js';
import { header } from '../../src/sip/headers.js';
import type { Header } from '../../src/sip/message.js';
import { FakeCaller } from '../support/fake-sip-server.js';
import { SERVICE_112, smallNetwork } from '../support/network.js';
import { office, reports, settle } from '../support/office.js';
import { VirtualClock } from '../support/virtual-clock.js';

const KPN_SOURCE = { address: '127.0.20.5' };
const OTHER_SOURCE = { address: '127.0.30.5' };

function ingress(name: string, sources: string): Ingress {
  return { id: id<IngressId>(name), carrier: id<CarrierId>(name), sources: [sources] };
}

/** Two carriers that both hand us calls and take ours. */
function network(): Network {
  const small = smallNetwork([
    { id: 'kpn-a', carrier: 'kpn', tier: 1 },
    { id: 'second-a', carrier: 'second', tier: 2 },
  ]);
  return { ...small, ingresses: [ingress('kpn', '127.0.20.0/24'), ingress('second', '127.0.30.0/24')] };
}

/** An INVITE at one of our ingresses. */
function call(from: string, uri: string, source: Partial<FakeCaller['source']>, more: readonly Header[] = []) {
  const lines = more.map(({ name, value }) => `${name}: ${value}\r\n`).join('');
  return FakeCaller.from(`INVITE ${uri} SIP/2.0\r\nFrom: ${from};tag=q\r\n${lines}\r\n`, source);
}

/** A call to 112 of which the first attempt is on its way to KPN. */
function started() {
  const gateway = office(network());
  const caller = call('<sip:0612345678@x>', 'sip:112@gw', OTHER_SOURCE);
  gateway.server.incoming(caller);
  const sent = gateway.server.callee(0).request.headers;
  return { ...gateway, caller, sent };
}

t.test('our marker at an ingress is a loop: 482, the trunk is out, it is loud, the call goes on', async (t) => {
  const { server, sent, keeper, records, logged, caller } = started();
  const marker = header(sent, 'X-Passed-Through') ?? '';
  const loop = call('<sip:anonymous@x>', 'sip:112@gw', KPN_SOURCE, [{ name: 'x-passed-through', value: marker }]);
  server.incoming(loop);
  t.same(loop.statuses(), [482]);
  t.same(server.callee(0).cancelled, ['SIP;cause=482;text="came back"']);
  t.equal(server.callee(1).request.nextHop.host, '127.0.99.2', 'the next trunk');
  t.match(keeper.snapshot().trunks, [{ trunk: 'kpn-a', service: '112', health: { state: 'down' } }]);
  const changes = records.flatMap((record) => (record.type === 'health' ? [record.change] : []));
  t.match(changes, [
    { of: 'trunk', trunk: 'kpn-a', service: '112', to: 'down', cause: /our own call came back to us/ },
  ]);
  t.match(
    logged.filter(({ level }) => level === 'error'),
    [{ text: /came back/, fields: { trunk: 'kpn-a', ingress: 'kpn', by: 'marker' } }],
  );
  server.callee(1).answer();
  await settle();
  t.same(caller.statuses(), [200]);
  t.match(reports(records)[0]?.attempts, [{ outcome: 'failed', reason: /came back/ }, { outcome: 'answered' }]);
  server.incoming(call('<sip:0612345679@x>', 'sip:112@gw', OTHER_SOURCE));
  t.equal(server.callee(2).request.nextHop.host, '127.0.99.2', 'later calls do not touch the trunk');
});

t.test('0900-8844 loops are as strong, and 112 keeps the trunk', async (t) => {
  const { server, keeper } = office(network());
  server.incoming(call('<sip:0612345678@x>', 'sip:09008844@gw', OTHER_SOURCE));
  const marker = header(server.callee(0).request.headers, 'X-Passed-Through') ?? '';
  server.incoming(call('<sip:1@x>', 'sip:09008844@gw', KPN_SOURCE, [{ name: 'X-Passed-Through', value: marker }]));
  const states = keeper.snapshot().trunks.map(({ trunk, service, health }) => `${trunk} ${service} ${health.state}`);
  t.ok(states.includes('kpn-a 0900-8844 down'));
  t.ok(states.includes('kpn-a 112 unproven'));
});

t.test('our call identifier without the marker is a loop too', async (t) => {
  const { server, sent } = started();
  const identifier = { name: 'Call-Info', value: `<https://x>;purpose=icon, ${header(sent, 'Call-Info') ?? ''}` };
  const loop = call('<sip:anonymous@x>', 'sip:112@gw', KPN_SOURCE, [identifier]);
  server.incoming(loop);
  t.same(loop.statuses(), [482]);
  t.ok(server.callee(0).cancelled);
});

t.test('an identifier or marker of another gateway is no loop', async (t) => {
  const { server } = started();
  const foreign = [
    { name: 'Call-Info', value: '<urn:emergency:uid:callid:00:noodroute>;purpose=emergency-CallId' },
    { name: 'X-Passed-Through', value: 'noodroute;site=north;attempt=00000001-1' },
  ];
  const other = call('<sip:0687654321@x>', 'sip:112@gw', KPN_SOURCE, foreign);
  server.incoming(other);
  t.same(other.statuses(), []);
});

t.test('a marker of ours whose attempt is not known any more is still a loop', async (t) => {
  const { server, logged } = office(network());
  const loop = call('<sip:1@x>', 'sip:112@gw', KPN_SOURCE, [
    { name: 'X-Passed-Through', value: 'noodroute;site=west;attempt=gone-1' },
  ]);
  server.incoming(loop);
  t.same(loop.statuses(), [482]);
  t.equal(logged.filter(({ level }) => level === 'error').length, 1);
  t.equal(server.callees.length, 0);
});

t.test('where a carrier strips every mark: the same caller and number, from that carrier, within 5 s', async (t) => {
  const cases: readonly (readonly [string, string, string, Partial<FakeCaller['source']>, number, boolean])[] = [
    ['the same in other forms', '<tel:+31612345678>', 'sip:+31112@gw', KPN_SOURCE, 4_900, true],
    ['too late', '<sip:0612345678@x>', 'sip:112@gw', KPN_SOURCE, 5_100, false],
    ['another caller', '<sip:0612345679@x>', 'sip:112@gw', KPN_SOURCE, 10, false],
    ['another number', '<sip:0612345678@x>', 'sip:09008844@gw', KPN_SOURCE, 10, false],
    ['another carrier', '<sip:0612345678@x>', 'sip:112@gw', OTHER_SOURCE, 10, false],
    ['a caller without a number', '<sip:anonymous@anonymous.invalid>', 'sip:112@gw', KPN_SOURCE, 10, false],
  ];
  for (const [what, from, uri, source, wait, isLoop] of cases) {
    const { server, clock } = started();
    server.callee(0).provisional(180);
    clock.advance(wait);
    const again = call(from, uri, source);
    server.incoming(again);
    t.same(again.statuses(), isLoop ? [482] : [], what);
  }
});

t.test('two callers without a number are never taken for one', async (t) => {
  const { server } = office(network());
  server.incoming(call('<sip:anonymous@anonymous.invalid>', 'sip:112@gw', OTHER_SOURCE));
  const second = call('<sip:anonymous@anonymous.invalid>', 'sip:112@gw', KPN_SOURCE);
  server.incoming(second);
  t.same(second.statuses(), []);
});

t.test('a redial after the caller hung up is a call of its own', async (t) => {
  const { server } = office(network());
  const first = call('<sip:0612345678@x>', 'sip:112@gw', KPN_SOURCE);
  server.incoming(first);
  first.events?.cancelled([]);
  const redial = call('<sip:0612345678@x>', 'sip:112@gw', KPN_SOURCE);
  server.incoming(redial);
  t.same(redial.statuses(), []);
});

t.test('a number that is no service, dialled on a trunk, is known when it comes back', async (t) => {
  const small = network();
  const routes = small.routes.map((route) =>
    route.service === SERVICE_112 ? { ...route, number: '0880000112' } : route,
  );
  const { server } = office({ ...small, routes });
  server.incoming(call('<sip:0612345678@x>', 'sip:112@gw', OTHER_SOURCE));
  const loop = call('<sip:+31612345678@x>', 'sip:+31880000112@gw', KPN_SOURCE);
  server.incoming(loop);
  t.same(loop.statuses(), [482]);
});

t.test('limits of form: 414, 513, 483; never on 112', async (t) => {
  const { server } = office();
  const form = (uri: string, headers: readonly Header[], body = ''): readonly number[] => {
    const caller = new FakeCaller(uri, headers, body);
    server.incoming(caller);
    return caller.statuses();
  };
  const padding = `;x=${'9'.repeat(9_000)}`;
  const large = [{ name: 'X-Large', value: 'x'.repeat(70_000) }];
  const noHops = [{ name: 'Max-Forwards', value: '0' }];
  t.same(form(`sip:09008844@gw${padding}`, []), [414]);
  t.same(form('sip:09008844@gw', large), [513]);
  t.same(form('sip:09008844@gw', [], 'x'.repeat(70_000)), [513]);
  t.same(form('sip:09008844@gw', noHops), [483]);
  t.same(form('sip:020123456@gw', noHops), [483]);
  t.same(form(`sip:112@gw${padding}`, [...large, ...noHops]), []);
  t.equal(refusalOf({ method: 'INVITE', uri: 'sip:09008844@gw', headers: [], body: '' }, 'priority'), undefined);
});

t.test(
  'strangers get ten 403 in a second each, then silence; scanners get nothing; known sources are not counted',
  async (t) => {
    const clock = new VirtualClock();
    const lines: string[] = [];
    const silent = () => undefined;
    const log = { debug: silent, info: silent, error: silent, warn: (_: unknown, text: string) => lines.push(text) };
    const known = ingress('kpn', '127.0.20.0/24');
    const door = new Door({
      clock,
      log,
      ingressOf: ({ address }) => (address === KPN_SOURCE.address ? known : undefined),
    });
    const request = (agent = 'phone') => ({
      method: 'INVITE',
      uri: 'sip:112@gw',
      headers: [{ name: 'User-Agent', value: agent }],
      body: '',
    });
    const admit = (address: string, agent?: string) =>
      door.admit({ address, port: 5060, transport: 'udp' }, request(agent)).kind;
    const many = (address: string, count: number) => Array.from({ length: count }, () => admit(address));
    t.equal(many('192.0.2.1', 50).filter((kind) => kind === 'refused').length, 10);
    t.equal(many('192.0.2.2', 5).filter((kind) => kind === 'refused').length, 5, 'each source has its own count');
    t.equal(lines.length, 2, 'one line for each');
    t.equal(admit('192.0.2.3', 'friendly-scanner'), 'ignored');
    t.equal(many(KPN_SOURCE.address, 1_000).filter((kind) => kind === 'known').length, 1_000);
    t.equal(admit(KPN_SOURCE.address, 'friendly-scanner'), 'known');
    clock.advance(1_000);
    t.equal(admit('192.0.2.1'), 'refused', 'a new second');
    const flood = Array.from({ length: 5_000 }, (_, index) => admit(`10.0.${index >> 8}.${index & 255}`));
    t.equal(flood.filter((kind) => kind === 'refused').length, 999, 'a flood from false addresses costs no memory');
    t.equal(lines.length, 3 + 10, 'nor a full log');
  },
);
