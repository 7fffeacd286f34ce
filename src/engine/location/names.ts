/** A server of a service (RFC 2782). */
export interface SrvRecord {
  readonly priority: number;
  readonly weight: number;
  readonly target: string;
  readonly port: number;
}

/** A way to reach a domain by SIP (RFC 3263 4.1). */
export interface NaptrRecord {
  readonly order: number;
  readonly preference: number;
  readonly service: string;
  readonly replacement: string;
}

/** What a name server said. No records mean that there are none, which is an answer too. */
export interface Answer<Entry> {
  readonly records: readonly Entry[];
  /** How long it may be used, in milliseconds. */
  readonly timeToLive: number;
}

/** Asks name servers. Each promise is kept within a bounded time, and rejects where no server gives an answer. */
export interface NameSource {
  naptr(name: string): Promise<Answer<NaptrRecord>>;
  srv(name: string): Promise<Answer<SrvRecord>>;
  /** IPv4 or IPv6 addresses. */
  addresses(name: string, family: 4 | 6): Promise<Answer<string>>;
}
