/** A connection of a peer, as far as room for others goes. */
export interface InboundConnection {
  readonly peer: { readonly address: string };
  readonly hasHeard: boolean;
  readonly lastUsed: number;
}

/** Most connections of peers at a time: in all, and of one address. */
export interface InboundLimits {
  readonly inAll: number;
  readonly perSource: number;
}

/** Generous for a carrier's border element, and far below what would hurt. */
export const INBOUND_LIMITS: InboundLimits = { inAll: 1_000, perSource: 200 };

/** Which connection gives way to a new one, and why. */
export interface GivesWay<Connection> {
  readonly connection: Connection;
  readonly why: 'too many' | 'too many of one address';
}

/**
 * Who opens connections and says nothing must not keep callers out: such ones go first, then who was idle longest. Who opens
 * too many gives way himself, and nobody else.
 */
export function givesWay<Connection extends InboundConnection>(
  open: readonly Connection[],
  source: string,
  limits: InboundLimits,
): GivesWay<Connection> | undefined {
  const own = open.filter(({ peer }) => peer.address === source);
  const ofSource = own.length >= limits.perSource ? leastUseful(own) : undefined;
  if (ofSource !== undefined) {
    return { connection: ofSource, why: 'too many of one address' };
  }
  const ofAll = open.length >= limits.inAll ? leastUseful(open) : undefined;
  return ofAll === undefined ? undefined : { connection: ofAll, why: 'too many' };
}

function leastUseful<Connection extends InboundConnection>(open: readonly Connection[]): Connection | undefined {
  const silent = open.filter(({ hasHeard }) => !hasHeard);
  const [first, ...others] = silent.length > 0 ? silent : open;
  return first && others.reduce((oldest, each) => (each.lastUsed < oldest.lastUsed ? each : oldest), first);
}
