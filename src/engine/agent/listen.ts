import type { EngineClock } from '../clock.js';
import { TcpTransport } from '../transport/tcp.js';
import type { TlsIdentity } from '../transport/tls-identity.js';
import type { Protocol, Transport, TransportEvents, TransportFilter } from '../transport/transport.js';
import { UdpTransport, type UdpOptions } from '../transport/udp.js';

/** An address to listen on. */
export interface Contact {
  readonly address: string;
  /** 0 for any free one. */
  readonly port: number;
  /** UDP where not given. */
  readonly transport?: Protocol;
}

/** How contacts are opened. */
export interface ListenOptions {
  /** Drops or delays datagrams; for fault injection. */
  readonly filter?: TransportFilter;
  /** Opens UDP in another way than by sockets of our own; for fault injection. */
  readonly openUdp?: (options: UdpOptions, events: TransportEvents) => Promise<Transport>;
  /** What contacts over TLS show, and whom they believe. Without it there can be none. */
  readonly identity?: TlsIdentity;
}

/**
 * Binds every contact, or none.
 *
 * @throws with `code` EADDRINUSE, `address` and `port` when another program has one of them.
 */
export async function listen(
  contacts: readonly Contact[],
  options: ListenOptions,
  clock: EngineClock,
  events: TransportEvents,
): Promise<readonly Transport[]> {
  const opened: Transport[] = [];
  try {
    for (const contact of contacts) {
      opened.push(await open(contact, options, clock, events));
    }
    return opened;
  } catch (error) {
    await Promise.all(opened.map(async (transport) => transport.close()));
    throw error;
  }
}

async function open(
  { address, port, transport = 'udp' }: Contact,
  { filter, openUdp, identity }: ListenOptions,
  clock: EngineClock,
  events: TransportEvents,
): Promise<Transport> {
  const how = { address, port, clock, ...(filter === undefined ? {} : { filter }) };
  if (transport === 'udp') {
    return openUdp === undefined ? UdpTransport.open(how, events) : openUdp(how, events);
  }
  if (transport === 'tcp') {
    return TcpTransport.open(how, events);
  }
  if (identity === undefined) {
    throw new Error(`a contact over TLS needs a certificate and a key: ${address}:${port}`);
  }
  return TcpTransport.open({ ...how, identity }, events);
}
