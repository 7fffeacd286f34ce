import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { LabAddress } from './plan.js';

/** An address that the lab needs for itself. */
export interface Endpoint extends LabAddress {
  /** Such as `SIP of the gateway`. */
  readonly what: string;
  readonly protocol: 'UDP' | 'TCP';
  /** How to use another one, such as `change it in config/lab.yaml`. */
  readonly otherwise: string;
}

/** The first of these addresses that cannot be used, and why, in one line for the user; undefined when all are free. */
export async function findTaken(endpoints: readonly Endpoint[]): Promise<string | undefined> {
  for (const endpoint of endpoints) {
    const code = await (endpoint.protocol === 'UDP' ? tryUdp(endpoint) : tryTcp(endpoint));
    if (code !== undefined) {
      return explainTaken(endpoint, code);
    }
  }
  return undefined;
}

/** Why an address cannot be used, and what to do. */
export function explainTaken({ what, address, port, protocol, otherwise }: Endpoint, code: string): string {
  const where = `${address}:${port} ${protocol} (${what})`;
  switch (code) {
    case 'EADDRINUSE': {
      const command = `ss ${protocol === 'UDP' ? '-lunp' : '-ltnp'} 'sport = :${port}'`;
      return `${where} is in use by another program, perhaps another lab: end it (${command} shows it), or ${otherwise}`;
    }
    case 'EADDRNOTAVAIL':
      return `${where} is no address of this machine: add it (macOS: sudo ifconfig lo0 alias ${address}), or ${otherwise}`;
    case 'EACCES':
      return `${where} may not be used by this user: ${otherwise}, with a port above 1023`;
    default:
      return `${where} cannot be used (${code}): ${otherwise}`;
  }
}

/** @returns the error's code, or undefined when the address is free. */
async function tryUdp({ address, port }: Endpoint): Promise<string | undefined> {
  const socket = createSocket(address.includes(':') ? 'udp6' : 'udp4');
  return new Promise((resolve) => {
    socket.once('error', (error) => {
      socket.close();
      resolve(codeOf(error));
    });
    socket.bind({ port, address, exclusive: true }, () => {
      socket.close(() => {
        resolve(undefined);
      });
    });
  });
}

async function tryTcp({ address, port }: Endpoint): Promise<string | undefined> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', (error) => {
      resolve(codeOf(error));
    });
    server.listen({ port, host: address, exclusive: true }, () => {
      server.close(() => {
        resolve(undefined);
      });
    });
  });
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.message;
}
