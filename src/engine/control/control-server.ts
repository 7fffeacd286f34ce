import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import type { Agent } from '../agent/agent.js';
import { realClock } from '../clock.js';
import type { EngineLog } from '../log.js';
import type { TlsIdentity } from '../transport/tls-identity.js';
import { App } from './app.js';
import type { Order } from './order.js';
import { Refusals } from './refusals.js';
import type { Switchboard } from './switchboard.js';

/** Where applications connect, and what they must show. */
export interface ControlOptions {
  readonly host: string;
  readonly port: number;
  /** Where they connect over TLS, and what we show them there; nowhere where not given. */
  readonly tls?: { readonly host: string; readonly port: number; readonly identity: TlsIdentity };
  /** Never to be logged. */
  readonly secret: string;
  readonly log: EngineLog;
}

/** srf reads the number: from 0.8.2 on it pings. Our applications read the name. */
const VERSION = 'v0.9.10-noodroute-0.1.0';
/** An application that has not shown the secret by then is cut off. */
const AUTHENTICATE_WITHIN_MS = 10_000;
/** A handshake that takes longer comes from nobody who calls for help. */
const HANDSHAKE_WITHIN_MS = 5_000;
/** Applications, and who pretends to be one. */
const CONNECTIONS_AT_MOST = 256;

/** The admin port: drachtio's wire protocol over TCP, so that `drachtio-srf` connects unmodified. */
export class ControlServer {
  /** Over TCP, and over TLS where that is wanted. */
  readonly #servers: readonly { readonly server: Server; readonly host: string; readonly port: number }[];
  readonly #agent: Agent;
  readonly #switchboard: Switchboard;
  readonly #secret: Buffer;
  readonly #log: EngineLog;
  readonly #refusals: Refusals;
  readonly #connected = new Set<App>();

  private constructor(agent: Agent, switchboard: Switchboard, { host, port, tls, secret, log }: ControlOptions) {
    this.#log = log;
    this.#refusals = new Refusals(realClock, log);
    this.#agent = agent;
    this.#switchboard = switchboard;
    this.#secret = digest(secret);
    const take = (socket: Socket): void => {
      this.adopt(socket);
    };
    const plain = { server: createServer(take), host, port };
    this.#servers = tls === undefined ? [plain] : [plain, { ...tls, server: tlsServer(tls.identity, take) }];
  }

  /** Takes a connection for that of an application. */
  adopt(socket: Socket): App {
    const app = new App(socket, {
      order: (from, order) => {
        this.#received(from, order);
      },
      closed: (gone) => {
        this.#connected.delete(gone);
        if (gone.authenticated) {
          this.#log.info({ application: gone.id }, 'an application is gone');
        }
        this.#switchboard.leave(gone);
      },
    });
    this.#connected.add(app);
    setTimeout(() => {
      if (!app.authenticated) {
        app.close();
      }
    }, AUTHENTICATE_WITHIN_MS).unref();
    return app;
  }

  /** @throws with `code` EADDRINUSE, `address` and `port` when another program has the port. */
  static async open(agent: Agent, switchboard: Switchboard, options: ControlOptions): Promise<ControlServer> {
    const control = new ControlServer(agent, switchboard, options);
    for (const { server, host, port } of control.#servers) {
      await listen(server, host, port);
    }
    return control;
  }

  async close(): Promise<void> {
    for (const app of this.#connected) {
      app.close();
    }
    await Promise.all(
      this.#servers.map(
        async ({ server }) =>
          new Promise<void>((resolve) => {
            server.close(() => {
              resolve();
            });
          }),
      ),
    );
  }

  #received(app: App, order: Order): void {
    if (order.type === 'authenticate') {
      return this.#authenticate(app, order);
    }
    if (order.type === 'wrong' || !app.authenticated) {
      app.reply(order, `NO|${order.type === 'wrong' ? order.why : 'authenticate first'}`);
      return app.end();
    }
    switch (order.type) {
      case 'route':
        app.wants(order.verb);
        app.reply(order, 'OK');
        return this.#switchboard.wanted(order.verb);
      case 'remove_route':
        app.wantsNoMore(order.verb);
        return app.reply(order, 'OK');
      case 'ping':
        return app.reply(order, 'OK|pong');
      case 'proxy':
        return app.reply(order, 'NOK|proxy not supported');
      case 'sip':
        return this.#carryOut(app, order);
    }
  }

  /** A fault of ours costs one message its reply, never the connection. */
  #carryOut(app: App, order: Order & { readonly type: 'sip' }): void {
    try {
      this.#switchboard.carryOut(app, order);
    } catch (error) {
      app.reply(order, `NOK|Server error: ${error instanceof Error ? error.message : 'unknown'}`);
    }
  }

  #authenticate(app: App, order: Order & { readonly type: 'authenticate' }): void {
    if (!timingSafeEqual(digest(order.secret), this.#secret)) {
      this.#refusals.wrongSecret(app.id);
      app.reply(order, 'NO|incorrect secret');
      return app.end();
    }
    if (!app.authenticated) {
      app.authenticate(order.tags);
      this.#switchboard.join(app);
      this.#log.info({ application: app.id, tags: order.tags }, 'an application is connected');
    }
    const contacts = this.#agent.transports
      .map(({ protocol, address, port }) => `${protocol}/${address}:${port}`)
      .join(',');
    app.reply(order, `OK|${contacts}|${VERSION}|${contacts}`);
    app.ready();
  }
}

function tlsServer(identity: TlsIdentity, take: (socket: Socket) => void): Server {
  const server = createTlsServer({ ...identity.towardsCallers, handshakeTimeout: HANDSHAKE_WITHIN_MS }, take);
  identity.onReplaced(() => {
    server.setSecureContext(identity.towardsCallers);
  });
  return server;
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  server.maxConnections = CONNECTIONS_AT_MOST;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.removeListener('error', reject);
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function digest(secret: string): Buffer {
  return createHash('sha256').update(secret).digest();
}
