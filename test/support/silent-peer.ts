import { createSocket, type Socket } from 'node:dgram';

/** A peer that takes every datagram and never answers: a black hole, as a dead network makes it. */
export interface SilentPeer {
  /** What arrived, as text, oldest first. */
  readonly received: readonly string[];
  close(): void;
}

/** Binds a socket that never answers. */
export async function startSilentPeer(address: string, port = 5060): Promise<SilentPeer> {
  const socket: Socket = createSocket('udp4');
  const received: string[] = [];
  socket.on('message', (data) => received.push(data.toString('latin1')));
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, address, () => {
      resolve();
    });
  });
  return {
    received,
    close: () => {
      socket.close();
    },
  };
}
