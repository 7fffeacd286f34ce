import { isOfCalls, printFault, type Fault } from './faults.js';
import type { CarrierPlan, LabAddress, TrunkPlan } from './plan.js';

/** An order that makes no sense: the message says why, in one line. */
export class OrderError extends Error {
  override readonly name = 'OrderError';
}

/** A fault for a trunk, or for one service on it. */
export interface FaultOrder {
  readonly trunk: string;
  readonly fault: Fault;
  readonly service?: string;
  /** Where a relay takes the trunk's datagrams, which has the trunk's address. */
  readonly relay?: LabAddress;
}

/** Where a fault is put: without a trunk on all of them, without a service on all calls. */
export interface FaultPlace {
  readonly trunk?: string;
  readonly service?: string;
}

/**
 * The trunks that a fault is put on.
 *
 * @throws OrderError where there is no such trunk or service, or the fault cannot be there.
 */
export function trunksFor(plan: CarrierPlan, fault: Fault, { trunk, service }: FaultPlace): readonly TrunkPlan[] {
  const named = plan.trunks.filter(({ id }) => trunk === undefined || id === trunk);
  if (named.length === 0) {
    const known = plan.trunks.map(({ id }) => id).join(', ');
    throw new OrderError(`carrier ${plan.id} has no trunk ${trunk}, only ${known}`);
  }
  if (fault.partial && named.length === 1) {
    throw new OrderError(`partial needs several trunks, and this is about ${named[0]?.id} alone`);
  }
  const trunks = fault.partial ? named.slice(0, Math.floor(named.length / 2)) : named;
  checkService(plan, fault, service);
  checkTransport(trunks, fault);
  return trunks;
}

/** One line for the user. */
export function faultLine(carrier: string, fault: Fault, { trunk, service }: FaultPlace): string {
  const where = trunk === undefined ? `carrier ${carrier}` : `trunk ${trunk} of carrier ${carrier}`;
  const which = service === undefined ? '' : ` for ${service}`;
  const text = printFault(fault);
  return `${where}${which}: ${text === 'clear' ? 'no fault' : `fault ${text}`}`;
}

function checkService({ id, trunks }: CarrierPlan, fault: Fault, service: string | undefined): void {
  const known = [...new Set(trunks.flatMap(({ numbers }) => numbers.map((number) => number.service)))];
  if (service !== undefined && !known.includes(service)) {
    throw new OrderError(`carrier ${id} carries no service ${service}, only ${known.join(', ')}`);
  }
  if (service !== undefined && !isOfCalls(fault)) {
    throw new OrderError(`${printFault(fault)} is below the calls: it cannot be on one service alone`);
  }
}

function checkTransport(trunks: readonly TrunkPlan[], { behaviours, disturbance }: Fault): void {
  const udp = trunks.find(({ transport }) => transport === 'udp');
  const tcp = trunks.find(({ transport }) => transport === 'tcp');
  if (udp !== undefined && behaviours.some(({ kind }) => kind === 'reset')) {
    throw new OrderError(`reset needs a trunk over TCP, and ${udp.id} is over UDP`);
  }
  if (tcp !== undefined && disturbance !== undefined) {
    throw new OrderError(`loss, delay, jitter and mtu need a trunk over UDP, and ${tcp.id} is over TCP`);
  }
}
