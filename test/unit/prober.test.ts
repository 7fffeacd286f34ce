import t from 'tap';
import { Prober } from '../../src/app/prober.js';
import { id, type TrunkId } from '../../src/domain/ids.js';
import { ms } from '../../src/domain/time.js';
import type { ProbeAnswer } from '../../src/ports/sip-server.js';
import { smallNetwork } from '../support/network.js';
import { office, settle } from '../support/office.js';

const network = smallNetwork([{ id: 'kpn-a', carrier: 'kpn' }]);
const kpnA = id<TrunkId>('kpn-a');

/** A trunk that is probed, and whose answers come when the test says so. */
function probed() {
  const { server, clock, keeper } = office(network);
  const open: ((answer: ProbeAnswer) => void)[] = [];
  server.probe = async () => new Promise((resolve) => open.push(resolve));
  server.connected = true;
  const log = { debug: ignore, info: ignore, warn: ignore, error: ignore };
  const random = { fraction: () => 0.5, hex: () => '0' };
  const prober = new Prober(network.trunks.values(), keeper, server, clock, random, log);
  prober.start();
  const misses = () => keeper.book.ledgers(kpnA)[0]?.probe.misses;
  return { open, clock, misses, stop: () => [prober.stop(), keeper.close()] };
}

function ignore(): void {
  // Nobody reads it.
}

t.test(
  'a probe that is not answered in time is missed; an answer that comes after all takes the miss back',
  async (t) => {
    const { open, clock, misses, stop } = probed();
    clock.advance(499);
    t.equal(misses(), 0);
    clock.advance(1);
    t.equal(misses(), 1);
    open[0]?.({ kind: 'answered', status: 200, roundTrip: ms(600) });
    await settle();
    t.equal(misses(), 0);
    stop();
  },
);

t.test('a probe that is never answered is missed once', async (t) => {
  const { open, clock, misses, stop } = probed();
  clock.advance(500);
  const before = misses();
  open[0]?.({ kind: 'silent' });
  await settle();
  t.equal(misses(), before);
  stop();
});
