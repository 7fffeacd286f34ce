import type {
  CarrierId,
  DestinationAddressId,
  DestinationId,
  IngressId,
  PlanId,
  RiskGroupId,
  RouteId,
  ServiceId,
  TrunkId,
  ZoneId,
} from './ids.js';
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
  /** Where it answers. Empty where its routes say themselves what to dial. Each route over one of them names it. */
  readonly addresses: readonly DestinationAddress[];
  /** Calls that it can answer at once, over all its addresses. Undefined: not known, so never a reason to go elsewhere. */
  readonly channels: number | undefined;
  /** How long it may ring before the next of `takeOver` is tried as well. */
  readonly ringsFor: Milliseconds;
  /**
   * Who is tried when it rings too long or is truly busy, in this order (the playbook's routing matrix). The list is that of
   * the destination at which a call began: nobody is followed from there, so two may take over from each other.
   */
  readonly takeOver: readonly DestinationId[];
}

/** One number or SIP address of a destination. */
export interface DestinationAddress {
  readonly id: DestinationAddressId;
  /** The user part to dial. */
  readonly number: string;
  /** Where that user is, for a SIP address; undefined for a number, which each trunk looks up by itself. */
  readonly domain: SipAddress | undefined;
  /** Its share of the calls: two addresses with 2 and 1 get two thirds and one third. */
  readonly weight: number;
  /** Calls that it can take at once. Undefined: not known. */
  readonly channels: number | undefined;
  /** What it is lost with, the network of the carrier that hosts the number included. */
  readonly riskGroups: ReadonlySet<RiskGroupId>;
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

/** What a far end tolerates of quick probes. */
export interface QuickProbes {
  readonly spacing: Milliseconds;
  /** Quick probes per doubt; 0 forbids them. */
  readonly atMost: number;
}

/** One way to hand a call to a carrier. */
export interface Trunk {
  readonly id: TrunkId;
  readonly carrier: CarrierId;
  readonly kind: TrunkKind;
  readonly address: SipAddress;
  /** Simultaneous calls that it can carry. */
  readonly channels: number;
  /** How many of them are kept free for emergency calls. Undefined: none. */
  readonly reserved?: number;
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
  /** How quickly, and how often in a row, it may be probed in doubt. Undefined: as `health/` does by itself. */
  readonly quickProbes?: QuickProbes;
  /** The part of the media world that it leads to. Undefined: not known. */
  readonly zone?: ZoneId;
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
  /** What to dial once more where the trunk does not know `number`: the same number in another form. */
  readonly secondNumber?: string;
  /** Lower tiers are tried first. */
  readonly tier: number;
  /** The address of the destination to which `number` belongs; undefined where the route says itself what to dial. */
  readonly address?: DestinationAddressId;
  /** The host of the Request-URI, where it is not the trunk's own. */
  readonly domain?: SipAddress;
  /** Its share among the routes of one service, destination, trunk and tier. Undefined: 1. */
  readonly weight?: number;
  /** What the dialled number is lost with, beside what the trunk is lost with: the carrier that hosts it. */
  readonly riskGroups?: ReadonlySet<RiskGroupId>;
}

/** A named set of routes that can be in force. */
export interface Plan {
  readonly id: PlanId;
  readonly name: string;
  readonly routes: readonly Route[];
  /** The plans that are tried when every attempt of this one failed, in this order. */
  readonly next: readonly PlanId[];
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
  /** After so long the upstream gives a call up that only rings. Undefined: 90 s. */
  readonly upstreamRingLimit?: Milliseconds;
  /** Whether a waiting call may be answered with an announcement before that. Not by default. */
  readonly holdAnswer?: boolean;
  /** Calls per hour of each service in its busiest hour, until a rate is learned. */
  readonly expectedBusyHour?: ReadonlyMap<ServiceId, number>;
  /** The part of the media world in which its callers are. Undefined: not known. */
  readonly zone?: ZoneId;
}

/** Everything that routing needs to know about the world, frozen at load. */
export interface Network {
  readonly services: ReadonlyMap<ServiceId, Service>;
  readonly destinations: ReadonlyMap<DestinationId, Destination>;
  readonly carriers: ReadonlyMap<CarrierId, Carrier>;
  readonly trunks: ReadonlyMap<TrunkId, Trunk>;
  readonly plans: ReadonlyMap<PlanId, Plan>;
  /** The plan that is in force at start. */
  readonly defaultPlan: PlanId;
  /** The routes in force: at start those of the default plan. */
  readonly routes: readonly Route[];
  readonly ingresses: readonly Ingress[];
}
