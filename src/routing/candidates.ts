import type { CarrierState, HealthView, TrunkState } from '../domain/health.js';
import type { CarrierId, ServiceId } from '../domain/ids.js';
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
        : [{ route, trunk, state: view.trunk(trunk.id, service), isCut: needsCarrier(trunk, absent) }];
    });
}

/** Whether two trunks have no risk group in common. */
export function areIndependent(a: Trunk, b: Trunk): boolean {
  return a.id !== b.id && ![...a.riskGroups].some((group) => b.riskGroups.has(group));
}

/** The same, over two carriers: better, where risk groups were left out of the inventory. */
export function areIndependentCarriers(a: Trunk, b: Trunk): boolean {
  return a.carrier !== b.carrier && areIndependent(a, b);
}

function absentCarriers(network: Network, view: HealthView, service: ServiceId): ReadonlySet<CarrierId> {
  const gone: CarrierState = 'absent';
  return new Set([...network.carriers.keys()].filter((carrier) => view.carrier(carrier, service) === gone));
}

/** Whether a trunk needs one of these carriers: its own, or one whose core group (`kpn-core`) it declares. */
export function needsCarrier(trunk: Trunk, absent: ReadonlySet<CarrierId>): boolean {
  const cores = new Set([...absent].map((carrier) => `${carrier}-core`));
  return absent.has(trunk.carrier) || [...trunk.riskGroups].some((group) => cores.has(group));
}
