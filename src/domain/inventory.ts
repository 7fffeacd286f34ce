import type { CarrierId, GatewayId, LineId, RiskGroupId, ServiceId, SiteId, TrunkId, ZoneId } from './ids.js';

/** A place where hardware stands. */
export interface Site {
  readonly id: SiteId;
  readonly name: string;
}

/** A box between us and lines. */
export interface Gateway {
  readonly id: GatewayId;
  /** The kind of box: its profile is in `hardware/`. */
  readonly family: string;
  readonly model: string | undefined;
  readonly firmware: string | undefined;
  readonly site: SiteId;
  /** Where it speaks SIP: an IP address or a host name. */
  readonly address: string;
  /** Where its management interface is. Undefined: not known. */
  readonly management: string | undefined;
}

interface LineBase {
  readonly id: LineId;
  readonly gateway: GatewayId;
  readonly trunk: TrunkId | undefined;
  /** The span or port, as the gateway counts them. */
  readonly port: number | undefined;
  readonly channels: number;
  /** What the carrier calls it. */
  readonly circuit: string | undefined;
  /** Services that cannot be dialled over it. */
  readonly barred: ReadonlySet<ServiceId>;
  /** All that it is lost with, through every chain; its gateway and the carrier of its trunk are not repeated here. */
  readonly riskGroups: ReadonlySet<RiskGroupId>;
}

/** A primary rate line of 30 channels (ITU-T G.703, G.704). */
export interface E1Line extends LineBase {
  readonly kind: 'e1';
  readonly crc4: boolean | undefined;
  readonly clock: 'line' | 'own' | undefined;
}

/** A SIM card. */
export interface SimLine extends LineBase {
  readonly kind: 'sim';
  /** What is written on the card. */
  readonly card: string | undefined;
  /** Its home network. Undefined: that of its trunk's carrier. */
  readonly homeNetwork: CarrierId | undefined;
  readonly operator: string | undefined;
  readonly contract: 'contract' | 'prepaid' | undefined;
  readonly radios: readonly ('volte' | 'umts' | 'gsm')[];
  /** Its number, to which a called party calls back. */
  readonly ownNumber: string | undefined;
}

/** A line that carries SIP. */
export interface SipLine extends LineBase {
  readonly kind: 'sip';
}

/** A physical line in a gateway. */
export type Line = E1Line | SimLine | SipLine;

/** A part of the media world inside which RTP flows directly. */
export interface Zone {
  readonly id: ZoneId;
  readonly name: string;
  /** Other zones to and from which it flows without a relay. Symmetrical. */
  readonly reaches: ReadonlySet<ZoneId>;
}

/** Something that can be lost, and takes with it what is lost with it. */
export interface RiskGroup {
  readonly id: RiskGroupId;
  readonly name: string;
  /** All that it is lost with itself, through every chain. */
  readonly within: ReadonlySet<RiskGroupId>;
}

/** The hardware, apart from what routing needs to know of it. Frozen at load. */
export interface Inventory {
  readonly sites: ReadonlyMap<SiteId, Site>;
  readonly gateways: ReadonlyMap<GatewayId, Gateway>;
  readonly lines: ReadonlyMap<LineId, Line>;
  readonly zones: ReadonlyMap<ZoneId, Zone>;
  /** Those of the file, and those that carriers, sites and gateways are by themselves. */
  readonly riskGroups: ReadonlyMap<RiskGroupId, RiskGroup>;
}
