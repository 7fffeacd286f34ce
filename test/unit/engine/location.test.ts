import fc from 'fast-check';
import t from 'tap';
import { CachedNames } from '../../../src/engine/location/cached-names.js';
import { dnsNames } from '../../../src/engine/location/dns.js';
import { Locator, type Reach } from '../../../src/engine/location/locator.js';
import type { Answer, NameSource, NaptrRecord, SrvRecord } from '../../../src/engine/location/names.js';
import { orderServers } from '../../../src/engine/location/order.js';
import { DnsServer } from '../../support/dns-server.js';
import { VirtualClock } from '../../support/virtual-clock.js';

const ALL: readonly Reach[] = [
  { protocol: 'udp', address: '127.31.10.1' },
  { protocol: 'tcp', address: '127.31.10.1' },
  { protocol: 'tls', address: '127.31.10.1' },
];
const BOTH_FAMILIES: readonly Reach[] = [...ALL, { protocol: 'udp', address: '::1' }];

interface Records {
  readonly naptr?: Readonly<Record<string, readonly NaptrRecord[]>>;
  readonly srv?: Readonly<Record<string, readonly SrvRecord[]>>;
  readonly a?: Readonly<Record<string, readonly string[]>>;
  readonly aaaa?: Readonly<Record<string, readonly string[]>>;
}

/** Names held in memory; every question is written down. */
class Zone implements NameSource {
  readonly asked: string[] = [];
  fails = false;
  readonly records: Records;

  constructor(records: Records) {
    this.records = records;
  }

  async naptr(name: string): Promise<Answer<NaptrRecord>> {
    return this.#answer(`NAPTR ${name}`, this.records.naptr?.[name]);
  }
  async srv(name: string): Promise<Answer<SrvRecord>> {
    return this.#answer(`SRV ${name}`, this.records.srv?.[name]);
  }
  async addresses(name: string, family: 4 | 6): Promise<Answer<string>> {
    return this.#answer(`IPv${family} ${name}`, (family === 4 ? this.records.a : this.records.aaaa)?.[name]);
  }
  async #answer<Entry>(question: string, records: readonly Entry[] = []): Promise<Answer<Entry>> {
    this.asked.push(question);
    await Promise.resolve();
    if (this.fails) {
      throw new Error('no server answers');
    }
    return { records, timeToLive: 60_000 };
  }
}

async function found(zone: NameSource, uri: string, reach = ALL, random = () => 0): Promise<readonly string[]> {
  const hops = await new Locator(zone, new VirtualClock(), random).locate(uri, reach);
  return hops.map(({ peer: { transport, address, port, name }, isOpen }) =>
    [`${transport}/${address}:${port}`, ...(name === undefined ? [] : [name]), ...(isOpen ? ['open'] : [])].join(' '),
  );
}

const srv = (priority: number, weight: number, target: string, port = 5070): SrvRecord => ({
  priority,
  weight,
  target,
  port,
});

t.test('an address needs no name server', async (t) => {
  const zone = new Zone({});
  t.same(await found(zone, 'sip:112@127.31.10.2'), ['udp/127.31.10.2:5060 open']);
  t.same(await found(zone, 'sip:112@127.31.10.2:5090;transport=udp'), ['udp/127.31.10.2:5090']);
  t.same(await found(zone, 'sip:112@127.31.10.2;transport=tcp'), ['tcp/127.31.10.2:5060']);
  t.same(await found(zone, 'sips:112@127.31.10.2'), ['tls/127.31.10.2:5061']);
  t.same(await found(zone, 'sip:112@far.example;maddr=127.31.10.3'), ['udp/127.31.10.3:5060 open']);
  t.same(await found(zone, 'sip:112@[::1]', BOTH_FAMILIES), ['udp/::1:5060 open']);
  t.same(zone.asked, []);
});

t.test('a port means addresses alone (RFC 3263 4.2)', async (t) => {
  const zone = new Zone({ a: { 'kpn.example': ['127.31.10.2', '127.31.10.3'] } });
  t.same(await found(zone, 'sip:112@kpn.example:5090'), ['udp/127.31.10.2:5090 open', 'udp/127.31.10.3:5090 open']);
  t.same(await found(zone, 'sips:112@KPN.example.:5091'), [
    'tls/127.31.10.2:5091 kpn.example',
    'tls/127.31.10.3:5091 kpn.example',
  ]);
  t.same(
    zone.asked.filter((question) => !question.startsWith('IPv')),
    [],
  );
});

