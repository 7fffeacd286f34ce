declare const brand: unique symbol;

/** A primitive that only its own constructor may make, so that ids of two kinds cannot be mixed up. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** Our identifier of a call, the same on every attempt (NENA-STA-010 emergency-CallId). */
export type CallId = Brand<string, 'CallId'>;
/** One attempt of a call: unique in the life of the process. */
export type AttemptId = Brand<string, 'AttemptId'>;
export type ServiceId = Brand<string, 'ServiceId'>;
export type DestinationId = Brand<string, 'DestinationId'>;
export type CarrierId = Brand<string, 'CarrierId'>;
export type TrunkId = Brand<string, 'TrunkId'>;
export type IngressId = Brand<string, 'IngressId'>;
export type RiskGroupId = Brand<string, 'RiskGroupId'>;
export type RouteId = Brand<string, 'RouteId'>;
export type AlarmId = Brand<string, 'AlarmId'>;
export type PlanId = Brand<string, 'PlanId'>;
export type DestinationAddressId = Brand<string, 'DestinationAddressId'>;
export type SiteId = Brand<string, 'SiteId'>;
export type GatewayId = Brand<string, 'GatewayId'>;
export type LineId = Brand<string, 'LineId'>;
export type ZoneId = Brand<string, 'ZoneId'>;

/** An E.164 number: `+` and 4 to 15 digits. Made by `numbering/` only. */
export type E164 = Brand<string, 'E164'>;

/** Marks a string as an id of the wanted kind. Only loaders and generators call it. */
export function id<T extends Brand<string, string>>(text: string): T {
  return text as T;
}
