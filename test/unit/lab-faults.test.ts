import t from 'tap';
import { ActiveFaults, isThere } from '../../src/lab/active-faults.js';
import { trunksFor } from '../../src/lab/fault-places.js';
import { FaultFilter } from '../../src/lab/fault-filter.js';
import { FAULT_TERMS, FaultError, parseFault, printFault } from '../../src/lab/faults.js';
import { diceOf } from '../../src/lab/random.js';
import { sealed, unsealed } from '../../src/lab/relay.js';

t.test('a fault is read, and printed in words that are read again', async (t) => {
  for (const [text, printed] of [
    ['clear', 'clear'],
    ['blackhole', 'blackhole'],
    ['reject', 'reject=503'],
    ['reject=404/34', 'reject=404/34'],
    ['slow', 'slow=3s'],
    ['slow=1500ms,lie', 'lie slow=1500ms'],
    ['drop', 'drop=1s'],
    ['busy drop=2s', 'busy drop=2s'],
    ['loss=5% delay=300ms mtu=1400', 'loss=5% delay=300ms mtu=1400'],
    ['jitter=300ms', 'jitter=300ms'],
    ['loss=0.5%', 'loss=0.5%'],
    ['flap=20s', 'blackhole flap=20s'],
    ['partial', 'blackhole partial'],
    ['lie flap=1m partial', 'lie flap=60s partial'],
    ['half loss=5%', 'half loss=5%'],
  ] as const) {
    t.equal(printFault(parseFault(text)), printed);
    t.equal(printFault(parseFault(printed)), printed);
  }
  for (const [term] of FAULT_TERMS) {
    t.doesNotThrow(() => parseFault(term.replaceAll(/[[\]]/g, '')), term);
  }
});

t.test('a fault that makes no sense is named', async (t) => {
  for (const [text, message] of [
    ['', /^no fault is named, expected one or more of blackhole, refuse/],
    ['blackhol', /^blackhol is no fault, expected one or more of blackhole/],
    ['lie=3', 'lie takes no value'],
    ['reject=200', 'reject=200: expected a final status, and perhaps a Q.850 cause, such as reject=503/34'],
    ['reject=503/300', /^reject=503\/300: expected a final status/],
    ['slow=fast', 'slow=fast: expected a time such as 300ms, 3s or 2m, at most an hour'],
    ['flap', 'flap: expected a time such as 300ms, 3s or 2m, at most an hour'],
    ['loss=120%', 'loss=120%: expected a share from 0% to 100%, such as loss=5%'],
    ['mtu=10', 'mtu=10: expected 100 to 65535 bytes'],
    ['lie tone', 'lie and tone exclude each other: one of them would hide the other'],
    ['blackhole busy', 'blackhole and busy exclude each other: one of them would hide the other'],
    ['clear lie', 'clear goes with no other fault'],
  ] as const) {
    t.throws(() => parseFault(text), typeof message === 'string' ? new FaultError(message) : { message });
  }
});

