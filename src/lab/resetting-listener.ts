import { createServer, type Server, type Socket } from 'node:net';
import type { LabAddress } from './plan.js';

/** A TCP address where every connection is reset as soon as something is said on it. */
export class ResettingListener {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(server: Server) {
    this.#server = server;
  }

  /**
   * Listens.
   *
   * @throws with `code` EADDRINUSE when another program has the port.
   */
  static async open({ address, port }: LabAddress): Promise<ResettingListener> {
    const server = createServer();
    const listener = new ResettingListener(server);
    server.on('connection', (socket) => {
      listener.#accept(socket);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, address, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
    return listener;
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) {
      socket.resetAndDestroy();
    }
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('data', () => {
      socket.resetAndDestroy();
    });
    socket.on('error', () => {
      // The other side was quicker.
    });
    socket.once('close', () => {
      this.#sockets.delete(socket);
    });
  }
}
