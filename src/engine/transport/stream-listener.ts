import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:tls';
import type { TlsIdentity } from './tls-identity.js';

/** Half a handshake is given up after this, in milliseconds. */
const HANDSHAKE_MS = 5_000;

/** What a listener tells of. */
export interface ListenerEvents {
  /** A connection came. Over TLS it cannot carry messages yet. */
  arrived(socket: Socket): void;
  /** It can carry messages: over TLS the handshake is done, and this is another socket, on top of the first. */
  opened(socket: Socket): void;
  /** The handshake failed or took too long; the connection is closed. */
  failed(why: 'handshake failed' | 'handshake too slow'): void;
}

/** How a listener is made. */
export interface ListenerOptions {
  readonly address: string;
  readonly port: number;
  /** With it the listener speaks TLS. */
  readonly identity?: TlsIdentity;
  /** Milliseconds; 5,000 by default. */
  readonly handshakeAtMost?: number;
}

/** Takes TCP connections on one address, and does the TLS handshake where that is asked for. */
export class StreamListener {
  readonly #server: Server;

  private constructor(server: Server, options: ListenerOptions, events: ListenerEvents) {
    this.#server = server;
    const secure = options.identity === undefined ? undefined : secureServer(options.identity, options, events);
    server.on('error', () => undefined);
    server.on('connection', (socket) => {
      socket.on('error', () => undefined);
      events.arrived(socket);
      if (secure === undefined) {
        events.opened(socket);
      } else {
        secure.emit('connection', socket);
      }
    });
  }

  /** @throws with `code` EADDRINUSE when another program has the port. */
  static async open(options: ListenerOptions, events: ListenerEvents): Promise<StreamListener> {
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: options.address, port: options.port, exclusive: true }, () => {
        server.removeListener('error', reject);
        resolve();
      });
    });
    return new StreamListener(server, options, events);
  }

  get port(): number {
    const address = this.#server.address();
    return address === null || typeof address === 'string' ? 0 : address.port;
  }

  /** Resolves when the last of its connections is gone too. */
  async close(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => {
        resolve();
      });
    });
  }
}

/** A TLS server that has no port of its own: connections are given to it. */
function secureServer(identity: TlsIdentity, options: ListenerOptions, events: ListenerEvents): TlsServer {
  const { isMutual } = identity;
  const server = createTlsServer({
    ...identity.towardsCallers,
    requestCert: isMutual,
    rejectUnauthorized: isMutual,
    handshakeTimeout: options.handshakeAtMost ?? HANDSHAKE_MS,
  });
  identity.onReplaced(() => {
    server.setSecureContext(identity.towardsCallers);
  });
  server.on('secureConnection', (socket) => {
    events.opened(socket);
  });
  server.on('tlsClientError', (error: NodeJS.ErrnoException, socket) => {
    socket.destroy();
    events.failed(error.code === 'ERR_TLS_HANDSHAKE_TIMEOUT' ? 'handshake too slow' : 'handshake failed');
  });
  return server;
}