t.test('a black hole on a trunk takes every datagram, on a service its calls only', async (t) => {
  let now = 0;
  const faults = new ActiveFaults({ now: () => now }, (number) => (number === '112' ? '112' : undefined));
  const filter = new FaultFilter(faults);
  const invite = (number: string) => `INVITE sip:${number}@127.0.20.1 SIP/2.0\r\nCall-ID: ${number}\r\n`;
  const response = (number: string) => `SIP/2.0 180 Ringing\r\nCall-ID: ${number}\r\n`;
  const options = 'OPTIONS sip:127.0.20.1 SIP/2.0\r\nCall-ID: o\r\n';
  const fates = () => [
    filter.incoming(invite('112')),
    filter.incoming(invite('09008844')),
    filter.incoming(options),
    filter.outgoing(response('112')),
    filter.outgoing(response('09008844')),
  ];
  t.same(fates(), [0, 0, 0, 0, 0]);
  faults.set(parseFault('blackhole'));
  t.same(fates(), ['drop', 'drop', 'drop', 'drop', 'drop']);
  t.same(filter.dropped, { incoming: 3, outgoing: 2 });
  faults.set(parseFault('clear'));
  faults.set(parseFault('blackhole'), '112');
  t.same(fates(), ['drop', 0, 0, 0, 0]);
  t.equal(faults.text(), 'clear, 112: blackhole');
  faults.set(parseFault('slow=2s'), '112');
  t.same(fates(), [0, 0, 0, 2_000, 0]);
  faults.set(parseFault('slow'));
  t.same(fates(), [0, 0, 0, 3_000, 3_000], 'what is set for the whole trunk holds for every service');
  faults.set(parseFault('flap=20s'));
  t.same(fates().slice(0, 1), ['drop']);
  now = 20_000;
  t.same(fates().slice(0, 1), [0]);
  now = 40_000;
  t.same(fates().slice(0, 1), ['drop']);
  t.equal(isThere({}, 1e9), true);
});

t.test('the same seed throws the same dice, and about as often as it should', async (t) => {
  const throws = (seed: number, name: string) => {
    const dice = diceOf(seed, name);
    return Array.from({ length: 10_000 }, () => dice());
  };
  t.same(throws(1, 'kpn-a'), throws(1, 'kpn-a'));
  t.notSame(throws(1, 'kpn-a').slice(0, 5), throws(1, 'kpn-b').slice(0, 5));
  t.notSame(throws(1, 'kpn-a').slice(0, 5), throws(2, 'kpn-a').slice(0, 5));
  const low = throws(7, 'kpn-a').filter((value) => value < 0.05).length;
  t.ok(low > 420 && low < 580, `${low} of 10000 under 5 %`);
});

t.test('a datagram keeps its peer on the way through a relay', async (t) => {
  const datagram = Buffer.from('OPTIONS sip:x SIP/2.0\r\n\r\n\0\xff', 'latin1');
  t.same(unsealed(sealed({ address: '127.0.20.255', port: 65_535 }, datagram)), {
    peer: { address: '127.0.20.255', port: 65_535 },
    datagram,
  });
});

t.test('a fault is only put where it can be', async (t) => {
  const point = { id: 'p', name: 'P', address: '127.0.50.1', port: 5060 };
  const trunk = (id: string, transport: 'udp' | 'tcp') => ({
    id,
    address: '127.0.20.1',
    port: 5060,
    transport,
    channels: 1,
    hidesCaller: false,
    numbers: [{ number: '112', service: '112', point }],
  });
  const plan = { id: 'kpn', name: 'KPN', trunks: [trunk('a', 'udp'), trunk('b', 'udp'), trunk('c', 'udp')] };
  const ids = (fault: string, where = {}) => trunksFor(plan, parseFault(fault), where).map(({ id }) => id);
  t.same(ids('lie'), ['a', 'b', 'c']);
  t.same(ids('lie partial'), ['a']);
  t.same(ids('lie', { trunk: 'b', service: '112' }), ['b']);
  t.throws(() => ids('lie', { trunk: 'x' }), { message: 'carrier kpn has no trunk x, only a, b, c' });
  t.throws(() => ids('lie', { service: '113' }), { message: 'carrier kpn carries no service 113, only 112' });
  t.throws(() => ids('partial', { trunk: 'a' }), {
    message: 'partial needs several trunks, and this is about a alone',
  });
  t.throws(() => ids('loss=5%', { service: '112' }), { message: /below the calls/ });
  t.throws(() => ids('reset'), { message: 'reset needs a trunk over TCP, and a is over UDP' });
  const tcp = { ...plan, trunks: [trunk('t', 'tcp')] };
  t.equal(trunksFor(tcp, parseFault('reset'), {}).length, 1);
  t.throws(() => trunksFor(tcp, parseFault('loss=5%'), {}), { message: /need a trunk over UDP, and t is over TCP/ });
});
