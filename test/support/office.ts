import { HealthKeeper } from '../../src/app/health-keeper.js';
import { Desk } from '../../src/calls/desk.js';
import type { Network } from '../../src/domain/network.js';
import type { Journal, JournalRecord, Log, LogFields } from '../../src/ports/journal.js';
import { FakeSipServer } from './fake-sip-server.js';
import { dutchNumbers, smallNetwork } from './network.js';
import { VirtualClock } from './virtual-clock.js';

/** The trunks of an office that is told nothing else. */
export const KPN_AND_SECOND = [
  { id: 'kpn-a', carrier: 'kpn', tier: 1 },
  { id: 'second-a', carrier: 'second', tier: 2 },
];

/** What was logged: the level, the text and the fields. */
export interface Logged {
  readonly level: keyof Log;
  readonly text: string;
  readonly fields: LogFields;
}

/** A gateway without a network. It stands at the site `west`; its carriers are `kpn` and `second` unless told otherwise. */
export function office(network: Network = smallNetwork(KPN_AND_SECOND), broken: { journal?: Journal } = {}) {
  const clock = new VirtualClock();
  const server = new FakeSipServer();
  const records: JournalRecord[] = [];
  const logged: Logged[] = [];
  const write =
    (level: keyof Log) =>
    (fields: LogFields, text: string): void => {
      logged.push({ level, text, fields });
    };
  const log: Log = { debug: write('debug'), info: write('info'), warn: write('warn'), error: write('error') };
  const journal = broken.journal ?? { record: (entry: JournalRecord) => records.push(entry) };
  const keeper = new HealthKeeper(network, clock, journal, log, server);
  let seed = 0;
  const random = { fraction: () => 0.5, hex: (bytes: number) => String(++seed).padStart(bytes * 2, '0') };
  const numbering = dutchNumbers;
  const desk = new Desk({
    server,
    clock,
    random,
    log,
    journal,
    dispatcher: keeper,
    numbering: () => numbering,
    site: 'west',
  });
  keeper.onBetter((service) => {
    desk.retryHeld(service);
  });
  keeper.onTrunkGone((trunk, service) => {
    desk.trunkGone(trunk, service);
  });
  return { clock, server, records, logged, keeper, desk };
}

/** Lets every promise that can settle do so. */
export function settle(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** The call reports among the records. */
export function reports(records: readonly JournalRecord[]) {
  return records.flatMap((record) => (record.type === 'call' ? [record.report] : []));
}
