import type { CarrierId, DestinationId, IngressId, RiskGroupId, RouteId, ServiceId, TrunkId } from './ids.js';
import type { Milliseconds } from './time.js';

/** `emergency` calls are never refused by our own opinion; `priority` calls wait or are shed first. */
export type ServiceClass = 'emergency' | 'priority';

/** What people dial. */
export interface Service {
  readonly id: ServiceId;
  readonly class: ServiceClass;
}

/** An answering point: a PSAP or a police service centre. */
export interface Destination {
  readonly id: DestinationId;
  readonly name: string;
}

/** An operator whose network can disappear. */
export interface Carrier {
  readonly id: CarrierId;
  readonly name: string;
}

/** How a trunk reaches the public network. It decides the cold deadlines and what progress is worth. */
export type TrunkKind = 'sip' | 'e1' | 'mobile';

export type Transport = 'udp' | 'tcp' | 'tls';

/** Where datagrams go: an IP address or a host name, and a port. */
export interface SipAddress {
  readonly host: string;
  readonly port: number;
  readonly transport: Transport;
}

/** One way to hand a call to a carrier. */
export interface Trunk {
  readonly id: TrunkId;
  readonly carrier: CarrierId;
  readonly kind: TrunkKind;
  readonly address: SipAddress;
  /** Simultaneous calls that it can carry. */
  readonly channels: number;
  /** What it shares with other trunks, its carrier's and gateway's groups included. */
  readonly riskGroups: ReadonlySet<RiskGroupId>;
  /** Whether a 183 on this trunk says that the far end really rings. */
  readonly trusted183: boolean;
  /** Whether a 180 on this trunk says that the far end really rings. Mobile gateways fake it. */
  readonly trusted180: boolean;
  /** Whether a busy that is said to come from the user (RFC 8606 `U`) is to be believed on it. Not by default. */
  readonly trustedBusy?: boolean;
  /** How long its gateway keeps a channel after a call on it ended. */
  readonly releaseDelay?: Milliseconds;
  /** Whether reliable provisional responses (RFC 3262) are offered on it. Not by default. */
  readonly reliableProvisionals?: boolean;
  /** The number that the carrier knows the trunk by, shown where it refuses the caller's. */
  readonly ownNumber?: string;
  /** Time between OPTIONS probes while idle. */
  readonly probeInterval: Milliseconds;
  /** The operator's wish, apart from what is observed. */
  readonly enabled: boolean;
}

/** A service over a trunk to a destination. */
export interface Route {
  readonly id: RouteId;
  readonly service: ServiceId;
  readonly destination: DestinationId;
  readonly trunk: TrunkId;
  /** The user part to dial on the trunk. */
  readonly number: string;
  /** Lower tiers are tried first. */
  readonly tier: number;
}

/** Where calls come in from. */
export interface Ingress {
  readonly id: IngressId;
  readonly carrier: CarrierId | undefined;
  /** CIDR blocks of source addresses, e.g. `127.0.20.0/24`. The longest match wins. */
  readonly sources: readonly string[];
  /**
   * What the upstream is told when there is no path left. `hold`, the default: it has no other way, so its calls wait here.
   * `wilt`: it has other ways, so it is told quickly.
   */
  readonly noPath?: 'hold' | 'wilt';
}

/** Everything that routing needs to know about the world, frozen at load. */
export interface Network {
  readonly services: ReadonlyMap<ServiceId, Service>;
  readonly destinations: ReadonlyMap<DestinationId, Destination>;
  readonly carriers: ReadonlyMap<CarrierId, Carrier>;
  readonly trunks: ReadonlyMap<TrunkId, Trunk>;
  readonly routes: readonly Route[];
  readonly ingresses: readonly Ingress[];
}
