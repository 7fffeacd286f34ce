import type { CarrierState, HealthView, TrunkState } from '../domain/health.js';
import type { CarrierId, RiskGroupId, ServiceId } from '../domain/ids.js';
import type { Network, Route, Trunk } from '../domain/network.js';

/** A route that may be used for a service, with what health says of it. */
export interface Candidate {
  readonly route: Route;
  readonly trunk: Trunk;
  readonly state: TrunkState;
  /** Whether its carrier, or a carrier whose core it needs, is absent. */
  readonly isCut: boolean;
}

/** Every route of a service in the order of the network, enabled or not. Routes without a trunk are left out. */
export function candidatesFor(network: Network, view: HealthView, service: ServiceId): readonly Candidate[] {
  const absent = absentCarriers(network, view, service);
  return network.routes
    .filter((route) => route.service === service)
    .flatMap((route) => {
      const trunk = network.trunks.get(route.trunk);
      return trunk === undefined
        ? []
        : [{ route, trunk, state: view.trunk(trunk.id, service), isCut: needs({ route, trunk }, absent) }];
    });
}

/** A way to a destination: it is lost with what its trunk is lost with, and with what its number is lost with. */
export interface Way {
  readonly trunk: Trunk;
  readonly route: Pick<Route, 'riskGroups'>;
}

/** Whether two ways have no risk group in common. */
export function areIndependent(a: Way, b: Way): boolean {
  return a.trunk.id !== b.trunk.id && sharedGroups(a, b).length === 0;
}

/** The same, over two carriers: better, where risk groups were left out of the inventory. */
export function areIndependentCarriers(a: Way, b: Way): boolean {
  return a.trunk.carrier !== b.trunk.carrier && areIndependent(a, b);
}

/** The risk groups that two ways are lost with together. */
export function sharedGroups(a: Way, b: Way): readonly string[] {
  return groupsOf(a).filter((group) => b.trunk.riskGroups.has(group) || b.route.riskGroups?.has(group) === true);
}

function groupsOf({ trunk, route }: Way): readonly RiskGroupId[] {
  return [...trunk.riskGroups, ...(route.riskGroups ?? [])];
}

function absentCarriers(network: Network, view: HealthView, service: ServiceId): ReadonlySet<CarrierId> {
  const gone: CarrierState = 'absent';
  return new Set([...network.carriers.keys()].filter((carrier) => view.carrier(carrier, service) === gone));
}

/** A number that is hosted in an absent network is lost too, over whichever trunk it is dialled. */
function needs({ trunk, route }: Way, absent: ReadonlySet<CarrierId>): boolean {
  return (
    needsCarrier(trunk, absent) ||
    [...(route.riskGroups ?? [])].some((group) => [...absent].some((carrier) => group === `${carrier}-core`))
  );
}

/** Whether a trunk needs one of these carriers: its own, or one whose core group (`kpn-core`) it declares. */
export function needsCarrier(trunk: Trunk, absent: ReadonlySet<CarrierId>): boolean {
  const cores = new Set([...absent].map((carrier) => `${carrier}-core`));
  return absent.has(trunk.carrier) || [...trunk.riskGroups].some((group) => cores.has(group));
}
