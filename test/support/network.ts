import {
  id,
  type CarrierId,
  type DestinationId,
  type IngressId,
  type PlanId,
  type RiskGroupId,
  type RouteId,
  type ServiceId,
  type TrunkId,
} from '../../src/domain/ids.js';
import type { Destination, Network, Route, Trunk, TrunkKind } from '../../src/domain/network.js';
import { ms } from '../../src/domain/time.js';
import type { NumberingPlan } from '../../src/numbering/service.js';

/** A trunk of a small test network: `kpn-a` of carrier `kpn`, with tier 1 unless told otherwise. */
export interface SmallTrunk {
  readonly id: string;
  readonly carrier: string;
  readonly tier?: number;
  readonly kind?: TrunkKind;
  readonly ownNumber?: string;
  readonly reliableProvisionals?: boolean;
  /** 120 unless told otherwise. */
  readonly channels?: number;
  readonly reserved?: number;
}

export const SERVICE_112 = id<ServiceId>('112');
const SERVICE_0900 = id<ServiceId>('0900-8844');

/** A network with both services over every trunk. Carriers are independent of one another. */
export function smallNetwork(trunks: readonly SmallTrunk[], noPath: 'hold' | 'wilt' = 'hold'): Network {
  const carriers = [...new Set(trunks.map(({ carrier }) => carrier))];
  return {
    services: new Map([
      [SERVICE_112, { id: SERVICE_112, class: 'emergency' }],
      [SERVICE_0900, { id: SERVICE_0900, class: 'priority' }],
    ]),
    destinations: new Map([[id<DestinationId>('meldkamer'), destination('meldkamer', 'Emergency centre')]]),
    carriers: new Map(carriers.map((name) => [id<CarrierId>(name), { id: id<CarrierId>(name), name }])),
    trunks: new Map(trunks.map((trunk, index) => [id<TrunkId>(trunk.id), fullTrunk(trunk, index)])),
    ...inForce(trunks.flatMap((trunk) => [route(trunk, SERVICE_112, '112'), route(trunk, SERVICE_0900, '09008844')])),
    ingresses: [{ id: id<IngressId>('local'), carrier: undefined, sources: ['127.0.0.0/8'], noPath }],
  };
}

/** Routes that are the one plan of a network, and in force. */
export function inForce(routes: readonly Route[]): Pick<Network, 'plans' | 'defaultPlan' | 'routes'> {
  const normal = id<PlanId>('normal');
  return { plans: new Map([[normal, { id: normal, name: 'normal', routes, next: [] }]]), defaultPlan: normal, routes };
}

function destination(name: string, text: string): Destination {
  return { id: id(name), name: text, addresses: [], channels: undefined, ringsFor: ms(25_000), takeOver: [] };
}

function fullTrunk(trunk: SmallTrunk, index: number): Trunk {
  const { id: name, carrier, kind = 'sip', ownNumber, reliableProvisionals, reserved } = trunk;
  return {
    ...(ownNumber === undefined ? {} : { ownNumber }),
    ...(reliableProvisionals === undefined ? {} : { reliableProvisionals }),
    ...(reserved === undefined ? {} : { reserved }),
    id: id<TrunkId>(name),
    carrier: id<CarrierId>(carrier),
    kind,
    address: { host: `127.0.99.${index + 1}`, port: 5060, transport: 'udp' },
    channels: trunk.channels ?? 120,
    riskGroups: new Set([id<RiskGroupId>(`${carrier}-core`)]),
    trusted180: kind !== 'mobile',
    trusted183: false,
    probeInterval: ms(1000),
    enabled: true,
  };
}

function route({ id: name, tier = 1 }: SmallTrunk, service: ServiceId, number: string): Route {
  return {
    id: id<RouteId>(`${service}-${name}`),
    service,
    destination: id<DestinationId>('meldkamer'),
    trunk: id<TrunkId>(name),
    number,
    tier,
  };
}

/** The Dutch numbers of both services. */
export const dutchNumbers: NumberingPlan = {
  countryCode: '31',
  internationalPrefix: '00',
  nationalPrefix: '0',
  outsideLinePrefixes: ['0', '9'],
  networkPrefixes: [],
  services: [
    { id: SERVICE_112, class: 'emergency', short: ['112'], national: [], urns: ['urn:service:sos'] },
    { id: SERVICE_0900, class: 'priority', short: [], national: ['09008844'], urns: [] },
  ],
};