t.test('NAPTR says which transports the domain wants, in which order', async (t) => {
  const way = (order: number, service: string, replacement: string): NaptrRecord => ({
    order,
    preference: 10,
    service,
    replacement,
  });
  const zone = new Zone({
    naptr: {
      'kpn.example': [
        way(30, 'SIP+D2U', '_sip._udp.kpn.example'),
        way(10, 'SIPS+D2T', '_sips._tcp.kpn.example'),
        way(20, 'sip+d2t', '_sip._tcp.kpn.example'),
        way(5, 'SIP+D2W', '_sip._ws.kpn.example'),
      ],
    },
    srv: {
      '_sips._tcp.kpn.example': [srv(1, 1, 'tls.kpn.example', 5061)],
      '_sip._tcp.kpn.example': [srv(1, 1, 'tcp.kpn.example')],
      '_sip._udp.kpn.example': [srv(1, 1, 'udp.kpn.example')],
    },
    a: { 'tls.kpn.example': ['127.31.10.4'], 'tcp.kpn.example': ['127.31.10.5'], 'udp.kpn.example': ['127.31.10.6'] },
  });
  t.same(await found(zone, 'sip:112@kpn.example'), [
    'tls/127.31.10.4:5061 kpn.example',
    'tcp/127.31.10.5:5070',
    'udp/127.31.10.6:5070',
  ]);
  t.same(await found(zone, 'sips:112@kpn.example'), ['tls/127.31.10.4:5061 kpn.example']);
  t.same(await found(zone, 'sip:112@kpn.example;transport=tcp'), ['tcp/127.31.10.5:5070']);
  t.same(await found(zone, 'sip:112@kpn.example', ALL.slice(0, 1)), ['udp/127.31.10.6:5070'], 'only what we speak');
});

t.test('without NAPTR every transport of ours is looked up; without SRV the name itself', async (t) => {
  const zone = new Zone({
    srv: { '_sip._tcp.a.example': [srv(1, 1, 'tcp.a.example')], '_sip._udp.gone.example': [srv(0, 0, '', 0)] },
    a: { 'tcp.a.example': ['127.31.10.5'], 'b.example': ['127.31.10.7'] },
    aaaa: { 'b.example': ['::1'] },
  });
  t.same(await found(zone, 'sip:112@a.example'), ['tcp/127.31.10.5:5070']);
  t.same(await found(zone, 'sip:112@b.example', BOTH_FAMILIES), ['udp/127.31.10.7:5060 open', 'udp/::1:5060 open']);
  t.same(await found(zone, 'sip:112@b.example;transport=sctp'), []);
  t.same(await found(zone, 'sip:112@nowhere.example'), []);
  t.same(await found(zone, 'tel:112'), []);
  t.same(await found(zone, 'sips:112@b.example', ALL.slice(0, 2)), [], 'no TLS here');
});

t.test('priorities are kept; weights are shares (RFC 2782)', async (t) => {
  const records = [srv(20, 5, 'backup'), srv(10, 60, 'a'), srv(10, 20, 'b'), srv(10, 20, 'c'), srv(10, 0, 'd')];
  const firsts = new Map<string, number>();
  const lasts = new Set<string | undefined>();
  for (let draw = 0; draw < 1_000; draw += 1) {
    const ordered = orderServers(records, () => draw / 1_000).map(({ target }) => target);
    firsts.set(ordered[0] ?? '', (firsts.get(ordered[0] ?? '') ?? 0) + 1);
    lasts.add(ordered.at(-1));
  }
  t.same([...lasts], ['backup']);
  t.same(Object.fromEntries(firsts), { a: 600, b: 200, c: 200 });
  fc.assert(
    fc.property(
      fc.array(fc.record({ priority: fc.nat(3), weight: fc.nat(100), target: fc.string(), port: fc.nat(9) })),
      fc.infiniteStream(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })),
      (servers, numbers) => {
        const ordered = orderServers(servers, () => numbers.next().value);
        const same = (all: readonly SrvRecord[]): string =>
          JSON.stringify(all.map((each) => JSON.stringify(each)).toSorted());
        const rises = ordered.every(({ priority }, at) => priority >= (ordered[at - 1]?.priority ?? 0));
        return rises && same(ordered) === same(servers);
      },
    ),
  );
});

