import type { CarrierId, DestinationId, TrunkId } from '../domain/ids.js';
import type { Network, Route, Trunk } from '../domain/network.js';

/** A local address and port. */
export interface LabAddress {
  readonly address: string;
  readonly port: number;
}

/** An address for SIP. */
export interface SipPlan extends LabAddress {
  readonly transport: 'udp' | 'tcp';
}

/** An answering point that rings when its numbers are dialled on a trunk. */
export interface PointPlan extends LabAddress {
  readonly id: string;
  readonly name: string;
}

/** Somebody who is no answering point, and takes calls that go wrong. */
export const WRONG_NUMBER = { id: 'wrong-number', name: 'wrong number: no answering point' } as const;

/** A number that can be dialled on a trunk, and the answering point behind it. */
export interface NumberPlan {
  readonly number: string;
  readonly service: string;
  readonly point: PointPlan;
}

/** What a GSM or LTE gateway does that a fixed trunk does not. */
export interface MobileTraits {
  /** Whether it says 183, with ringing tone of its own, as soon as it dials. It proves nothing. */
  readonly fakeProgress: boolean;
  /** How long the mobile network takes before the far end rings. */
  readonly setUpMs: number;
  /** How long a channel stays busy when its call is over. */
  readonly releaseMs: number;
}

/** As the boxes do that are sold. */
const USUAL_MOBILE: MobileTraits = { fakeProgress: true, setUpMs: 2_000, releaseMs: 2_000 };

/** A trunk of a simulated carrier. */
export interface TrunkPlan extends SipPlan {
  readonly id: string;
  readonly channels: number;
  /** A mobile network shows the number of its SIM in place of the caller's, and carries nothing beside the voice. */
  readonly hidesCaller: boolean;
  /** The number that is shown then; the id of the trunk where it is not known. */
  readonly simNumber?: string;
  readonly mobile?: MobileTraits;
  readonly numbers: readonly NumberPlan[];
}

/** A simulated carrier: one process. */
export interface CarrierPlan {
  readonly id: string;
  readonly name: string;
  readonly trunks: readonly TrunkPlan[];
}

/** Everything around the gateway that the lab simulates. */
export interface LabPlan {
  readonly carriers: readonly CarrierPlan[];
  readonly points: readonly PointPlan[];
}

/** The network cannot be simulated on this machine. The message says why. */
export class LabPlanError extends Error {
  override readonly name = 'LabPlanError';
}

const SIP_PORT = 5060;
/** Answering points stand in a block of their own, so many blocks behind the trunks' last one: 127.0.40.x, 127.0.50.x. */
const BLOCK_STEP = 10;
const BLOCKS = 256;

/**
 * Derives the simulated carriers and answering points from the network that the gateway is given: each carrier with the
 * addresses and channels of its trunks, each destination on an address of its own.
 *
 * @throws LabPlanError when a trunk is not on a loopback address, or speaks TLS.
 */
export function labPlan(network: Network): LabPlan {
  const trunks = [...network.trunks.values()];
  const outside = trunks.find(({ address }) => !isLoopback(address.host));
  if (outside !== undefined) {
    throw new LabPlanError(`trunk ${outside.id} is at ${outside.address.host}: the lab uses loopback addresses only`);
  }
  const secured = trunks.find(({ address }) => address.transport === 'tls');
  if (secured !== undefined) {
    throw new LabPlanError(`trunk ${secured.id} speaks TLS: the lab's carriers speak UDP and TCP only`);
  }
  const points = planPoints(network, trunks);
  return {
    points: [...points.values()],
    carriers: [...network.carriers.values()].flatMap(({ id, name }) => planCarrier(id, name, network, points)),
  };
}

/** Whether packets to this address never leave the machine. Names are not accepted. */
export function isLoopback(address: string): boolean {
  return /^127(?:\.\d{1,3}){3}$/.test(address);
}

function planPoints(network: Network, trunks: readonly Trunk[]): ReadonlyMap<DestinationId, PointPlan> {
  const block = freeBlock(trunks);
  const used = new Set(allRoutes(network).map(({ destination }) => destination));
  const destinations = [...network.destinations.values()].filter(({ id }) => used.has(id));
  return new Map(
    destinations.map(({ id, name }, index) => [id, { id, name, address: `${block}.${index + 1}`, port: SIP_PORT }]),
  );
}

/** Such as `127.0.50`: behind the block of the highest trunk, in no trunk's block. */
function freeBlock(trunks: readonly Trunk[]): string {
  const blocks = trunks.map(({ address }) => address.host.split('.').slice(0, 3).map(Number));
  const net = blocks[0]?.[1] ?? 0;
  const taken = new Set(blocks.filter((block) => block[1] === net).map((block) => block[2] ?? 0));
  const first = Math.max(0, ...taken) + BLOCK_STEP;
  const candidates = Array.from({ length: BLOCKS }, (_, step) => (first + step) % BLOCKS);
  const free = candidates.find((candidate) => candidate !== 0 && !taken.has(candidate));
  if (free === undefined) {
    throw new LabPlanError('the trunks leave no loopback block for the answering points');
  }
  return `127.${net}.${free}`;
}

function planCarrier(
  id: CarrierId,
  name: string,
  network: Network,
  points: ReadonlyMap<DestinationId, PointPlan>,
): readonly CarrierPlan[] {
  const trunks = [...network.trunks.values()].filter(({ carrier }) => carrier === id);
  if (trunks.length === 0) {
    return [];
  }
  return [{ id, name, trunks: trunks.map((trunk) => planTrunk(trunk, network, points)) }];
}

function planTrunk(trunk: Trunk, network: Network, points: ReadonlyMap<DestinationId, PointPlan>): TrunkPlan {
  return {
    id: trunk.id,
    address: trunk.address.host,
    port: trunk.address.port,
    transport: trunk.address.transport === 'tcp' ? 'tcp' : 'udp',
    channels: trunk.channels,
    hidesCaller: trunk.kind === 'mobile',
    ...(trunk.ownNumber === undefined ? {} : { simNumber: trunk.ownNumber }),
    ...(trunk.kind === 'mobile' ? { mobile: USUAL_MOBILE } : {}),
    numbers: numbersOf(trunk.id, network, points),
  };
}

function numbersOf(
  trunk: TrunkId,
  network: Network,
  points: ReadonlyMap<DestinationId, PointPlan>,
): readonly NumberPlan[] {
  const found = allRoutes(network).flatMap(({ trunk: over, number, service, destination }) => {
    const point = points.get(destination);
    return over === trunk && point !== undefined ? [{ number, service, point }] : [];
  });
  return [...new Map(found.map((each) => [each.number, each])).values()];
}

/** The carriers carry what any plan may send them. */
function allRoutes(network: Network): readonly Route[] {
  return [...network.plans.values()].flatMap(({ routes }) => routes);
}