t.test('what is known needs no question; what has expired is used while it is asked for anew', async (t) => {
  const clock = new VirtualClock();
  const zone = new Zone({ a: { 'kpn.example': ['127.31.10.2'] } });
  const names = new CachedNames(zone, clock);
  const ask = async (): Promise<readonly string[]> => (await names.addresses('kpn.example', 4)).records;
  await Promise.all([ask(), ask(), ask()]);
  t.equal(zone.asked.length, 1, 'one question for many calls');
  clock.advance(59_999);
  await ask();
  t.equal(zone.asked.length, 1);
  clock.advance(2);
  zone.fails = true;
  t.same(await ask(), ['127.31.10.2'], 'DNS is gone, and the call goes on');
  t.equal(zone.asked.length, 2);
  await ask();
  t.equal(zone.asked.length, 2, 'a server that does not answer is not asked for each call');
  clock.advance(2_001);
  zone.fails = false;
  await ask();
  t.equal(zone.asked.length, 3);
  clock.advance(86_400_000);
  zone.fails = true;
  t.same(await ask(), ['127.31.10.2'], 'however long it lasts');
  await t.rejects(names.addresses('other.example', 4));
});

t.test('the cache is bounded, and so are the questions that wait', async (t) => {
  const clock = new VirtualClock();
  const names = new CachedNames(new Zone({}), clock);
  for (let made = 0; made < 3_000; made += 1) {
    await names.addresses(`host${made}.example`, 4);
  }
  t.equal(names.size, 2_000);
  let waiting = 0;
  const never: NameSource = {
    naptr: async () => new Promise(() => undefined),
    srv: async () => new Promise(() => undefined),
    addresses: async () => {
      waiting += 1;
      return new Promise(() => undefined);
    },
  };
  const stuck = new CachedNames(never, clock);
  const asked = Array.from({ length: 300 }, async (_, at) =>
    stuck.addresses(`host${at}.example`, 4).catch(() => 'refused'),
  );
  t.equal(await Promise.race(asked.slice(-1)), 'refused');
  t.equal(waiting, 256);
  const locator = new Locator(never, clock, () => 0);
  const nothing = locator.locate('sip:112@slow.example', ALL);
  clock.advance(1_500);
  t.same(await nothing, [], 'a call waits 1.5 s at most');
});

t.test('a real name server over UDP', async (t) => {
  const server = await DnsServer.start('127.31.10.53', [
    {
      name: 'kpn.example',
      type: 'NAPTR',
      order: 1,
      preference: 1,
      service: 'SIP+D2U',
      replacement: '_sip._udp.kpn.example',
    },
    { name: '_sip._udp.kpn.example', type: 'SRV', priority: 20, weight: 1, port: 5070, target: 'second.kpn.example' },
    { name: '_sip._udp.kpn.example', type: 'SRV', priority: 10, weight: 1, port: 5080, target: 'first.kpn.example' },
    { name: 'first.kpn.example', type: 'A', address: '127.31.10.8' },
    { name: 'second.kpn.example', type: 'A', address: '127.31.10.9', ttl: 1 },
    { name: 'second.kpn.example', type: 'AAAA', address: '::1' },
  ]);
  t.teardown(() => {
    server.stop();
  });
  const names = dnsNames(['127.31.10.53'], '/nowhere');
  const expected = ['udp/127.31.10.8:5080', 'udp/127.31.10.9:5070', 'udp/::1:5070'];
  t.same(await found(names, 'sip:112@kpn.example', BOTH_FAMILIES), expected);
  t.same(await names.addresses('second.kpn.example', 4), { records: ['127.31.10.9'], timeToLive: 1_000 });
  t.same((await names.addresses('nobody.example', 4)).records, [], 'no such name is an answer');
  server.state = 'failing';
  await t.rejects(names.addresses('first.kpn.example', 4));
  server.state = 'silent';
  const started = performance.now();
  await t.rejects(names.addresses('first.kpn.example', 4));
  t.ok(performance.now() - started < 3_000, 'silence is bounded');
});

t.test('the hosts file of the machine comes first', async (t) => {
  const hosts = t.testdir({ hosts: '# remark\n127.31.10.11 psap PSAP.example # more\n::1 psap\n' });
  const names = dnsNames(['127.31.10.54'], `${hosts}/hosts`);
  t.same((await names.addresses('psap.example', 4)).records, ['127.31.10.11']);
  t.same((await names.addresses('psap', 6)).records, ['::1']);
});
